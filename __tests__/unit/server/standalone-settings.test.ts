import { resolveOptions } from '../../../src/server/options/resolve-options.js';
import { HAWSER, StandaloneSettings } from '../../../src/server/standalone-settings.js';
import { HandClock } from '../../support/server.js';

const resolve = (options: object) => resolveOptions<undefined>(options, []);

describe('StandaloneSettings', () => {
  it('has the options for both sides, and counters for each', () => {
    const clock = new HandClock();
    const standalone = new StandaloneSettings(resolve({ clock, maxPayload: 7, textAs: 'buffer' }));
    const [server, client] = [standalone.of('server'), standalone.of('client')];
    expect(server.decoder).toEqual({ role: 'server', maxPayload: 7, rsv1: false });
    expect(client.decoder).toEqual({ role: 'client', maxPayload: 7, rsv1: false });
    expect(server).toMatchObject({ textAs: 'buffer', ...HAWSER, messageRate: undefined });
    expect(server.deadlines).toBe(standalone.deadlines);
    expect(server.heartbeat).toBe(client.heartbeat);
    expect(server.counters).not.toBe(client.counters);
  });

  it('limits messages, and leaves Pings to the owner, if it is told to', () => {
    const messageRate = { perSecond: 1, burst: 1, action: 'close' as const };
    const manners = { answersPings: false, holdsAfterClose: true };
    const { messageRate: limit, ...settings } = new StandaloneSettings(
      resolve({ messageRate }),
      manners,
    ).of('server');
    expect(limit).toBeDefined();
    expect(settings).toMatchObject(manners);
  });

  it('has an observer that knows how long messages wait for a consumer', () => {
    const observer = { failed: () => {}, unread: () => {}, closed: () => {} };
    const waits: number[] = [];
    const standalone = new StandaloneSettings(resolve({}), HAWSER, (milliseconds) => {
      waits.push(milliseconds);
      return observer;
    });
    expect(standalone.of('client').observer).toBe(observer);
    expect(waits).toEqual([35_000]);
  });
});

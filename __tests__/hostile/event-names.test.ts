/** Words of the peer that are names of events (CVE-2024-38355: a client could emit `error` in the server). */
import { EventEmitter } from 'node:events';
import { Host, stopHosts } from '../support/host.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  const NAMES = [
    'error',
    'close',
    'connection',
    'newListener',
    'removeListener',
    'drain',
    '__proto__',
  ];

  /** Every event that is emitted while `run` runs, by hawser's connections and servers alone. */
  async function emitted(run: () => Promise<void>): Promise<Set<string>> {
    const names = new Set<string>();
    const emit = Reflect.get(EventEmitter.prototype, 'emit') as (...args: unknown[]) => boolean;
    const spy = jest.spyOn(EventEmitter.prototype, 'emit').mockImplementation(function (
      this: EventEmitter,
      ...args: unknown[]
    ) {
      if (this.constructor.name.startsWith('WebSocket')) names.add(String(args[0]));
      return emit.apply(this, args);
    });
    await run();
    spy.mockRestore();
    return names;
  }

  test.each(NAMES)(
    '"%s" in a message, a ping, a subprotocol, a header and a path is only text',
    async (name) => {
      const host = await Host.startOver(version, { subprotocols: NAMES });
      const names = await emitted(async () => {
        const headers = { 'Sec-WebSocket-Protocol': name, 'X-Event': name };
        const client = await host.open({ target: `/${name}`, headers });
        const ours = await host.connection();
        for (const text of [name, `["${name}",{}]`, `42["${name}"]`, `{"type":"${name}"}`]) {
          client.send(clientFrame({ opcode: 1, payload: text }));
        }
        client.send(clientFrame({ opcode: 2, payload: name }));
        client.send(clientFrame({ opcode: 9, payload: name }));
        client.send(clientFrame({ opcode: 10, payload: name }));
        expect(await ours.receive(5)).toHaveLength(5);
        expect(await ours.pongs(1)).toEqual([name]);
        expect(ours.connection.readyState).toBe('open');
        client.destroy();
      });
      names.delete('newListener'); // of the test's own listeners
      expect([...names].sort()).toEqual(['connection', 'message', 'ping', 'pong']);
    },
  );

  test('as the reason of a Close it is a reason', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    const ours = await host.connection();
    client.send(clientClose(4000, 'error'));
    client.finish();
    expect(await ours.ended).toMatchObject({ code: 4000, reason: 'error', clean: true });
  });
});

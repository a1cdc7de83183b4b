import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connectionPayloads } from '../../../src/connection/diagnostics.js';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import { type DiagnosticsChannels, serverPayloads } from '../../../src/server/diagnostics.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import {
  ask,
  eventually,
  fakeRequest,
  later,
  serve,
  serveAsking,
  transportPair,
} from './harness.js';

/** Every channel; the compiler sees that none is missing. */
const CHANNELS = Object.keys({
  'hawser.upgrade.requested': true,
  'hawser.upgrade.rejected': true,
  'hawser.upgrade.abandoned': true,
  'hawser.connection.opened': true,
  'hawser.connection.failed': true,
  'hawser.connection.closed': true,
  'hawser.message.received': true,
  'hawser.message.sent': true,
  'hawser.message.dropped': true,
} satisfies Record<keyof DiagnosticsChannels, true>);

type Heard = [name: string, payload: Record<string, unknown>];

/** Listen on `names` until the test is over. */
function listen(names: readonly string[]): Heard[] {
  const heard: Heard[] = [];
  const listener = (payload: unknown, name: string | symbol) =>
    void heard.push([name as string, payload as Record<string, unknown>]);
  for (const name of names) subscribe(name, listener);
  later(() => {
    for (const name of names) unsubscribe(name, listener);
  });
  return heard;
}

/** Calls of all that makes payloads, from now on. */
function countPayloads(): () => number {
  const made = [
    ...(['upgrade', 'rejected', 'opened'] as const).map((name) => jest.spyOn(serverPayloads, name)),
    ...(['message', 'dropped', 'failed', 'closed'] as const).map((name) =>
      jest.spyOn(connectionPayloads, name),
    ),
  ];
  return () => made.reduce((sum, { mock }) => sum + mock.calls.length, 0);
}

/** Something happens for every channel but `dropped`. */
async function conversations(): Promise<void> {
  const { wss, port } = await serve({
    authorize: ({ url }) => {
      if (url === '/refused') throw new UpgradeRejection(403);
    },
  });
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  await (await ask(port, { target: '/refused' })).response();
  const polite = await ask(port);
  await polite.response();
  polite.send(clientFrame({ opcode: 1, payload: 'a' }));
  expect(await polite.words()).toBe('text 61');
  wss.broadcast('to all');
  polite.send(clientClose(1000));
  const rude = await ask(port);
  await rude.response();
  rude.send(clientFrame({ opcode: 3 }));
  await Promise.all([polite.ended(), rude.ended()]);
  polite.finish();
  rude.finish();
  await eventually('the end', () => wss.connections.size === 0);
  const leaving = await serveAsking();
  (await ask(leaving.port)).destroy();
  await leaving.asked;
  await eventually('the leaving', () => leaving.wss.stats().upgradesAbandoned === 1);
}

describe('diagnostics channels', () => {
  it('cost nothing when nobody listens: no payload is made, whatever happens', async () => {
    const payloads = countPayloads();
    await conversations();
    expect(payloads()).toBe(0);
  });

  it('have a payload for each listener’s channel and for no other', async () => {
    const payloads = countPayloads();
    const heard = listen(['hawser.connection.closed']);
    await conversations();
    expect(heard.map(([name]) => name)).toStrictEqual(Array(2).fill('hawser.connection.closed'));
    expect(payloads()).toBe(2);
  });

  it('tell what happened, each on its own, in order', async () => {
    const payloads = countPayloads();
    const heard = listen(CHANNELS);
    await conversations();
    expect(heard.map(([name]) => name.slice('hawser.'.length))).toStrictEqual([
      'upgrade.requested',
      'upgrade.rejected',
      'upgrade.requested',
      'connection.opened',
      'message.received',
      'message.sent',
      'message.sent',
      'upgrade.requested',
      'connection.opened',
      'connection.failed',
      'connection.closed',
      'connection.closed',
      'upgrade.requested',
      'upgrade.abandoned',
    ]);
    expect(payloads()).toBe(heard.length);
  });

  it('have the server, the request and the connection of an upgrade, before its events', async () => {
    const { wss, port } = await serve({ path: '/here' });
    const heard = listen(CHANNELS);
    const told: unknown[][] = [];
    wss.on('connection', (connection, request) => told.push([heard.length, request, connection]));
    wss.on('rejected', ({ request, ...rest }) => told.push([heard.length, request, rest]));
    await (await ask(port, { target: '/here' })).response();
    await (await ask(port, { target: '/elsewhere' })).response();
    expect(heard.map(([name]) => name)).toStrictEqual([
      'hawser.upgrade.requested',
      'hawser.connection.opened',
      'hawser.upgrade.rejected',
    ]);
    const [requested, opened, rejected] = heard.map(([, payload]) => payload);
    for (const payload of [requested, opened, rejected]) expect(payload!['server']).toBe(wss);
    const [[seenAtOpen, accepted, connection] = [], [seenAtRefusal, refused, refusal] = []] = told;
    expect([seenAtOpen, seenAtRefusal]).toStrictEqual([2, 3]);
    expect(requested!['request']).toBe(accepted);
    expect(opened!['request']).toBe(accepted);
    expect(opened!['connection']).toBe(connection);
    expect(rejected!['request']).toBe(refused);
    expect(refusal).toStrictEqual({
      status: 404,
      reason: 'no WebSocket is served at this path',
      remoteAddress: '127.0.0.1',
    });
    expect(rejected).toMatchObject(refusal as object);
  });

  it('are left without subscribers by these tests', () => {
    for (const name of CHANNELS)
      expect([name, channel(name).hasSubscribers]).toEqual([name, false]);
  });
});

test('what accept opens was not requested', async () => {
  const { wss } = await serve();
  const heard = listen(CHANNELS);
  wss.accept(fakeRequest(), transportPair()[0], Buffer.alloc(0));
  expect(heard.map(([name]) => name)).toStrictEqual(['hawser.connection.opened']);
});

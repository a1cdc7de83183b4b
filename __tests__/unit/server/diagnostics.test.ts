import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { DiagnosticsChannels } from '../../../src/diagnostics-channels.js';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import {
  publishBrokerLoss,
  publishBrokerState,
  publishPublished,
} from '../../../src/server/diagnostics.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { open, openSession, serveHttp2 } from '../../support/http2.js';
import {
  ask,
  eventually,
  fakeRequest,
  later,
  serve,
  serveAsking,
  transportPair,
} from '../../support/server.js';

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
  'hawser.topic.published': true,
  'hawser.broker.lost': true,
  'hawser.broker.state': true,
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

/** The calls of `publish` from now on, of channels that have no subscriber. */
function countPublished(names: readonly string[]): () => number {
  const spies = names.map((name) => jest.spyOn(channel(name), 'publish'));
  later(() => jest.restoreAllMocks());
  return () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
}

/** What a server with a broker tells. */
function tellOfBroker(server: object, error: Error): void {
  publishBrokerState(server, 'up', undefined);
  publishBrokerState(server, 'down', error);
  publishBrokerLoss(server, 'news', '00112233445566ff', 3);
}

/** Something happens for every channel but `dropped`. */
async function conversations(): Promise<void> {
  const { wss, port } = await serve({
    authorize: ({ url }) => {
      if (url === '/rejected') throw new UpgradeRejection(403);
    },
  });
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  await (await ask(port, { target: '/rejected' })).response();
  const polite = await ask(port);
  await polite.response();
  polite.send(clientFrame({ opcode: 1, payload: 'a' }));
  expect(await polite.words()).toBe('text 61');
  wss.broadcast('to all');
  wss.publish('news', 'to a topic');
  tellOfBroker(wss, new Error('reset'));
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
  it('publish nothing without subscribers, whatever happens', async () => {
    const published = countPublished(CHANNELS);
    await conversations();
    expect(published()).toBe(0);
  });

  it('publish on the channel that has a subscriber, and on no other', async () => {
    const name = 'hawser.connection.closed';
    const published = countPublished(CHANNELS.filter((other) => other !== name));
    const heard = listen([name]);
    await conversations();
    expect(heard.map(([heardName]) => heardName)).toStrictEqual([name, name]);
    expect(published()).toBe(0);
  });

  it('publish what happened, in order', async () => {
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
      'topic.published',
      'broker.state',
      'broker.state',
      'broker.lost',
      'upgrade.requested',
      'connection.opened',
      'connection.failed',
      'connection.closed',
      'connection.closed',
      'upgrade.requested',
      'upgrade.abandoned',
    ]);
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
    const [[seenAtOpen, accepted, connection] = [], [seenAtRejection, wrong, rejection] = []] =
      told;
    expect([seenAtOpen, seenAtRejection]).toStrictEqual([2, 3]);
    expect(requested!['request']).toBe(accepted);
    expect(opened!['request']).toBe(accepted);
    expect(opened!['connection']).toBe(connection);
    expect(rejected!['request']).toBe(wrong);
    expect(rejection).toStrictEqual({
      status: 404,
      reason: 'no WebSocket is served at this path',
      remoteAddress: '127.0.0.1',
    });
    expect(rejected).toMatchObject(rejection as object);
  });

  it('tell what carries a connection, or would have carried it', async () => {
    const heard = listen(CHANNELS);
    await conversations();
    const told = heard.filter(([name]) => /upgrade|connection/.test(name));
    expect(told).not.toHaveLength(0);
    expect(told.every(([, { transport }]) => transport === 'http1')).toBe(true);
    heard.length = 0;
    const { port, wss } = await serveHttp2({ path: '/here' });
    const session = await openSession(port);
    expect(await open(session).status()).toBe(404);
    const client = open(session, { ':path': '/here' });
    expect(await client.status()).toBe(200);
    client.stream.end();
    await eventually('the end', () => wss.connections.size === 0);
    expect(heard.map(([name, { transport }]) => [name, transport])).toStrictEqual(
      ['upgrade.rejected', 'upgrade.requested', 'connection.opened', 'connection.closed'].map(
        (name) => [`hawser.${name}`, 'http2'],
      ),
    );
  });

  it('have what was published, and to how many', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (connection) => connection.subscribe('news'));
    await (await ask(port)).response();
    const heard = listen(CHANNELS);
    const data = wss.prepare('a');
    wss.publish('news', data);
    publishPublished(wss, 'sport', { message: data }, 5);
    expect(heard.filter(([name]) => name === 'hawser.topic.published')).toStrictEqual([
      ['hawser.topic.published', { server: wss, topic: 'news', data, count: 1 }],
      ['hawser.topic.published', { server: wss, topic: 'sport', data, count: 5 }],
    ]);
  });

  it('have the state of the broker, and what was lost', () => {
    const heard = listen(CHANNELS);
    const [server, error] = [{}, new Error('reset')];
    tellOfBroker(server, error);
    const loss = { server, topic: 'news', node: '00112233445566ff', count: 3 };
    expect(heard).toStrictEqual([
      ['hawser.broker.state', { server, state: 'up', error: undefined }],
      ['hawser.broker.state', { server, state: 'down', error }],
      ['hawser.broker.lost', loss],
    ]);
  });

  it('have no subscriber left after these tests', () => {
    for (const name of CHANNELS)
      expect([name, channel(name).hasSubscribers]).toEqual([name, false]);
  });
});

test('accept opens a connection without publishing a request for it', async () => {
  const { wss } = await serve();
  const heard = listen(CHANNELS);
  wss.accept(fakeRequest(), transportPair()[0], Buffer.alloc(0));
  expect(heard.map(([name]) => name)).toStrictEqual(['hawser.connection.opened']);
});

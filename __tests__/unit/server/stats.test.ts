import { Counters } from '../../../src/connection/counters.js';
import { ProtocolError } from '../../../src/protocol/framing/protocol-error.js';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import { collectStats, type ServerStats, UpgradeCounters } from '../../../src/server/stats.js';
import type { BrokerStats } from '../../../src/server/topics/broker-stats.js';
import { clientClose, clientFrame, serverFrame } from '../../support/frames.js';
import { ask, eventually, serve, serveAsking } from '../../support/server.js';

const NOTHING: ServerStats = {
  connections: 0,
  connectionsByTransport: { http1: 0, http2: 0, pair: 0, other: 0 },
  upgradesPending: 0,
  bytesBuffered: 0,
  bytesCharged: 0,
  upgradesAccepted: 0,
  upgradesRejected: {},
  upgradesAbandoned: 0,
  messagesReceived: 0,
  messagesDiscarded: 0,
  messagesSent: 0,
  messagesDropped: 0,
  messagesConflated: 0,
  bytesReceived: 0,
  bytesSent: 0,
  pingsReceived: 0,
  pongsReceived: 0,
  protocolErrors: {},
  closedByCode: {},
  closedByInitiator: { local: 0, peer: 0, transport: 0 },
  closedByCause: {},
  topics: {
    topics: 0,
    subscriptions: 0,
    published: 0,
    delivered: 0,
    dropped: 0,
    conflated: 0,
    retainedBytes: 0,
  },
};
const { topics } = NOTHING;

describe('collectStats', () => {
  it('has every figure from the beginning', () => {
    const stats = collectStats(new Set(), 0, new UpgradeCounters(), new Counters(), 0, topics);
    expect(stats).toStrictEqual(NOTHING);
  });

  it('copies each figure to its own place', () => {
    const upgrades = Object.assign(new UpgradeCounters(), { accepted: 1, abandoned: 2 });
    upgrades.countRejection(403);
    upgrades.countRejection(503);
    upgrades.countRejection(403);
    const counters = Object.assign(new Counters(), {
      messagesReceived: 3,
      messagesDiscarded: 13,
      messagesSent: 4,
      messagesDropped: 5,
      messagesConflated: 14,
      bytesReceived: 6,
      bytesSent: 7,
      pingsReceived: 8,
      pongsReceived: 9,
    });
    const cause = new ProtocolError('ERR_CLOSE_CODE', 'byte 0');
    counters.countProtocolError(cause);
    counters.countClose({ code: 1002, reason: '', clean: false, initiator: 'local', cause });
    const connections = new Set([
      { bufferedAmount: 10, transport: 'http1' },
      { bufferedAmount: 20, transport: 'http2' },
    ] as const);
    const stats = collectStats(connections, 11, upgrades, counters, 12, { ...topics, topics: 15 });
    expect(stats).toStrictEqual({
      connections: 2,
      connectionsByTransport: { http1: 1, http2: 1, pair: 0, other: 0 },
      upgradesPending: 11,
      bytesBuffered: 30,
      bytesCharged: 12,
      upgradesAccepted: 1,
      upgradesRejected: { 403: 2, 503: 1 },
      upgradesAbandoned: 2,
      messagesReceived: 3,
      messagesDiscarded: 13,
      messagesSent: 4,
      messagesDropped: 5,
      messagesConflated: 14,
      bytesReceived: 6,
      bytesSent: 7,
      pingsReceived: 8,
      pongsReceived: 9,
      protocolErrors: { ERR_CLOSE_CODE: 1 },
      closedByCode: { 1002: 1 },
      closedByInitiator: { local: 1, peer: 0, transport: 0 },
      closedByCause: { ERR_CLOSE_CODE: 1 },
      topics: { ...topics, topics: 15 },
    });
    expect(JSON.parse(JSON.stringify(stats))).toStrictEqual(stats);
  });

  it('has the figures of the broker, if there is one', () => {
    const broker: BrokerStats = {
      state: 'up',
      published: 1,
      received: 2,
      lost: 3,
      interruptions: 4,
      secondsDown: 5.5,
      buffered: 6,
      bufferDropped: 7,
      joinsPending: 8,
      lag: { p50: 9, p99: 10 },
    };
    const [upgrades, counters] = [new UpgradeCounters(), new Counters()];
    const stats = collectStats(new Set(), 0, upgrades, counters, 0, topics, broker);
    expect(stats).toStrictEqual({ ...NOTHING, broker });
    expect(collectStats(new Set(), 0, upgrades, counters, 0, topics)).not.toHaveProperty('broker');
  });

  it('gives the caller an object of its own', () => {
    const [upgrades, counters] = [new UpgradeCounters(), new Counters()];
    const before = collectStats(new Set(), 0, upgrades, counters, 0, topics);
    upgrades.countRejection(403);
    counters.countClose({ code: 1000, reason: '', clean: true, initiator: 'peer' });
    expect(before).toStrictEqual(NOTHING);
  });
});

describe('stats()', () => {
  it('accounts for every upgrade: accepted, rejected, abandoned or pending', async () => {
    const { wss, port, answer, asked } = await serveAsking({ path: '/chat' });
    expect(wss.stats()).toStrictEqual(NOTHING);
    await (await ask(port, { target: '/elsewhere' })).response();
    await (
      await ask(port, { target: '/chat', headers: { Origin: 'https://evil.example' } })
    ).response();
    const waiting = await ask(port, { target: '/chat' });
    await asked;
    expect(wss.stats().upgradesPending).toBe(1);
    (await ask(port, { target: '/chat' })).destroy();
    await eventually('one to leave', () => wss.stats().upgradesAbandoned === 1);
    answer.resolve(undefined);
    await waiting.response();
    expect(wss.stats()).toStrictEqual({
      ...NOTHING,
      connections: 1,
      connectionsByTransport: { http1: 1, http2: 0, pair: 0, other: 0 },
      upgradesAccepted: 1,
      upgradesRejected: { 403: 1, 404: 1 },
      upgradesAbandoned: 1,
    });
  });

  it('counts a client that left at the very moment of the decision', async () => {
    const { wss, port } = await serve({
      authorize: (request) => void request.socket.destroy(),
    });
    await (await ask(port)).ended();
    expect(wss.stats()).toStrictEqual({ ...NOTHING, upgradesAbandoned: 1 });
  });

  it('counts the status of whatever authorize made of it', async () => {
    const errors = [new UpgradeRejection(429), new Error('a fault'), new UpgradeRejection(429)];
    const { wss, port } = await serve({
      authorize: () => {
        throw errors.pop()!;
      },
    });
    for (let i = 0; i < 3; i++) await (await ask(port)).response();
    expect(wss.stats().upgradesRejected).toStrictEqual({ 429: 2, 500: 1 });
  });

  it('counts the bytes of frames, not those of the handshake, and what waits', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    const client = await ask(port);
    await client.response();
    const [hello, ping] = [
      clientFrame({ opcode: 1, payload: 'hello' }),
      clientFrame({ opcode: 9 }),
    ];
    client.send(Buffer.concat([hello, ping]));
    expect([await client.words(), await client.words()]).toStrictEqual(['text 68656c6c6f', 'pong']);
    const answers = [serverFrame({ opcode: 1, payload: 'hello' }), serverFrame({ opcode: 10 })];
    expect(wss.stats()).toStrictEqual({
      ...NOTHING,
      connections: 1,
      connectionsByTransport: { http1: 1, http2: 0, pair: 0, other: 0 },
      upgradesAccepted: 1,
      messagesReceived: 1,
      messagesSent: 1,
      bytesReceived: hello.length + ping.length,
      bytesSent: Buffer.concat(answers).length,
      pingsReceived: 1,
    });
    wss.broadcast('later');
    expect(wss.stats()).toMatchObject({ bytesBuffered: 7, bytesCharged: 0, messagesSent: 2 });
  });

  it('has what counts against maxTotalBuffered', async () => {
    const { wss, port } = await serve({ maxTotalBuffered: 1_000_000 });
    const client = await ask(port);
    await client.response();
    client.send(clientFrame({ opcode: 1, payload: 'nobody listens' }));
    await eventually('the message', () => wss.stats().messagesReceived === 1);
    expect(wss.stats()).toMatchObject({ bytesBuffered: 0, bytesCharged: 14 + 64 });
    client.destroy();
    await eventually('the end', () => wss.stats().connections === 0);
    expect(wss.stats().bytesCharged).toBe(0);
  });

  it('keeps what there was when the connections have gone, and says how each ended', async () => {
    const { wss, port } = await serve();
    const [polite, rude, gone] = [await ask(port), await ask(port), await ask(port)];
    for (const client of [polite, rude, gone]) await client.response();
    polite.send(clientClose(4321, 'enough'));
    rude.send(clientFrame({ opcode: 3 }));
    gone.finish();
    for (const client of [polite, rude, gone]) await client.ended();
    polite.finish();
    rude.finish();
    await eventually('all ends', () => wss.connections.size === 0);
    expect(wss.stats()).toMatchObject({
      connections: 0,
      upgradesAccepted: 3,
      protocolErrors: { ERR_RESERVED_OPCODE: 1 },
      closedByCode: { 4321: 1, 1002: 1, 1006: 1 },
      closedByInitiator: { local: 1, peer: 1, transport: 1 },
      closedByCause: { ERR_RESERVED_OPCODE: 1, ERR_TRANSPORT_ENDED: 1 },
    });
  });

  it('looks at connections for one figure only, so that asking often is cheap', async () => {
    const { wss, port } = await serve();
    const clients = [await ask(port), await ask(port)];
    for (const client of clients) await client.response();
    const looks: string[] = [];
    for (const connection of wss.connections) {
      Object.setPrototypeOf(
        connection,
        new Proxy(Object.getPrototypeOf(connection) as object, {
          get: (target, name, receiver) => {
            looks.push(String(name));
            return Reflect.get(target, name, receiver) as unknown;
          },
        }),
      );
    }
    wss.stats();
    expect(looks).toStrictEqual(['bufferedAmount', 'bufferedAmount']);
  });
});

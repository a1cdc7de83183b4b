/** The stores of an `AsyncLocalStorage`: what still refers to them when the connection has closed and the server has not. */
import { Child, stopChildren } from '../support/child.js';
import { compressedFrame } from '../support/compressed-client.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { openSession } from '../support/http2.js';
import type { RawClient } from '../support/raw-client.js';
import { askOn, VERSIONS } from '../support/versions.js';

afterAll(stopChildren);

const PROGRAM = `
  const { AsyncLocalStorage } = require('node:async_hooks');
  const { randomBytes } = require('node:crypto');
  void process.stderr; // Node makes it when it is first used, in whatever context that is
  const user = new AsyncLocalStorage();
  const stores = new Map();
  const connections = new Map();
  const wss = new hawser.WebSocketServer({
    noServer: true,
    perMessageDeflate: { contextTakeover: 'both', threshold: 0, memoryBudget: 120_000 },
    heartbeat: { interval: 50, timeout: 60_000 },
    idleTimeout: 60_000,
    messageTimeout: 60_000,
    maxTotalBuffered: 1e9,
    authorize: async () => undefined,
  });
  const inStore = (name, what) => {
    const store = { name };
    stores.set(name, new WeakRef(store));
    return user.run(store, what);
  };
  const upgrade = (request, socket, head) => {
    const name = request.url.slice(1);
    inStore(name, () => wss.handleUpgrade(request, socket, head).then((conn) => {
      connections.set(name, conn);
      conn.on('close', () => connections.delete(name));
      conn.on('message', () => undefined);
    }));
  };
  server.on('upgrade', upgrade);
  if (server.updateSettings) {
    server.updateSettings({ enableConnectProtocol: true });
    server.on('request', () => undefined);
    server.on('connect', (request) => upgrade(request, request.stream, Buffer.alloc(0)));
  }
  commands.open = async (name) => {
    while (!connections.has(name)) await new Promise((resolve) => setTimeout(resolve, 2));
    return connections.get(name).extensions;
  };
  /** Sends in a store of its own, short and long, and more long ones than are compressed at a time. */
  commands.send = (to, name, times) => inStore(name, () => Promise.all(
    Array.from({ length: times }, (_, i) => new Promise((resolve) => {
      connections.get(to).send(i === 0 ? 'short' : randomBytes(100_000), resolve);
    })),
  )).then(() => null);
  commands.broadcast = (name) => inStore(name, () => wss.broadcast('to all'));
  commands.received = async (count) => {
    while (wss.stats().messagesReceived < count) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  commands.closed = async (name) => {
    while (connections.has(name)) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  /** The stores that are still there, once no more of them goes, and the timers have been set again. */
  commands.kept = async () => {
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      globalThis.gc();
    }
    return [...stores].filter(([, store]) => store.deref() !== undefined).map(([name]) => name);
  };
`;

test.each(VERSIONS)(
  'over %s the stores of connections that have ended, and of what was sent on one that lives, are let go',
  async (version) => {
    const child = await Child.serveOver(version, PROGRAM, '--expose-gc');
    // Over HTTP/2 all are streams of one session, which lasts.
    const session = version === 'HTTP/2' ? await openSession(child.port) : undefined;
    const open = async (name: string): Promise<{ client: RawClient; takeover: boolean }> => {
      const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
      const parts = { target: `/${name}`, headers };
      const client = session === undefined ? await child.open(parts) : askOn(session, parts);
      const extensions = await child.ask<string>('open', name);
      return { client, takeover: !extensions.includes('no_context_takeover') };
    };
    // The first of all makes everything that others share: timers, a compressor, contexts for long messages.
    const first = await open('first');
    first.client.send(clientFrame({ opcode: 1, payload: 'begins a message' }).subarray(0, 8));
    await child.ask('send', 'first', 'to the first', 8);
    const lasting = await open('lasting');
    const second = await open('second');
    const third = await open('third');
    expect([first, lasting, second, third].map(({ takeover }) => takeover)).toStrictEqual([
      true,
      true,
      false,
      false,
    ]);
    for (const { client } of [second, third]) client.send(compressedFrame('hello'));
    second.client.send(compressedFrame(Buffer.alloc(2_000_000)));
    await child.ask('received', 3);
    await child.ask('send', 'second', 'to the second', 8);
    await child.ask('send', 'third', 'to the third', 8);
    await child.ask('send', 'lasting', 'to the one that lasts', 8);
    await child.ask('broadcast', 'to all');
    first.client.reset();
    for (const { client } of [second, third]) {
      client.send(clientClose(1000));
      await client.ended();
      client.finish();
    }
    for (const name of ['first', 'second', 'third']) {
      await child.ask('closed', name);
    }
    expect(await child.ask('kept')).toStrictEqual(['lasting']);
    expect(child.stderr).toBe('');
    lasting.client.destroy();
  },
);

/** How much a server holds for what peers have sent and not finished, measured in its own process. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { loopback } from '../support/loopback.js';
import { type RawClient, upgradeRequest } from '../support/raw-client.js';
import { openSession } from '../support/http2.js';
import { askOn, VERSIONS } from '../support/versions.js';

const PROGRAM = `
  // Default options. But its clock stands still, or peers that answer no Ping would be terminated on a slow machine.
  const clock = { now: () => 0, setTimeout: () => 0, clearTimeout: () => {} };
  const wss = new hawser.WebSocketServer(server, { clock });
  let messages = 0;
  let bytes = 0;
  let read = 0;
  wss.on('connection', (conn, request) => {
    (request.stream ?? request.socket).on('data', (chunk) => { read += chunk.length; });
    conn.on('message', (data) => { messages++; bytes += data.length; });
  });
  commands.has = () => ({ messages, bytes, read, connections: wss.connections.size });
  commands.hasRead = async (count) => {
    while (read < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
`;

interface Memory {
  heapUsed: number;
  external: number;
  arrayBuffers: number;
}

describe.each(VERSIONS)('over %s', (version) => {
  let child: Child;
  beforeEach(async () => {
    child = await Child.serveOver(version, PROGRAM, '--expose-gc');
    await child.expectAlive(); // whatever is made once is made now
  });
  afterEach(async () => {
    expect(child.stderr).toBe('');
    await stopChildren();
  });

  const memory = (): Promise<Memory> => child.ask<Memory>('memory');

  /** How many bytes more than `before` are in use. */
  async function growth(before: Memory): Promise<number> {
    const now = await memory();
    return now.heapUsed + now.external - before.heapUsed - before.external;
  }

  /** Sends bytes and waits until the server has read all that was sent, and the alive check's ping before it. */
  async function sendAll(client: RawClient, parts: Buffer[]): Promise<void> {
    const { read } = await child.ask<{ read: number }>('has');
    await client.sendChunks(parts);
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    await child.ask('hasRead', read + length);
  }

  const MIB = 1_048_576;

  test.each([
    ['one byte', 'a', 1],
    ['no byte', '', 0],
  ])(
    '131 000 fragments of %s hold less than a MiB until the message ends, and then are one message',
    async (_what, payload, length) => {
      const client = await child.open();
      const before = await memory();
      const fragment = clientFrame({ opcode: 0, fin: false, payload });
      await sendAll(client, [
        clientFrame({ opcode: 1, fin: false }),
        Buffer.concat(Array<Buffer>(131_000).fill(fragment)),
      ]);
      expect(await growth(before)).toBeLessThan(MIB);
      await sendAll(client, [clientFrame({ opcode: 0, payload: 'z' })]);
      expect(await child.ask('has')).toMatchObject({ messages: 1, bytes: 131_000 * length + 1 });
      client.destroy();
    },
  );

  // A byte on a stream is a frame of HTTP/2, which costs the client as much as the server.
  const kilobytes = version === 'HTTP/1.1' ? 100 : 20;
  test(`a message of ${kilobytes} KB in writes of one byte holds less than half a MiB`, async () => {
    const client = await child.open();
    const before = await memory();
    const frame = clientFrame({ opcode: 2, payload: Buffer.alloc(kilobytes * 1000, 7) });
    await sendAll(
      client,
      Array.from(frame.subarray(0, -1), (byte) => Buffer.from([byte])),
    );
    expect(await growth(before)).toBeLessThan(MIB / 2);
    client.send(frame.subarray(-1));
    client.send(clientClose());
    await client.close();
    expect(await child.ask('has')).toMatchObject({ messages: 1, bytes: kilobytes * 1000 });
    client.destroy();
  });

  test('200 headers that announce 4 MiB each hold less than 2 MiB together', async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => child.open()));
    const before = await memory();
    const start = clientFrame({ opcode: 2, form: 64, length: 4 * MIB, payload: 'only this' });
    for (const client of clients) await sendAll(client, [start]);
    expect(await growth(before)).toBeLessThan(2 * MIB);
    for (const client of clients) client.destroy();
  });

  /** What a connection of the next test sends first, and last. */
  const FIRST = Buffer.concat([
    clientFrame({ opcode: 1, payload: 'one masked message' }),
    clientFrame({ opcode: 9, payload: 'and a ping' }),
  ]);

  /** 200 connections of raw sockets, each of which has got a Pong. */
  async function openSockets(): Promise<Duplex[]> {
    const bytes = Buffer.concat([Buffer.from(upgradeRequest()), FIRST]);
    return Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const socket = connect({ port: child.port, host: loopback(i) });
        socket.write(bytes);
        // The 101 and the pong.
        for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
          if ((chunk as Buffer).includes('and a ping')) break;
        }
        return socket.on('error', () => undefined);
      }),
    );
  }

  /** 200 connections on a session of their own, each of which has got a Pong. */
  async function openStreams(): Promise<Duplex[]> {
    const session = await openSession(child.port);
    const clients = Array.from({ length: 200 }, () => askOn(session, {}, FIRST));
    for (const client of clients) await client.frame();
    return clients.map(({ socket }) => socket);
  }

  test('10 000 idle connections hold less than 1 KB outside the heap each, after a message and a ping', async () => {
    const sockets: Duplex[] = [];
    const before = await memory();
    while (sockets.length < 10_000) {
      sockets.push(...(await (version === 'HTTP/1.1' ? openSockets() : openStreams())));
    }
    for (;;) {
      const { messages } = await child.ask<{ messages: number }>('has');
      if (messages === 10_000) break;
      await delay(10);
    }
    const after = await memory();
    expect(await child.ask('has')).toMatchObject({ connections: 10_000 });
    expect((after.external - before.external) / 10_000).toBeLessThan(1000);
    expect((after.arrayBuffers - before.arrayBuffers) / 10_000).toBeLessThan(100);
    // On the heap stands the socket or stream, of Node's making, and the connection.
    expect((after.heapUsed - before.heapUsed) / 10_000).toBeLessThan(16_000);
    for (const socket of sockets) socket.destroy();
  });
});

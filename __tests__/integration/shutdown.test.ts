/** `wss.close()` of a whole server with real sockets. */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Child, stopChildren } from '../support/child.js';
import { clientClose, describeFrame } from '../support/frames.js';
import { loopback } from '../support/loopback.js';
import { open, openSession } from '../support/http2.js';
import { type RawClient, upgradeRequest } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

afterEach(stopChildren);

/** A server that `close` closes. Connections that are left are terminated at `terminate` and never before. */
const PROGRAM = `
  const waiting = [];
  const wss = new hawser.WebSocketServer(server, {
    closeTimeout: Infinity,
    heartbeat: false,
    maxBufferedAmount: Infinity,
    authorize: ({ url }) => {
      if (url !== '/pending') return;
      say('asked');
      return new Promise((resolve) => waiting.push(resolve));
    },
  });
  wss.on('connection', () => say('open'));
  const controller = new AbortController();
  const close = (options) =>
    wss.close({ timeout: Infinity, signal: controller.signal, ...options }).then((report) => {
      say('report', report.total, report.clean, report.terminated);
      return new Promise((resolve) => server.close(resolve)).then(() => say('stopped'));
    });
  commands.close = (options) => void close(options);
  commands.terminate = () => controller.abort();
  commands.decide = () => waiting.splice(0).forEach((resolve) => resolve());
  commands.connections = () => wss.connections.size;
  commands.send = (count, size) => {
    for (const conn of wss.connections) {
      for (let i = 0; i < count; i++) conn.send(Buffer.alloc(size, i));
    }
    return [...wss.connections].map((conn) => conn.bufferedAmount);
  };
`;

describe.each(VERSIONS)('over %s', (version) => {
  /** Messages of 128 KiB to a client that reads nothing: more than a transport takes. */
  const queued = version === 'HTTP/1.1' ? 200 : 40;

  /** Until the child has so many connections. */
  async function has(child: Child, connections: number): Promise<void> {
    while ((await child.ask('connections')) !== connections) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Answers the Close, and ends. */
  async function leave(client: RawClient): Promise<void> {
    expect(await client.close()).toStrictEqual({ code: 1001, reason: '' });
    client.send(clientClose(1001));
    client.finish();
    expect(await client.ended()).toBe('end');
  }

  test('what is queued leaves, in order and before the Close', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const client = await child.open();
    client.socket.pause();
    const size = 128 * 1024;
    const [buffered] = await child.ask<number[]>('send', queued, size);
    expect(buffered).toBeGreaterThan(queued * 50_000); // most of it is not with the kernel
    await child.ask('close');
    client.socket.resume();
    await leave(client);
    expect(client.frames).toHaveLength(queued + 1);
    client.frames.slice(0, queued).forEach(({ payload }, i) => {
      expect(payload.equals(Buffer.alloc(size, i))).toBe(true);
    });
    expect(describeFrame(client.frames[queued]!)).toBe('close 1001');
    expect(await child.says('report')).toStrictEqual([1, 1, 0]);
  });

  test('a client that never answers, and one that reads nothing, are terminated at the deadline and counted', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const silent = await child.open();
    const deaf = await child.open();
    deaf.socket.pause();
    const polite = await child.open();
    await child.ask('send', queued, 128 * 1024);
    await child.ask('close');
    await leave(polite);
    await silent.close();
    await has(child, 2);
    expect(child.said.filter(([word]) => word === 'report')).toStrictEqual([]);
    await child.ask('terminate');
    expect(await child.says('report')).toStrictEqual([3, 1, 2]);
    await silent.ended();
    if (version === 'HTTP/2') deaf.destroy(); // the session of a server that was passed in is the application's
    await child.says('stopped');
    deaf.destroy();
  });

  test('its own timeout terminates a peer that never answers', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const silent = await child.open();
    await child.ask('close', { timeout: 50 });
    expect(await child.says('report')).toStrictEqual([1, 0, 1]);
    await silent.ended();
  });

  test('called twice it closes once, and both calls get the one report', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const client = await child.open();
    await child.ask('close');
    await child.ask('close', { code: 4000, timeout: 1 });
    await leave(client);
    expect(client.frames).toHaveLength(1);
    expect(await child.saysTimes(2, 'report')).toStrictEqual([1, 1, 0]);
  });

  test('upgrades that wait for authorize get 503 at once, however it answers later, and no other upgrade is accepted', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const other = await child.open();
    const pending = await Promise.all(
      Array.from({ length: 20 }, () => child.request({ target: '/pending' })),
    );
    await child.saysTimes(20, 'asked');
    await child.ask('close');
    for (const client of pending) {
      const { status, header } = await client.response();
      expect([status, header('Retry-After')]).toStrictEqual([503, '10']);
      client.finish();
      expect(await client.ended()).toBe('end');
    }
    await child.ask('decide');
    const late = await child.request();
    expect((await late.response()).status).toBe(503);
    late.finish();
    await leave(other);
    expect(await child.says('report')).toStrictEqual([1, 1, 0]);
    expect(child.said.filter(([word]) => word === 'open')).toHaveLength(1);
    await child.says('stopped');
  });

  test('10 000 connections end: those that answer cleanly, the rest at the deadline', async () => {
    const child = await Child.serveOver(version, PROGRAM);
    const CLOSE = Buffer.from([0x88, 2, 0x03, 0xe9]);
    let ended = 0;
    for (let opened = 0; opened < 10_000; opened += 200) {
      const session = version === 'HTTP/2' ? await openSession(child.port) : undefined;
      await Promise.all(
        Array.from({ length: 200 }, async (_, i) => {
          let socket: Duplex;
          if (session === undefined) {
            socket = connect({ port: child.port, host: loopback(i), allowHalfOpen: true });
            socket.write(upgradeRequest());
            await new Promise((resolve) => socket.once('data', resolve)); // the 101
          } else {
            socket = open(session).stream;
            await new Promise((resolve) => socket.once('response', resolve));
          }
          const answers = i % 10 !== 0;
          socket.on('data', (chunk: Buffer) => {
            if (answers && chunk.equals(CLOSE)) socket.end(clientClose(1001));
          });
          socket.on('error', () => undefined); // the others are terminated
          socket.on('close', () => ended++);
          socket.on('end', () => socket.end());
        }),
      );
      session?.close(); // it ends with the last of its streams
    }
    await has(child, 10_000);
    await child.ask('close');
    await has(child, 1000);
    await child.ask('terminate');
    expect(await child.says('report')).toStrictEqual([10_000, 9000, 1000]);
    await child.says('stopped');
    await has(child, 0);
    while (ended < 10_000) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(child.stderr).toBe('');
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer, type Http2Session } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, WebSocket } from 'undici';
import type { AnyRequest, ServerOptions } from '../../src/server/options/options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { CERTIFICATE } from '../support/certificate.js';
import { clientClose } from '../support/frames.js';
import type { StreamClient } from '../support/http2.js';
import { listenHttp2, open, openSession } from '../support/http2.js';
import { describeIf } from '../support/requires.js';
import { eventually, later, MemoryLogger } from '../support/server.js';

const HAPROXY = '/usr/sbin/haproxy';
const H2LOAD = '/usr/bin/h2load';
const NGHTTP = '/usr/bin/nghttp';
const CURL = '/usr/bin/curl';
jest.setTimeout(120_000);

/** An echo over HTTP/2 with limits as the documents recommend them, and its plain requests. */
async function serveSecure(options: ServerOptions<undefined, AnyRequest> = {}) {
  const server = createSecureServer(
    { ...CERTIFICATE, allowHTTP1: true, settings: { maxConcurrentStreams: 256 } },
    (request, response) => {
      response.setHeader('content-type', 'text/plain');
      response.end(`plain ${request.httpVersion}`);
    },
  );
  const wss = new WebSocketServer<undefined, AnyRequest>(server, {
    logger: new MemoryLogger(),
    perMessageDeflate: true,
    subprotocols: ['chat'],
    ...options,
  });
  wss.on('connection', (connection) => {
    connection.on('message', (data) => connection.send(data));
  });
  return { wss, server, port: await listenHttp2(server) };
}

/** Run a program to its end. @returns what it printed, on both streams */
async function run(command: string, ...args: string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
  return output;
}

describe('undici with allowH2', () => {
  it('opens a WebSocket on a stream, echoes and closes', async () => {
    const { wss, port } = await serveSecure();
    const transports: string[] = [];
    wss.on('connection', ({ transport }) => transports.push(transport));
    const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
    later(() => dispatcher.destroy());
    // A connection with a session is needed first, as browsers need one.
    await (
      await dispatcher.request({ origin: `https://127.0.0.1:${port}`, path: '/', method: 'GET' })
    ).body.dump();
    const sockets = [1, 2, 3].map(
      () => new WebSocket(`wss://127.0.0.1:${port}/`, { dispatcher, protocols: ['chat'] }),
    );
    const seen = await Promise.all(
      sockets.map(
        (socket, index) =>
          new Promise<unknown[]>((resolve) => {
            const got: unknown[] = [];
            socket.addEventListener('open', () => {
              got.push(socket.protocol);
              socket.send('é'.repeat(70_000));
            });
            socket.addEventListener('message', ({ data }) => {
              got.push(String(data).length);
              socket.close(4000 + index, 'bye');
            });
            socket.addEventListener('error', () => got.push('error'));
            socket.addEventListener('close', ({ code, reason }) => {
              resolve([...got, code, reason]);
            });
          }),
      ),
    );
    expect(seen).toEqual([0, 1, 2].map((index) => ['chat', 70_000, 4000 + index, '']));
    expect(transports).toEqual(['http2', 'http2', 'http2']);
    await eventually('the end', () => wss.connections.size === 0);
    expect(wss.stats()).toMatchObject({ closedByCode: { 4000: 1, 4001: 1, 4002: 1 } });
  });
});

describeIf('nghttp2-client and curl', [H2LOAD, NGHTTP, CURL].every(existsSync))(
  'ordinary requests beside WebSockets',
  () => {
    it('are served to h2load, nghttp and curl, and the WebSockets go on', async () => {
      const { wss, port } = await serveSecure();
      const session = await openSession(port, { scheme: 'https' });
      const clients = Array.from({ length: 20 }, () => open(session));
      for (const client of clients) expect(await client.status()).toBe(200);
      const url = `https://127.0.0.1:${port}/`;
      const loaded = run(H2LOAD, '-n', '2000', '-c', '10', '-m', '50', url);
      for (let count = 0; count < 20; count++) {
        for (const client of clients) client.send(2, `${count}`);
        for (const client of clients) expect((await client.take(2))[1]).toBe(`${count}`.length);
        for (const client of clients) await client.take(`${count}`.length);
      }
      expect(await loaded).toMatch(/2000 succeeded, 0 failed, 0 errored, 0 timeout/);
      expect(await run(NGHTTP, '-v', url)).toMatch(
        /SETTINGS_ENABLE_CONNECT_PROTOCOL\(0x08\):1|UNKNOWN\(0x08\):1/,
      );
      expect(await run(CURL, '-sk', '--http2', url)).toBe('plain 2.0');
      expect(await run(CURL, '-sk', '--http1.1', url)).toBe('plain 1.1');
      expect(wss.connections.size).toBe(20);
    });
  },
);

describeIf(HAPROXY, existsSync(HAPROXY))('HAProxy with HTTP/2 on both hops', () => {
  /** A server of its own, and the proxy in front of it. */
  async function proxied(options: ServerOptions<undefined, AnyRequest> = {}) {
    const wss = new WebSocketServer<undefined, AnyRequest>({
      port: 0,
      host: '127.0.0.1',
      http2: true,
      trustProxy: 1,
      logger: new MemoryLogger(),
      ...options,
    });
    later(() => wss.close({ timeout: 0 }));
    await once(wss, 'listening');
    const app = (wss.address() as AddressInfo).port;
    wss.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
    });
    const folder = mkdtempSync(join(tmpdir(), 'hawser-haproxy-'));
    later(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(
      file,
      `global
  maxconn 2000
defaults
  mode http
  option forwardfor
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend public
  bind 127.0.0.1:${port} proto h2
  default_backend app
backend app
  http-reuse always
  server app1 127.0.0.1:${app} proto h2
`,
    );
    const haproxy = spawn(HAPROXY, ['-f', file], { stdio: 'ignore' });
    const ended = once(haproxy, 'close');
    later(async () => {
      haproxy.kill();
      await ended;
    });
    const sessions = new Set<Http2Session>();
    wss.on('connection', (_connection, request) => {
      if ('stream' in request) sessions.add(request.stream.session!);
    });
    for (;;) {
      const isUp = await openSession(port).then(
        () => true,
        () => false,
      );
      if (isUp) return { wss, port, sessions };
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('carries a burst of 300 clients on few sessions', async () => {
    const { wss, port, sessions } = await proxied();
    const visitors = await Promise.all(Array.from({ length: 300 }, () => openSession(port)));
    const clients = visitors.map((session) => open(session));
    const statuses = await Promise.all(clients.map((client) => client.status()));
    expect(statuses).toEqual(Array(300).fill(200));
    expect(wss.connections.size).toBe(300);
    expect(wss.stats().connectionsByTransport.http2).toBe(300);
    expect(sessions.size).toBeLessThan(100);
    for (const client of clients) client.send(1, 'hello');
    for (const client of clients) {
      expect((await client.take(7)).subarray(2).toString()).toBe('hello');
    }
    // A client that vanishes arrives as END_STREAM.
    visitors[0]!.destroy();
    await eventually('the end of one', () => wss.connections.size === 299);
    expect(wss.stats().closedByCode).toEqual({ 1006: 1 });
    for (const client of clients.slice(1)) client.stream.write(clientClose(4000));
    await eventually('the end of all', () => wss.connections.size === 0);
    expect(wss.stats().closedByCode).toEqual({ 1006: 1, 4000: 299 });
  });

  it('gets 503 for a stream beyond the limit, and its others go on', async () => {
    const { wss, port } = await proxied({ maxConnections: 5 });
    const session = await openSession(port);
    const clients: StreamClient[] = [];
    for (let count = 0; count < 8; count++) {
      const client = open(session);
      clients.push(client);
      expect(await client.status()).toBe(count < 5 ? 200 : 503);
    }
    clients[0]!.send(1, 'hello');
    expect((await clients[0]!.take(7)).subarray(2).toString()).toBe('hello');
    expect(wss.connections.size).toBe(5);
  });

  it('ends its session when the server closes', async () => {
    const { wss, port } = await proxied();
    const client = open(await openSession(port));
    expect(await client.status()).toBe(200);
    const closed = wss.close();
    expect((await client.take(4))[0]).toBe(0x88);
    client.stream.write(clientClose(1001));
    expect(await closed).toMatchObject({ total: 1, clean: 1 });
  });
});

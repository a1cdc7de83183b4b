import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/connect.js';
import type { ConnectOptions } from '../../src/client/connect-options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { CERTIFICATE } from '../support/certificate.js';
import { describeIf } from '../support/requires.js';
import { later, listen, serve } from '../support/server.js';

/** The client through proxies that others wrote. */

const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
const children: ChildProcess[] = [];
afterAll(async () => {
  for (const child of children) {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGKILL')) await exited;
  }
  rmSync(folder, { recursive: true });
});

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a program with a file of its own, and waits until it listens. */
async function start(program: string, args: string[], port: number): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore' });
  children.push(child);
  for (;;) {
    const socket = connectTcp(port, '127.0.0.1');
    const answers = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    });
    socket.destroy();
    if (answers) return;
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function write(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** Connects, has a message echoed, and closes. */
async function expectEcho(url: string, options: ConnectOptions): Promise<string> {
  const conn = await connect(url, options);
  for (const data of ['hello', 'long, '.repeat(50_000)]) {
    conn.send(data);
    expect(await once(conn, 'message')).toEqual([data, false]);
  }
  expect(await conn.close()).toMatchObject({ code: 1000, clean: true });
  return conn.transport;
}

const echo = (wss: WebSocketServer): unknown =>
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));

async function serveSecure(): Promise<number> {
  const server = createSecureServer(CERTIFICATE);
  const wss = new WebSocketServer(server);
  echo(wss);
  later(() => wss.close({ signal: AbortSignal.abort() }));
  return listen(server);
}

describeIf('tinyproxy', existsSync('/usr/bin/tinyproxy'))('the client through tinyproxy', () => {
  /** @param more lines of its configuration. */
  async function tinyproxy(more = ''): Promise<number> {
    const port = await freePort();
    const file = write(
      `tinyproxy-${port}.conf`,
      `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\nLogLevel Critical\n${more}\n`,
    );
    await start('/usr/bin/tinyproxy', ['-d', '-c', file], port);
    return port;
  }

  test('talks to a server, with TLS and without', async () => {
    const proxy = `http://127.0.0.1:${await tinyproxy()}`;
    const { wss, port } = await serve();
    echo(wss);
    await expectEcho(`ws://127.0.0.1:${port}/`, { proxy });
    const secure = `wss://localhost:${await serveSecure()}/`;
    await expectEcho(secure, { proxy, tls: { ca: CERTIFICATE.cert } });
    await expect(connect(secure, { proxy })).rejects.toMatchObject({
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  test('gives the password that the proxy asks for, and has its refusal without', async () => {
    const port = await tinyproxy('BasicAuth ada secret');
    const { wss, port: to } = await serve();
    echo(wss);
    const url = `ws://127.0.0.1:${to}/`;
    await expectEcho(url, { proxy: `http://ada:secret@127.0.0.1:${port}` });
    await expect(connect(url, { proxy: `http://127.0.0.1:${port}` })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_UNREACHABLE',
      status: 407,
      headers: { 'proxy-authenticate': expect.stringMatching(/^Basic/) as string },
    });
  });

  test('has the refusal of a port that the proxy does not allow, and of a host that it does not reach', async () => {
    const port = await tinyproxy('ConnectPort 443');
    const refused = connect('ws://127.0.0.1:80/', { proxy: `http://127.0.0.1:${port}` });
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_UNREACHABLE',
      status: 403,
    });
    const open = await tinyproxy();
    const unreached = connect('ws://127.0.0.1:1/', { proxy: `http://127.0.0.1:${open}` });
    await expect(unreached).rejects.toMatchObject({ code: 'ERR_HANDSHAKE_UNREACHABLE' });
  });
});

describeIf('HAProxy', existsSync('/usr/sbin/haproxy'))('the client through HAProxy', () => {
  test('talks over HTTP/2 to it, and it over HTTP/1.1 to the server', async () => {
    const { wss, port: to } = await serve();
    echo(wss);
    const port = await freePort();
    const pem = write('localhost.pem', `${CERTIFICATE.cert}\n${CERTIFICATE.key}\n`);
    const file = write(
      'haproxy.cfg',
      `global
  maxconn 200
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout tunnel 60s
frontend f
  bind 127.0.0.1:${port} ssl crt ${pem} alpn h2,http/1.1
  default_backend b
backend b
  server s 127.0.0.1:${to}
`,
    );
    await start('/usr/sbin/haproxy', ['-f', file], port);
    const options = { http2: true, tls: { ca: CERTIFICATE.cert } } as const;
    const url = `wss://localhost:${port}/`;
    expect(await expectEcho(url, options)).toBe('http2');
    const all = await Promise.all(Array.from({ length: 120 }, () => connect(url, options)));
    expect(wss.connections.size).toBe(120);
    await Promise.all(all.map((conn) => conn.close()));
  });
});

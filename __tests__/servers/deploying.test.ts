import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { type CloseInfo, type WebSocketConnection, WebSocketServer } from '../../src/index.js';
import { describeIf } from '../support/requires';
import { blocks } from '../support/markdown.js';
import { document } from '../docs/sources.js';

/** The configurations of docs/deploying.md work: nginx and HAProxy run with them, in front of a server. */
const configuration = (language: string): string =>
  blocks(document('deploying.md')).find((block) => block.language === language)!.code;

/** Replace what must be another on this machine; each part must be there. */
const adapt = (text: string, parts: readonly (readonly [string, string])[]): string =>
  parts.reduce((changed, [from, to]) => {
    expect(changed).toContain(from);
    return changed.replace(from, to);
  }, text);

interface Ports {
  readonly proxy: number;
  readonly app: number;
}

const PROXIES = [
  {
    name: 'nginx',
    program: '/usr/sbin/nginx',
    args: (file: string) => ['-c', file],
    idle: ['proxy_read_timeout 60s', 'proxy_read_timeout 1s'],
    write: (folder: string, { proxy, app }: Ports): string =>
      `daemon off;\npid ${folder}/pid;\nerror_log ${folder}/error.log;\n${adapt(
        configuration('nginx'),
        [
          ['worker_processes auto;', 'worker_processes 1;'],
          ['worker_rlimit_nofile 40000;\n', ''],
          ['worker_connections 20000;', 'worker_connections 100;'],
          [
            'http {',
            `http {\n  access_log off;\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${folder}/${name};\n`).join('')}`,
          ],
          ['listen 80;', `listen 127.0.0.1:${proxy};`],
          ['server 127.0.0.1:8080;', `server 127.0.0.1:${app};`],
        ],
      )}`,
  },
  {
    name: 'HAProxy',
    program: '/usr/sbin/haproxy',
    args: (file: string) => ['-f', file],
    idle: ['timeout tunnel       60s', 'timeout tunnel       1s'],
    write: (_folder: string, { proxy, app }: Ports): string =>
      adapt(configuration('haproxy'), [
        ['maxconn 9000', 'maxconn 100'],
        ['bind :80', `bind 127.0.0.1:${proxy}`],
        ['127.0.0.1:8080', `127.0.0.1:${app}`],
      ]),
  },
] as const;

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });

describe.each(PROXIES)('$name', ({ name, program, args, idle, write }) => {
  describeIf(program, existsSync(program))('in front of a server', () => {
    let ends: (() => Promise<unknown> | void)[] = [];
    afterEach(async () => {
      for (const end of ends.reverse()) await end();
      ends = [];
    });

    /** A server, and the proxy in front with the configuration of the page. */
    async function start(
      heartbeat: false | { interval: number; timeout: number },
      changes: readonly (readonly [string, string])[] = [],
    ): Promise<{ wss: WebSocketServer; port: number }> {
      const server = createServer((_request, response) => response.end());
      const wss = new WebSocketServer(server, { trustProxy: 1, heartbeat });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      ends.push(() => void server.close());
      ends.push(() => wss.close({ timeout: 0 }));

      const folder = mkdtempSync(join(tmpdir(), 'hawser-proxy-'));
      ends.push(() => rmSync(folder, { recursive: true, force: true }));
      const file = join(folder, 'configuration');
      const port = await freePort();
      const app = (server.address() as AddressInfo).port;
      writeFileSync(file, adapt(write(folder, { proxy: port, app }), changes));
      const proxy = spawn(program, args(file), { stdio: ['ignore', 'ignore', 'pipe'] });
      let stderr = '';
      proxy.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      ends.push(() => stop(proxy));
      // HAProxy asks the health check first, and answers 503 until it has passed.
      while (!(await answers(port)) || (await fetch(`http://127.0.0.1:${port}/`)).status !== 200) {
        if (proxy.exitCode !== null) throw new Error(`${name} has ended:\n${stderr}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return { wss, port };
    }

    /** A client at 127.0.0.2, which lies about where it is, and the server's side of its connection. */
    async function visit(wss: WebSocketServer, port: number): Promise<Visit> {
      const connected = once(wss, 'connection') as Promise<[WebSocketConnection, IncomingMessage]>;
      const client = new WebSocket(`ws://127.0.0.1:${port}/live`, {
        origin: `http://127.0.0.1:${port}`,
        localAddress: '127.0.0.2',
        headers: {
          'X-Forwarded-For': '203.0.113.9',
          'X-Forwarded-Host': 'evil.example',
          Forwarded: 'for=203.0.113.9',
        },
      });
      const [[conn, request]] = await Promise.all([connected, once(client, 'open')]);
      return { client, conn, request };
    }

    it('gets the upgrade, the true address and the true host', async () => {
      const { wss, port } = await start(false);
      const { conn, request } = await visit(wss, port);
      expect(conn.remoteAddress).toBe('127.0.0.2');
      expect(request.headers).toMatchObject({
        host: `127.0.0.1:${port}`,
        'x-forwarded-host': `127.0.0.1:${port}`,
      });
      expect(request.headers['x-forwarded-for']).toBe('203.0.113.9, 127.0.0.2');
      expect(request.headers).not.toHaveProperty('forwarded');
    });

    it('exchanges Pings and long messages with its client', async () => {
      const { wss, port } = await start({ interval: 200, timeout: 120_000 });
      const { client, conn } = await visit(wss, port);
      conn.on('message', (data) => conn.send(data));
      await once(client, 'ping'); // of the heartbeat
      client.ping('ours');
      expect(String((await once(client, 'pong'))[0])).toBe('ours');
      const long = 'å'.repeat(1_000_000);
      client.send(long);
      expect(String((await once(client, 'message'))[0]) === long).toBe(true);
      expect(await conn.roundTrip()).toBeGreaterThan(0);
    });

    it('closes and is closed with the codes of either side', async () => {
      const { wss, port } = await start(false);
      const first = await visit(wss, port);
      first.client.close(4001, 'that was all');
      expect(await once(first.conn, 'close')).toEqual([
        4001,
        'that was all',
        { code: 4001, reason: 'that was all', clean: true, initiator: 'peer' },
      ]);
      const second = await visit(wss, port);
      const closed = once(second.client, 'close');
      expect(await wss.close()).toMatchObject({ total: 1, clean: 1 });
      expect((await closed)[0]).toBe(1001);
    });

    it('loses a connection on which nothing moves for the idle time-out', async () => {
      const { wss, port } = await start(false, [idle]);
      const { client, conn } = await visit(wss, port);
      client.on('error', () => undefined); // HAProxy resets what it ends
      const left = new Promise<number>((resolve) => client.once('close', resolve));
      const ended = new Promise<CloseInfo>((resolve) => {
        conn.once('close', (_code, _reason, info) => resolve(info));
      });
      expect(await left).toBe(1006);
      expect(await ended).toMatchObject({ code: 1006, clean: false, initiator: 'transport' });
    });
  });
});

interface Visit {
  readonly client: WebSocket;
  readonly conn: WebSocketConnection;
  readonly request: IncomingMessage;
}

async function stop(proxy: ChildProcess): Promise<void> {
  if (proxy.exitCode !== null || proxy.signalCode !== null) return;
  const ended = once(proxy, 'close');
  proxy.kill('SIGTERM');
  await ended;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { WebSocketServer as WsServer } from 'ws';
import { connect } from '../../src/client/connect.js';
import { acceptKey } from '../../src/protocol/handshake/opening-handshake.js';
import { UpgradeRejection } from '../../src/protocol/handshake/upgrade-rejection.js';
import { WebSocketServer } from '../../src/server/server.js';
import { builtPackage } from '../support/built-package.js';
import { CERTIFICATE } from '../support/certificate.js';
import { connectProxy } from '../support/connect-proxy.js';
import { describeIf, runs } from '../support/requires.js';
import { eventually, later, listen, serve } from '../support/server.js';

/** The program `hawser` in processes of its own, with pipes and in a real terminal. */
const PROGRAM = join(dirname(builtPackage()), 'cli/bin.js');

const folder = mkdtempSync(join(tmpdir(), 'hawser-tool-'));
afterAll(() => rmSync(folder, { recursive: true }));
const certificate = join(folder, 'cert.pem');
const key = join(folder, 'key.pem');
writeFileSync(certificate, CERTIFICATE.cert);
writeFileSync(key, CERTIFICATE.key);

/** A run of the tool. */
class Tool {
  output = '';
  errors = '';
  readonly status: Promise<number | null>;
  readonly child: ChildProcess;

  constructor(command: string, args: readonly string[]) {
    const { NO_COLOR: _, ...env } = process.env;
    this.child = spawn(command, args, { env: { ...env, TERM: 'xterm' } });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
    // It may end before it has read all.
    this.child.stdin!.on('error', () => {});
    this.status = once(this.child, 'close').then(([code]) => code as number | null);
    later(() => this.child.kill('SIGKILL'));
  }

  type(text: string): this {
    this.child.stdin!.write(text);
    return this;
  }

  end(): this {
    this.child.stdin!.end();
    return this;
  }

  prints(text: string | RegExp): Promise<void> {
    return eventually(`${String(text)} in: ${this.output}${this.errors}`, () => {
      const all = this.output + this.errors;
      return typeof text === 'string' ? all.includes(text) : text.test(all);
    });
  }
}

const hawser = (...args: string[]): Tool => new Tool(process.execPath, [PROGRAM, ...args]);

/** The outcome of `hawser connect` without input. */
async function outcome(...args: string[]) {
  const tool = hawser('connect', ...args).end();
  const status = await tool.status;
  return { status, output: tool.output, errors: tool.errors };
}

/** A server that echoes. */
async function echo(options: Parameters<typeof serve>[0] = {}) {
  const { wss, port } = await serve(options);
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  return { wss, url: `ws://127.0.0.1:${port}/` };
}

const upgrading = (answer: (socket: Duplex, request: IncomingMessage) => void): Server =>
  createServer().on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => {});
    answer(socket, request);
  });

async function secureEcho(requestCert = false): Promise<string> {
  const server = createSecureServer({ ...CERTIFICATE, requestCert, ca: CERTIFICATE.cert });
  const wss = new WebSocketServer(server);
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  return `wss://127.0.0.1:${await listen(server)}/`;
}

describe('hawser connect explains', () => {
  it('a port where nothing listens', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    server.close();
    const { status, errors } = await outcome(`ws://127.0.0.1:${port}/`);
    expect(errors).toContain('Nothing listens there: the connection was refused.');
    expect(status).toBe(2);
  });

  it('a name that does not exist', async () => {
    const { status, errors } = await outcome('ws://hawser.invalid/');
    expect(errors).toMatch(/DNS knows no address for the host name|The name server did not answer/);
    expect(status).toBe(2);
  });

  it('a certificate that is not trusted, and accepts it if it is told to', async () => {
    const url = await secureEcho();
    const { status, errors } = await outcome(url);
    expect(errors).toContain('The certificate is self-signed');
    expect(errors).toContain('--ca FILE');
    expect(status).toBe(2);
    for (const args of [['--ca', certificate], ['--insecure']]) {
      const tool = hawser('connect', url, ...args)
        .type('hello\n')
        .end();
      expect(await tool.status).toBe(0);
      expect(tool.output).toBe('hello\n');
    }
  });

  it('an HTTP/2 server, over which it connects if it is told to', async () => {
    const server = createHttp2Server(CERTIFICATE);
    const wss = new WebSocketServer(server);
    const transports: string[] = [];
    wss.on('connection', (connection) => {
      transports.push(connection.transport);
      connection.on('message', (data) => connection.send(data));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    later(async () => {
      await wss.close();
      server.close();
    });
    const url = `wss://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const tool = hawser('connect', url, '--http2', '--insecure').type('hello\n').end();
    expect(await tool.status).toBe(0);
    expect([tool.output, transports]).toEqual(['hello\n', ['http2']]);
  });

  it('a certificate that the server wants of it, by showing one', async () => {
    const url = await secureEcho(true);
    const refused = await outcome(url, '--ca', certificate);
    expect(refused.status).not.toBe(0);
    const args = ['--ca', certificate, '--cert', certificate, '--key', key];
    expect((await outcome(url, ...args, '--wait', '0')).status).toBe(0);
  });

  it('TLS where there is none, and none where there is TLS', async () => {
    const { url } = await echo();
    const secure = await secureEcho();
    const wrong = await outcome(url.replace('ws:', 'wss:'));
    expect(wrong.errors).toContain('What answered does not speak TLS.');
    expect(wrong.errors).toContain('use ws:// instead of wss://');
    const plain = await outcome(secure.replace('wss:', 'ws:'));
    expect(plain.errors).toContain('wss://');
    expect([wrong.status, plain.status]).toEqual([2, 2]);
  });

  it('a refusal, with its body, without its escape sequences', async () => {
    const { url } = await echo({
      authorize: () => {
        throw new UpgradeRejection(403, { body: 'members \x1b]0;owned\x07 only' });
      },
    });
    const { status, errors } = await outcome(url);
    expect(errors).toContain('The server refused: 403 Forbidden.');
    expect(errors).toContain('  members \\x1b]0;owned\\x07 only');
    expect(errors).not.toContain('\x1b]');
    expect(status).toBe(1);
  });

  it('a redirect', async () => {
    const port = await listen(
      upgrading((socket) => {
        socket.end('HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.example/\r\n\r\n');
      }),
    );
    const { status, errors } = await outcome(`ws://127.0.0.1:${port}/`);
    expect(errors).toContain('  location: ws://elsewhere.example/');
    expect(status).toBe(1);
  });

  it('a 101 that lies', async () => {
    const port = await listen(
      upgrading((socket) => {
        const head =
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket';
        socket.end(`${head}\r\nSec-WebSocket-Accept: ${acceptKey('another key')}\r\n\r\n`);
      }),
    );
    const { status, errors } = await outcome(`ws://127.0.0.1:${port}/`);
    expect(errors).toContain('its answer is not that of a WebSocket server');
    expect(errors).toContain('Sec-WebSocket-Accept');
    expect(status).toBe(3);
  });

  it('a server that speaks something else', async () => {
    const port = await listen(
      createTcpServer((socket) => socket.end('220 mail.example ESMTP\r\n')),
    );
    const { status, errors } = await outcome(`ws://127.0.0.1:${port}/`);
    expect(errors).toContain('What answered does not speak HTTP.');
    expect(status).toBe(2);
  });

  it('a reset before the answer, and one after it', async () => {
    const before = await listen(createTcpServer((socket) => socket.resetAndDestroy()));
    const unanswered = await outcome(`ws://127.0.0.1:${before}/`);
    expect(unanswered.errors).toContain('The server ended the connection without an answer.');
    expect(unanswered.status).toBe(2);

    const { wss, url } = await echo();
    wss.on('connection', (conn) => conn.terminate());
    const lost = await outcome(url);
    expect(lost.errors).toMatch(/Connection lost after .* with 1006 \(no Close was received\)/);
    expect(lost.status).toBe(3);
  });

  it('a Close with 1008', async () => {
    const { wss, url } = await echo();
    wss.on('connection', (conn) => void conn.close(1008, 'no \x1b[2J'));
    const { status, errors } = await outcome(url, '--wait', 'forever');
    expect(errors).toMatch(
      /Closed by the peer after .* with 1008 \(policy violation\), "no \\x1b\[2J"\n$/,
    );
    expect(status).toBe(3);
  });

  it('a server that breaks rules', async () => {
    const port = await listen(
      upgrading((socket, request) => {
        const accept = acceptKey(request.headers['sec-websocket-key']!);
        const head =
          'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket';
        socket.write(`${head}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
        socket.write(Buffer.of(0xf1, 0));
        socket.on('data', () => socket.end());
      }),
    );
    const { status, errors } = await outcome(`ws://127.0.0.1:${port}/`, '--wait', 'forever');
    expect(errors).toMatch(/Closed by hawser after .* with 1002 \(protocol error\)/);
    expect(status).toBe(3);
  });

  it('a proxy that refuses, and goes through one that does not', async () => {
    const { url } = await echo();
    const refusing = await listen(
      createServer().on('connect', (_request, socket: Duplex) => {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      }),
    );
    const refused = await outcome(url, '--proxy', `http://127.0.0.1:${refusing}`);
    expect(refused.errors).toContain('The proxy refused: 407');
    expect(refused.status).toBe(2);
    const proxy = await connectProxy(Number(new URL(url).port));
    const through = await outcome(url, '--proxy', `http://127.0.0.1:${proxy.port}`);
    expect(through.status).toBe(0);
    expect(proxy.requests).toHaveLength(1);
  });
});

describe('hawser connect with pipes', () => {
  it('sends headers, origin and subprotocols', async () => {
    const { wss, url } = await echo({ subprotocols: ['chat'], origin: ['https://example.com'] });
    const requests: IncomingMessage[] = [];
    wss.on('connection', (_conn, request) => requests.push(request));
    const args = ['-H', 'X-Test: 1', '--origin', 'https://example.com', '--subprotocol', 'chat'];
    const { status, errors } = await outcome(url, ...args);
    expect(errors).toContain(', subprotocol chat.');
    expect(requests[0]!.headers).toMatchObject({ 'x-test': '1', origin: 'https://example.com' });
    expect(status).toBe(0);
  });

  it('passes 10 000 lines through, none lost and in order', async () => {
    const { url } = await echo();
    const lines = Array.from({ length: 10_000 }, (_, i) => `line ${i} ${'x'.repeat(100)}\n`).join(
      '',
    );
    const tool = hawser('connect', url, '--compress').type(lines).end();
    expect(await tool.status).toBe(0);
    expect(tool.output).toBe(lines);
  });

  it('closes on SIGINT, and is clean', async () => {
    const { wss, url } = await echo();
    const tool = hawser('connect', url);
    await tool.prints('Connected');
    tool.child.kill('SIGINT');
    expect(await tool.status).toBe(0);
    expect(wss.stats()).toMatchObject({ connections: 0, closedByCode: { 1000: 1 } });
    expect(tool.errors).toMatch(/Closed after .* with 1000/);
  });

  it('ends quietly when its reader has left', async () => {
    const { wss, url } = await echo();
    wss.on('connection', (conn) => {
      const timer = setInterval(() => conn.send('tick'), 5);
      conn.on('close', () => {
        clearInterval(timer);
      });
    });
    const tool = hawser('connect', url);
    await tool.prints('tick');
    tool.child.stdout!.destroy();
    expect(await tool.status).toBe(0);
    expect(tool.errors).not.toContain('EPIPE');
  });

  it('connects again', async () => {
    const { wss, url } = await echo();
    const tool = hawser('connect', url, '--reconnect');
    await tool.prints('Connected');
    for (const conn of wss.connections) conn.terminate();
    await tool.prints(/The next attempt begins in [^]*Connected/);
    tool.type('hello\n');
    await tool.prints(/^hello$/m);
    tool.end();
    expect(await tool.status).toBe(0);
  });
});

describe('hawser listen', () => {
  it('echoes for a client of ws, and ends on SIGINT with 1001', async () => {
    const tool = hawser('listen', '0', '--echo');
    await tool.prints('Listening');
    const [url] = /ws:\S+/.exec(tool.errors)!;
    const conn = await connect(url);
    const received: unknown[] = [];
    conn.on('message', (data) => received.push(data));
    conn.send('hello');
    await eventually('the echo', () => received.length === 1);
    tool.type('to all\n');
    await eventually('the line', () => received.length === 2);
    expect(received).toEqual(['hello', 'to all']);
    tool.child.kill('SIGINT');
    expect(await tool.status).toBe(0);
    await eventually('the Close', () => conn.closeInfo !== undefined);
    expect(conn.closeInfo).toMatchObject({ code: 1001, clean: true });
    expect(tool.output).toBe('#1 < hello\n');
  });

  it('is a peer for hawser connect, with a program', async () => {
    const server = hawser('listen', '0', '--exec', 'tr a-z A-Z', '--compress');
    await server.prints('Listening');
    const [url] = /ws:\S+/.exec(server.errors)!;
    // tr answers at the end of its input.
    const tool = hawser('connect', url, '--wait', 'forever').type('hello\n');
    await server.prints('#1 < hello');
    server.child.kill('SIGTERM');
    expect(await tool.status).toBe(0);
    expect(await server.status).toBe(0);
  });

  it('says that a port is in use', async () => {
    const { url } = await echo();
    const tool = hawser('listen', new URL(url).port);
    expect(await tool.status).toBe(2);
    expect(tool.errors).toContain('is in use');
  });
});

describe('hawser load', () => {
  const args = ['-c', '5', '--ramp', '0', '-r', '500', '-t', '1'];

  it('counts every message of a server of hawser', async () => {
    const { wss, url } = await echo();
    const tool = hawser('load', url, ...args, '--json', '--fail-if', 'lost>0').end();
    expect(await tool.status).toBe(0);
    const report = JSON.parse(tool.output) as Record<string, unknown>;
    expect(report).toMatchObject({ sent: 500, received: 500, lost: 0, closed: { 1000: 5 } });
    expect(wss.stats().messagesReceived).toBe(500);
  });

  it('counts every message of a server of ws, that loses some', async () => {
    const wss = new WsServer({ port: 0, host: '127.0.0.1' });
    later(() => wss.close());
    let count = 0;
    wss.on('connection', (ws) => {
      ws.on('message', (data, isBinary) => {
        if (count++ % 100 !== 0) ws.send(data, { binary: isBinary });
      });
    });
    await once(wss, 'listening');
    const { port } = wss.address() as AddressInfo;
    const more = ['--wait', '0.5', '--fail-if', 'lost>0', '--fail-if', 'p50>1h'];
    const tool = hawser('load', `:${port}`, ...args, ...more);
    expect(await tool.status).toBe(1);
    expect(tool.output).toContain('received      495, 5 lost (1 %)');
    expect(tool.errors).toContain('Failed: lost>0\n');
    expect(count).toBe(500);
  });

  it('reports what it has on SIGINT', async () => {
    const { wss, url } = await echo();
    const tool = hawser('load', url, '--ramp', '0', '-t', '1h');
    await eventually('messages', () => wss.stats().messagesReceived > 5);
    tool.child.kill('SIGINT');
    expect(await tool.status).toBe(0);
    expect(tool.output).toMatch(/received {6}\d+, 0 lost \(0 %\)/);
  });

  it('explains why it cannot begin', async () => {
    const { url } = await echo({ path: '/other' });
    const tool = hawser('load', url, ...args);
    expect(await tool.status).toBe(1);
    expect(tool.errors).toContain('The server refused: 404 Not Found.');
  });
});

describeIf('script of util-linux', runs('script', '--version'))('in a terminal', () => {
  /** The tool in a terminal of its own. */
  function inTerminal(...args: string[]): Tool {
    const quoted = [process.execPath, PROGRAM, ...args].map((each) => `'${each}'`).join(' ');
    return new Tool('script', ['-qec', quoted, '/dev/null']);
  }

  it('there is a prompt, history and colours, and Ctrl-D closes', async () => {
    const { wss, url } = await echo();
    const tool = inTerminal('connect', url);
    await tool.prints('Ctrl-D closes.');
    await tool.prints('> ');
    tool.type('hello\r');
    await tool.prints('\x1b[36m< hello\x1b[0m');
    tool.type('\x1b[A\r'); // arrow up
    await eventually('the line again', () => wss.stats().messagesReceived === 2);
    tool.type('\x04');
    await tool.prints(/Closed after .* with 1000/);
    expect(await tool.status).toBe(0);
  });

  it('Ctrl-C closes, and the status is that of the tool', async () => {
    const { wss, url } = await echo();
    const tool = inTerminal('connect', url);
    await tool.prints('Ctrl-D closes.');
    tool.type('\x03');
    expect(await tool.status).toBe(0);
    expect(wss.stats()).toMatchObject({ connections: 0, closedByCode: { 1000: 1 } });

    const refused = inTerminal('connect', 'ws://hawser.invalid/');
    expect(await refused.status).toBe(2);
  });

  it('no byte of a peer is an escape sequence', async () => {
    const { wss, url } = await echo();
    const attack = '\x1b]0;owned\x07\x1b[2J\x9d52;c;aGk=\x9c\rfake\n< forged \u202e';
    wss.on('connection', (conn) => {
      conn.send(attack);
      void conn.close(4000, '\x1b]0;owned\x07');
    });
    const tool = inTerminal('connect', url);
    expect(await tool.status).toBe(3);
    expect(tool.output).toContain('< \\x1b]0;owned\\x07\\x1b[2J\\x9d52;c;aGk=\\x9c\\rfake');
    expect(tool.output).toContain('\n  < forged \\u202e');
    expect(tool.output).not.toMatch(/\x1b\]|\x9d|\u202e|\x07/); // eslint-disable-line no-control-regex -- escape sequences are what it looks for
    const json = inTerminal('connect', url, '--json');
    await json.status;
    expect(json.output).not.toMatch(/\x1b\]|\x9d|\u202e|\x07/); // eslint-disable-line no-control-regex -- escape sequences are what it looks for
  });

  it('a load shows its progress', async () => {
    const { url } = await echo();
    const tool = inTerminal('load', url, '--ramp', '0', '-t', '2.5');
    await tool.prints(/s: 10 open, \d+ sent, \d+ received, p99 /);
    expect(await tool.status).toBe(0);
  });

  it('a listener takes lines, and Ctrl-C ends it', async () => {
    const tool = inTerminal('listen', '0');
    await tool.prints('Ctrl-C ends');
    const [url] = /ws:[^\s\x1b]+/.exec(tool.output)!; // eslint-disable-line no-control-regex -- escape sequences are what it looks for
    const conn = await connect(url);
    const received: unknown[] = [];
    conn.on('message', (data) => received.push(data));
    tool.type('hello\r');
    await eventually('the line', () => received.length === 1);
    tool.type('\x03');
    expect(await tool.status).toBe(0);
    expect(conn.closeInfo ?? (await conn.close())).toMatchObject({ code: 1001 });
  });
});

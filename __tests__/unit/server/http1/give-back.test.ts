import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import { giveBack, hasAllHeaders } from '../../../../src/server/http1/give-back.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { connect, eventually, later, listen, settle } from '../../../support/server.js';

/** Answers with what it was asked, the names of the header fields, the body and the peer. */
const echo: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    const { method, url, headers, trailers, socket } = request;
    const names = Object.keys(headers).sort().join(' ');
    const address = String(socket.remoteAddress);
    response.end(
      [method, url, names, body, JSON.stringify({ ...trailers }), address].join('|') + '\n',
    );
  });
};

const SCHEMES = ['http', 'https'] as const;

async function serve(scheme: (typeof SCHEMES)[number], listener: RequestListener = echo) {
  const server: Server =
    scheme === 'http' ? createServer(listener) : createSecureServer(CERTIFICATE, listener);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    giveBack(server, request, socket, head);
  });
  const port = await listen(server);
  return { server, port, dial: () => dial(scheme, port) };
}

/** A client that keeps what it got as text. */
async function dial(scheme: (typeof SCHEMES)[number], port: number) {
  const socket: Duplex =
    scheme === 'http'
      ? (await connect(port)).socket
      : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  later(() => socket.destroy());
  if (scheme === 'https') await once(socket, 'secureConnect');
  const client = { socket, text: '', ended: false };
  socket.on('data', (chunk: Buffer) => (client.text += chunk.toString('latin1')));
  socket.on('error', () => undefined).on('end', () => (client.ended = true));
  /** The lines that the application wrote, once there are so many. */
  const answers = async (count: number): Promise<string[]> => {
    const lines = () => client.text.match(/^[A-Z]+\|.*$/gm) ?? [];
    await eventually(`${String(count)} answers in ${client.text}`, () => lines().length >= count);
    return lines();
  };
  return { ...client, socket, answers, client };
}

const H2C =
  'Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n';
const get = (url: string): string => `GET ${url} HTTP/1.1\r\n${H2C}\r\n`;
const post = (url: string, body: string): string =>
  `POST ${url} HTTP/1.1\r\n${H2C}Content-Length: ${String(body.length)}\r\n\r\n${body}`;
const chunked = (url: string, ...rest: string[]): string =>
  [`POST ${url} HTTP/1.1\r\n${H2C}Transfer-Encoding: chunked\r\n\r\n`, ...rest].join('');

/** One after the other, each in a read of its own. */
async function sendSlowly(socket: Duplex, parts: string[]): Promise<void> {
  for (const part of parts) {
    socket.write(part, 'latin1');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(SCHEMES)('a request that is given back, over %s', (scheme) => {
  it('comes to the application without its upgrade', async () => {
    const { dial } = await serve(scheme);
    const { socket, answers } = await dial();
    socket.write(get('/api?x=1'));
    expect(await answers(1)).toEqual(['GET|/api?x=1|host||{}|127.0.0.1']);
  });

  it('keeps its body, and the requests after it', async () => {
    const { dial } = await serve(scheme);
    const { socket, answers } = await dial();
    socket.write(post('/one', 'hello') + get('/two') + post('/three', '') + get('/four'));
    await answers(4);
    socket.write(get('/five'));
    expect(await answers(5)).toEqual([
      'POST|/one|content-length host|hello|{}|127.0.0.1',
      'GET|/two|host||{}|127.0.0.1',
      'POST|/three|content-length host||{}|127.0.0.1',
      'GET|/four|host||{}|127.0.0.1',
      'GET|/five|host||{}|127.0.0.1',
    ]);
  });

  it.each([
    [
      'with a length',
      [post('/p', 'hello').slice(0, -3), 'l', 'lo'],
      'content-length',
      'hello',
      '{}',
    ],
    [
      'in chunks, with trailers',
      [chunked('/p'), '5\r\nhel', 'lo\r\n', '1\r\n!\r\n0\r\n', 'A: b\r\n\r\n'],
      'transfer-encoding',
      'hello!',
      '{"a":"b"}',
    ],
    [
      'in chunks, all at once',
      [chunked('/p', '2\r\nhi\r\n0\r\nA: b\r\n\r\n')],
      'transfer-encoding',
      'hi',
      '{"a":"b"}',
    ],
    ['in no chunks', [chunked('/p', '0\r\n\r\n')], 'transfer-encoding', '', '{}'],
    ['that ends later', [chunked('/p'), '0\r\n\r\n'], 'transfer-encoding', '', '{}'],
  ])('may have a body %s', async (_name, parts, field, body, trailers) => {
    const { dial } = await serve(scheme);
    const { socket, answers } = await dial();
    await sendSlowly(socket, [...parts.slice(0, -1), parts.at(-1)! + get('/next')]);
    const names = [field, 'host'].sort().join(' ');
    await answers(2);
    await sendSlowly(socket, [get('/last')]);
    expect(await answers(3)).toEqual([
      `POST|/p|${names}|${body}|${trailers}|127.0.0.1`,
      'GET|/next|host||{}|127.0.0.1',
      'GET|/last|host||{}|127.0.0.1',
    ]);
  });

  it('waits for the responses to earlier requests', async () => {
    const held: (() => void)[] = [];
    const { dial } = await serve(scheme, (request, response) => {
      if (request.url === '/slow') {
        response.write('GET|slow, ');
        held.push(() => response.end('done\n'));
      } else echo(request, response);
    });
    const { client, socket } = await dial();
    socket.write(`GET /slow HTTP/1.1\r\nHost: a\r\n\r\n${get('/api')}`);
    await eventually('the slow request', () => held.length === 1);
    await settle();
    held[0]!();
    await eventually('the second answer', () => client.text.includes('GET|/api|'));
    expect(client.text).toMatch(/GET\|slow, [^]*done\n[^]*HTTP\/1\.1 200 OK[^]*GET\|\/api\|/);
  });
});

describe('a request that is given back', () => {
  it('does not call the listeners of the connection again', async () => {
    const { server, dial } = await serve('http');
    const connected = jest.fn();
    server.on('connection', connected);
    const { socket, answers } = await dial();
    socket.write(get('/one') + get('/two'));
    await answers(2);
    expect(connected).toHaveBeenCalledTimes(1);
  });

  it('goes by the event where the server has a parser of another kind', async () => {
    const { server, dial } = await serve('http');
    const [parse] = server.listeners('connection') as ((socket: Duplex) => void)[];
    server.off('connection', parse!);
    server.on('connection', (socket: Duplex) => {
      parse!.call(server, socket);
    });
    const { socket, answers } = await dial();
    socket.write(get('/one'));
    expect(await answers(1)).toEqual(['GET|/one|host||{}|127.0.0.1']);
  });

  it('leaves no listeners on the socket, however many there are', async () => {
    const warned = jest.fn();
    process.on('warning', warned);
    later(() => process.off('warning', warned));
    let raw: Duplex | undefined;
    const { server, dial } = await serve('http');
    server.on('connection', (socket: Duplex) => (raw = socket));
    const { socket, answers } = await dial();
    const count = (): number[] => raw!.eventNames().map((name) => raw!.listenerCount(name));
    socket.write(get('/0'));
    await answers(1);
    const before = count();
    for (let i = 1; i < 15; i++) {
      socket.write(get(`/${String(i)}`));
      await answers(i + 1);
    }
    expect(count()).toEqual(before);
    expect(warned).not.toHaveBeenCalled();
  });

  it('is forgotten when the response before it was the last of its connection', async () => {
    const held: (() => void)[] = [];
    const urls: unknown[] = [];
    const { dial } = await serve('http', (request, response) => {
      urls.push(request.url);
      response.setHeader('Connection', 'close');
      response.write('first');
      held.push(() => response.end());
    });
    const { client, socket } = await dial();
    socket.write(`GET /first HTTP/1.1\r\nHost: a\r\n\r\n${get('/api')}`);
    await eventually('the first', () => held.length === 1);
    held[0]!();
    await eventually('the end', () => client.ended);
    expect(urls).toEqual(['/first']);
  });

  it('has the timers of the server, and no earlier timer', async () => {
    const timeouts: number[] = [];
    const { server, dial } = await serve('http');
    server.timeout = 123_456;
    server.prependListener('upgrade', (_request, socket: TLSSocket) => {
      socket.setTimeout(1);
    });
    server.on('request', (request: IncomingMessage) => timeouts.push(request.socket.timeout!));
    const { socket, answers } = await dial();
    socket.write(get('/one'));
    await answers(1);
    expect(timeouts).toEqual([123_456]);
  });
});

describe('hasAllHeaders', () => {
  const has = (maxHeadersCount: number | null, length: number): boolean =>
    hasAllHeaders(Object.assign(createServer(), { maxHeadersCount }), {
      rawHeaders: Array<string>(length).fill('x'),
    } as unknown as IncomingMessage);

  it.each([
    [null, 1998, true],
    [null, 2000, false],
    [10, 18, true],
    [10, 20, false],
    [0, 10_000, true], // no limit
  ])('with maxHeadersCount %p and %i entries is %p', (maxHeadersCount, length, expected) => {
    expect(has(maxHeadersCount, length)).toBe(expected);
  });
});

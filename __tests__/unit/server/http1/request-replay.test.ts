import { createServer, type IncomingMessage } from 'node:http';
import { type Duplex, PassThrough } from 'node:stream';
import { encodeBody, replay } from '../../../../src/server/http1/request-replay.js';
import {
  connect,
  eventually,
  later,
  listen,
  settle,
  transportPair,
} from '../../../support/server.js';

/** A request as a parser hands it over; its body is what is written to it. */
function fakeRequest(rawHeaders: string[], parts: Record<string, unknown> = {}) {
  const headers: Record<string, string> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    headers[rawHeaders[at]!.toLowerCase()] = rawHeaders[at + 1]!;
  }
  return Object.assign(new PassThrough(), {
    method: 'POST',
    url: '/api?x',
    httpVersion: '1.1',
    rawHeaders,
    headers,
    rawTrailers: [] as string[],
    complete: true,
    ...parts,
  }) as unknown as PassThrough & IncomingMessage;
}

/** What is read from a transport, as text. */
function collect(transport: Duplex): { text: string; ended: boolean } {
  const read = { text: '', ended: false };
  transport.on('data', (chunk: Buffer) => (read.text += chunk.toString('latin1')));
  transport.on('end', () => (read.ended = true));
  return read;
}

const CHUNKED = ['Transfer-Encoding', 'chunked'];

describe('the head of a request', () => {
  it.each([
    [['Host', 'a', 'Upgrade', 'h2c', 'Connection', 'Upgrade'], ['Host: a']],
    [
      ['HOST', 'a', 'connection', 'keep-alive, Upgrade, HTTP2-Settings', 'http2-settings', 'AAM'],
      ['HOST: a', 'connection: keep-alive'],
    ],
    [
      ['Connection', 'close', 'Connection', 'upgrade', 'UPGRADE', 'TLS/1.0', 'X-É', 'ü'],
      ['Connection: close', 'X-É: ü'],
    ],
    [['Connection', '"malformed', 'Upgrade', 'a', 'X', ''], ['X: ']],
  ])('%j is replayed as %j', (rawHeaders, lines) => {
    const [socket] = transportPair();
    const request = fakeRequest(rawHeaders);
    expect(replay(request, socket, Buffer.from('behind'))).toBe(socket);
    expect((socket.read() as Buffer).toString('latin1')).toBe(
      ['POST /api?x HTTP/1.1', ...lines, '', 'behind'].join('\r\n'),
    );
  });
});

describe('the body of a complete request', () => {
  it('is on the socket where Node does not read it', () => {
    const request = fakeRequest([]);
    request.end('left alone');
    expect(encodeBody(request, false)).toHaveLength(0);
  });

  it.each([
    [['Content-Length', '5'], 'hello', [], 'hello'],
    [['Content-Length', '0'], '', [], ''],
    [CHUNKED, 'hello world, hello', [], '12\r\nhello world, hello\r\n0\r\n\r\n'],
    [CHUNKED, '', ['A', 'b'], '0\r\nA: b\r\n\r\n'],
  ])('with %j is encoded again', (rawHeaders, content, rawTrailers, expected) => {
    const request = fakeRequest(rawHeaders, { rawTrailers });
    request.end(content);
    expect(encodeBody(request, true).toString('latin1')).toBe(expected);
  });
});

/** A request whose body Node still reads, with the stand-in and the socket below it. */
function incomplete(rawHeaders: string[], raw: object = {}) {
  const [socket, peer] = transportPair();
  const own = Object.assign(new PassThrough(), { setTimeout: jest.fn() }, raw);
  const request = fakeRequest(rawHeaders, { complete: false, socket: own });
  const transport = replay(request, socket, Buffer.alloc(0));
  later(() => transport.destroy());
  return { socket, peer, raw: own, request, transport };
}

describe('a request whose body is still read', () => {
  it('is followed by its body as it comes, and by what comes after that', async () => {
    const { peer, request, transport } = incomplete(['Content-Length', '10']);
    const read = collect(transport);
    await settle();
    expect(read.text).toBe('POST /api?x HTTP/1.1\r\nContent-Length: 10\r\n\r\n');
    request.write('hello');
    await settle();
    expect(read.text).toMatch(/\r\n\r\nhello$/);
    request.end('world');
    await settle();
    peer.write('the next');
    await settle();
    expect(read.text).toMatch(/\r\n\r\nhelloworldthe next$/);
    peer.end();
    await eventually('its end', () => read.ended);
  });

  it('keeps its chunks and trailers', async () => {
    const { request, transport } = incomplete(CHUNKED);
    const read = collect(transport);
    request.write('hello');
    await settle();
    Object.assign(request, { rawTrailers: ['A', 'b'] });
    request.end();
    await eventually('the trailers', () => read.text.endsWith('0\r\nA: b\r\n\r\n'));
    expect(read.text).toMatch(/\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n$/);
  });

  it('is read no faster than it is wanted', async () => {
    const { peer, request, transport, socket } = incomplete(['Content-Length', '200000']);
    request.write(Buffer.alloc(100_000));
    await settle();
    request.write(Buffer.alloc(100_000));
    await settle();
    expect(request.readableLength).toBeGreaterThan(0);
    const read = collect(transport);
    request.end();
    await eventually('the body', () => read.text.length > 200_000);
    transport.pause();
    for (let i = 0; i < 3; i++) {
      peer.write(Buffer.alloc(100_000));
      await settle();
    }
    expect(socket.readableLength).toBeGreaterThan(0);
    transport.resume();
    await eventually('the rest', () => read.text.length > 500_000);
  });

  it('writes to the socket, and ends it', async () => {
    const { peer, transport } = incomplete(['Content-Length', '1']);
    const got = collect(peer);
    transport.end('the answer');
    await eventually('the end', () => got.ended);
    expect(got.text).toBe('the answer');
  });

  it('has the address, the timers and the certificates of the socket', () => {
    const { raw, transport } = incomplete(['Content-Length', '1'], {
      remoteAddress: '10.0.0.1',
      remotePort: 5,
      encrypted: true,
      getPeerCertificate: () => 'a certificate',
    });
    expect(transport).toMatchObject({ remoteAddress: '10.0.0.1', remotePort: 5, encrypted: true });
    const { setTimeout, getPeerCertificate } = transport as never as Record<string, () => unknown>;
    expect(getPeerCertificate!()).toBe('a certificate');
    setTimeout!.call(undefined);
    expect(raw.setTimeout).toHaveBeenCalledTimes(2);
    expect('getSession' in transport).toBe(false);
    const timedOut = jest.fn();
    transport.on('timeout', timedOut);
    raw.emit('timeout');
    expect(timedOut).toHaveBeenCalledTimes(1);
  });

  it('fails with its socket, and takes it along', async () => {
    const lost = incomplete([]);
    const errors: unknown[] = [];
    lost.transport.on('error', (error) => errors.push(error));
    const reset = new Error('reset');
    lost.socket.destroy(reset);
    await settle();
    expect([lost.transport.destroyed, errors]).toEqual([true, [reset]]);
    const closed = incomplete([]);
    closed.socket.destroy();
    await settle();
    expect(closed.transport.destroyed).toBe(true);
    const cut = incomplete([]);
    cut.transport.destroy();
    await settle();
    expect(cut.socket.destroyed).toBe(true);
  });
});

it('a request without a stand-in is replayed on its socket, complete or not', () => {
  const [socket] = transportPair();
  const request = fakeRequest([], { complete: false, socket });
  expect(replay(request, socket, Buffer.alloc(0))).toBe(socket);
});

it('a request of a real parser is replayed byte by byte', async () => {
  const server = createServer();
  let text = '';
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    replay(request, socket, head).on('data', (chunk: Buffer) => (text += chunk.toString()));
  });
  const client = await connect(await listen(server));
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n';
  client.send(`${head}Upgrade: h2c\r\nConnection: Upgrade\r\n\r\nhello and more`);
  await eventually('the rest', () => text.endsWith('more'));
  expect(text).toBe(`${head}\r\nhello and more`);
});

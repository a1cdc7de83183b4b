import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { readAddress, type Address } from '../../../../src/client/address.js';
import {
  OpeningStream,
  type OpeningStreamListener,
  type OpeningStreamOptions,
  type StreamResponse,
} from '../../../../src/client/http2/opening-stream.js';
import type { RedirectFault } from '../../../../src/client/redirect.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { accept, clientSession, handServer } from '../../../support/http2-servers.js';
import { eventually, later } from '../../../support/server.js';

/** A handshake, and what was told of it. */
class Client implements OpeningStreamListener {
  readonly opening: OpeningStream;
  readonly log: string[] = [];
  stream: ClientHttp2Stream | undefined;
  response: StreamResponse | undefined;
  fault: RedirectFault | undefined;
  error: Error | undefined;

  constructor(url: string, options: Partial<OpeningStreamOptions> = {}) {
    this.opening = new OpeningStream(
      readAddress(new URL(url)) as Address,
      {
        subprotocols: [],
        extensions: [],
        headers: {},
        transport: {},
        socketPath: undefined,
        proxy: undefined,
        session: undefined,
        maxRedirects: undefined,
        ...options,
      },
      this,
    );
    later(() => {
      this.opening.abort();
      this.stream?.destroy();
    });
  }

  accepted(stream: ClientHttp2Stream, response: StreamResponse): void {
    this.log.push(`accepted ${response.status}`);
    this.stream = stream;
    this.response = response;
  }

  rejected(_stream: ClientHttp2Stream, response: StreamResponse, fault?: RedirectFault): void {
    this.log.push(`rejected ${response.status}`);
    this.response = response;
    this.fault = fault;
  }

  unreachable(error: Error): void {
    this.log.push('unreachable');
    this.error = error;
  }

  async run(): Promise<this> {
    this.opening.start();
    await eventually('the end of the handshake', () => this.log.length > 0);
    return this;
  }
}

describe('an extended CONNECT', () => {
  it('is asked for as RFC 8441 section 5.1 says, and the answer handed over', async () => {
    const { port, requests } = await handServer((stream) => {
      stream.respond({ ':status': 200, 'sec-websocket-protocol': 'a' });
    });
    const client = await new Client(`ws://user:pass@127.0.0.1:${port}/chat?room=1`, {
      subprotocols: ['a', 'b'],
      extensions: [{ name: 'foo', params: [] }],
      origin: 'http://example.com',
      headers: { 'X-One': ['1', '2'], Cookie: ['c=1', 'd=2'], Connection: 'close' },
    }).run();
    expect(client.log).toEqual(['accepted 200']);
    expect(client.response!.headers['sec-websocket-protocol']).toBe('a');
    expect(client.response!.headers).not.toHaveProperty(':status');
    expect(client.response!.rawHeaders).toEqual(
      expect.arrayContaining(['sec-websocket-protocol', 'a']),
    );
    expect(client.opening.offer).toMatchObject({ key: '', subprotocols: ['a', 'b'] });
    expect(Object.fromEntries(Object.entries(requests[0]!))).toEqual({
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/chat?room=1',
      ':authority': `127.0.0.1:${port}`,
      authorization: `Basic ${Buffer.from('user:pass').toString('base64')}`,
      'x-one': '1, 2',
      cookie: 'c=1; d=2',
      'sec-websocket-version': '13',
      'sec-websocket-protocol': 'a,b',
      'sec-websocket-extensions': 'foo',
      origin: 'http://example.com',
    });
    client.opening.abort();
    expect(client.stream!.closed).toBe(false);
  });

  it('names the host that the application wants', async () => {
    const { port, requests } = await handServer(accept, { isSecure: true });
    const transport = { ca: CERTIFICATE.cert };
    const headers = { Host: 'other.example' };
    await new Client(`wss://localhost:${port}/`, { transport, headers }).run();
    expect(requests[0]).toMatchObject({ ':scheme': 'https', ':authority': 'other.example' });
  });

  it('goes over a session of the application', async () => {
    const { port, sessions } = await handServer();
    const session = clientSession(port);
    const url = `ws://127.0.0.1:${port}/`;
    const clients = await Promise.all([1, 2].map(() => new Client(url, { session }).run()));
    expect(sessions).toHaveLength(1);
    for (const client of clients) {
      client.stream!.destroy();
      await eventually('the end', () => client.stream!.destroyed);
    }
    expect(session.closed).toBe(false);
  });

  it('gives its place back at the end of the stream, and lets the process end', async () => {
    const { port, open } = await handServer();
    const { stream } = await new Client(`ws://127.0.0.1:${port}/`).run();
    const unref = jest.spyOn(stream!.session!, 'unref');
    (stream as ClientHttp2Stream & { unref(): void }).unref();
    expect(unref).toHaveBeenCalledTimes(1);
    expect(open.size).toBe(1);
    stream!.close();
    await eventually('the end of the session', () => open.size === 0);
  });
});

describe('an extended CONNECT that fails', () => {
  it('has the response of a server that rejects it', async () => {
    const { port, open } = await handServer((stream) => {
      stream.respond({ ':status': 403, 'x-why': 'no' });
    });
    const client = await new Client(`ws://127.0.0.1:${port}/`).run();
    expect(client.log).toEqual(['rejected 403']);
    expect(client.response!.headers).toMatchObject({ 'x-why': 'no' });
    client.opening.abort();
    await eventually('the end of the session', () => open.size === 0);
  });

  it.each<[string, (stream: Parameters<typeof accept>[0]) => void, RegExp]>([
    ['resets', (stream) => stream.close(8), /RST_STREAM with CANCEL$/],
    ['refuses', (stream) => stream.close(7), /NGHTTP2_REFUSED_STREAM$/],
    [
      'ends the session',
      (stream) => setImmediate(() => stream.session!.destroy()),
      /RST_STREAM with|closed|ECONNRESET|session/,
    ],
    ['sends GOAWAY', (stream) => stream.session!.goaway(2, 0), /code 2|INTERNAL_ERROR/],
  ])('has the error if the server %s', async (_what, act, text) => {
    const { port, open } = await handServer(act);
    const client = await new Client(`ws://127.0.0.1:${port}/`).run();
    expect(client.log).toEqual(['unreachable']);
    expect(client.error!.message).toMatch(text);
    await eventually('the end of the session', () => open.size === 0);
  });

  it('is sent once more if the server has not processed it', async () => {
    const { port, requests, open } = await handServer((stream) => {
      if (requests.length === 2) stream.respond({ ':status': 200 });
      else stream.close(7);
    });
    const client = await new Client(`ws://127.0.0.1:${port}/`).run();
    expect(client.log).toEqual(['accepted 200']);
    client.stream!.destroy();
    await eventually('the end of the session', () => open.size === 0);
    const again = await new Client(`ws://127.0.0.1:${port}/`).run();
    expect(again.log).toEqual(['unreachable']);
    expect(requests).toHaveLength(4);
    const session = clientSession(port);
    const own = await new Client(`ws://127.0.0.1:${port}/`, { session }).run();
    expect([own.log, requests.length]).toEqual([['unreachable'], 5]);
  });

  it('has the error if the server is not reached, or the session is closed', async () => {
    const nowhere = await new Client('ws://127.0.0.1:1/').run();
    expect(nowhere.error).toMatchObject({ code: 'ECONNREFUSED' });
    const { port } = await handServer();
    const session = clientSession(port);
    session.close();
    const closed = await new Client(`ws://127.0.0.1:${port}/`, { session }).run();
    expect(closed.error!.message).toBe('the HTTP/2 session is closed');
  });

  it('can be aborted at any time, and the listener hears nothing', async () => {
    let streams = 0;
    const { port, open, requests } = await handServer((stream) => {
      stream.on('close', () => streams--);
      streams++;
    });
    const url = `ws://127.0.0.1:${port}/`;
    const early = new Client(url);
    early.opening.start();
    early.opening.abort();
    const [one, other] = [new Client(url), new Client(url)];
    one.opening.start();
    other.opening.start();
    one.opening.abort();
    await eventually('the stream', () => streams === 1);
    other.opening.abort();
    await eventually('the end of the stream', () => streams === 0);
    const unreachable = new Client('ws://127.0.0.1:1/');
    unreachable.opening.start();
    unreachable.opening.abort();
    const late = new Client(url);
    late.opening.start();
    await eventually('the stream', () => streams === 1);
    late.opening.abort();
    await eventually('the end of the stream', () => streams === 0);
    await eventually('the end of the sessions', () => open.size === 0);
    expect(requests).toHaveLength(2);
    const all = [early, one, other, unreachable, late];
    expect(all.flatMap(({ log }) => log)).toEqual([]);
  });

  it('ignores a response that comes after the abort', async () => {
    const { port } = await handServer();
    const session = clientSession(port);
    const client = new Client(`ws://127.0.0.1:${port}/`, { session });
    let made: ClientHttp2Stream | undefined;
    const request = session.request.bind(session);
    session.request = (...given: Parameters<ClientHttp2Session['request']>) =>
      (made = request(...given));
    client.opening.start();
    await eventually('the request', () => made !== undefined);
    client.opening.abort();
    made!.emit('response', { ':status': 200 }, 0);
    expect(client.log).toEqual([]);
  });

  it('has no raw fields where Node has none', async () => {
    const { port } = await handServer(() => undefined);
    const session = clientSession(port);
    const client = new Client(`ws://127.0.0.1:${port}/`, { session });
    let made: ClientHttp2Stream | undefined;
    const request = session.request.bind(session);
    session.request = (...given: Parameters<ClientHttp2Session['request']>) =>
      (made = request(...given));
    client.opening.start();
    await eventually('the request', () => made !== undefined);
    made!.emit('response', { ':status': 200 }, 0);
    expect(client.response).toEqual({ status: 200, headers: {}, rawHeaders: [] });
  });
});

describe('redirects over HTTP/2', () => {
  /** A server whose redirects lead to these, the first for the path /0; others are accepted. */
  const redirecting = (...to: string[]) =>
    handServer((stream, headers) => {
      const location = to[Number(headers[':path']!.slice(1))];
      stream.respond(location === undefined ? { ':status': 200 } : { ':status': 307, location });
    });

  it('are followed, on the same session or another, without credentials for another host', async () => {
    const end = await handServer();
    const first = await redirecting('/1', `ws://127.0.0.1:${end.port}/7`);
    const client = await new Client(`ws://127.0.0.1:${first.port}/0`, {
      maxRedirects: 2,
      headers: { Cookie: 'a=b' },
    }).run();
    expect(client.log).toEqual(['accepted 200']);
    expect(client.opening.url.pathname).toBe('/7');
    expect(first.requests.map(({ cookie }) => cookie)).toEqual(['a=b', 'a=b']);
    expect(end.requests[0]!.cookie).toBeUndefined();
    await eventually('the end of the first', () => first.open.size === 0);
  });

  it('are rejected with the reason', async () => {
    const { port } = await redirecting('/1', '/2');
    const url = `ws://127.0.0.1:${port}/0`;
    const without = await new Client(url).run();
    expect([without.log, without.fault]).toEqual([['rejected 307'], undefined]);
    const many = await new Client(url, { maxRedirects: 1 }).run();
    expect(many.fault).toEqual({ code: 'too-many', maxRedirects: 1 });
    expect(many.response!.headers.location).toBe('/2');
  });

  it('stay on the server of a session of the application', async () => {
    const { port } = await redirecting('/1', 'ws://127.0.0.1:1/');
    const session = clientSession(port);
    const client = await new Client(`ws://127.0.0.1:${port}/0`, { session, maxRedirects: 5 }).run();
    expect(client.fault).toEqual({ code: 'other-host' });
  });
});

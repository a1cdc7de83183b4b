import {
  createServer,
  Http2ServerRequest,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import type { AnyRequest, ServerOptions } from '../../../../src/server/options/options.js';
import { WebSocketServer } from '../../../../src/server/server.js';
import { listenHttp2, open, openSession } from '../../../support/http2.js';
import { eventually, HandClock, MemoryLogger, settle } from '../../../support/server.js';

const EMPTY = Buffer.alloc(0);

/** A server without an http.Server, and a request of HTTP/2 for it that nothing has touched. */
async function asked(
  options: ServerOptions<unknown, AnyRequest> = {},
  headers: Record<string, string> = {},
  signal?: AbortSignal,
) {
  const log = new MemoryLogger();
  const clock = new HandClock();
  const wss = new WebSocketServer<unknown, AnyRequest>({
    noServer: true,
    logger: log,
    clock,
    ...options,
  });
  const server = createServer({ settings: { enableConnectProtocol: true } });
  const session = await openSession(await listenHttp2(server));
  const opened = new Promise<[ServerHttp2Stream, Http2ServerRequest]>((resolve) => {
    server.once(
      'stream',
      (stream: ServerHttp2Stream, fields: IncomingHttpHeaders, _flags: number, raw: string[]) => {
        resolve([stream, new Http2ServerRequest(stream, fields, {}, raw)]);
      },
    );
  });
  const client = open(session, headers, signal === undefined ? {} : { signal });
  const [stream, request] = await opened;
  return { wss, log, clock, client, stream, request, session };
}

describe('handleUpgrade of a request of HTTP/2', () => {
  it('has done everything when it returns', async () => {
    const { wss, client, stream, request } = await asked(
      { subprotocols: ['chat'] },
      {
        'sec-websocket-protocol': 'chat',
        ':path': '/a?b',
      },
    );
    const seen: unknown[] = [];
    wss.on('connection', (_connection, each) => seen.push(each));
    const upgraded = wss.handleUpgrade(request, stream, EMPTY);
    expect(seen).toEqual([request]);
    const connection = (await upgraded)!;
    expect(connection).toMatchObject({
      url: '/a?b',
      subprotocol: 'chat',
      transport: 'http2',
      remoteAddress: '127.0.0.1',
    });
    expect(await client.status()).toBe(200);
    expect(client.headers).not.toHaveProperty('sec-websocket-accept');
  });

  it("turns off the stream's time-out, and leaves the session's alone", async () => {
    const { wss, stream, request } = await asked();
    stream.setTimeout(60_000);
    stream.session!.setTimeout(60_000);
    const ofStream = jest.spyOn(stream, 'setTimeout');
    const ofSession = jest.spyOn(stream.session!, 'setTimeout');
    await wss.handleUpgrade(request, stream, EMPTY);
    expect([ofStream.mock.calls, ofSession.mock.calls]).toEqual([[[0]], []]);
  });

  it('sends the headers of authorize and the answer to a key', async () => {
    const { wss, client, stream, request } = await asked(
      { authorize: () => ({ headers: { 'X-Mine': 'a', Connection: 'close' } }) },
      { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' },
    );
    await wss.handleUpgrade(request, stream, EMPTY);
    expect(await client.status()).toBe(200);
    expect(client.headers).toMatchObject({
      'x-mine': 'a',
      'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    });
  });

  it('rejects by the policy, by authorize, and in time', async () => {
    const policy = await asked({ origin: ['https://a.example'] }, { origin: 'https://b.example' });
    expect(await policy.wss.handleUpgrade(policy.request, policy.stream, EMPTY)).toBeUndefined();
    expect(await policy.client.status()).toBe(403);
    const slow = await asked({ authorize: () => new Promise(() => undefined) });
    const upgraded = slow.wss.handleUpgrade(slow.request, slow.stream, EMPTY);
    slow.clock.advance(10_000);
    expect(await upgraded).toBeUndefined();
    expect(await slow.client.status()).toBe(503);
    expect(slow.wss.stats().upgradesRejected).toEqual({ 503: 1 });
  });

  it('counts streams for the limits', async () => {
    const { wss, request, stream, session } = await asked({ maxConnections: 1 });
    await wss.handleUpgrade(request, stream, EMPTY);
    const opened = new Promise<ServerHttp2Stream>((resolve) =>
      stream.session!.once('stream', resolve),
    );
    const second = open(session);
    const other = await opened;
    const headers = { ...request.headers };
    await wss.handleUpgrade(new Http2ServerRequest(other, headers, {}, []), other, EMPTY);
    expect(await second.status()).toBe(503);
  });

  it('leaves a stream alone that was given to it before', async () => {
    const { wss, log, client, stream, request } = await asked();
    const first = wss.handleUpgrade(request, stream, EMPTY);
    expect(await wss.handleUpgrade(request, stream, EMPTY)).toBeUndefined();
    expect(await first).toBeDefined();
    expect(log.lines).toEqual([expect.stringMatching(/given to a WebSocketServer before/)]);
    expect(await client.status()).toBe(200);
  });

  it('abandons a stream that was answered, or whose client has left', async () => {
    const answered = await asked();
    answered.stream.respond({ ':status': 299 });
    const { wss, request, stream, log } = answered;
    expect(await wss.handleUpgrade(request, stream, EMPTY)).toBeUndefined();
    expect(log.lines).toEqual([expect.stringMatching(/was answered before; no other listener/)]);
    const left = await asked();
    left.stream.destroy();
    expect(await left.wss.handleUpgrade(left.request, left.stream, EMPTY)).toBeUndefined();
    expect(left.log.lines).toEqual([]);
    expect([wss, left.wss].map((each) => each.stats().upgradesAbandoned)).toEqual([1, 1]);
  });

  it('aborts the signal of authorize when the client resets the stream', async () => {
    const abort = new AbortController();
    let aborted = false;
    const authorize = jest.fn((_request, { signal }: { signal: AbortSignal }) => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise<undefined>(() => undefined);
    });
    const { wss, stream, request } = await asked({ authorize }, {}, abort.signal);
    const upgraded = wss.handleUpgrade(request, stream, EMPTY);
    abort.abort();
    expect(await upgraded).toBeUndefined();
    expect(aborted).toBe(true);
    expect(wss.stats().upgradesAbandoned).toBe(1);
  });

  it('answers 500 for a header that cannot be sent', async () => {
    const { wss, client, stream, request } = await asked({
      authorize: () => ({ headers: { 'Sec-WebSocket-Accept': 'x' } }),
    });
    await wss.handleUpgrade(request, stream, EMPTY);
    expect(await client.status()).toBe(500);
  });

  it('resets rejected streams that have not ended when a server of its own closes', async () => {
    const wss = new WebSocketServer<unknown, AnyRequest>({
      port: 0,
      host: '127.0.0.1',
      http2: true,
      logger: new MemoryLogger(),
      authorize: () => {
        throw new UpgradeRejection(403, { body: 'x'.repeat(1_000_000) });
      },
    });
    await new Promise((resolve) => wss.once('listening', () => resolve(undefined)));
    const client = open(await openSession((wss.address() as { port: number }).port));
    client.stream.pause();
    await client.status();
    await wss.close({ timeout: 0 });
    client.stream.resume();
    await client.closed();
    expect(client.received.length).toBeLessThan(1_000_000);
  });

  it('reports a rejection even if the stream is gone', async () => {
    const { wss, stream, request } = await asked(
      { origin: ['https://a.example'] },
      { origin: 'x' },
    );
    const rejected = jest.fn();
    wss.on('rejected', rejected);
    stream.destroy();
    await settle();
    await wss.handleUpgrade(request, stream, EMPTY);
    expect(rejected).toHaveBeenCalledTimes(1);
  });
});

describe('accept of a request of HTTP/2', () => {
  it('upgrades now, with what comes after', async () => {
    const { wss, client, stream, request } = await asked({ origin: ['https://a.example'] });
    client.send(1, 'early');
    await eventually('the bytes', () => stream.readableLength > 0);
    const connection = wss.accept(request, stream, EMPTY, { context: 'ann' });
    const message = new Promise((resolve) => connection.once('message', resolve));
    expect(connection.context).toBe('ann');
    expect(await message).toBe('early');
    expect(await client.status()).toBe(200);
    expect(wss.stats().upgradesAccepted).toBe(1);
  });

  it.each<[string, Record<string, string>, (stream: ServerHttp2Stream) => unknown, RegExp]>([
    ['a request of another version', { 'sec-websocket-version': '8' }, () => 0, /version 8/],
    ['an answered stream', {}, (stream) => stream.respond(), /the stream was answered before/],
    ['a client that has left', {}, (stream) => stream.destroy(), /the client has left/],
  ])('throws for %s', async (_what, headers, prepare, message) => {
    const { wss, stream, request } = await asked({}, headers);
    prepare(stream);
    expect(() => wss.accept(request, stream, EMPTY)).toThrow(message);
    expect(wss.connections.size).toBe(0);
  });

  it('throws for a stream that was given away, and once the server closes', async () => {
    const { wss, stream, request } = await asked();
    wss.accept(request, stream, EMPTY);
    expect(() => wss.accept(request, stream, EMPTY)).toThrow(
      /this stream was given to a WebSocket/,
    );
    const other = await asked();
    void other.wss.close();
    expect(() => other.wss.accept(other.request, other.stream, EMPTY)).toThrow(/closed or closing/);
  });
});

import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';
import { connect } from '../../src/client/connect.js';
import type { ConnectOptions } from '../../src/client/connect-options.js';
import { reconnecting } from '../../src/client/reconnecting.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { clientSession, handServer } from '../support/http2-servers.js';
import { openSession, serveHttp2 } from '../support/http2.js';
import { serverFrame } from '../support/frames.js';
import { eventually, later } from '../support/server.js';

/** The client over HTTP/2: what a connection does is what it does over HTTP/1.1. */

async function open(port: number, options: ConnectOptions = {}): Promise<WebSocketConnection> {
  const connection = await connect(`ws://127.0.0.1:${port}/`, { http2: true, ...options });
  later(() => {
    connection.terminate();
  });
  return connection;
}

/** How a connection ends. */
async function end(connection: WebSocketConnection) {
  connection.resume();
  await eventually('the end', () => connection.closeInfo !== undefined);
  return connection.closeInfo!;
}

describe('a client over HTTP/2, with a server of hawser', () => {
  async function echo(options: Parameters<typeof serveHttp2>[0] = {}) {
    const served = await serveHttp2(options);
    served.wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    return served;
  }

  it.each([
    ['none', {}],
    ['no takeover', { perMessageDeflate: { threshold: 0 } }],
    ['takeover', { perMessageDeflate: { threshold: 0, contextTakeover: 'both' } as const }],
  ])('has its messages echoed, with compression: %s', async (_what, options) => {
    const { port } = await echo(options);
    const conn = await open(port, options);
    expect(conn.extensions === '').toBe(!('perMessageDeflate' in options));
    for (const data of ['short', 'long, '.repeat(50_000), Buffer.alloc(70_000, 7), '']) {
      conn.send(data);
      expect((await once(conn, 'message'))[0]).toEqual(data);
    }
    expect(await conn.roundTrip()).toBeGreaterThan(0);
    expect(await conn.close()).toMatchObject({ code: 1000, clean: true });
  });

  it('shares one session among hundreds of connections, which end with it', async () => {
    const { wss, server, port } = await echo();
    let sessions = 0;
    server.on('session', (session) => {
      sessions++;
      session.on('close', () => sessions--);
    });
    const all = await Promise.all(Array.from({ length: 300 }, () => open(port)));
    expect([sessions, wss.connections.size]).toEqual([1, 300]);
    const answers = all.map((conn, index) => {
      conn.send(String(index));
      return once(conn, 'message');
    });
    expect((await Promise.all(answers)).map(([data]) => Number(data))).toEqual(
      all.map((_conn, index) => index),
    );
    await Promise.all(all.map((conn) => conn.close()));
    await eventually('the end of the session', () => sessions === 0);
  });

  it('has backpressure in both directions', async () => {
    const served = await serveHttp2({ maxBufferedAmount: Infinity });
    const theirs = once(served.wss, 'connection') as Promise<[WebSocketConnection]>;
    const conn = await open(served.port, { maxBufferedAmount: Infinity });
    const [other] = await theirs;
    for (const [from, to] of [
      [conn, other],
      [other, conn],
    ] as const) {
      to.on('message', () => undefined);
      to.pause();
      let count = 0;
      do count++;
      while (from.send(Buffer.alloc(65_536)) || count < 100);
      expect(from.bufferedAmount).toBeGreaterThan(65_536);
      to.resume();
      expect(await from.drained()).toBe(true);
    }
  });

  it('is closed with the server', async () => {
    const { wss, port } = await echo();
    const conn = await open(port);
    const ended = end(conn);
    expect(await wss.close()).toMatchObject({ total: 1, clean: 1 });
    expect(await ended).toMatchObject({ code: 1001, clean: true, initiator: 'peer' });
  });

  it('frees the stream when its signal aborts, and when handshakeTimeout has passed', async () => {
    let streams = 0;
    const { port, open: sessions } = await handServer((stream) => {
      streams++;
      stream.on('close', () => streams--);
    });
    const reason = new Error('enough');
    const abort = new AbortController();
    const aborted = open(port, { signal: abort.signal });
    await eventually('the request', () => streams === 1);
    abort.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await expect(open(port, { handshakeTimeout: 20 })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_TIMEOUT',
    });
    await eventually('the end of the streams', () => streams === 0 && sessions.size === 0);
  });

  it('waits for a place on a full session of the application, and gives it back when it gives up', async () => {
    const streams: ServerHttp2Stream[] = [];
    const { port, requests } = await handServer(
      (stream) => {
        streams.push(stream);
        stream.respond({ ':status': 200 });
      },
      { settings: { maxConcurrentStreams: 1 } },
    );
    const http2 = clientSession(port);
    await open(port, { http2 });
    await expect(open(port, { http2, handshakeTimeout: 50 })).rejects.toMatchObject({
      code: 'ERR_HANDSHAKE_TIMEOUT',
    });
    const second = open(port, { http2 });
    // Ended by the server: Node 22 counts a stream that the client has reset for a moment longer.
    streams[0]!.destroy();
    expect((await second).readyState).toBe('open');
    expect(requests).toHaveLength(2);
  });

  it('is made again by reconnecting, on a session of its own if it must', async () => {
    const { wss, port } = await echo();
    const link = reconnecting(`ws://127.0.0.1:${port}/`, {
      connect: { http2: true },
      delay: { min: 1, max: 1 },
    });
    later(() => link.close());
    const transports: string[] = [];
    link.on('open', (conn) => {
      transports.push(conn.transport);
      if (transports.length < 3) for (const each of wss.connections) each.terminate();
    });
    await eventually('three connections', () => transports.length === 3);
    expect(transports).toEqual(['http2', 'http2', 'http2']);
  });
});

describe('a client over HTTP/2, with a server that ends it', () => {
  /** Connects to a server that does this with the stream once the client has it. */
  async function met(act: (stream: ServerHttp2Stream) => void, options: ConnectOptions = {}) {
    const streams: ServerHttp2Stream[] = [];
    const server = await handServer((stream) => {
      streams.push(stream);
      stream.respond({ ':status': 200 });
    });
    const conn = await open(server.port, options);
    act(streams[0]!);
    return { ...server, conn, stream: streams[0]! };
  }

  it('ends with 1006 at an END_STREAM without a Close', async () => {
    const { conn, open: sessions } = await met((stream) => stream.end());
    expect(await end(conn)).toMatchObject({
      code: 1006,
      clean: false,
      cause: { code: 'ERR_TRANSPORT_ENDED' },
    });
    await eventually('the end of the session', () => sessions.size === 0);
  });

  it.each([
    [0, 'NO_ERROR'],
    [2, 'INTERNAL_ERROR'],
    [7, 'REFUSED_STREAM'],
    [8, 'CANCEL'],
    [11, 'ENHANCE_YOUR_CALM'],
  ])('ends with 1006 at a reset with %i', async (code, name) => {
    const { conn, open: sessions, sockets } = await met(() => undefined);
    // A frame by hand, for Node ends a stream before it resets it.
    const frame = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, code]);
    sockets[0]!.write(frame);
    const { code: got, cause } = await end(conn);
    expect(got).toBe(1006);
    expect(cause!.message).toMatch(
      code === 0 ? /without a Close frame/ : new RegExp(`with ${name}$|NGHTTP2_${name}$`),
    );
    await eventually('the end of the session', () => sessions.size === 0);
  });

  it('ends with 1006 when the session is lost', async () => {
    const { conn } = await met((stream) => setImmediate(() => stream.session!.destroy()));
    expect(await end(conn)).toMatchObject({ code: 1006, cause: expect.any(Error) as Error });
  });

  it('goes on after a GOAWAY, and the next one is on another session', async () => {
    const { conn, port, stream, sessions } = await met(({ session }) => {
      session!.goaway();
    });
    const next = await open(port);
    expect(sessions).toHaveLength(2);
    stream.write(serverFrame({ opcode: 1, payload: 'still here' }));
    expect(await once(conn, 'message')).toEqual(['still here', false]);
    expect(next.readyState).toBe('open');
  });

  it('resets the stream with CANCEL by terminate()', async () => {
    const { conn, stream } = await met(() => undefined);
    stream.resume();
    conn.terminate();
    await eventually('the reset', () => stream.closed);
    expect(stream.rstCode).toBe(8);
    expect(await end(conn)).toMatchObject({ code: 1006, initiator: 'local' });
  });

  it('does not wait for an END_STREAM after both Closes', async () => {
    const { conn, stream } = await met((theirs) => {
      theirs.once('data', () => {
        theirs.write(serverFrame({ opcode: 8, payload: Buffer.from([3, 232]) }));
      });
    });
    expect(await conn.close()).toMatchObject({ code: 1000, clean: true });
    await eventually('the end of the stream', () => stream.closed);
    expect(stream.rstCode).toBe(0);
  });

  it('sees a stream that ends between the response and the first listener', async () => {
    for (const act of [
      (stream: ServerHttp2Stream) => stream.end(),
      (stream: ServerHttp2Stream) => {
        stream.close(8);
      },
    ]) {
      const { port } = await handServer((stream) => {
        stream.respond({ ':status': 200 });
        act(stream);
      });
      const conn = await open(port).catch((error: unknown) => error as { code: string });
      if ('closeInfo' in conn) expect(await end(conn)).toMatchObject({ code: 1006 });
      else expect(conn.code).toBe('ERR_HANDSHAKE_UNREACHABLE');
    }
  });
});

describe('the shared session of HTTP/2', () => {
  it('is of the client, and none of the sessions of the application', async () => {
    const { port, sessions } = await handServer();
    const http2 = await openSession(port);
    await open(port, { http2 });
    await open(port);
    expect(sessions).toHaveLength(2);
    expect(http2.closed).toBe(false);
  });
});

import { once } from 'node:events';
import http2, {
  type Http2Server,
  type Http2ServerRequest,
  type ServerHttp2Stream,
} from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createOwnHttp2Server } from '../../../../src/server/http2/own-http2-server.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { listenHttp2, open, openSession } from '../../../support/http2.js';
import {
  connectFields,
  connectFrame,
  http2Frame,
  RawSession,
  Type,
} from '../../../support/raw-http2.js';
import { eventually, later } from '../../../support/server.js';

/** The flag of a SETTINGS frame that acknowledges. */
const ACK = 1;

async function own(tls?: typeof CERTIFICATE) {
  const made = createOwnHttp2Server(1000.5, tls);
  const server = made.server as unknown as Http2Server;
  return { ...made, server, port: await listenHttp2(server) };
}

describe('an HTTP/2 server of our own', () => {
  it('answers plain requests with 426, over both versions', async () => {
    const { port } = await own(CERTIFICATE);
    const session = await openSession(port, { scheme: 'https' });
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers).toMatchObject({ ':status': 426 });
    expect(headers).not.toHaveProperty('upgrade');
    expect(String(await once(stream, 'data'))).toBe('only WebSockets are served here\n');
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    later(() => client.destroy());
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await once(client, 'data'))).toMatch(
      /^HTTP\/1\.1 426 [^]*\r\nUpgrade: websocket/,
    );
  });

  it('says what it cannot use', () => {
    expect(() => createOwnHttp2Server(1000, { key: 'no key', cert: 'no certificate' })).toThrow();
  });

  it('closes with GOAWAY, and waits for the streams', async () => {
    const made = await own();
    const { server, port } = made;
    server.on('connect', ({ stream }: Http2ServerRequest) => {
      stream.on('error', () => undefined).respond();
    });
    server.updateSettings({ enableConnectProtocol: true });
    const session = await openSession(port);
    const client = open(session);
    await client.status();
    let ended = false;
    const end = made
      .close()
      .end()
      .then(() => (ended = true));
    await eventually('GOAWAY', () => session.closed);
    expect([server.listening, ended]).toEqual([false, false]);
    client.stream.close();
    await end;
  });

  it('destroys sessions when time is up, and sockets without one at once', async () => {
    const made = await own(CERTIFICATE);
    const { server, port } = made;
    const streams: unknown[] = [];
    server.on('connect', ({ stream }: Http2ServerRequest) => {
      streams.push(stream.on('error', () => undefined));
    });
    server.updateSettings({ enableConnectProtocol: true });
    const session = await openSession(port, { scheme: 'https' });
    open(session);
    const silent = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    const gone = new Promise((resolve) => silent.once('close', resolve));
    await Promise.all([
      once(server, 'connection'),
      eventually('the stream', () => streams.length === 1),
    ]);
    const closing = made.close();
    const ended = closing.end();
    await gone;
    closing.terminate();
    await ended;
    await eventually('the end of the session', () => session.destroyed);
    expect(server.listening).toBe(false);
  });
});

/** What a client sees of the limits, which are for clients that are not trusted. */
describe('the limits of an HTTP/2 server of our own', () => {
  /** A server that accepts each extended CONNECT and reads nothing, and a session that has acknowledged its SETTINGS. */
  async function raw() {
    const { server, port } = await own();
    const streams: ServerHttp2Stream[] = [];
    server.on('connect', ({ stream }: Http2ServerRequest) => {
      streams.push(stream.on('error', () => undefined));
      if (!stream.closed) stream.respond();
    });
    server.updateSettings({ enableConnectProtocol: true });
    const session = await RawSession.open(port);
    await session.has('SETTINGS', ({ type }) => type === Type.SETTINGS);
    session.send(http2Frame(Type.SETTINGS, ACK, 0));
    return { server, streams, session };
  }

  /** The frames of a type that have come. */
  const framesOf = ({ frames }: RawSession, wanted: number) =>
    frames.filter(({ type }) => type === wanted);

  /** The server has read all that was sent, unless it has ended the session. */
  async function read(session: RawSession): Promise<void> {
    const before = framesOf(session, Type.PING).length;
    session.send(http2Frame(Type.PING, 0, 0, Buffer.alloc(8)));
    await eventually(
      'the answer to a PING',
      () =>
        session.isOver ||
        framesOf(session, Type.PING).length > before ||
        framesOf(session, Type.GOAWAY).length > 0,
    );
  }

  it.each([
    ['without TLS', 'http', undefined],
    ['with TLS', 'https', CERTIFICATE],
  ] as const)(
    'are in its SETTINGS, and a megabyte is the window of a session, %s',
    async (_what, scheme, tls) => {
      const { port } = await own(tls);
      const session = await openSession(port, { scheme });
      expect(session.remoteSettings).toMatchObject({
        maxConcurrentStreams: 256,
        initialWindowSize: 65_535,
        maxHeaderListSize: 16_384,
      });
      await eventually('the window', () => session.state.remoteWindowSize === 1024 * 1024);
    },
  );

  it.each([
    [16_384, Type.HEADERS],
    [16_385, Type.RST_STREAM],
  ])(
    'let a request have fields of %i bytes: the answer is a frame of type %i',
    async (size, answer) => {
      const { session } = await raw();
      // RFC 9113 section 6.5.2: 32 bytes more for each field.
      const sizeOf = (fields: Record<string, string>): number =>
        connectFields(fields).reduce(
          (sum, [name, value]) => sum + name.length + value.length + 32,
          0,
        );
      const fields: Record<string, string> = { one: '', two: '' };
      while (sizeOf(fields) < size - 250) {
        fields[`x-${Object.keys(fields).length}`] = 'x'.repeat(100);
      }
      const rest = size - sizeOf(fields);
      fields['one'] = 'x'.repeat(Math.floor(rest / 2));
      fields['two'] = 'x'.repeat(Math.ceil(rest / 2));
      expect(sizeOf(fields)).toBe(size);
      session.send(connectFrame(1, fields));
      const frame = await session.has('an answer', ({ id }) => id === 1);
      expect(frame?.type).toBe(answer);
    },
  );

  it('let the streams of a session hold 10 MB that are not read, and open no more above that', async () => {
    const { streams, session } = await raw();
    session.send(connectFrame(1));
    await eventually('the stream', () => streams.length === 1);
    const opens = async (id: number): Promise<boolean> => {
      session.send(connectFrame(id));
      const answer = await session.has('an answer', (frame) => frame.id === id);
      return answer?.type === Type.HEADERS;
    };
    streams[0]!.write(Buffer.alloc(9_800_000));
    expect(await opens(3)).toBe(true);
    streams[1]!.write(Buffer.alloc(300_000));
    expect(await opens(5)).toBe(false);
    expect(session.isOver).toBe(false);
  });

  it('let a session send 100 frames that make no sense', async () => {
    const { session } = await raw();
    const senseless = (count: number, first: number): Buffer[] =>
      Array.from({ length: count }, (_, index) =>
        connectFrame(first + 2 * index, { ':path': undefined }),
      );
    session.send(...senseless(100, 1));
    await read(session);
    expect([framesOf(session, Type.RST_STREAM).length, session.isOver]).toEqual([100, false]);
    session.send(...senseless(2, 201));
    await session.refused();
  });

  it('let a session reset 1000 streams, and a few more for each second', async () => {
    const { session } = await raw();
    const begin = performance.now();
    // In small parts, because Node has a limit of its own for streams that are opened in one read.
    for (let id = 1; framesOf(session, Type.GOAWAY).length === 0 && !session.isOver;) {
      const frames: Buffer[] = [];
      for (const end = id + 100; id < end; id += 2) {
        frames.push(
          connectFrame(id),
          http2Frame(Type.RST_STREAM, 0, id, Buffer.from([0, 0, 0, 8])),
        );
      }
      session.send(...frames);
      await read(session);
    }
    const seconds = Math.ceil((performance.now() - begin) / 1000);
    // GOAWAY names the last stream that was opened: that whose reset was one too many.
    const [goaway] = framesOf(session, Type.GOAWAY);
    const resets = (goaway!.payload.readUInt32BE(0) + 1) / 2 - 1;
    expect(resets).toBeGreaterThanOrEqual(1000);
    expect(resets).toBeLessThanOrEqual(1000 + 33 * seconds);
  });

  // How fast the resets are forgiven shows only in time, and Node 20 has numbers of its own for it.
  it.each([
    ['createServer', undefined],
    ['createSecureServer', CERTIFICATE],
  ] as const)('are given to %s of Node', (create, tls) => {
    const created = jest.spyOn(http2, create);
    createOwnHttp2Server(1000, tls);
    expect(created.mock.calls[0]![0]).toMatchObject({
      maxSessionMemory: 10,
      maxSessionInvalidFrames: 100,
      streamResetBurst: 1000,
      streamResetRate: 33,
    });
  });
});

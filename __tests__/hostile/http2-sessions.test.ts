/** One session of HTTP/2 that tries to hold, starve or confuse the server (CVE-2019-9517, CVE-2020-11080), and odd handshakes. */
import type { ServerHttp2Stream } from 'node:http2';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import type { AnyRequest } from '../../src/server/options/options.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { open, openSession, serveHttp2 } from '../support/http2.js';
import {
  connectFields,
  connectFrame,
  END_HEADERS,
  END_STREAM,
  fieldBlock,
  http2Frame,
  RawSession,
  Type,
} from '../support/raw-http2.js';
import { eventually } from '../support/server.js';

const window = (id: number, bytes: number): Buffer => {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return http2Frame(Type.WINDOW_UPDATE, 0, id, payload);
};
const data = (id: number, payload: Buffer): Buffer => http2Frame(Type.DATA, 0, id, payload);

describe('a session', () => {
  it('with a stream that is never read beside 99 that are serves those, and holds little', async () => {
    const { wss, server, port, clock } = await serveHttp2({ maxBufferedAmount: 1e6 });
    const streams: ServerHttp2Stream[] = [];
    server.on('stream', (stream) => streams.push(stream));
    const ids = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
    const session = await RawSession.open(port, ...ids.map((id) => connectFrame(id)));
    await eventually('the connections', () => wss.connections.size === 100);
    session.send(window(0, 0x7fff_0000), ...ids.slice(1).map((id) => window(id, 0x7fff_0000)));
    const [unread] = [...wss.connections].filter(({ url }) => url === '/') as [WebSocketConnection];
    for (let round = 0; round < 100; round++) {
      wss.broadcast(Buffer.alloc(4000, round));
      await eventually('the round', () => session.receivedLength(199) >= 4004 * (round + 1));
      // What a stream has handed to its session counts in the memory of the session.
      expect(Math.max(...streams.map(({ writableLength }) => writableLength))).toBeLessThan(
        100_000,
      );
    }
    for (const id of ids.slice(1)) {
      await eventually('all of it', () => session.receivedLength(id) === 100 * 4004);
    }
    expect(session.receivedLength(1)).toBe(65_535);
    expect(unread.bufferedAmount).toBeGreaterThan(300_000);
    unread.send(Buffer.alloc(1_000_000));
    unread.send('too much');
    await eventually('its end', () => {
      clock.advance(100);
      return unread.closeInfo !== undefined;
    });
    expect(unread.closeInfo).toMatchObject({ code: 1013, initiator: 'local' });
    expect(wss.connections.size).toBe(99);
  });

  it('with a thousand WebSockets is served like a thousand clients', async () => {
    const { wss, port } = await serveHttp2();
    wss.on('connection', (connection) => {
      connection.on('message', (message) => connection.send(message));
    });
    const ids = Array.from({ length: 1000 }, (_, index) => 2 * index + 1);
    const session = await RawSession.open(port, ...ids.map((id) => connectFrame(id)));
    await eventually('the connections', () => wss.connections.size === 1000);
    session.send(...ids.map((id) => data(id, clientFrame({ opcode: 2, payload: `${id}` }))));
    for (const id of ids) {
      await eventually('the echo', () => session.received(id).subarray(2).toString() === `${id}`);
    }
    session.socket.destroy();
    await eventually('the end of all', () => wss.connections.size === 0);
    expect(wss.stats().closedByCode).toEqual({ 1006: 1000 });
  });

  it('that overruns the limit of streams is ended, and others are served', async () => {
    const { wss, server, port } = await serveHttp2();
    server.updateSettings({ maxConcurrentStreams: 100 });
    const ids = Array.from({ length: 300 }, (_, index) => 2 * index + 1);
    const session = await RawSession.open(port);
    await session.has('the ACK', ({ type, flags }) => type === Type.SETTINGS && flags === 1);
    session.send(http2Frame(Type.SETTINGS, 1, 0), ...ids.map((id) => connectFrame(id)));
    await session.refused();
    await eventually('the end', () => wss.connections.size === 0);
    expect(await open(await openSession(port)).status()).toBe(200);
  });

  it('has its frames read that come in the packet of the preface', async () => {
    const { wss, port } = await serveHttp2({
      authorize: () => new Promise<undefined>((resolve) => setTimeout(resolve, 20, undefined)),
    });
    wss.on('connection', (connection) => {
      connection.on('message', (message) => connection.send(message));
    });
    const hello = clientFrame({ opcode: 1, payload: 'hello' });
    const session = await RawSession.open(
      port,
      connectFrame(1),
      data(1, hello.subarray(0, 3)),
      connectFrame(3),
      data(1, hello.subarray(3)),
      data(3, Buffer.concat([hello, hello, clientClose(4000)])),
    );
    await session.has('the end', ({ type, id }) => type === Type.RST_STREAM && id === 3);
    expect(session.received(1).subarray(2).toString()).toBe('hello');
    const [echo, close] = [Buffer.from('\x81\x05hello', 'latin1'), Buffer.from([0x88, 2, 15, 160])];
    expect(session.received(3)).toEqual(Buffer.concat([echo, echo, close]));
    expect(wss.stats().closedByCode).toEqual({ 4000: 1 });
  });

  it('that sends END_STREAM with its request gets no lasting connection', async () => {
    const { wss, port } = await serveHttp2();
    const session = await RawSession.open(
      port,
      http2Frame(Type.HEADERS, END_HEADERS | END_STREAM, 1, fieldBlock(connectFields())),
      connectFrame(3),
    );
    await session.has('the other', ({ type, id }) => type === Type.HEADERS && id === 3);
    await eventually('the end of the first', () => wss.connections.size === 1);
    expect(wss.stats().closedByCause).toEqual({ ERR_TRANSPORT_ENDED: 1 });
  });
});

describe('an extended CONNECT', () => {
  /** What is odd, the fields, and what comes. Node resets some itself, and leaves out a field whose value is malformed. */
  const ODD: [what: string, fields: Record<string, string | undefined>, outcome: string][] = [
    ['without a path', { ':path': undefined }, 'refused'],
    ['with an empty path', { ':path': '' }, 'refused'],
    ['with a path of another form', { ':path': 'x' }, 'refused'],
    ['with a path of an asterisk', { ':path': '*' }, 'refused'],
    ['without a scheme', { ':scheme': undefined }, 'refused'],
    ['with an odd scheme', { ':scheme': 'gopher' }, 'opened'],
    ['without an authority', { ':authority': undefined }, 'refused'],
    ['with an authority of rubbish', { ':authority': 'a b@c' }, 'refused'],
    ['with user and password', { ':authority': 'user:pass@localhost' }, 'refused'],
    ['with an empty protocol', { ':protocol': '' }, 'refused'],
    ['with a protocol in capitals', { ':protocol': 'WebSocket' }, 'refused'],
    ['with an unknown pseudo field', { ':evil': 'x' }, 'refused'],
    ['with a field in capitals', { 'X-Field': 'x' }, 'refused'],
    ['with Connection', { connection: 'Upgrade' }, 'refused'],
    ['with Upgrade', { upgrade: 'websocket' }, 'refused'],
    ['with Transfer-Encoding', { 'transfer-encoding': 'chunked' }, 'refused'],
    ['with a line break in a value', { 'x-field': 'a\r\nb: c' }, 'opened'],
    ['with a NUL in a value', { 'x-field': 'a\0b' }, 'opened'],
    ['with a length', { 'content-length': '5' }, 'refused'],
    ['without a version', { 'sec-websocket-version': undefined }, 'refused'],
    ['with two versions', { 'sec-websocket-version': '13, 13' }, 'refused'],
    ['with a key, as some send it', { 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' }, 'opened'],
    ['with a key that is rubbish', { 'sec-websocket-key': 'x' }, 'opened'],
    ['with an origin of another site', { origin: 'https://elsewhere.example' }, 'refused'],
    ['with a subprotocol of a prototype', { 'sec-websocket-protocol': '__proto__' }, 'opened'],
    ['with extensions of rubbish', { 'sec-websocket-extensions': ';;,=' }, 'refused'],
  ];

  it.each(ODD)('%s: %s', async (_what, fields, outcome) => {
    const { wss, port } = await serveHttp2({ perMessageDeflate: true });
    const requests: AnyRequest[] = [];
    wss.on('connection', (_connection, request) => requests.push(request));
    const session = await RawSession.open(port, connectFrame(1, fields), connectFrame(3));
    await eventually(
      'an answer to both',
      () =>
        session.isOver ||
        [1, 3].every((id) =>
          session.frames.some(
            (frame) => frame.id === id && [Type.HEADERS, Type.RST_STREAM].includes(frame.type as 1),
          ),
        ),
    );
    expect(session.isOver).toBe(false);
    expect(requests).toHaveLength(outcome === 'opened' ? 2 : 1);
    for (const { headers } of requests) expect(headers['x-field']).toBeUndefined();
    // Whatever it was, the next stream of the session is served.
    session.send(data(3, clientFrame({ opcode: 9, payload: 'x' })));
    await eventually('the Pong', () => session.receivedLength(3) === 3);
  });

  it('with a pseudo field after others, or twice, is reset', async () => {
    const { wss, port } = await serveHttp2();
    const [method, ...rest] = connectFields();
    const frame = (id: number, fields: [string, string][]): Buffer =>
      http2Frame(Type.HEADERS, END_HEADERS, id, fieldBlock(fields));
    const session = await RawSession.open(
      port,
      frame(1, [...rest, method!]),
      frame(3, [method!, method!, ...rest]),
      frame(5, [method!, ...rest, [':path', '/other']]),
      connectFrame(7),
    );
    await session.has('the good one', ({ type, id }) => type === Type.HEADERS && id === 7);
    expect(wss.stats().upgradesAccepted).toBe(1);
    const resets = session.frames.filter(({ type }) => type === Type.RST_STREAM);
    expect(resets.map(({ id }) => id)).toEqual([1, 3, 5]);
  });
});

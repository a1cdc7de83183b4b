import { once } from 'node:events';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import type { AnyRequest, ServerOptions } from '../../src/server/options/options.js';
import type { WebSocketServer } from '../../src/server/server.js';
import type { HandClock } from '../support/clock.cjs';
import { clientClose, clientFrame, describeFrame, FrameReader } from '../support/frames.js';
import { open, openSession, serveHttp2 } from '../support/http2.js';
import { upgradeRequest } from '../support/raw-client.js';
import { eventually, later, serve } from '../support/server.js';

const OFFER = 'permessage-deflate; client_max_window_bits';

/** A WebSocket and its client's end of the transport, after the handshake. */
interface Talk {
  readonly wss: WebSocketServer<undefined, AnyRequest>;
  readonly clock: HandClock;
  readonly connection: WebSocketConnection;
  readonly socket: Duplex;
  /** The frames that have come, as one word each, once there are so many. */
  readonly frames: (count: number) => Promise<string[]>;
}

/** Collects frames from bytes that come on a transport. */
function talk(
  served: Pick<Talk, 'wss' | 'clock'>,
  connection: WebSocketConnection,
  socket: Duplex,
  first: Buffer,
): Talk {
  const reader = new FrameReader();
  const words: string[] = [];
  const onData = (chunk: Buffer): unknown =>
    words.push(...reader.push(chunk).map((frame) => describeFrame(frame).slice(0, 40)));
  onData(first);
  socket.on('data', onData);
  socket.on('error', () => undefined);
  return {
    ...served,
    connection,
    socket,
    frames: async (count) => {
      await eventually(`${count} frames`, () => words.length >= count);
      return words;
    },
  };
}

async function overHttp1(options: ServerOptions): Promise<Talk> {
  const served = await serve(options);
  const opened = new Promise<WebSocketConnection>((resolve) =>
    served.wss.once('connection', resolve),
  );
  const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true });
  later(() => socket.destroy());
  socket.write(upgradeRequest({ headers: { 'Sec-WebSocket-Extensions': OFFER } }));
  const connection = await opened;
  const [response] = (await once(socket, 'data')) as [Buffer];
  const wss = served.wss as unknown as Talk['wss'];
  const first = response.subarray(response.indexOf('\r\n\r\n') + 4);
  return talk({ ...served, wss }, connection, socket, first);
}

async function overHttp2(options: ServerOptions): Promise<Talk> {
  const served = await serveHttp2(options as ServerOptions<undefined, AnyRequest>);
  const opened = new Promise<WebSocketConnection>((resolve) =>
    served.wss.once('connection', resolve),
  );
  const client = open(await openSession(served.port), { 'sec-websocket-extensions': OFFER });
  const connection = await opened;
  await client.status();
  return talk(served, connection, client.stream, client.received);
}

/** The code with which a connection closes. `once` would listen for its errors too. */
function codeOf(connection: WebSocketConnection): Promise<number> {
  return new Promise((resolve) => {
    connection.on('close', resolve);
  });
}

describe.each([
  ['HTTP/1.1', overHttp1, 'http1'],
  ['HTTP/2', overHttp2, 'http2'],
])('a connection over %s', (_version, begin, transport) => {
  const echo = ({ connection }: Talk): void => {
    connection.on('message', (data) => connection.send(data));
  };

  it('echoes messages of all lengths, whole and in fragments', async () => {
    const begun = await begin({});
    echo(begun);
    const { socket, connection, frames } = begun;
    expect(connection.transport).toBe(transport);
    for (const length of [0, 5, 200, 70_000]) {
      socket.write(clientFrame({ opcode: 1, payload: 'a'.repeat(length) }));
      socket.write(clientFrame({ opcode: 2, fin: false, payload: Buffer.alloc(length, 1) }));
      socket.write(clientFrame({ opcode: 9, payload: 'between' }));
      socket.write(clientFrame({ opcode: 0, payload: Buffer.alloc(length, 2) }));
    }
    const words = await frames(12);
    expect(words.filter((word) => word.startsWith('pong'))).toHaveLength(4);
    expect(words.filter((word) => word.startsWith('text'))).toHaveLength(4);
    expect(words.filter((word) => word.startsWith('binary'))).toHaveLength(4);
  });

  it('keeps the order of what is sent before its Close', async () => {
    const { connection, socket, frames } = await begin({});
    connection.send('one');
    connection.ping('two');
    const closed = connection.close(4000, 'bye');
    expect((await frames(3)).map((word) => word.split(' ')[0])).toEqual(['text', 'ping', 'close']);
    socket.write(clientClose(4000));
    socket.end();
    expect(await closed).toMatchObject({ code: 4000, clean: true, initiator: 'local' });
  });

  it.each([1000, 1001, 3000, 4999])('answers the Close %i of its peer', async (code) => {
    const { connection, socket, frames } = await begin({});
    const closed = codeOf(connection);
    socket.write(clientClose(code, 'why'));
    expect(await frames(1)).toEqual([expect.stringMatching(`^close ${code}`)]);
    socket.end();
    expect(await closed).toBe(code);
    expect(connection.closeInfo).toMatchObject({ reason: 'why', clean: true, initiator: 'peer' });
  });

  it('ends with 1006 when the peer ends without a Close', async () => {
    const { connection, socket } = await begin({});
    const closed = codeOf(connection);
    socket.end();
    expect(await closed).toBe(1006);
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_TRANSPORT_ENDED' });
  });

  it('is pinged when it is silent, and terminated when it does not answer', async () => {
    const { connection, clock, frames } = await begin({
      heartbeat: { interval: 1000, timeout: 500 },
    });
    const closed = codeOf(connection);
    // In steps: a tick of the heartbeat is a turn of the event loop, and a Ping is up to a quarter early.
    await eventually('the end', () => {
      clock.advance(50);
      return connection.closeInfo !== undefined;
    });
    expect(await frames(1)).toEqual([expect.stringMatching(/^ping/)]);
    expect(await closed).toBe(1006);
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it('compresses and decompresses', async () => {
    const begun = await begin({ perMessageDeflate: { threshold: 0 } });
    const { connection, socket } = begun;
    expect(connection.extensions).toMatch(/^permessage-deflate/);
    const message = new Promise((resolve) => connection.once('message', resolve));
    const packed = deflateRawSync('hello '.repeat(100), { finishFlush: 2 }).subarray(0, -4);
    socket.write(clientFrame({ opcode: 1, rsv: 4, payload: packed }));
    expect(await message).toBe('hello '.repeat(100));
    const came = new Promise<Buffer>((resolve) => socket.once('data', resolve));
    connection.send('hello '.repeat(100));
    expect((await came)[0]).toBe(0xc1);
  });

  it('is counted, and closed with its server', async () => {
    const { wss, socket, frames } = await begin({});
    expect(wss.stats()).toMatchObject({ connections: 1, upgradesAccepted: 1 });
    const closed = wss.close();
    expect(await frames(1)).toEqual([expect.stringMatching(/^close 1001/)]);
    socket.write(clientClose(1001));
    socket.end();
    expect(await closed).toMatchObject({ total: 1, clean: 1, terminated: 0 });
  });
});

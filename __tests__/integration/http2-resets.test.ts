import type { CloseInfo } from '../../src/connection/close/close-info.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { serveHttp2 } from '../support/http2.js';
import { connectFrame, END_STREAM, http2Frame, RawSession, Type } from '../support/raw-http2.js';
import { eventually, settle } from '../support/server.js';

const data = (payload: Buffer): Buffer => http2Frame(Type.DATA, 0, 1, payload);
const reset = (code: number): Buffer =>
  http2Frame(Type.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, code]));

/** A connection that is open, and its client, which writes its own frames. */
async function opened() {
  const { wss, port } = await serveHttp2();
  const connected = new Promise<WebSocketConnection>((resolve) =>
    wss.once('connection', (connection) => {
      connection.on('message', () => undefined);
      resolve(connection);
    }),
  );
  const session = await RawSession.open(port, connectFrame(1));
  const connection = await connected;
  return { wss, session, connection };
}

async function endOf(connection: WebSocketConnection): Promise<CloseInfo> {
  await eventually('the end', () => connection.closeInfo !== undefined);
  return connection.closeInfo!;
}

type World = Awaited<ReturnType<typeof opened>>;
const hello = clientFrame({ opcode: 1, payload: 'hello' });
const BY_RESET = {
  code: 1006,
  clean: false,
  initiator: 'transport',
  cause: { code: 'ERR_STREAM_RESET' },
};
const BY_END = { ...BY_RESET, cause: { code: 'ERR_TRANSPORT_ENDED' } };

describe('closeInfo after', () => {
  const MOMENTS: [what: string, act: (world: World) => unknown, info: object][] = [
    ['a reset of an idle connection', ({ session }) => session.send(reset(8)), BY_RESET],
    ['a reset after a message', ({ session }) => session.send(data(hello), reset(8)), BY_RESET],
    [
      'a reset in a frame',
      ({ session }) => session.send(data(hello.subarray(0, 8)), reset(8)),
      BY_RESET,
    ],
    [
      'a reset between fragments',
      ({ session }) =>
        session.send(data(clientFrame({ opcode: 1, payload: 'a', fin: false })), reset(8)),
      BY_RESET,
    ],
    [
      'a reset while much is written',
      async ({ session, connection }) => {
        connection.send(Buffer.alloc(1_000_000));
        await eventually('the window is full', () => session.receivedLength(1) === 65_535);
        session.send(reset(8));
      },
      BY_RESET,
    ],
    [
      'a reset in place of the answer to our Close',
      async ({ session, connection }) => {
        void connection.close(4000, 'bye');
        await eventually('our Close', () => session.receivedLength(1) > 0);
        session.send(reset(8));
      },
      { code: 1006, clean: false, initiator: 'local', cause: { code: 'ERR_STREAM_RESET' } },
    ],
    [
      'a reset after a Close',
      ({ session }) => session.send(data(clientClose(4000, 'bye')), reset(8)),
      { code: 4000, reason: 'bye', clean: true, initiator: 'peer' },
    ],
    [
      'a reset after both Closes, ours first',
      async ({ session, connection }) => {
        void connection.close(4000);
        await eventually('our Close', () => session.receivedLength(1) > 0);
        session.send(data(clientClose(4000)), reset(8));
      },
      { code: 4000, clean: true, initiator: 'local' },
    ],
    [
      'END_STREAM without a Close',
      ({ session }) => session.send(http2Frame(Type.DATA, END_STREAM, 1)),
      BY_END,
    ],
    [
      'END_STREAM with the last message',
      ({ session }) => session.send(http2Frame(Type.DATA, END_STREAM, 1, hello)),
      BY_END,
    ],
    [
      'END_STREAM with the Close',
      ({ session }) => session.send(http2Frame(Type.DATA, END_STREAM, 1, clientClose(4000))),
      { code: 4000, clean: true, initiator: 'peer' },
    ],
    [
      'the end of the socket of its session',
      ({ session }) => session.socket.destroy(),
      { code: 1006, clean: false, initiator: 'transport', cause: { name: 'ConnectionError' } },
    ],
    [
      'terminate(), and a reset at the same time',
      ({ session, connection }) => {
        session.send(reset(8));
        connection.terminate();
      },
      { code: 1006, clean: false, initiator: 'local', cause: { code: 'ERR_TERMINATED' } },
    ],
  ];

  it.each(MOMENTS)('%s', async (_what, act, info) => {
    const world = await opened();
    const closed = jest.fn();
    world.connection.on('close', closed);
    await act(world);
    expect(await endOf(world.connection)).toMatchObject(info);
    await settle();
    expect(closed).toHaveBeenCalledTimes(1);
    expect(world.wss.connections.size).toBe(0);
  });

  it.each([
    [0, 'NO_ERROR'],
    [1, 'PROTOCOL_ERROR'],
    [7, 'REFUSED_STREAM'],
    [11, 'ENHANCE_YOUR_CALM'],
    [99, 'code 99'],
  ])('a reset with %i names %s', async (code, name) => {
    const { session, connection } = await opened();
    session.send(reset(code));
    const { cause } = await endOf(connection);
    expect(cause).toMatchObject({ code: 'ERR_STREAM_RESET' });
    expect(cause!.message).toMatch(new RegExp(`with ${name}$`));
  });
});

describe('a reset before the answer', () => {
  it('while authorize decides is an abandoned upgrade, and aborts its signal', async () => {
    let signal: AbortSignal | undefined;
    const { wss, port } = await serveHttp2({
      authorize: (_request, given) => {
        ({ signal } = given);
        return new Promise<undefined>(() => undefined);
      },
    });
    const session = await RawSession.open(port, connectFrame(1));
    await eventually('authorize', () => signal !== undefined);
    session.send(reset(8));
    await eventually('the end', () => wss.stats().upgradesAbandoned === 1);
    expect(signal!.aborted).toBe(true);
    expect(wss.stats().upgradesAccepted).toBe(0);
  });

  it('in the packet of the request leaves nothing', async () => {
    const { wss, port } = await serveHttp2();
    await RawSession.open(port, connectFrame(1), reset(8));
    await eventually('the end', () => {
      const { upgradesAccepted, upgradesAbandoned, closedByCode } = wss.stats();
      return upgradesAbandoned + (closedByCode[1006] ?? 0) >= 1 || upgradesAccepted > 1;
    });
    expect(wss.connections.size).toBe(0);
  });
});

describe('the callbacks of a reset stream', () => {
  it.each([8, 0])(
    'fail for every message that is not on its way, after a reset with %i',
    async (code) => {
      // Node calls the writes done after CANCEL, and never after NO_ERROR.
      const { session, connection } = await opened();
      const outcomes: (string | undefined)[] = [];
      for (let count = 0; count < 40; count++) {
        connection.send(Buffer.alloc(16_000), (error) => outcomes.push(error?.name));
      }
      await eventually('the window is full', () => session.receivedLength(1) === 65_535);
      session.send(reset(code));
      await endOf(connection);
      await eventually('the callbacks', () => outcomes.length === 40);
      // Four messages are with the peer. What Node has beyond them is at most 32 KiB in the session.
      const sent = outcomes.filter((name) => name === undefined).length;
      expect(sent).toBeLessThanOrEqual(8);
      expect(outcomes.slice(sent)).toEqual(Array(40 - sent).fill('ConnectionError'));
    },
  );
});

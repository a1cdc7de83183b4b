import { dirname, join } from 'node:path';
import { builtModules } from '../support/built-package.js';
import { Child } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import { connectFrame, http2Frame, RawSession, Type } from '../support/raw-http2.js';
import { nodes } from '../support/runtimes.js';

/** A server of its own that ends its sessions for what the path says. */
const SETUP = `
  const logger = { warn() {}, error() {} };
  const serve = () => {
    const wss = new hawser.WebSocketServer({ port: 0, host: '127.0.0.1', http2: true, logger, authorize });
    wss.on('listening', () => say('http2', wss.address().port));
    wss.on('connection', (connection) => {
      connection.on('message', () => undefined);
      act(wss, connection);
    });
    return wss;
  };
  const act = (wss, connection) => {
    const { url } = connection;
    const close = () => wss.close({ timeout: 0 }).then(() => say('closed', url));
    if (url === '/close-after-the-last') connection.on('close', close);
    if (url === '/close') close();
    if (url === '/close-in-a-microtask') queueMicrotask(close);
    if (url === '/close-in-a-tick') process.nextTick(close);
  };
  const authorize = ({ url }) => {
    if (url === '/refused') throw new hawser.UpgradeRejection(403);
    if (url === '/close-while-deciding') wss.close({ timeout: 0 }).then(() => say('closed', url));
  };
  let wss = serve();
  const { createOwnHttp2Server } = require(${JSON.stringify(
    join(dirname(builtModules()), 'server/http2/own-http2-server.js'),
  )});
  const own = createOwnHttp2Server(10_000);
  // Before anything is answered: an answer changes when Node reads on.
  own.server.prependListener('stream', (stream, { ':path': path }) => {
    stream.on('data', () => undefined);
    const terminate = () => own.close().terminate();
    if (path === '/in-the-event') terminate();
    if (path === '/in-a-microtask') queueMicrotask(terminate);
    stream.on('error', () => undefined);
    stream.on('close', () => say('gone', path));
  });
  own.server.listen(0, '127.0.0.1', () => say('own', own.server.address().port));
  commands.again = () => { wss = serve(); };
`;

const data = (id: number): Buffer =>
  http2Frame(Type.DATA, 0, id, clientFrame({ opcode: 2, payload: Buffer.alloc(8000) }));

/** Streams with data that come after the one that ends the session: more than one read of a socket, 64 KiB. */
const more = (fields: Parameters<typeof connectFrame>[1]): Buffer[] =>
  Array.from({ length: 20 }, (_, index) => 3 + 2 * index).flatMap((id) => [
    connectFrame(id, { ...fields, ':path': '/more' }),
    data(id),
    data(id),
  ]);
/** An ordinary request. */
const POST = { ':method': 'POST', ':protocol': undefined };

// Node 22.23.5 aborts the whole process when a session is destroyed while it hands out what it has read: data of a
// stream that comes after has nothing to go to (`Assertion failed: onread->IsFunction()`).
describe.each(nodes())('on %s', (node) => {
  let server: Child;
  let count = 1; // of the servers in the process
  const port = async (): Promise<number> => (await server.saysTimes(count, 'http2'))[0] as number;
  beforeAll(async () => {
    server = await Child.serveOn(node, SETUP);
  });
  afterAll(() => {
    server.kill();
  });

  it.each(['/close', '/close-in-a-microtask', '/close-in-a-tick', '/close-while-deciding'])(
    'a session is destroyed while it reads, %s, and the process goes on',
    async (path) => {
      const session = await RawSession.open(
        await port(),
        connectFrame(1, { ':path': path }),
        data(1),
        ...more({}),
      );
      await server.says('closed', path);
      await session.refused();
      expect(server.running).toBe(true);
      await server.ask('again');
      count++;
    },
  );

  it('a session is closed with its last stream while it reads, and the process goes on', async () => {
    const path = '/close-after-the-last';
    const session = await RawSession.open(await port(), connectFrame(1, { ':path': path }));
    await session.has('the answer', ({ type }) => type === Type.HEADERS);
    session.send(http2Frame(Type.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8])), ...more({}));
    await server.says('closed', path);
    await session.refused();
    expect(server.running).toBe(true);
    await server.ask('again');
    count++;
  });

  it.each(['/in-the-event', '/in-a-microtask'])(
    'a session is destroyed by its stream, %s, and the process goes on',
    async (path) => {
      const one = await Child.serveOn(node, SETUP);
      const [at] = (await one.says('own')) as [number];
      const session = await RawSession.open(
        at,
        connectFrame(1, { ...POST, ':path': path }),
        data(1),
        ...more(POST),
      );
      await one.says('gone', path);
      await session.refused();
      expect(one.running).toBe(true);
      one.kill();
    },
  );

  it('a session with a thousand refusals is closed while it reads, and the process goes on', async () => {
    const session = await RawSession.open(await port(), connectFrame(1), data(1));
    let id = 1;
    while (!session.frames.some(({ type }) => type === Type.GOAWAY) && id < 3000) {
      const hundred = Array.from({ length: 100 }, () => {
        id += 2;
        return [connectFrame(id, { ':path': '/refused' }), data(id)];
      });
      const last = id;
      session.send(...hundred.flat());
      await session.has(
        'the answers',
        (frame) => frame.type === Type.GOAWAY || (frame.type === Type.HEADERS && frame.id === last),
      );
    }
    await session.refused();
    expect(id).toBeGreaterThanOrEqual(2001);
    expect(server.running).toBe(true);
    expect(session.isOver).toBe(false); // the WebSocket that is open goes on
    session.send(http2Frame(Type.DATA, 0, 1, clientFrame({ opcode: 9, payload: 'x' })));
    session.send(http2Frame(Type.DATA, 0, 1, clientFrame({ opcode: 8 })));
    await session.has('its Close', ({ type, id: of }) => type === Type.RST_STREAM && of === 1);
    expect(session.received(1)).toEqual(Buffer.from([0x8a, 1, 120, 0x88, 0]));
  });
});

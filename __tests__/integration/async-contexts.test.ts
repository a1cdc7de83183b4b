/** What `AsyncLocalStorage` sees in each thing that hawser calls later: one test for each row of the guide's table. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Http2ServerRequest } from 'node:http2';
import type { Duplex } from 'node:stream';
import { reconnecting } from '../../src/client/index.js';
import {
  type AnyRequest,
  type ConnectionPair,
  type ConnectionPairOptions,
  createConnectionPair,
  Opcode,
  type ServerOptions,
  UpgradeRejection,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.js';
import { HandClock } from '../support/clock.cjs';
import { clientClose, clientFrame } from '../support/frames.js';
import { listenForHandshakes } from '../support/handshakes.js';
import type { RawClient } from '../support/raw-client.js';
import { askOver, openOver, type Version, VERSIONS } from '../support/versions.js';

/** Whose code is running. */
const user = new AsyncLocalStorage<string>();

/** What was called, and whose the context was. */
let seen: string[] = [];
const note = (what: string): void => {
  seen.push(`${what} ${user.getStore() ?? 'nobody'}`);
};
const noted = (what: string) => (): void => {
  note(what);
};

const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  seen = [];
});
afterEach(async () => {
  for (const undo of cleanups.splice(0).reverse()) await undo();
  for (let times = 0; times < 10; times++) await turn(); // what that causes is not the next test's
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
async function until(probe: () => boolean): Promise<void> {
  while (!probe()) await turn();
}
async function hasSeen(count: number): Promise<string[]> {
  await until(() => seen.length >= count);
  for (let extra = 0; extra < 5; extra++) await turn();
  return seen;
}

/** Two connections that were made in the context of ann. */
function pairOfAnn(options: ConnectionPairOptions = {}): ConnectionPair {
  const pair = user.run('ann', () => createConnectionPair(options));
  cleanups.push(() => {
    pair.server.terminate();
    pair.client.terminate();
  });
  return pair;
}

/** Notes every event of a connection but `'message'`, which is a consumer, and `'closing'`, which wants a reply. */
function noteEvents(connection: WebSocketConnection): void {
  const events = ['ping', 'pong', 'drain', 'dropped', 'close', 'error', 'frame'] as const;
  for (const event of events) connection.on(event, noted(event));
}

/** A server that was made without a store; the store of each of its connections is the name in its path. */
async function serveOver(
  version: Version,
  options: ServerOptions<undefined, AnyRequest> = {},
): Promise<{
  wss: WebSocketServer<undefined, AnyRequest>;
  port: number;
  open: (name: string) => Promise<{ conn: WebSocketConnection; client: RawClient }>;
}> {
  const wss = new WebSocketServer<undefined, AnyRequest>({ noServer: true, ...options });
  const port = await listenForHandshakes(version, (...handshake) =>
    user.run(handshake[0].url!.slice(1), () => wss.handleUpgrade(...handshake)),
  );
  cleanups.push(() => wss.close({ timeout: 0 }));
  const open = async (name: string): Promise<{ conn: WebSocketConnection; client: RawClient }> => {
    const opened = once(wss, 'connection') as Promise<[WebSocketConnection]>;
    const client = await openOver(version, port, { target: `/${name}` });
    return { conn: (await opened)[0], client };
  };
  return { wss, port, open };
}

const quiet = { warn: (): void => undefined, error: (): void => undefined };

describe.each(VERSIONS)('over %s', (version) => {
  const serve = (options?: ServerOptions<undefined, AnyRequest>) => serveOver(version, options);

  describe('an event of a connection runs in the context of its upgrade', () => {
    test('when it comes from the network', async () => {
      const { wss, open } = await serve();
      wss.on('connection', noted('connection'));
      const { conn, client } = await open('ann');
      noteEvents(conn);
      conn.on('message', noted('message'));
      conn.on('closing', (_code, _reason, reply) => {
        note('closing');
        reply();
      });
      client.send(
        Buffer.concat([
          clientFrame({ opcode: 1, payload: 'hello' }),
          clientFrame({ opcode: 9 }),
          clientFrame({ opcode: 10 }),
        ]),
      );
      await hasSeen(7);
      client.send(clientFrame({ opcode: 8, payload: Buffer.of(3, 232) }));
      await client.ended();
      client.finish();
      expect(await hasSeen(10)).toStrictEqual([
        'connection ann',
        'frame ann',
        'message ann',
        'frame ann',
        'ping ann',
        'frame ann',
        'pong ann',
        'frame ann',
        'closing ann',
        'close ann',
      ]);
    });

    test('when two connections are read by turns', async () => {
      const { open } = await serve();
      for (const name of ['ann', 'bob', 'ann', 'bob']) {
        const { conn, client } = await open(name);
        conn.on('message', noted(`to ${name}, by`));
        client.send(clientFrame({ opcode: 1, payload: name }));
        await hasSeen(1);
      }
      expect(await hasSeen(4)).toStrictEqual([
        'to ann, by ann',
        'to bob, by bob',
        'to ann, by ann',
        'to bob, by bob',
      ]);
    });

    test('when what came with the request is delivered, whatever context a listener has entered', async () => {
      const { wss, port } = await serve();
      wss.on('connection', (conn) => {
        conn.on('message', noted('message'));
        user.enterWith('somebody else');
      });
      const early = clientFrame({ opcode: 1, payload: 'early' });
      await askOver(version, port, { target: '/ann' }, early);
      expect(await hasSeen(1)).toStrictEqual(['message ann']);
    });

    // A stream is not a socket.
    if (version === 'HTTP/1.1')
      test('without entering it for each read of a socket of Node', async () => {
        const { open } = await serve();
        const { conn, client } = await open('ann');
        conn.on('message', noted('message'));
        client.send(clientFrame({ opcode: 1, payload: '0' }));
        await hasSeen(1);
        const enter = jest.spyOn(AsyncResource.prototype, 'runInAsyncScope');
        for (let count = 2; count <= 20; count++) {
          client.send(clientFrame({ opcode: 1, payload: 'a' }));
          await until(() => seen.length >= count);
        }
        const entered = enter.mock.calls.length;
        enter.mockRestore();
        expect(seen).toEqual(Array(20).fill('message ann'));
        expect(entered).toBe(0);
      });

    test('when another context resumes the socket', async () => {
      const { wss, open } = await serve();
      const sockets: Duplex[] = [];
      wss.on('connection', (_conn, request) =>
        sockets.push((request as Partial<Http2ServerRequest>).stream ?? request.socket),
      );
      const { conn, client } = await open('ann');
      conn.on('message', noted('message'));
      const [socket] = sockets;
      user.run('bob', () => socket!.pause());
      client.send(clientFrame({ opcode: 1, payload: 'a' }));
      for (let times = 0; times < 20; times++) await turn();
      user.run('bob', () => {
        socket!.unshift(clientFrame({ opcode: 1, payload: 'unshifted' }));
        socket!.resume();
      });
      expect(await hasSeen(2)).toEqual(['message ann', 'message ann']);
    });

    test('when the transport fails', async () => {
      const { wss, open } = await serve();
      wss.on('connectionError', noted('connectionError'));
      const { conn, client } = await open('ann');
      noteEvents(conn);
      client.reset();
      expect(await hasSeen(3)).toStrictEqual(['connectionError ann', 'error ann', 'close ann']);
    });

    test('the failure of a slow consumer, inside the send of another context', async () => {
      const logger = { warn: noted('warn'), error: noted('logger') };
      const { wss, open } = await serve({ maxBufferedAmount: 1000, logger });
      const { conn } = await open('ann');
      wss.on('connectionError', noted('connectionError'));
      conn.on('error', noted('error'));
      const failed = noted('channel');
      subscribe('hawser.connection.failed', failed);
      cleanups.push(() => unsubscribe('hawser.connection.failed', failed));
      user.run('bob', () => {
        conn.send(Buffer.alloc(32 * 1024 * 1024)); // more than the kernel takes
        conn.send('one too many');
        note('after send');
      });
      expect(seen).toStrictEqual([
        'channel ann',
        'logger ann',
        'connectionError ann',
        'error ann',
        'after send bob',
      ]);
    });

    test('the failure for which the budget of all connections decides', async () => {
      const { open } = await serve({ maxTotalBuffered: 1_000_000, logger: quiet });
      const ann = await open('ann');
      ann.conn.on('error', noted('error'));
      ann.conn.on('close', noted('close'));
      ann.client.socket.pause();
      user.run('bob', () => {
        for (let times = 0; times < 20; times++) ann.conn.send(randomBytes(1_000_000));
      });
      expect(await hasSeen(2)).toStrictEqual(['error ann', 'close ann']);
    });

    test('the failure by messageTimeout', async () => {
      const clock = new HandClock();
      const { wss, open } = await serve({ messageTimeout: 1000, clock, logger: quiet });
      const { conn, client } = await open('ann');
      noteEvents(conn);
      client.send(clientFrame({ opcode: 1, payload: 'half' }).subarray(0, 3));
      await until(() => wss.stats().bytesReceived === 3);
      user.run('bob', () => {
        clock.advance(1000);
      });
      expect(seen).toStrictEqual(['error ann']);
    });

    test('the failure by the heartbeat, on the timer of all connections', async () => {
      const clock = new HandClock();
      const heartbeat = { interval: 1000, timeout: 1000 };
      const { wss, open } = await serve({ heartbeat, clock, logger: quiet });
      await user.run('zoe', () => open('bob')); // the timer is set for this one
      const { conn } = await open('ann');
      noteEvents(conn);
      wss.on('connectionError', (_error, failed) => {
        if (failed === conn) note('connectionError');
      });
      for (let times = 0; times < 40 && seen.length < 3; times++) {
        user.run('bob', () => {
          clock.advance(125);
        });
        await turn();
      }
      expect(await hasSeen(3)).toStrictEqual(['connectionError ann', 'error ann', 'close ann']);
    });

    test.each([
      ['closeTimeout', { closeTimeout: 1000 }],
      ['idleTimeout', { idleTimeout: 1000, closeTimeout: 1000 }],
      ['maxLifetime', { maxLifetime: 1000, closeTimeout: 1000 }],
    ])("'close' after %s", async (name, options) => {
      const clock = new HandClock();
      const { open } = await serve({ ...options, clock, logger: quiet });
      const { conn } = await open('ann');
      noteEvents(conn);
      if (name === 'closeTimeout') void user.run('bob', () => conn.close());
      for (let times = 0; times < 40; times++) {
        user.run('bob', () => {
          clock.advance(125);
        });
      }
      expect(await hasSeen(1)).toStrictEqual(['close ann']);
    });

    test('a message for which messageRate has made the peer wait', async () => {
      const clock = new HandClock();
      const messageRate = { perSecond: 1, burst: 1, action: 'pause' } as const;
      const { open } = await serve({ messageRate, clock });
      const { conn, client } = await open('ann');
      conn.on('message', noted('message'));
      client.send(Buffer.concat([clientFrame({ opcode: 1 }), clientFrame({ opcode: 1 })]));
      await hasSeen(1);
      user.run('bob', () => {
        clock.advance(1000);
      });
      expect(seen).toStrictEqual(['message ann', 'message ann']);
    });
  });

  describe('a promise or a loop goes on in the context of its own', () => {
    test("the server's close(), and its 'close'", async () => {
      const { wss, open } = await serve();
      const { client } = await open('ann');
      wss.on('close', noted("'close'"));
      const closed = user.run('bob', async () => {
        await wss.close();
        note('close()');
      });
      await client.close();
      user.run('cid', () => {
        client.send(clientClose(1001));
        client.finish();
      });
      await closed;
      expect(seen).toStrictEqual(["'close' bob", 'close() bob']);
    });

    test('handleUpgrade(), and what it calls after an authorize that takes its time', async () => {
      const logger = { warn: noted('logger'), error: noted('error') };
      const allowed: ((allow: boolean) => void)[] = [];
      const { wss, port } = await serve({
        logger,
        authorize: async () => {
          if (!(await new Promise<boolean>((resolve) => allowed.push(resolve)))) {
            throw new UpgradeRejection(401);
          }
          note('authorized');
        },
      });
      wss.on('connection', noted('connection')).on('rejected', noted('rejected'));
      for (const target of ['/ann', '/bob']) {
        await askOver(version, port, { target });
        await until(() => allowed.length === (target === '/ann' ? 1 : 2));
      }
      user.run('cid', () => {
        allowed[0]!(true);
      });
      await hasSeen(2);
      user.run('cid', () => {
        allowed[1]!(false);
      });
      expect(await hasSeen(4)).toStrictEqual([
        'authorized ann',
        'connection ann',
        'logger bob',
        'rejected bob',
      ]);
    });
  });

  test('a reconnecting client: its events in the context of its making, callbacks in that of their send', async () => {
    const { wss, port } = await serve();
    const clock = new HandClock();
    const conns: WebSocketConnection[] = [];
    wss.on('connection', (conn) => conns.push(conn));
    const link = user.run('ann', () =>
      reconnecting(`ws://127.0.0.1:${port}/server`, {
        clock,
        connect: () => {
          note('connect');
          return version === 'HTTP/2' ? { http2: true } : {};
        },
        retry: () => {
          note('retry');
          return conns.length < 2;
        },
        outbox: { messages: 1, bytes: 9 },
      }),
    );
    for (const event of ['open', 'down', 'giveUp', 'dropped'] as const)
      link.on(event, noted(event));
    user.run('bob', () => link.send('waits', noted('callback')));
    user.run('cid', () => {
      link.send('does not fit', noted('refused'));
      note('after');
    });
    expect(await hasSeen(6)).toEqual([
      'dropped ann',
      'after cid',
      'connect ann',
      'refused cid',
      'open ann',
      'callback bob',
    ]);
    seen = [];
    await until(() => conns.length === 1);
    conns[0]!.terminate();
    await hasSeen(2);
    user.run('dan', () => {
      clock.advance(500); // a clock of the application calls in whatever context it has
    });
    expect(await hasSeen(4)).toEqual(['retry ann', 'down ann', 'connect ann', 'open ann']);
    seen = [];
    await until(() => conns.length === 2);
    conns[1]!.terminate();
    expect(await hasSeen(2)).toEqual(['retry ann', 'giveUp ann']);
  });

  describe("'abort' of authorize's signal runs in the context of the upgrade", () => {
    /** A server whose authorize never answers; it listens for the abort. */
    async function pending(options: ServerOptions<undefined, AnyRequest> = {}) {
      const served = await serve({
        logger: quiet,
        authorize: (_request, { signal }) => {
          signal.addEventListener('abort', noted('abort'));
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              reject(new Error('aborted'));
            });
          });
        },
        ...options,
      });
      const client = await askOver(version, served.port, { target: '/ann' });
      await until(() => served.wss.stats().upgradesPending === 1);
      return { ...served, client };
    }

    test('when the client leaves', async () => {
      const { client } = await pending();
      client.destroy();
      expect(await hasSeen(1)).toStrictEqual(['abort ann']);
    });

    test('when time is up', async () => {
      const clock = new HandClock();
      await pending({ clock, upgradeTimeout: 1000 });
      user.run('bob', () => {
        clock.advance(1000);
      });
      expect(await hasSeen(1)).toStrictEqual(['abort ann']);
    });

    test('when the server closes', async () => {
      const { wss } = await pending();
      await user.run('bob', () => wss.close());
      expect(await hasSeen(1)).toStrictEqual(['abort ann']);
    });
  });

  test('the callback of a message runs in the context of its send, when several leave in one write', async () => {
    const { open } = await serve();
    const { conn } = await open('ann');
    for (const name of ['bob', 'cid']) user.run(name, () => conn.send('x', noted('sent')));
    user.run('dan', () => conn.send(randomBytes(300_000), noted('sent')));
    expect(await hasSeen(3)).toStrictEqual(['sent bob', 'sent cid', 'sent dan']);
  });

  describe('what is called inside a call runs in the context of the call', () => {
    test("the channels of a connection's beginning and end", async () => {
      const { open } = await serve();
      const channels = ['hawser.upgrade.requested', 'hawser.connection.opened'];
      for (const name of [...channels, 'hawser.connection.closed']) {
        const listener = noted(name);
        subscribe(name, listener);
        cleanups.push(() => unsubscribe(name, listener));
      }
      const { conn } = await open('ann');
      user.run('bob', () => {
        conn.terminate();
      });
      expect(await hasSeen(3)).toStrictEqual([
        'hawser.upgrade.requested ann',
        'hawser.connection.opened ann',
        'hawser.connection.closed ann',
      ]);
    });
  });
});
/** The rest is between two connections in memory. */

describe('an event of a connection runs in the context of its upgrade', () => {
  test('when a message that was held is delivered because another context asks for it', async () => {
    const { server, client } = pairOfAnn();
    server.pause();
    client.send('one');
    await turn();
    server.on('message', noted('message'));
    user.run('bob', () => {
      server.resume();
      note('resumed by');
    });
    expect(await hasSeen(2)).toStrictEqual(['resumed by bob', 'message ann']);
  });

  test('when it is what an iterator finds first', async () => {
    const { server, client } = pairOfAnn();
    server.pause();
    client.send(Buffer.alloc(70_000)); // reading stops after it
    client.ping();
    await turn();
    await turn();
    noteEvents(server);
    seen = [];
    server.resume();
    await user.run('bob', async () => {
      const loop = server[Symbol.asyncIterator]();
      void loop.next();
      note('after next() still');
      await until(() => seen.includes('ping ann'));
      note('later still');
    });
    expect(seen.filter((line) => !line.startsWith('frame'))).toStrictEqual([
      'after next() still bob',
      'ping ann',
      'later still bob',
    ]);
  });

  test("'drain', though another context has sent", async () => {
    const { server, client } = pairOfAnn({ highWaterMark: 1000 });
    server.on('drain', noted('drain'));
    client.on('message', () => undefined);
    user.run('bob', () => server.send(randomBytes(100_000)));
    expect(await hasSeen(1)).toStrictEqual(['drain ann']);
  });

  test("'dropped', inside the send of another context, which goes on in its own", () => {
    const { server, client } = pairOfAnn({ maxBufferedAmount: 1000, slowConsumer: 'drop' });
    client.pause();
    server.send(randomBytes(100_000));
    server.on('dropped', noted('dropped'));
    user.run('bob', () => {
      server.send('news', { droppable: true });
      note('after send');
    });
    expect(seen).toStrictEqual(['dropped ann', 'after send bob']);
  });

  test('a long message that was decompressed, while others wait for their turn', async () => {
    const pairs = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'].map((name) => {
      const pair = user.run(name, () => createConnectionPair({ perMessageDeflate: true }));
      cleanups.push(() => {
        pair.server.terminate();
        pair.client.terminate();
      });
      pair.server.on('message', noted(`to ${name}, by`));
      return pair;
    });
    const long = randomBytes(300_000).toString('hex'); // half of it remains
    user.run('zoe', () => {
      for (const { client } of pairs) client.send(long);
    });
    expect((await hasSeen(6)).sort()).toStrictEqual(
      ['ann', 'bob', 'cid', 'dan', 'eve', 'fay'].map((name) => `to ${name}, by ${name}`),
    );
  });

  test('a message that was decompressed in a turn of its own, after a megabyte of others', async () => {
    const { server, client } = pairOfAnn({ perMessageDeflate: true });
    server.on('message', noted('message'));
    user.run('bob', () => {
      for (let times = 0; times < 5; times++) client.send(Buffer.alloc(400_000));
    });
    expect(await hasSeen(5)).toStrictEqual(Array(5).fill('message ann'));
  });
});

describe('the callback of a message runs in the context of its send', () => {
  /** Until the client's end reads no more, and the transport is as good as full. */
  const fill = async (server: WebSocketConnection, client: WebSocketConnection): Promise<void> => {
    client.pause();
    server.send(randomBytes(100_000));
    for (let times = 0; times < 5; times++) await turn();
  };
  /** Sends a message in the context of each name; its callback notes. */
  const sendAs = (
    conn: WebSocketConnection,
    names: string[],
    data: string | Buffer = 'x',
    options = {},
  ): void => {
    for (const name of names) {
      user.run(name, () => {
        conn.send(data, options, (error) => {
          const { code = 'sent' } = (error ?? {}) as { code?: string };
          note(`${name}: ${code},`);
        });
      });
    }
  };

  test('when messages of several contexts leave in one write', async () => {
    const { server, client } = pairOfAnn();
    client.on('message', () => undefined);
    sendAs(server, ['bob', 'cid', 'dan']);
    expect(await hasSeen(3)).toStrictEqual(['bob: sent, bob', 'cid: sent, cid', 'dan: sent, dan']);
  });

  test('when they leave for several connections in one tick', async () => {
    const names = ['bob', 'cid', 'dan'];
    for (const name of names) {
      const { server, client } = pairOfAnn();
      client.on('message', () => undefined);
      sendAs(server, [name]);
    }
    expect(await hasSeen(3)).toStrictEqual(names.map((name) => `${name}: sent, ${name}`));
  });

  test('when the message waited for a slow peer', async () => {
    const { server, client } = pairOfAnn();
    await fill(server, client);
    sendAs(server, ['bob', 'cid'], randomBytes(100_000));
    await turn();
    expect(seen).toStrictEqual([]);
    user.run('dan', () => {
      client.resume();
    });
    expect(await hasSeen(2)).toStrictEqual(['bob: sent, bob', 'cid: sent, cid']);
  });

  test('when the connection is not open', async () => {
    const { server } = pairOfAnn();
    void server.close();
    sendAs(server, ['bob', 'cid']);
    expect(await hasSeen(2)).toStrictEqual([
      'bob: ERR_CONNECTION_NOT_OPEN, bob',
      'cid: ERR_CONNECTION_NOT_OPEN, cid',
    ]);
  });

  test('when it is dropped', async () => {
    const { server, client } = pairOfAnn({ maxBufferedAmount: 1000, slowConsumer: 'drop' });
    client.pause();
    server.send(randomBytes(100_000));
    sendAs(server, ['bob', 'cid'], 'news', { droppable: true });
    expect(await hasSeen(2)).toStrictEqual([
      'bob: ERR_MESSAGE_DROPPED, bob',
      'cid: ERR_MESSAGE_DROPPED, cid',
    ]);
  });

  test('when the peer is too slow for another one, and when the connection is cut', async () => {
    const { server, client } = pairOfAnn({ maxBufferedAmount: 150_000 });
    await fill(server, client);
    sendAs(server, ['bob'], randomBytes(100_000)); // the transport has this one
    sendAs(server, ['cid', 'dan'], randomBytes(100_000));
    await hasSeen(2);
    user.run('eve', () => {
      server.terminate();
    });
    expect(await hasSeen(3)).toStrictEqual([
      'cid: ERR_SLOW_CONSUMER, cid',
      'dan: ERR_SLOW_CONSUMER, dan',
      'bob: ERR_CONNECTION_CLOSED, bob',
    ]);
  });

  test('when it was a long compressed message, and when it waited for one', async () => {
    const { server, client } = pairOfAnn({ perMessageDeflate: true });
    client.on('message', () => undefined);
    sendAs(server, ['bob', 'cid'], randomBytes(100_000));
    sendAs(server, ['dan']);
    expect(await hasSeen(3)).toStrictEqual(['bob: sent, bob', 'cid: sent, cid', 'dan: sent, dan']);
  });

  test('when that compression comes to nothing', async () => {
    const { server } = pairOfAnn({ perMessageDeflate: true });
    sendAs(server, ['bob'], randomBytes(100_000));
    sendAs(server, ['cid']);
    user.run('dan', () => {
      server.terminate();
    });
    expect(await hasSeen(2)).toStrictEqual([
      expect.stringMatching(/^bob: .*, bob$/),
      expect.stringMatching(/^cid: .*, cid$/),
    ]);
  });

  test('when it waited for the end of an unfinished message', async () => {
    const { server, client } = pairOfAnn();
    client.on('message', () => undefined);
    server.sendFrame('begun', { opcode: Opcode.Text, fin: false });
    sendAs(server, ['bob', 'cid']);
    user.run('dan', () => server.sendFrame('', { opcode: Opcode.Continuation }));
    expect(await hasSeen(2)).toStrictEqual(['bob: sent, bob', 'cid: sent, cid']);
  });

  test('and so does what the callback starts', async () => {
    const { server, client } = pairOfAnn();
    client.on('message', () => undefined);
    user.run('bob', () => {
      server.send('x', () => {
        setTimeout(noted('later'), 0);
      });
    });
    expect(await hasSeen(1)).toStrictEqual(['later bob']);
  });
});

describe('a promise or a loop goes on in the context of its own', () => {
  test('drained(), and one whose signal aborts', async () => {
    const { server, client } = pairOfAnn({ highWaterMark: 1000 });
    client.pause();
    server.send(randomBytes(100_000));
    const controller = new AbortController();
    const waits = [
      user.run('bob', async () => {
        await server.drained();
        note('drained');
      }),
      user.run('cid', async () => {
        await server.drained(controller.signal).catch(noted('aborted'));
        note('after that');
      }),
    ];
    user.run('dan', () => {
      controller.abort();
      client.resume();
    });
    await Promise.all(waits);
    expect(seen).toStrictEqual(['aborted cid', 'after that cid', 'drained bob']);
  });

  test('close(), whichever end begins', async () => {
    const { server, client } = pairOfAnn();
    const waits = [
      user.run('bob', async () => {
        await server.close();
        note('closed');
      }),
      user.run('cid', async () => {
        await client.close();
        note('closed');
      }),
    ];
    await Promise.all(waits);
    expect(seen.sort()).toStrictEqual(['closed bob', 'closed cid']);
  });

  test('roundTrip(), and one that rejects', async () => {
    const { server } = pairOfAnn();
    await user.run('bob', async () => {
      await server.roundTrip();
      note('answered');
    });
    const rejects = user.run('cid', async () => {
      await server.roundTrip().catch(noted('rejected'));
    });
    user.run('dan', () => {
      server.terminate();
    });
    await rejects;
    expect(seen).toStrictEqual(['answered bob', 'rejected cid']);
  });

  test('a loop over the messages, to its end', async () => {
    const { server, client } = pairOfAnn();
    const loop = user.run('bob', async () => {
      for await (const message of server) note(String(message));
      note('the end');
    });
    for (const word of ['one', 'two']) {
      user.run('cid', () => client.send(word));
      await turn();
    }
    user.run('dan', () => {
      client.terminate();
    });
    await loop;
    expect(seen).toStrictEqual(['one bob', 'two bob', 'the end bob']);
  });
});

describe('what is called inside a call runs in the context of the call', () => {
  test('the channels of the messages that are sent, also of one that waits', async () => {
    const { server, client } = pairOfAnn({ perMessageDeflate: true });
    const sent = noted('sent');
    const received = noted('received');
    subscribe('hawser.message.sent', sent);
    subscribe('hawser.message.received', received);
    cleanups.push(() => unsubscribe('hawser.message.sent', sent));
    cleanups.push(() => unsubscribe('hawser.message.received', received));
    client.on('message', () => undefined);
    user.run('bob', () => server.send(randomBytes(100_000)));
    user.run('cid', () => server.send('waits'));
    await until(() => seen.filter((line) => line.startsWith('received')).length === 2);
    server.sendFrame('begun', { opcode: Opcode.Text, fin: false });
    user.run('dan', () => server.send('waits'));
    server.sendFrame('', { opcode: Opcode.Continuation });
    await hasSeen(6);
    expect(seen.filter((line) => line.startsWith('sent'))).toStrictEqual([
      'sent bob',
      'sent cid',
      'sent dan',
    ]);
    expect(new Set(seen.filter((line) => line.startsWith('received')))).toStrictEqual(
      new Set(['received ann']),
    );
  });
});

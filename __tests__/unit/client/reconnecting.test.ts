import { getEventListeners, once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectTcp } from 'node:net';
import { HandshakeError } from '../../../src/client/handshake-error.js';
import { reconnecting, type ReconnectingConnection } from '../../../src/client/reconnecting.js';
import type { ReconnectingOptions } from '../../../src/client/reconnecting-options.js';
import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import type { ServerOptions } from '../../../src/server/options/options.js';
import {
  catchSurfacing,
  eventually,
  HandClock,
  later,
  listen,
  serve,
} from '../../support/server.js';

interface World {
  readonly link: ReconnectingConnection;
  readonly clock: HandClock;
  /** The server's ends. */
  readonly conns: WebSocketConnection[];
  readonly received: unknown[];
  readonly log: string[];
}

async function world(
  options: ReconnectingOptions = {},
  server: ServerOptions = {},
): Promise<World> {
  const { wss, port } = await serve(server);
  const conns: WebSocketConnection[] = [];
  const received: unknown[] = [];
  wss.on('connection', (conn) => {
    conns.push(conn);
    conn.on('message', (data) => received.push(data));
  });
  const clock = new HandClock();
  const link = reconnecting(`ws://127.0.0.1:${port}/`, { clock, ...options });
  const log: string[] = [];
  link.on('open', () => log.push('open'));
  link.on('down', (last, delay) => {
    expect(delay).toBeLessThanOrEqual(30_000);
    log.push(`down ${last.code}`);
  });
  link.on('giveUp', (last) => log.push(`give up ${last.code}`));
  later(() => {
    for (const conn of conns) conn.terminate();
    return link.close();
  });
  return { link, clock, conns, received, log };
}

/** Waits for the connection of this number, from 1. */
const opened = ({ log, conns }: World, number = 1) =>
  eventually(
    `connection ${number}`,
    () => log.filter((line) => line === 'open').length === number && conns.length === number,
  );
const down = ({ log }: World) =>
  eventually('the loss', () => log.at(-1)?.startsWith('down') === true);

describe('reconnecting', () => {
  it('connects, and connects again after a loss', async () => {
    const all = await world();
    const { link, clock, conns, received } = all;
    expect(link.connection).toBeUndefined();
    await opened(all);
    const first = link.connection!;
    expect(link.send('one')).toBe(true);
    await eventually('the message', () => received.length === 1);
    conns[0]!.terminate();
    await down(all);
    expect(link.connection).toBeUndefined();
    clock.advance(500);
    await opened(all, 2);
    expect(link.connection).not.toBe(first);
    link.send('two', () => received.push('called'));
    await eventually('the message', () => received.length === 3);
    expect(await link.close(4000, 'bye')).toMatchObject({ code: 4000, clean: true });
    expect(conns[1]!.closeInfo).toMatchObject({ reason: 'bye' });
    expect(all.log).toEqual(['open', 'down 1006', 'open']);
    expect(await link.close()).toBeUndefined();
  });

  it('leaves nothing on a signal that many clients and attempts share', async () => {
    const shared = new AbortController();
    const any = jest.spyOn(AbortSignal, 'any'); // it keeps an object for each call in Node 20 and 22
    const warnings: Error[] = [];
    const warned = (warning: Error) => void warnings.push(warning);
    process.on('warning', warned);
    later(() => process.off('warning', warned));
    const all = await Promise.all(
      Array.from({ length: 12 }, () => world({ connect: { signal: shared.signal } })),
    );
    await Promise.all(all.map((each) => opened(each)));
    for (const { conns } of all) conns[0]!.terminate();
    await Promise.all(all.map(down));
    for (const { clock } of all) clock.advance(500);
    await Promise.all(all.map((each) => opened(each, 2)));
    expect(getEventListeners(shared.signal, 'abort')).toEqual([]);
    expect(any).not.toHaveBeenCalled();
    expect(warnings).toEqual([]);
  });

  it('gives up with the reason of a signal, also of one that is not of Node', async () => {
    const heard: (() => void)[] = [];
    const signal = {
      aborted: false,
      reason: new Error('no more'),
      addEventListener: (_: string, listener: () => void) => heard.push(listener),
      removeEventListener: () => undefined,
    };
    const all = await world({ connect: { signal: signal as never } }, { authorize: () => abort() });
    const abort = async () => {
      signal.aborted = true;
      for (const listener of heard) listener();
      await new Promise(() => undefined);
    };
    const next = all.link[Symbol.asyncIterator]().next();
    next.catch(() => undefined);
    await once(all.link, 'giveUp');
    await expect(next).rejects.toBe(signal.reason);
    expect(all.log).toEqual(['give up ERR_HANDSHAKE_UNREACHABLE']);
  });

  it.each([
    [null, /options/],
    [{ signal: {} }, /signal/],
    [{ signals: 1 }, /signals/],
    [new Map([['maxPayload', 7]]), /options to be an object, got an object of a class/],
    [{ maxPayload: '7' }, /maxPayload/],
  ])('gives up if the function makes %j of the options', async (options, message) => {
    const { link, log } = await world({ connect: () => options as never });
    await once(link, 'giveUp');
    await expect(link[Symbol.asyncIterator]().next()).rejects.toThrow(message);
    expect(log).toHaveLength(1);
  });

  it('has the defaults where the function makes no options', async () => {
    const all = await world({ connect: (() => undefined) as never });
    await opened(all);
    expect(all.log).toEqual(['open']);
  });

  it('makes the options of each attempt', async () => {
    const attempts: unknown[] = [];
    const all = await world({
      connect: async (attempt, last) => {
        attempts.push([attempt, last?.code]);
        await Promise.resolve();
        if (attempt === 2) throw new Error('no token');
        const { signal } = new AbortController();
        return { signal };
      },
    });
    await opened(all);
    all.conns[0]!.terminate();
    await down(all);
    all.clock.advance(500);
    await eventually('the failure', () => all.log.length === 3);
    all.clock.advance(1000);
    await opened(all, 2);
    // After ten seconds it begins again.
    all.clock.advance(10_000);
    all.conns[1]!.terminate();
    await down(all);
    all.clock.advance(500);
    await opened(all, 3);
    expect(attempts).toEqual([
      [1, undefined],
      [2, 1006],
      [3, 'ERR_HANDSHAKE_UNREACHABLE'],
      [1, 1006],
    ]);
  });

  it('gives up for good after a refusal, unless retry says otherwise', async () => {
    const refuse = {
      authorize: () => {
        throw new UpgradeRejection(403);
      },
    };
    const all = await world({}, refuse);
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const message of all.link) seen.push(message);
    })().catch((error: unknown) => error);
    const error = await loop;
    expect(error).toBeInstanceOf(HandshakeError);
    expect(error).toMatchObject({ status: 403 });
    expect(all.log).toEqual(['give up ERR_HANDSHAKE_REFUSED']);
    const stubborn = await world({ retry: () => true, delay: { min: 1 } }, refuse);
    await down(stubborn);
    stubborn.clock.advance(1);
    await eventually('another attempt', () => stubborn.log.length === 2);
  });

  it('gives up if the options of an attempt are wrong', async () => {
    const all = await world({ connect: () => ({ maxpayload: 1 }) as object });
    const [last] = (await once(all.link, 'giveUp')) as [HandshakeError];
    expect(last.message).toMatch(/unknown option maxpayload/);
    await expect(all.link[Symbol.asyncIterator]().next()).rejects.toThrow(/unknown option/);
  });

  it('goes on with the loop across connections, and ends it after a final 1000', async () => {
    const all = await world();
    const seen: unknown[] = [];
    const loop = (async () => {
      for await (const message of all.link) seen.push(message);
      return 'ended';
    })();
    await opened(all);
    all.conns[0]!.send('a');
    await eventually('a', () => seen.length === 1);
    all.conns[0]!.send('b');
    void all.conns[0]!.close(1012);
    await down(all);
    all.clock.advance(500);
    await opened(all, 2);
    all.conns[1]!.send('c');
    void all.conns[1]!.close(1000);
    expect(await loop).toBe('ended');
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(all.log.at(-1)).toBe('give up 1000');
  });

  it('throws in the loop after another final close, and can leave and enter it', async () => {
    const all = await world();
    await opened(all);
    all.conns[0]!.send('a');
    for await (const message of all.link) {
      expect(message).toBe('a');
      break;
    }
    const rest = all.link[Symbol.asyncIterator]().next();
    const caught = rest.catch((error: unknown) => error);
    void all.conns[0]!.close(1008, 'no');
    expect(await caught).toMatchObject({
      code: 'ERR_CONNECTION_CLOSED',
      message: expect.stringMatching(/: 1008 no$/) as string,
    });
  });

  it('keeps what is sent meanwhile in the outbox, within its limits, and sends nothing twice', async () => {
    const all = await world({ outbox: { messages: 2, bytes: 100 } });
    const { link, received, conns } = all;
    const errors: unknown[] = [];
    const note = (error?: Error) => errors.push((error as { code?: string } | undefined)?.code);
    expect(link.send('one', note)).toBe(false);
    expect(link.send('two', {}, note)).toBe(false);
    expect(link.send('three', {}, note)).toBe(false);
    link.once('open', (conn) => conn.send('login'));
    await eventually('the messages', () => received.length === 3);
    expect(received).toEqual(['login', 'one', 'two']);
    await eventually('the callbacks', () => errors.length === 3);
    expect(errors).toEqual(['ERR_OUTBOX_FULL', undefined, undefined]);
    conns[0]!.terminate();
    await down(all);
    link.send('never', note);
    all.clock.advance(500);
    await opened(all, 2);
    await eventually('it', () => received.length === 4);
    expect(received.at(-1)).toBe('never');
    expect(() => link.send(7 as never)).toThrow(TypeError);
  });

  it('tells callbacks without an outbox', async () => {
    const { link } = await world();
    const error = await new Promise((resolve) => link.send('one', resolve));
    expect(error).toMatchObject({ code: 'ERR_CONNECTION_NOT_OPEN' });
  });

  it('makes no error for a message that is dropped where nothing wants to know', async () => {
    const { link } = await world();
    const emitted = jest.spyOn(link, 'emit');
    expect(link.send('one')).toBe(false);
    expect(emitted).not.toHaveBeenCalled();
    link.on('dropped', () => 0).send('two');
    expect(emitted).toHaveBeenCalledTimes(1);
  });

  it.each<[string, ReconnectingOptions, ServerOptions, (all: World) => unknown, string[]]>([
    ['without an outbox', {}, {}, ({ link }) => link.send('a'), ['a ERR_CONNECTION_NOT_OPEN']],
    [
      'for which the outbox has no room',
      { outbox: { messages: 1, bytes: 9 } },
      {},
      ({ link }) => [link.send('a'), link.send('b')],
      ['b ERR_OUTBOX_FULL'],
    ],
    [
      'that waits when the client is closed',
      { outbox: { messages: 2, bytes: 9 } },
      {},
      ({ link }) => [link.send('a'), link.send('b'), link.close()],
      ['a ERR_CONNECTION_NOT_OPEN', 'b ERR_CONNECTION_NOT_OPEN'],
    ],
    [
      'that waits when the client gives up',
      { outbox: { messages: 1, bytes: 9 } },
      { authorize: () => Promise.reject(new UpgradeRejection(403)) },
      ({ link }) => link.send('a'),
      ['a ERR_CONNECTION_NOT_OPEN'],
    ],
    [
      'that is sent after the end',
      { outbox: { messages: 1, bytes: 9 } },
      {},
      ({ link }) => [link.close(), link.send('a')],
      ['a ERR_CONNECTION_NOT_OPEN'],
    ],
    [
      'whose bytes were overwritten while it waited, and are not UTF-8 any more',
      { outbox: { messages: 1, bytes: 99_999 } },
      {},
      ({ link }) => {
        const data = Buffer.alloc(20_000, 'a');
        link.send(data, { binary: false });
        data.fill(255);
      },
      ['\ufffd undefined'],
    ],
  ])('drops a message %s, and tells why', async (_, options, server, act, expected) => {
    const all = await world(options, server);
    const surfaced = catchSurfacing();
    const dropped: string[] = [];
    all.link.on('dropped', (data, error) => {
      const { code } = error as { code?: string };
      const text = Buffer.isBuffer(data) ? data.toString() : (data as string);
      dropped.push(`${text[0]} ${code}`);
      throw new Error('mine');
    });
    act(all);
    await eventually('the losses', () => dropped.length === expected.length);
    await eventually('the errors of the listener', () => surfaced.length === expected.length);
    expect(dropped).toEqual(expected);
  });

  it('tells the callback of a message that is sent after the end', async () => {
    const { link } = await world({ outbox: { messages: 1, bytes: 9 } });
    await link.close();
    const error = await new Promise((resolve) => link.send('one', resolve));
    expect(error).toMatchObject({ code: 'ERR_CONNECTION_NOT_OPEN' });
  });

  it('keeps what is sent on a connection that is closing, and what waits when it ends early', async () => {
    const all = await world({ outbox: { messages: 3, bytes: 9 } });
    const { link, received, log } = all;
    link.on('dropped', (data) => log.push(`dropped ${data as string}`));
    link.send('a');
    link.once('open', (conn) => {
      conn.terminate();
      link.send('b');
    });
    await down(all);
    all.clock.advance(500);
    await opened(all, 2);
    await eventually('the messages', () => received.length === 2);
    expect([received, log]).toEqual([
      ['a', 'b'],
      ['open', 'down 1006', 'open'],
    ]);
  });

  it('is closed before it begins, during an attempt, and while it waits', async () => {
    const early = await world();
    expect(await early.link.close()).toBeUndefined();
    for await (const message of early.link) expect(message).toBe('none');
    expect(await reconnecting('ws://far.example/').close()).toBeUndefined();
    let asked = 0;
    const server = createServer().on('upgrade', () => asked++);
    const port = await listen(server);
    const during = reconnecting(`ws://127.0.0.1:${port}/`);
    await eventually('the request', () => asked === 1);
    await during[Symbol.asyncDispose]();
    const waiting = await world();
    await opened(waiting);
    waiting.conns[0]!.terminate();
    await down(waiting);
    expect(await waiting.link.close()).toBeUndefined();
    waiting.clock.advance(60_000);
    expect(waiting.log).toEqual(['open', 'down 1006']);
    expect(() => waiting.link.close(1006)).toThrow(RangeError);
  });

  it('terminates a connection that comes when it is closed', async () => {
    const { wss, port } = await serve();
    const ended = new Promise((resolve) => {
      wss.on('connection', (conn) => conn.on('close', resolve));
    });
    const createConnection = () => {
      const socket = connectTcp(port, '127.0.0.1');
      // hawser calls it between the answer and the end of connect().
      socket.setNoDelay = () => {
        void link.close();
        return socket;
      };
      return socket;
    };
    const link = reconnecting('ws://far.example/', { connect: { createConnection } });
    const events: unknown[] = [];
    link.on('open', () => events.push('open'));
    expect(await ended).toBe(1006);
    expect(events).toEqual([]);
  });

  it('waits on Node’s timers without a clock', async () => {
    const gone = createServer();
    const port = await listen(gone);
    gone.close();
    await once(gone, 'close');
    const link = reconnecting(`ws://127.0.0.1:${port}/`, { delay: { min: 1, max: 1 } });
    await once(link, 'down');
    await once(link, 'down');
    await link.close();
    expect(link.connection).toBeUndefined();
  });

  it('is not stopped by a listener that throws', async () => {
    const all = await world();
    const surfaced = catchSurfacing();
    all.link.on('open', () => {
      throw new Error('mine');
    });
    await opened(all);
    await eventually('the error', () => surfaced.length === 1);
    expect(all.link.connection!.readyState).toBe('open');
  });

  it('does not follow changes of the URL and the options that it was given', async () => {
    const { port } = await serve();
    const clock = new HandClock();
    const url = new URL(`ws://127.0.0.1:${port}/`);
    const options = { clock, outbox: { messages: 1, bytes: 9 } };
    const link = reconnecting(url, options);
    url.hostname = 'far.example';
    Object.assign(options, { clock: {}, outbox: 7 });
    link.send('one');
    await once(link, 'open');
    await link.close();
    expect(link.connection).toBeUndefined();
  });

  it.each<[unknown, object | undefined, RegExp]>([
    ['chat', undefined, /^connect: expected a URL/],
    ['ws://a/', { retries: 1 }, /^reconnecting: unknown option retries/],
  ])('rejects %p with %p', (url, options, sentence) => {
    expect(() => reconnecting(url as string, options)).toThrow(sentence);
  });

  it('takes nothing after the callback of send, connected or not', async () => {
    const all = await world();
    const sendMore = () => all.link.send('one', () => undefined, 'more' as never);
    expect(sendMore).toThrow(/^send: expected nothing after the callback/);
    await opened(all);
    expect(sendMore).toThrow(/^send: expected nothing after the callback/);
  });
});

describe('retry', () => {
  it.each<[string, () => unknown, RegExp]>([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
      /^mine$/,
    ],
    ['returns a promise', () => Promise.resolve(false), /^reconnecting: expected retry to answer/],
    ['returns one that rejects', () => Promise.reject(new Error('late')), /answer at once/],
  ])('that %s ends the client, and the error surfaces', async (_, retry, sentence) => {
    const all = await world({ retry: retry as never });
    const surfaced = catchSurfacing();
    await opened(all);
    const next = all.link[Symbol.asyncIterator]().next();
    all.conns[0]!.terminate();
    await expect(next).rejects.toThrow(sentence);
    expect(all.log).toEqual(['open', 'give up 1006']);
    expect(surfaced.map(String)).toHaveLength(1);
    expect((surfaced[0] as Error).message).toMatch(sentence);
    expect(all.clock.timers.size).toBe(0);
  });
});

/** What `close()` inside a function that the client calls leaves to come. */
describe('after close()', () => {
  const turns = async () => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const loseConnection = async (all: World) => {
    await opened(all);
    all.conns[0]!.terminate();
  };

  it.each<
    [
      where: string,
      options: (close: () => void) => ReconnectingOptions,
      act: (all: World, close: () => void) => unknown,
      expected: string[],
    ]
  >([
    [
      "in 'open' there is no other event, and the outbox is not sent",
      () => ({ outbox: { messages: 2, bytes: 9 } }),
      ({ link, log }, close) => {
        link.send('one', (error) => log.push(`callback ${(error as { code?: string }).code}`));
        link.on('dropped', (data) => log.push(`dropped ${data as string}`));
        link.on('open', close);
      },
      ['open', 'closed', 'dropped one', 'callback ERR_CONNECTION_NOT_OPEN'],
    ],
    [
      "in 'down' there is no other attempt",
      () => ({}),
      (all, close) => {
        all.link.on('down', close);
        return loseConnection(all);
      },
      ['open', 'down 1006', 'closed'],
    ],
    [
      "in retry there is no 'down', and no other attempt, though it asks for one",
      (close) => ({
        retry: () => {
          close();
          return true;
        },
      }),
      loseConnection,
      ['open', 'closed'],
    ],
    [
      "in retry there is no 'giveUp', though it asks for none",
      (close) => ({
        retry: () => {
          close();
          return false;
        },
      }),
      loseConnection,
      ['open', 'closed'],
    ],
    [
      'in the function that makes the options nothing is requested',
      (close) => ({
        connect: async () => {
          await turns();
          close();
          return {};
        },
      }),
      () => undefined,
      ['closed'],
    ],
    [
      "in the connection's own 'close' there is no other attempt",
      () => ({}),
      (all, close) => {
        all.link.on('open', (connection) => connection.on('close', close));
        return loseConnection(all);
      },
      ['open', 'down 1006', 'closed'],
    ],
    [
      "in the connection's own 'close', before ours, there is no 'down'",
      () => ({}),
      (all, close) => {
        all.link.on('open', (connection) => connection.prependListener('close', close));
        return loseConnection(all);
      },
      ['open', 'closed'],
    ],
    [
      "in 'dropped' the other messages are dropped, and there is no 'giveUp'",
      () => ({ outbox: { messages: 2, bytes: 9 }, retry: () => false }),
      ({ link, log }, close) => {
        link.on('dropped', (data) => {
          log.push(`dropped ${data as string}`);
          if (data === 'a') close();
        });
        link.once('open', (connection) => {
          connection.terminate();
          link.send('a');
          link.send('b');
        });
      },
      ['open', 'dropped a', 'closed', 'dropped b'],
    ],
    [
      'in the callback of a message there is no other attempt',
      () => ({}),
      ({ link }, close) => {
        link.on('open', () => link.send('one', close));
      },
      ['open', 'closed'],
    ],
    [
      "in 'giveUp' nothing follows",
      () => ({ retry: () => false }),
      (all, close) => {
        all.link.on('giveUp', close);
        return loseConnection(all);
      },
      ['open', 'give up 1006', 'closed'],
    ],
  ])('%s', async (_where, options, act, expected) => {
    const made: World[] = [];
    const close = () => {
      made[0]!.log.push('closed');
      void made[0]!.link.close();
    };
    const all = await world(options(close));
    made.push(all);
    await act(all, close);
    await eventually('the call', () => all.log.includes('closed'));
    await turns();
    all.clock.advance(3_600_000);
    await turns();
    expect(all.log).toEqual(expected);
    expect(all.clock.timers.size).toBe(0);
    expect(all.link.connection).toBeUndefined();
    expect(all.conns.length).toBe(expected.includes('open') ? 1 : 0);
    // Where the end was final before, the loop says so.
    const next = all.link[Symbol.asyncIterator]().next();
    await (/dropped a|give up/.test(String(expected))
      ? expect(next).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' })
      : expect(next).resolves.toEqual({ done: true, value: undefined }));
  });

  it.each<[string, (link: ReconnectingConnection, take: () => void) => void]>([
    [
      'a listener',
      (link, take) => {
        link.on('open', (connection) => connection.on('message', take));
      },
    ],
    [
      'a loop',
      (link, take) => {
        void (async () => {
          for await (const _message of link) take();
        })();
      },
    ],
  ])(
    'in %s, messages are delivered until the peer’s Close, as after close() of a connection',
    async (_consumer, consume) => {
      const all = await world();
      let count = 0;
      consume(all.link, () => {
        if (++count === 1) void all.link.close();
      });
      await opened(all);
      for (let sent = 0; sent < 100; sent++) all.conns[0]!.send('a');
      await eventually('the end', () => all.link.connection === undefined);
      await turns();
      expect(count).toBe(100);
      expect(all.log).toEqual(['open']);
    },
  );

  it('messages that are held because it was paused are discarded', async () => {
    const all = await world();
    let count = 0;
    all.link.on('open', (connection) => {
      connection.on('message', () => {
        count++;
        connection.pause();
        void all.link.close();
      });
    });
    await opened(all);
    for (let sent = 0; sent < 100; sent++) all.conns[0]!.send('a');
    await eventually('the end', () => all.link.connection === undefined);
    await turns();
    expect(count).toBe(1);
    expect(all.log).toEqual(['open']);
  });
});

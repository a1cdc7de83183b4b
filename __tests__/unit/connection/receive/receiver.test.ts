import { executionAsyncId } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { Counters } from '../../../../src/connection/counters.js';
import { deflateRawSync } from 'node:zlib';
import type { ConnectionEvents } from '../../../../src/connection/events.js';
import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { Session } from '../../../../src/connection/session.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import {
  connectionOn,
  HandClock,
  settingsOf,
  Sink,
  turns,
  until,
  type WorldOptions,
  compressedConnectionOn,
} from '../../../support/connection.js';
import {
  answers,
  connection,
  feed,
  FULL,
  listen,
  log,
  ping,
  sink,
  start,
  text,
  watch,
} from '../../../support/fed-connection.js';
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../../support/frames.js';

describe('Receiver, reading', () => {
  it('does not start a second loop for resume() inside a listener', () => {
    let depth = 0;
    let deepest = 0;
    connection.on('message', (data) => {
      deepest = Math.max(deepest, ++depth);
      connection.pause();
      connection.resume();
      log.push(data.toString());
      depth--;
    });
    feed(...Array.from({ length: 50 }, (_, i) => text(`${i}`)));
    expect(deepest).toBe(1);
    expect(log).toEqual(Array.from({ length: 50 }, (_, i) => `${i}`));
  });

  it('does not nest when more bytes come inside a listener either', () => {
    connection.on('message', (data) => {
      log.push(`in ${data.toString()}`);
      if (data === 'a') feed(text('b'));
      log.push(`out ${data.toString()}`);
    });
    feed(text('a'));
    expect(log).toEqual(['in a', 'out a', 'in b', 'out b']);
  });

  it('tells whether it is paused', () => {
    expect(connection.isPaused).toBe(false);
    connection.pause();
    expect(connection.isPaused).toBe(true);
    connection.resume();
    expect(connection.isPaused).toBe(false);
  });

  it('delivers what is decompressed after the connection has closed, before an iterator ends', async () => {
    const socket = new Sink();
    watch(socket, compressedConnectionOn(socket));
    connection.start(Buffer.alloc(0));
    const iterator = connection[Symbol.asyncIterator]();
    const long = 'long.'.repeat(110_000);
    feed(text(FULL), clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(long) }));
    sink.destroy();
    await until('the end', () => log.length === 1);
    expect(await iterator.next()).toEqual({ done: false, value: FULL });
    expect(await iterator.next()).toEqual({ done: false, value: long });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });
});

describe('Receiver, what is counted', () => {
  it('is every byte, message, Ping and Pong, wanted or not, and each message is published', () => {
    const counters = new Counters();
    start({ counters });
    const published: unknown[] = [];
    const listener = (message: unknown) => published.push(message);
    subscribe('hawser.message.received', listener);
    const bytes = Buffer.concat([
      text('held'),
      ping('p'),
      ping('q'),
      clientFrame({ opcode: 10 }),
      clientFrame({ opcode: 2, payload: 'a', fin: false }),
      clientFrame({ opcode: 0, payload: 'b' }),
    ]);
    try {
      feed(bytes.subarray(0, 20));
      expect(counters.bytesReceived).toBe(20);
      feed(bytes.subarray(20));
      connection.resume(); // discards what is held
      feed(text('discarded'));
    } finally {
      unsubscribe('hawser.message.received', listener);
    }
    expect(counters).toMatchObject({
      bytesReceived: bytes.length + text('discarded').length,
      messagesReceived: 3,
      messagesDiscarded: 3,
      pingsReceived: 2,
      pongsReceived: 1,
    });
    expect(published).toStrictEqual([
      { connection, data: 'held', isBinary: false },
      { connection, data: Buffer.from('ab'), isBinary: true },
      { connection, data: 'discarded', isBinary: false },
    ]);
  });
});

describe('Receiver, its async context', () => {
  it('is entered for a read, unless the socket calls back in it', () => {
    const emitter = new TypedEmitter<ConnectionEvents>();
    const { receiver } = new Session(emitter, new Sink(), settingsOf(new HandClock(), {}));
    const heard: unknown[] = [];
    emitter.on('message', (data) => {
      if (data === 'b') receiver.push(text('c'));
      heard.push(data);
    });
    const enter = jest.spyOn(receiver, 'runInAsyncScope');
    receiver.push(text('a'));
    expect(enter).toHaveBeenCalledTimes(1);
    const handle = { asyncReset: () => undefined, getAsyncId: () => executionAsyncId() };
    receiver.adoptSocket(Object.assign(new Sink(), { _handle: handle }));
    enter.mockClear(); // it was called for the reset, too
    receiver.push(text('b'));
    expect(enter).not.toHaveBeenCalled();
    expect(heard).toEqual(['a', 'b', 'c']);
  });
});

describe('Receiver, an exception of a listener', () => {
  const boom = () => {
    throw new Error('boom');
  };

  it('surfaces, and later messages still arrive', async () => {
    connection.on('message', (data) => {
      log.push(data.toString());
      if (data === 'a') throw new Error('boom');
    });
    expect(() => feed(text('a'), text('b'), ping('p'))).toThrow('boom');
    expect(log).toEqual(['a']);
    await turns();
    expect(log).toEqual(['a', 'b']);
    expect(answers()).toEqual(['pong 70']);
    feed(text('c'));
    expect(log).toEqual(['a', 'b', 'c']);
    expect(connection.readyState).toBe('open');
  });

  it('does not keep back what was sent before it', () => {
    connection.on('message', (data) => {
      connection.send(data);
      throw new Error('boom');
    });
    expect(() => feed(text('a'))).toThrow('boom');
    expect(answers()).toEqual(['text 61']);
  });

  it('does not cost a ping its pong', () => {
    connection.on('ping', boom);
    expect(() => feed(ping('p'))).toThrow('boom');
    expect(answers()).toEqual(['pong 70']);
  });

  it('does not let the peer’s end overtake its Close', async () => {
    connection.on('message', boom);
    expect(() => feed(text('a'), text('b'), text('c'), clientClose(1000))).toThrow('boom');
    expect(() => sink.emit('end')).toThrow('boom');
    connection.removeAllListeners('message');
    await turns();
    expect(answers()).toEqual(['close 1000']);
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toEqual({
      code: 1000,
      reason: '',
      clean: true,
      initiator: 'peer',
    });
  });
});

describe('Receiver, for the heartbeat', () => {
  const HEARTBEAT = { heartbeat: { interval: 25_000, timeout: 10_000 } };
  let clock: HandClock;
  const begin = (options: WorldOptions) => {
    clock = new HandClock();
    start(options, clock);
    connection.on('pong', (payload) => log.push(`pong ${payload.toString()}`));
  };
  const sent = async () => {
    await turns(1);
    return parseFrames(sink.bytes);
  };

  it('counts any bytes as a sign of life, and only messages as such', async () => {
    begin({ ...HEARTBEAT, idleTimeout: 60_000, messageTimeout: Infinity });
    clock.advance(20_000);
    feed(text('a').subarray(0, 1));
    clock.advance(20_000);
    feed(text('a').subarray(1));
    clock.advance(20_000);
    feed(ping('p'));
    expect((await sent()).map(({ opcode }) => opcode)).toStrictEqual([10]);
    clock.advance(20_000);
    feed(ping('p'));
    clock.advance(20_000);
    feed(ping('p'));
    expect(connection.readyState).toBe('open');
    clock.advance(1000);
    expect(connection.readyState).toBe('closing');
  });

  it('takes the Pong that answers the heartbeat, and gives the application all others', async () => {
    begin(HEARTBEAT);
    clock.advance(26_000);
    const [asked] = await sent();
    clock.advance(7);
    feed(
      clientFrame({ opcode: 10, payload: 'x' }),
      clientFrame({ opcode: 10, payload: asked!.payload }),
    );
    expect(log).toStrictEqual(['pong x']);
    expect(connection.latency).toBe(7);
  });

  it('cannot hear while it does not read, and starts again when it reads on', async () => {
    begin(HEARTBEAT);
    feed(text(FULL));
    expect(sink.isPaused()).toBe(true);
    clock.advance(20_000);
    listen();
    await turns();
    clock.advance(25_000);
    expect(await sent()).toStrictEqual([]);
    clock.advance(1000);
    expect(await sent()).toHaveLength(1);
    clock.advance(10_000);
    await turns();
    expect(log.slice(1)).toStrictEqual(['close 1006']);
  });

  it('reads on when a limit has closed it, and leaves the wheel when it is closed', async () => {
    begin(HEARTBEAT);
    connection.terminate();
    await turns();
    expect(clock.timers.size).toBe(0);

    begin({ maxLifetime: 60_000 });
    feed(text(FULL));
    clock.advance(61_000);
    await turns(1);
    expect(sink.isPaused()).toBe(false);
    connection.terminate();
    await turns();
    expect(log).toStrictEqual(['close 1006']);
    expect(clock.timers.size).toBe(0);
  });
});

describe('Receiver, when it is over', () => {
  /** One frame of every kind, and a message in two. */
  const EVERY_KIND = [
    text('a'),
    ping('p'),
    clientFrame({ opcode: 10, payload: 'q' }),
    clientFrame({ opcode: 2, payload: 'b', fin: false }),
    clientFrame({ opcode: 0, payload: 'c' }),
    clientClose(1000),
  ];

  /** Listens to everything, and terminates when it hears the given one. */
  const terminateAt = (event: string, nth = 1): void => {
    let count = 0;
    const tell = (what: string): void => {
      log.push(what);
      if (what.startsWith(event) && ++count === nth) connection.terminate();
    };
    connection.on('frame', ({ opcode }) => tell(`frame ${opcode}`));
    connection.on('ping', (payload) => tell(`ping ${payload.toString()}`));
    connection.on('pong', (payload) => tell(`pong ${payload.toString()}`));
    connection.on('closing', (code, _reason, reply) => {
      tell(`closing ${code}`);
      reply();
    });
    connection.on('message', (data) => tell(`message ${data.toString()}`));
  };

  it.each([
    ['frame', 1, ['frame 1']],
    ['message', 1, ['frame 1', 'message a']],
    ['ping', 1, ['frame 1', 'message a', 'frame 9', 'ping p']],
    ['pong', 1, ['frame 1', 'message a', 'frame 9', 'ping p', 'frame 10', 'pong q']],
  ])('delivers nothing after a terminate() in a %s listener', async (event, nth, heard) => {
    terminateAt(event, nth);
    feed(...EVERY_KIND);
    feed(text('late'));
    await turns();
    expect(log).toEqual([...heard, 'close 1006']);
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_TERMINATED' });
  });

  it('is over once where terminate() is called in a closing listener', async () => {
    terminateAt('closing');
    feed(clientClose(1000));
    await turns();
    expect(log).toEqual(['frame 8', 'closing 1000', 'close 1000']);
    expect(sink.writes).toEqual([]);
  });

  it('delivers nothing that comes after a terminate() before the first byte', async () => {
    const socket = new Sink();
    watch(socket, connectionOn(socket));
    listen();
    connection.terminate();
    connection.start(text('early'));
    await turns();
    expect(log).toEqual(['close 1006']);
  });

  it('discards what is held at terminate(), and counts it', async () => {
    const counters = new Counters();
    start({ counters });
    connection.pause();
    feed(text('a'), text('b'));
    connection.terminate();
    listen();
    connection.resume();
    await turns();
    expect(log).toEqual(['close 1006']);
    expect(counters).toMatchObject({ messagesReceived: 2, messagesDiscarded: 2 });
  });

  it.each<[string, () => void]>([
    ['terminate() again', () => connection.terminate()],
    ['close()', () => void connection.close()],
    [
      'pause() and resume()',
      () => {
        connection.pause();
        connection.resume();
      },
    ],
    ['a new listener', () => listen()],
  ])('delivers nothing, and closes once, when %s follows terminate()', async (_, then) => {
    connection.pause();
    feed(text('held'));
    connection.terminate();
    then();
    feed(text('late'));
    await turns();
    then();
    await turns();
    expect(log).toEqual(['close 1006']);
  });

  it('ends a loop whose body terminates, and forgets what was held for it', async () => {
    feed(text('a'), text('b'), text('c'));
    for await (const message of connection) {
      log.push(message.toString());
      connection.terminate();
      expect(connection.send('late', (error) => log.push((error as { code?: string }).code!))).toBe(
        false,
      );
    }
    expect(log).toEqual(['a', 'ERR_CONNECTION_NOT_OPEN', 'close 1006']);
  });

  it('ends a loop that waits when terminate() is called elsewhere', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    const waiting = iterator.next();
    connection.terminate();
    feed(text('late'));
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('discards what is held when terminate() follows the end of the connection', async () => {
    feed(text('a'));
    sink.destroy();
    await turns();
    connection.terminate();
    for await (const message of connection) log.push(message.toString());
    expect(log).toEqual(['close 1006']);
  });

  it('publishes what came, and delivers nothing, where a subscriber of the channel terminates', async () => {
    const counters = new Counters();
    start({ counters });
    listen();
    const subscriber = (): void => connection.terminate();
    subscribe('hawser.message.received', subscriber);
    try {
      feed(text('a'), text('b'));
    } finally {
      unsubscribe('hawser.message.received', subscriber);
    }
    await turns();
    expect(log).toEqual(['close 1006']);
    expect(counters).toMatchObject({ messagesReceived: 1, messagesDiscarded: 1 });
  });

  it('takes nothing after the peer’s Close', async () => {
    listen();
    connection.on('ping', () => log.push('ping'));
    feed(clientClose(1000), text('a'), ping('p'));
    await turns();
    expect(log).toEqual([]);
    expect(answers()).toEqual(['close 1000']);
  });

  it('keeps nothing of a message without its end, once all is delivered that came before it', async () => {
    const pushes = jest.spyOn(FrameDecoder.prototype, 'push');
    feed(text(FULL), text('last'), text('x'.repeat(10_000)).subarray(0, 9000));
    const decoder = pushes.mock.contexts[0] as FrameDecoder;
    pushes.mockRestore();
    sink.destroy();
    await turns();
    expect(log).toStrictEqual(['close 1006']);
    expect(decoder.bytesHeld).toBeGreaterThan(9000);
    listen();
    await turns();
    expect(log.map((line) => line.slice(0, 10))).toStrictEqual([
      'close 1006',
      'text xxxxx',
      'text last',
    ]);
    expect(decoder.bytesHeld).toBe(0);
  });
});

describe('Receiver, when too much is held', () => {
  const reason = new ConnectionError('ERR_SLOW_CONSUMER');
  const incomplete = clientFrame({ opcode: 2, payload: Buffer.alloc(50_000) }).subarray(0, 40_000);

  let socket: Sink;
  const sent = () => parseFrames(socket.bytes).map(describeFrame);

  function make(options: WorldOptions = {}) {
    socket = new Sink();
    const settings = settingsOf(new HandClock(), options);
    const emitter = new TypedEmitter<ConnectionEvents>();
    const session = new Session(emitter, socket, settings);
    const { sender, closing, receiver } = session;
    return { emitter, session, sender, closing, receiver };
  }

  it('fails for a message that its listener cannot take, and tells what is held', async () => {
    const { emitter, receiver } = make();
    receiver.pause();
    receiver.push(text('abc'));
    expect(receiver.bytesHeld).toBe(64 + 3);
    const errors: Error[] = [];
    emitter.on('error', (error) => errors.push(error));
    receiver.discardAll();
    receiver.fail(new ProtocolError('ERR_MESSAGE_TOO_BIG', 'too long for a string'));
    await turns();
    expect(receiver.bytesHeld).toBe(0);
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('too long for a string'),
    ]);
    expect(sent()).toEqual([expect.stringMatching(/^close 1009/)]);
  });

  it('shows the budget what waits to be sent', async () => {
    const budget = new BufferBudget(1_000_000);
    const { sender, session } = make({ budget });
    socket.backpressured = true;
    sender.send(Buffer.alloc(100_000), undefined, undefined);
    expect(budget.accountOf(session).charge).toBe(100_000);
    await turns();
  });

  it('takes nothing more from a peer that is too slow (section 7.1.7)', async () => {
    const { emitter, closing, receiver, session } = make();
    const messages: unknown[] = [];
    emitter.on('message', (data) => {
      messages.push(data);
      session.failSlowConsumer(reason);
    });
    receiver.push(Buffer.concat([text('a'), text('b'), clientFrame({ opcode: 3 })]));
    receiver.push(text('c'));
    await turns();
    expect(messages).toStrictEqual(['a']);
    expect(closing.state).toBe('ending');
    socket.destroy();
    closing.onInputDrained();
    expect(closing.info?.cause).toBe(reason);
  });

  it('takes nothing more when a message cannot be sent, or only the peer’s Close', async () => {
    const { emitter, closing, receiver, session } = make();
    const messages: unknown[] = [];
    emitter.on('message', (data) => {
      messages.push(data);
      session.unsendable(reason);
    });
    receiver.push(Buffer.concat([text('a'), text('b')]));
    receiver.push(text('c'));
    await turns();
    expect(messages).toStrictEqual(['a']);
    expect(closing.state).toBe('ending');
    const other = make();
    other.closing.startClosing(1000, '');
    other.session.unsendable(reason);
    other.receiver.push(clientClose(1000));
    await turns();
    expect(other.closing.state).toBe('ending');
  });

  it('needs no byte from a peer to find it too slow', () => {
    const { closing, session } = make();
    session.failSlowConsumer(reason);
    expect(closing.state).toBe('ending');
  });

  it('counts what is incomplete in the budget, as it grows and until it is complete or over', async () => {
    const budget = new BufferBudget(1_000_000);
    const { emitter, closing, receiver } = make({ budget });
    receiver.read(); // as pause() and resume() do
    expect(budget.total).toBe(0);
    receiver.push(Buffer.from(incomplete.subarray(0, 10_000)));
    const early = budget.total;
    expect(early).toBeGreaterThan(9_900);
    receiver.push(Buffer.from(incomplete.subarray(10_000)));
    expect(budget.total).toBeGreaterThan(39_900);
    emitter.on('message', () => undefined);
    receiver.push(Buffer.alloc(50_008 - 40_000));
    expect(budget.total).toBe(0);
    receiver.push(Buffer.from(incomplete));
    expect(budget.total).toBeGreaterThan(39_900);
    socket.destroy();
    closing.onInputDrained();
    receiver.scheduleRead();
    await turns();
    expect(budget.total).toBe(0);
  });

  it('gives up its message and its connection, with a Close, when the budget says so', async () => {
    const budget = new BufferBudget(30_000);
    const { closing, receiver } = make({ budget });
    receiver.push(incomplete);
    await turns();
    expect(budget.total).toBe(0);
    receiver.read();
    expect(budget.total).toBe(0);
    expect(closing.state).toBe('ending');
    expect(socket.destroyed).toBe(false); // the kernel has taken the Close: the peer may read it
    expect(sent().map((words) => words.slice(0, 10))).toStrictEqual(['close 1013']);
  });

  it('gives up one that is closing already at once: it cannot be sent another Close', async () => {
    const budget = new BufferBudget(30_000);
    const { closing, receiver } = make({ budget });
    closing.startClosing(1000, '');
    receiver.push(incomplete);
    await turns();
    expect(budget.total).toBe(0);
    expect(socket.destroyed).toBe(true);
  });

  it('counts what is held for the application until it is taken, thrown away or the connection is over', async () => {
    const budget = new BufferBudget(1_000_000);
    const { emitter, closing, receiver } = make({ budget });
    const total = (): number => budget.total;
    const message = (): Buffer => clientFrame({ opcode: 2, payload: Buffer.alloc(40_000) });
    const held = 40_064;
    receiver.push(Buffer.concat([text('a'), message()])); // before there is a listener
    expect(total()).toBe(65 + held);
    receiver.assertListenable();
    emitter.on('message', () => undefined);
    await turns();
    expect(total()).toBe(0);
    receiver.pause();
    receiver.push(message());
    expect(total()).toBe(held);
    emitter.removeAllListeners('message');
    receiver.resume(); // without a consumer
    await turns();
    expect(total()).toBe(0);
    const iterator = receiver.iterate();
    receiver.push(message());
    receiver.push(message());
    expect(total()).toBe(2 * held);
    await iterator.next();
    expect(total()).toBe(held);
    socket.destroy();
    closing.onInputDrained();
    receiver.read();
    expect(total()).toBe(0);
    expect((await iterator.next()).value).toHaveLength(40_000);
    expect(total()).toBe(0);
  });

  it('keeps the bytes of a text no longer that is held as a string', () => {
    const { receiver } = make();
    const letGo = jest.spyOn(FrameDecoder.prototype, 'releasePayload');
    receiver.push(text('x'));
    expect(letGo).not.toHaveBeenCalled();
    receiver.push(text(FULL));
    expect(letGo).toHaveBeenCalledTimes(1);
    letGo.mockRestore();
  });

  it('gives up what it holds for the application too, and sees the peer’s end', async () => {
    const budget = new BufferBudget(70_000);
    const { emitter, closing, receiver } = make({ budget });
    const iterator = receiver.iterate();
    receiver.push(Buffer.concat([text(FULL), text(FULL)]));
    expect(socket.isPaused()).toBe(true);
    await turns();
    expect(budget.total).toBe(0);
    expect(closing.state).toBe('ending');
    expect(socket.isPaused()).toBe(false);
    expect(sent().map((words) => words.slice(0, 10))).toStrictEqual(['close 1013']);
    closing.onInputDrained();
    receiver.read();
    expect(await iterator.next()).toStrictEqual({ done: true, value: undefined });
    expect(emitter.listenerCount('message')).toBe(0);
  });

  it('is cut at once if the peer does not take even that', async () => {
    const budget = new BufferBudget(90_000);
    const { sender, closing, receiver } = make({ budget });
    socket.backpressured = true;
    for (let i = 0; i < 2; i++) sender.send(Buffer.alloc(50_000), undefined, undefined);
    await turns();
    expect(budget.total).toBe(0);
    expect(socket.destroyed).toBe(true);
    closing.onInputDrained();
    expect(closing.info).toMatchObject({ code: 1013, clean: false, initiator: 'local' });
    expect(closing.info?.cause?.message).toMatch(
      /: it holds the largest share .*, 100004 of 100004 bytes, and maxTotalBuffered is 90000$/,
    );
    receiver.scheduleRead();
    await turns();
  });

  it('gives up without a budget to tell', () => {
    const { closing, session } = make();
    session.evict(reason);
    expect(closing.state).toBe('ending');
  });
});

describe('Receiver, when the settings have holdsAfterClose', () => {
  it('reads no further than what may be held after our own Close, and all of it after resume()', async () => {
    start({ holdsAfterClose: true });
    listen();
    connection.pause();
    void connection.close();
    feed(text(FULL), text('a'), clientClose(1000));
    expect(sink.isPaused()).toBe(true);
    expect(sink.writableEnded).toBe(false);
    expect(log).toEqual([]);
    connection.resume();
    await turns();
    expect(log.map(({ length }) => length)).toEqual([5 + FULL.length, 'text a'.length]);
    expect(sink.writableEnded).toBe(true); // the peer's Close was seen
  });
});

describe('Receiver, messages in parts', () => {
  it('gives them to the loop, under its own limit or that of the connection', async () => {
    start({ maxPayload: 5 });
    const messages = connection.incoming({ maxPayload: 20 })[Symbol.asyncIterator]();
    const next = async (): Promise<{ bytes(): Promise<Buffer> }> =>
      ((await messages.next()) as { value: { bytes(): Promise<Buffer> } }).value;
    feed(text('abc'), text('0123456789'));
    expect((await (await next()).bytes()).toString()).toBe('abc');
    const tooLong = (await next()).bytes();
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
    sink.destroy();
    await expect(tooLong).rejects.toThrow(ConnectionError);
    start({ maxPayload: 5 });
    connection
      .incoming()
      [Symbol.asyncIterator]()
      .next()
      .catch(() => undefined);
    feed(text('012345'));
    await turns();
    expect(answers()[0]).toMatch(/^close 1009/);
  });
});

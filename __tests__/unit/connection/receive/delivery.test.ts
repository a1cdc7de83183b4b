import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import type { ConnectionEvents } from '../../../../src/connection/events.js';
import { Delivery } from '../../../../src/connection/receive/delivery.js';
import type { ReceiverOwner } from '../../../../src/connection/receive/owner.js';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { Counters } from '../../../../src/connection/counters.js';
import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import {
  HandClock,
  turns,
  until,
  type WorldOptions,
  settingsOf,
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
} from '../../../support/fed-connection.js';
import { clientClose, clientFrame } from '../../../support/frames.js';
import { VERSIONS } from '../../../support/versions.js';
import { socketOf, worldOver } from '../../../support/worlds.js';

describe('Delivery, before anyone listens', () => {
  it('holds messages, handles control frames meanwhile, and delivers late', async () => {
    feed(text('a'), ping('p'), text('b'));
    expect(answers()).toEqual(['pong 70']);
    listen();
    expect(log).toEqual([]); // not inside the call that adds the listener
    await turns();
    expect(log).toEqual(['text a', 'text b']);
    feed(text('c'));
    expect(log).toEqual(['text a', 'text b', 'text c']);
  });

  it('delivers what it holds after the connection has closed', async () => {
    feed(text('a'));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    listen();
    await turns();
    expect(log).toEqual(['close 1006', 'text a']);
  });

  it('loses nothing to once()', async () => {
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    expect(log).toEqual(['once a']);
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    feed(text('c'));
    await turns();
    expect(log).toEqual(['once a', 'once b']);
    connection.prependOnceListener('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    expect(log).toEqual(['once a', 'once b', 'once c']);
  });

  it('stops reading at 64 KiB held, and goes on when they are taken', async () => {
    feed(text(FULL.slice(1)));
    expect(sink.isPaused()).toBe(false);
    feed(text(''));
    expect(sink.isPaused()).toBe(true);
    feed(text('behind'), ping('behind')); // what was already on its way
    expect(sink.writes).toEqual([]);
    const heard: string[] = [];
    connection.on('message', (data) => heard.push(data.toString()));
    await turns();
    expect(heard.map(({ length }) => length)).toEqual([65_471, 0, 6]);
    expect(answers()).toEqual(['pong 626568696e64']);
    expect(sink.isPaused()).toBe(false);
  });

  it('stops reading for empty messages too: after 1024', async () => {
    for (let i = 0; i < 1023; i++) feed(text(''));
    expect(sink.isPaused()).toBe(false);
    feed(text(''));
    expect(sink.isPaused()).toBe(true);
    listen();
    await turns();
    expect(log).toHaveLength(1024);
    expect(sink.isPaused()).toBe(false);
  });

  it('holds one message whatever its length', async () => {
    feed(text('x'.repeat(1_000_000)));
    expect(sink.isPaused()).toBe(true);
    listen();
    await turns();
    expect(log[0]).toHaveLength(1_000_005);
  });

  it.each(VERSIONS)('really stops a peer over %s, and loses none of its bytes', async (version) => {
    const { connection, socket, client } = await worldOver(version);
    const payload = 'x'.repeat(50_000);
    const count = 200;
    for (let i = 0; i < count; i++) client.send(text(`${i}:${payload}`));
    await until('reading to stop', () => socket.isPaused());
    await turns(20);
    expect(socketOf(socket).bytesRead).toBeLessThan(1_000_000);
    const heard: number[] = [];
    connection.on('message', (data) => heard.push(Number.parseInt(data.toString(), 10)));
    await until('all of it', () => heard.length === count);
    expect(heard).toEqual(Array.from({ length: count }, (_, i) => i));
  });

  it('reads on after close(), to see the peer’s Close, and discards what is too much', async () => {
    feed(text(FULL), text('a'));
    expect(sink.isPaused()).toBe(true);
    void connection.close();
    await turns();
    expect(sink.isPaused()).toBe(false);
    feed(text('b'), clientClose(1000));
    sink.push(null);
    await until('the end', () => log.length > 0);
    expect(connection.closeInfo?.clean).toBe(true);
    listen();
    await turns();
    expect(log.map(({ length }) => length)).toEqual([10, 5 + FULL.length]);
  });

  it('decodes no more than that after the connection has closed either', async () => {
    connection.on('ping', () => log.push('ping'));
    feed(text(FULL), ping('p'));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    connection.resume();
    await turns();
    expect(log).toEqual(['close 1006', 'ping']);
  });

  it('holds what was read but not decoded when the connection closed, and delivers it all', async () => {
    feed(text(FULL), text('a'), text(FULL), text('b'), clientClose(1000));
    sink.destroy();
    await turns();
    expect(log).toEqual(['close 1006']);
    listen();
    await turns();
    expect(log.map((line) => line.slice(0, 6))).toEqual([
      'close ',
      'text x',
      'text a',
      'text x',
      'text b',
    ]);
    expect(connection.closeInfo?.code).toBe(1006);
  });
});

describe('Delivery, messages that no consumer takes', () => {
  /** What a connection waits with `heartbeat: false`. */
  const PATIENCE = 35_000;
  let clock: HandClock;
  let counters: Counters;
  let unread: unknown[];

  const begin = (options: WorldOptions = {}): void => {
    clock = new HandClock();
    counters = new Counters();
    unread = [];
    const observer = {
      failed: () => undefined,
      closed: () => undefined,
      unread: (connection: unknown) => unread.push(connection),
    };
    start({ counters, observer, ...options }, clock);
  };
  beforeEach(() => {
    begin();
  });
  /** That messages are discarded, and everything else of the peer is seen. */
  const expectSight = async (): Promise<void> => {
    expect(unread).toEqual([connection]);
    expect(sink.isPaused()).toBe(false);
    feed(text(FULL), text(FULL), ping('p'));
    expect(sink.isPaused()).toBe(false);
    expect(answers().at(-1)).toBe('pong 70');
    feed(clientClose(1000));
    sink.push(null);
    await until('the end', () => connection.closeInfo !== undefined);
    expect(connection.closeInfo).toMatchObject({ code: 1000, clean: true });
    expect(unread).toEqual([connection]);
    expect(clock.timers.size).toBe(0);
  };

  it.each<[string, () => unknown]>([
    ['there never was one', () => undefined],
    [
      'there are only listeners of other kinds',
      () => {
        connection.on('ping', () => undefined).on('drain', () => undefined);
      },
    ],
    [
      'once() is used up',
      () => {
        connection.once('message', () => undefined);
        feed(text('login'));
      },
    ],
    [
      'the listener was removed',
      () => {
        const listener = (): void => undefined;
        connection.on('message', listener);
        feed(text('login'));
        connection.off('message', listener);
      },
    ],
    [
      'all listeners were removed',
      () => {
        connection.on('message', () => undefined);
        feed(text('login'));
        connection.removeAllListeners('message');
      },
    ],
    [
      'the loop was left',
      async () => {
        feed(text('login'));
        for await (const message of connection) {
          expect(message).toBe('login');
          break;
        }
      },
    ],
    [
      'a paused connection was resumed for a loop that was left',
      async () => {
        const iterator = connection[Symbol.asyncIterator]();
        connection.pause();
        feed(text('login'));
        expect((await iterator.next()).value).toBe('login');
        await iterator.return!();
        connection.on('message', () => undefined);
        connection.resume();
        connection.removeAllListeners('message');
      },
    ],
  ])('are held for a while and then discarded, where %s', async (_, begun) => {
    await begun();
    const before = counters.messagesReceived;
    clock.advance(1_000_000); // the wait begins with a message
    feed(text(FULL), text('a'), ping('behind'));
    expect(sink.isPaused()).toBe(true);
    clock.advance(PATIENCE - 1);
    expect(unread).toEqual([]);
    expect(sink.isPaused()).toBe(true);
    expect(counters.messagesDiscarded).toBe(0);
    clock.advance(1);
    expect(counters.messagesDiscarded).toBe(2);
    expect(counters.messagesReceived).toBe(before + 2);
    expect(answers().at(-1)).toBe('pong 626568696e64');
    await expectSight();
  });

  it('are held as long as interval and timeout of the heartbeat together', () => {
    begin({ heartbeat: { interval: 300, timeout: 200 } });
    feed(text(FULL));
    clock.advance(499);
    expect(unread).toEqual([]);
    clock.advance(1);
    expect(unread).toEqual([connection]);
  });

  it('do not make a connection idle while they are discarded, and the peer is seen to fall silent', async () => {
    begin({ heartbeat: { interval: 4000, timeout: 4000 }, idleTimeout: 16_000 });
    feed(text(FULL));
    clock.advance(8000);
    for (let i = 0; i < 30; i++) {
      feed(text('a'));
      clock.advance(1000);
      await turns(1);
    }
    expect(connection.readyState).toBe('open');
    for (let i = 0; i < 12; i++) {
      clock.advance(1000);
      await turns();
    }
    expect(connection.closeInfo?.cause).toMatchObject({ code: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it.each<[string, () => void, number]>([
    ['a listener', () => listen(), 3],
    [
      'a loop',
      () => {
        void (async () => {
          for await (const message of connection) log.push(message.toString());
        })();
      },
      3,
    ],
    [
      'a pause() and then a listener',
      () => {
        connection.pause();
        clock.advance(10 * PATIENCE);
        listen();
        connection.resume();
      },
      3,
    ],
  ])('are all delivered to %s that comes in time', async (_, comes, count) => {
    feed(text(FULL), text('a'));
    clock.advance(PATIENCE - 1);
    comes();
    clock.advance(PATIENCE);
    await turns();
    feed(text('b'));
    await turns();
    expect(log).toHaveLength(count);
    expect(counters.messagesDiscarded).toBe(0);
    expect(unread).toEqual([]);
    expect(clock.timers.size).toBe(0);
  });

  it.each<[string, () => void]>([
    ['after pause()', () => connection.pause()],
    ['for a loop that is slow', () => void connection[Symbol.asyncIterator]().next()],
    ['for an iterator that was not asked yet', () => void connection[Symbol.asyncIterator]()],
    [
      'for a listener, after pause()',
      () => {
        listen();
        connection.pause();
      },
    ],
  ])('are held for as long as it takes %s', async (_, holds) => {
    holds();
    feed(text('first'), text(FULL), text('a'));
    clock.advance(100 * PATIENCE);
    await turns();
    expect(sink.isPaused()).toBe(true);
    expect(unread).toEqual([]);
    expect(counters.messagesDiscarded).toBe(0);
  });

  it('are discarded without a word after resume()', async () => {
    feed(text(FULL), text('a'));
    connection.resume();
    await turns();
    clock.advance(PATIENCE);
    expect(unread).toEqual([]);
    expect(counters.messagesDiscarded).toBe(2);
    expect(clock.timers.size).toBe(0);
  });

  it('are delivered again once there is a consumer, and held again when it is gone', async () => {
    feed(text('lost'));
    clock.advance(PATIENCE);
    feed(text('lost too'));
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    listen();
    await turns();
    expect(log).toEqual(['once a', 'text b']);
    expect(counters).toMatchObject({ messagesReceived: 4, messagesDiscarded: 2 });
    expect(unread).toHaveLength(1);
  });

  it('wait for a whole time again when a consumer took one and left', async () => {
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    await turns();
    clock.advance(PATIENCE - 1);
    expect(unread).toEqual([]);
    clock.advance(1);
    expect(log).toEqual(['once a']);
    expect(counters.messagesDiscarded).toBe(1);
  });

  it('are kept for a consumer that comes when the connection has ended meanwhile', async () => {
    feed(text('a'), text('b'));
    clock.advance(PATIENCE - 1);
    sink.destroy();
    await turns();
    expect(clock.timers.size).toBe(0);
    clock.advance(PATIENCE);
    listen();
    await turns();
    expect(log).toEqual(['close 1006', 'text a', 'text b']);
    expect(unread).toEqual([]);
  });

  it('are not waited for once a Close was sent', async () => {
    begin({ closeTimeout: 10 * PATIENCE });
    feed(text('a'));
    void connection.close();
    await turns();
    clock.advance(PATIENCE);
    feed(text('b'));
    clock.advance(PATIENCE);
    expect(unread).toEqual([]);
    listen();
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('are counted when a paused connection is closed', () => {
    connection.pause();
    void connection.close();
    feed(text('a'), text('b'));
    expect(counters).toMatchObject({ messagesReceived: 2, messagesDiscarded: 2 });
  });

  it('leave nothing in the budget when they are discarded', async () => {
    const budget = new BufferBudget(10_000_000);
    begin({ budget });
    feed(text(FULL), text(FULL));
    expect(budget.total).toBeGreaterThan(FULL.length);
    clock.advance(PATIENCE);
    await turns();
    expect(budget.total).toBe(0);
  });

  it('cost no deadline where listeners take them as they come', () => {
    const starts = jest.spyOn(Deadlines.prototype, 'start');
    listen();
    for (let i = 0; i < 100; i++) feed(text('a'));
    expect(starts).not.toHaveBeenCalled();
    starts.mockRestore();
  });
});

describe('Delivery, pause() and resume()', () => {
  it('holds while paused, with listeners too, and answers pings', async () => {
    listen();
    connection.pause();
    expect(connection.isPaused).toBe(true);
    feed(text('a'), ping('p'));
    await turns();
    expect(log).toEqual([]);
    expect(answers()).toEqual(['pong 70']);
    connection.resume();
    expect(connection.isPaused).toBe(false);
    expect(log).toEqual([]);
    await turns();
    expect(log).toEqual(['text a']);
  });

  it('holds from the next message on when a listener pauses', async () => {
    listen();
    connection.once('message', () => connection.pause());
    feed(text('a'), text('b'));
    await turns();
    expect(log).toEqual(['text a']);
    connection.pause();
    connection.resume();
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('keeps the order of messages held and messages that come', async () => {
    listen();
    connection.pause();
    feed(text('a'));
    connection.resume();
    feed(text('b')); // before the held one is delivered
    await turns();
    expect(log).toEqual(['text a', 'text b']);
  });

  it('does nothing when nothing was paused', async () => {
    listen();
    connection.resume();
    feed(text('a'));
    await turns();
    expect(log).toEqual(['text a']);
    expect(connection.isPaused).toBe(false);
  });

  it('discards what comes after resume() without a consumer, and what is held', async () => {
    feed(text('held'));
    connection.resume();
    await turns();
    feed(text('ignored'));
    await turns();
    listen();
    await turns();
    expect(log).toEqual([]);
    feed(text('a'));
    expect(log).toEqual(['text a']);
  });

  it('discards without ever having held anything', async () => {
    connection.resume();
    for (let i = 0; i < 10; i++) feed(text(FULL));
    expect(sink.isPaused()).toBe(false);
    listen();
    await turns();
    expect(log).toEqual([]);
  });

  it('holds again, after such a resume(), once there has been a consumer', async () => {
    connection.resume();
    connection.once('message', (data) => log.push(`once ${data.toString()}`));
    feed(text('a'), text('b'));
    listen();
    await turns();
    expect(log).toEqual(['once a', 'text b']);
  });

  it('holds again when it is paused after such a resume()', async () => {
    connection.resume();
    connection.pause();
    feed(text('a'));
    listen();
    connection.resume();
    await turns();
    expect(log).toEqual(['text a']);
  });

  it('discards what comes while paused once we have closed', async () => {
    listen();
    connection.pause();
    feed(text('held'));
    void connection.close();
    feed(text('discarded'));
    connection.resume();
    feed(text('c'));
    await turns();
    expect(log).toEqual(['text held', 'text c']);
  });

  it('holds it where the settings say so, and stops reading when it is enough', async () => {
    start({ holdsAfterClose: true });
    listen();
    connection.pause();
    void connection.close();
    feed(text('a'), text('b'), text(FULL));
    expect(sink.isPaused()).toBe(true);
    feed(clientClose(1000));
    expect(connection.readyState).toBe('closing');
    connection.resume();
    await turns();
    expect(log.slice(0, 2)).toEqual(['text a', 'text b']);
    expect(sink.isPaused()).toBe(false);
    expect(answers().at(-1)).toContain('close');
  });
});

describe('Delivery, iterating', () => {
  it('gives held messages and new ones, text and bytes, one after the other', async () => {
    feed(text('a'));
    const iterator = connection[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    const waiting = iterator.next();
    feed(clientFrame({ opcode: 2, payload: 'b' }), text('c'));
    expect(await waiting).toEqual({ done: false, value: Buffer.from('b') });
    expect(await iterator.next()).toEqual({ done: false, value: 'c' });
  });

  it('slows the peer down when it is slow: reading stops at 64 KiB and goes on with room', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    feed(text(FULL), text('a'), text('b'), ping('p'));
    expect(sink.isPaused()).toBe(true);
    expect(sink.writes).toEqual([]);
    expect((await iterator.next()).value).toHaveLength(FULL.length);
    expect(sink.isPaused()).toBe(false);
    expect(answers()).toEqual(['pong 70']);
    expect((await iterator.next()).value).toBe('a');
    expect((await iterator.next()).value).toBe('b');
  });

  it('answers in one write what one loop answered in one go', async () => {
    feed(text('a'), text('b'), text('c'));
    void (async () => {
      for await (const message of connection) connection.send(message);
    })();
    await turns();
    expect(answers()).toEqual(['text 61', 'text 62', 'text 63']);
    expect(sink.writes).toHaveLength(1);
  });

  it('leaves the connection open, and what is held to the next, when the loop is left', async () => {
    feed(text('a'), text('b'), text('c'));
    for await (const message of connection) {
      log.push(message.toString());
      break;
    }
    expect(connection.readyState).toBe('open');
    for await (const message of connection) {
      log.push(message.toString());
      break;
    }
    listen();
    await turns();
    expect(log).toEqual(['a', 'b', 'text c']);
  });

  it.each<[string, () => void, number]>([
    ['the peer closes', () => feed(clientClose(1000)), 1000],
    ['the transport ends', () => sink.push(null), 1006],
    ['the transport breaks', () => sink.destroy(new Error('reset')), 1006],
    ['the peer breaks a rule', () => feed(clientFrame({ opcode: 3 })), 1002],
    [
      'wss.close() terminates it',
      () => connection.terminateWith(new ConnectionError('ERR_SERVER_CLOSED')),
      1006,
    ],
  ])('ends after the held messages when %s', async (_name, end, code) => {
    feed(text('a'), text('b'));
    end();
    sink.push(null);
    await until('the close', () => connection.closeInfo !== undefined);
    const messages: unknown[] = [];
    for await (const message of connection) messages.push(message);
    expect(messages).toEqual(['a', 'b']);
    expect(connection.closeInfo!.code).toBe(code);
  });

  it('ends for a call that waits when the connection closes', async () => {
    const waiting = connection[Symbol.asyncIterator]().next();
    sink.destroy();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('takes what was read but not decoded when the connection closed, before it ends', async () => {
    const iterator = connection[Symbol.asyncIterator]();
    feed(text(FULL), text('a'), text('b'));
    sink.destroy();
    await until('the close', () => connection.closeInfo !== undefined);
    const messages: string[] = [];
    for await (const message of iterator) messages.push(message.toString().slice(0, 1));
    expect(messages).toEqual(['x', 'a', 'b']);
  });

  it('takes over after resume() without a consumer', async () => {
    connection.resume();
    await turns();
    feed(text('ignored'));
    const iterator = connection[Symbol.asyncIterator]();
    connection.resume(); // there is a consumer now
    await turns();
    feed(text('a'));
    connection.resume();
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
  });

  it('refuses to be mixed with listeners or another iterator', async () => {
    listen();
    expect(() => connection[Symbol.asyncIterator]()).toThrow(TypeError);
    connection.removeAllListeners('message');
    const iterator = connection[Symbol.asyncIterator]();
    expect(() => connection[Symbol.asyncIterator]()).toThrow(/remove the other consumer first/);
    for (const add of [
      'on',
      'addListener',
      'once',
      'prependListener',
      'prependOnceListener',
    ] as const) {
      expect(() => connection[add]('message', () => undefined)).toThrow(/leave its loop/);
    }
    expect(connection.listenerCount('message')).toBe(0);
    await iterator.return!();
    listen();
    feed(text('a'));
    expect(log).toEqual(['text a']);
  });
});

describe('Delivery, alone', () => {
  const make = (changed: Partial<ReceiverOwner> = {}) => {
    const counters = new Counters();
    const owner = {
      emitter: new TypedEmitter<ConnectionEvents>(),
      settings: settingsOf(new HandClock(), { counters }),
      state: 'open',
      ...changed,
    } as ReceiverOwner;
    return { delivery: new Delivery(owner, { read: () => undefined }), counters };
  };

  it('is idle until there is something to remember', () => {
    const { delivery } = make();
    expect(delivery).toMatchObject({ isIdle: true, isPaused: false, isFull: false, bytesHeld: 0 });
    delivery.deliver('abc', false);
    expect(delivery).toMatchObject({ isIdle: false, bytesHeld: 67 });
    delivery.discardHeld();
    expect(delivery).toMatchObject({ isIdle: true, bytesHeld: 0 });
    delivery.pause();
    expect(delivery).toMatchObject({ isIdle: false, isPaused: true });
  });

  it('discards what is held and all that comes after terminate(), and resume() changes nothing', () => {
    const { delivery, counters } = make();
    delivery.deliver('a', false);
    delivery.terminate();
    expect(delivery.isTerminated).toBe(true);
    delivery.resume();
    delivery.deliver('b', false);
    expect(delivery).toMatchObject({ isTerminated: true, bytesHeld: 0 });
    expect(counters.messagesDiscarded).toBe(2);
  });

  it('lets a loop wait again for a message that was on its way at the end', async () => {
    const { delivery } = make({ state: 'closed' });
    delivery.end();
    delivery.reopen();
    const next = delivery.iterate().next();
    delivery.deliver('late', false);
    expect(await next).toEqual({ done: false, value: 'late' });
    delivery.cancelTimers();
  });
});

describe('Delivery, messages in parts', () => {
  it('is one consumer, until its loop is left and its message skipped', async () => {
    const messages = connection.incoming()[Symbol.asyncIterator]();
    expect(() => connection.on('message', () => undefined)).toThrow('an iterator is taking');
    feed(clientFrame({ opcode: 1, payload: 'a', fin: false }));
    await messages.next();
    await messages.return!();
    listen();
    feed(clientFrame({ opcode: 0, payload: 'b' }), text('c'));
    await turns();
    expect(log).toEqual(['text c']);
    feed(text('d'));
    expect(log).toEqual(['text c', 'text d']);
  });

  it('discards what is held of a message, and ends the loop', async () => {
    const messages = connection.incoming()[Symbol.asyncIterator]();
    feed(clientFrame({ opcode: 1, payload: 'a', fin: false }));
    const { value } = (await messages.next()) as { value: { text(): Promise<string> } };
    connection.terminate();
    await turns();
    await expect(value.text()).rejects.toThrow('before the end of a message');
    expect((await messages.next()).done).toBe(true);
  });

  it('hands over what came whole', async () => {
    feed(text('a'));
    const messages = connection.incoming()[Symbol.asyncIterator]();
    const { value } = (await messages.next()) as { value: { text(): Promise<string> } };
    expect(await value.text()).toBe('a');
  });
});

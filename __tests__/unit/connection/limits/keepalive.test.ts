import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { Heartbeat, HeartbeatTarget } from '../../../../src/connection/limits/keepalive.js';
import { TimingWheel } from '../../../../src/connection/limits/timing-wheel.js';
import { Outbox } from '../../../../src/connection/send/outbox.js';
import { random } from '../../../support/bytes.js';
import { clientClose, clientFrame, type Frame, parseFrames } from '../../../support/frames.js';
import {
  connectionOn,
  facts,
  HandClock,
  Sink,
  tearDown,
  turns,
  until,
  world,
  type WorldOptions,
} from '../../../support/connection.js';
import { catchSurfacing } from '../../../support/server.js';
import { VERSIONS } from '../../../support/versions.js';
import { worldOver } from '../../../support/worlds.js';

afterEach(tearDown);

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** The defaults of a server. Its ticks last a second. */
const DEFAULTS = { heartbeat: { interval: 25 * SECOND, timeout: 10 * SECOND } };

let clock: HandClock;
let sink: Sink;
let connection: WebSocketConnection;
let log: string[];

/** A connection on a socket that the test feeds. */
function start(options: WorldOptions = DEFAULTS): void {
  clock = new HandClock();
  sink = new Sink();
  connection = connectionOn(sink, options, clock);
  log = [];
  connection.on('close', (code) => log.push(`close ${code}`));
  connection.on('pong', (payload) => log.push(`pong ${payload.toString()}`));
  connection.start(Buffer.alloc(0));
}
beforeEach(() => {
  start();
});

const feed = (...frames: Buffer[]) => sink.emit('data', Buffer.concat(frames));
const message = (length = 1) => clientFrame({ opcode: 2, payload: Buffer.alloc(length) });
const pong = (payload: Buffer | string) => clientFrame({ opcode: 10, payload });
/** The payload that is so many Pings away. */
const next = (payload: Buffer, by: number): Buffer => {
  const other = Buffer.alloc(4);
  other.writeUInt32BE((payload.readUInt32BE(0) + by) >>> 0);
  return other;
};
/** The first byte of a frame, without the rest. */
const LIFE = message().subarray(0, 1);

/** The pings that have left. */
async function pings(): Promise<Frame[]> {
  await turns(1);
  return parseFrames(sink.bytes).filter(({ opcode }) => opcode === 9);
}

/** Time passes, and the loop turns. */
async function pass(milliseconds: number): Promise<void> {
  clock.advance(milliseconds);
  await turns();
}

/** Until a Ping is out; answers with its payload. */
async function pinged(count = 1): Promise<Buffer> {
  for (let i = 0; i < 60 && (await pings()).length < count; i++) await pass(SECOND);
  return (await pings())[count - 1]!.payload;
}

/** Until the connection is gone. */
async function dies(within: number): Promise<number> {
  const from = clock.now();
  while (connection.readyState !== 'closed' && clock.now() - from < within) await pass(SECOND);
  expect(connection.readyState).toBe('closed');
  return clock.now() - from;
}

/** Fills what is held, so that reading stops. */
function stopReading(): void {
  connection.pause();
  feed(message(64 * 1024));
  expect(sink.isPaused()).toBe(true);
}

it('has no timing wheel without a limit', async () => {
  const removed = jest.spyOn(TimingWheel.prototype, 'remove');
  start({ heartbeat: false });
  connection.terminate();
  await turns();
  expect(log).toStrictEqual(['close 1006']);
  expect(removed).not.toHaveBeenCalled();
  removed.mockRestore();
});

describe('Heartbeat, a silent peer', () => {
  it('is pinged after the interval, at most a second later', async () => {
    clock.advance(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    clock.advance(SECOND + 1);
    expect(await pings()).toMatchObject([{ opcode: 9, fin: true, payload: { length: 4 } }]);
  });

  it('is not silent while single bytes are received', async () => {
    start({ ...DEFAULTS, messageTimeout: Infinity });
    for (const byte of message()) {
      await pass(24 * SECOND);
      feed(Buffer.of(byte));
    }
    expect(await pings()).toHaveLength(0);
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(1);
  });

  it('is terminated without a Close after the timeout', async () => {
    const failures: unknown[] = [];
    const observer = {
      unread: () => undefined,
      failed: (error: Error) => failures.push(error),
      closed: () => {},
    };
    start({ ...DEFAULTS, observer });
    connection.on('error', (error) => failures.push(error));
    await pinged();
    await pass(10 * SECOND - 1);
    expect(connection.readyState).toBe('open');
    await pass(1);
    expect(log).toStrictEqual(['close 1006']);
    expect(sink.destroyed).toBe(true);
    expect(parseFrames(sink.bytes).map(({ opcode }) => opcode)).toStrictEqual([9]);
    expect(facts(connection.closeInfo)).toStrictEqual({
      code: 1006,
      reason: '',
      clean: false,
      initiator: 'local',
      cause: 'ERR_HEARTBEAT_TIMEOUT',
    });
    expect(failures).toStrictEqual([connection.closeInfo?.cause, connection.closeInfo?.cause]);
    expect(clock.timers.size).toBe(0);
  });

  it('that answers is kept, and the latency is known', async () => {
    expect(connection.latency).toBeUndefined();
    const payload = await pinged();
    clock.advance(123);
    feed(pong(payload));
    expect(connection.latency).toBe(123);
    clock.advance(SECOND - 123);
    feed(pong(await pinged(2)));
    expect(connection.latency).toBe(0);
    await pinged(3);
    expect(connection.latency).toBe(0);
    expect(log).toStrictEqual([]); // its Pongs are not announced to the application
  });

  it('is pinged again only after another interval', async () => {
    feed(pong(await pinged()));
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(1);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(2);
  });

  it('gets payloads that it cannot predict', async () => {
    const seen = new Set<string>();
    for (let i = 1; i <= 20; i++) {
      const payload = await pinged(i);
      seen.add(payload.toString('hex'));
      feed(pong(payload));
    }
    expect(seen.size).toBeGreaterThan(18);
  });

  it.each(VERSIONS)('on a real socket is pinged and terminated, over %s', async (version) => {
    const there = await worldOver(version, DEFAULTS);
    there.clock.advance(26 * SECOND);
    expect(await there.client.frame()).toMatchObject({ opcode: 9 });
    there.clock.advance(10 * SECOND);
    expect(facts(await there.closed)).toMatchObject({ code: 1006, cause: 'ERR_HEARTBEAT_TIMEOUT' });
    await there.client.ended();
  });
});

describe('Heartbeat, an unanswered Ping', () => {
  it('is the only one while the peer is not silent', async () => {
    await pinged();
    for (let i = 0; i < 20; i++) {
      await pass(9 * SECOND);
      feed(message());
    }
    await pass(18 * SECOND);
    expect(await pings()).toHaveLength(1);
    expect(connection.latency).toBeUndefined();
  });

  it('is followed by another one when a peer that sent something else falls silent', async () => {
    await pinged();
    await pass(SECOND);
    feed(message());
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(1);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(2);
  });

  it('gives a peer that sent something else the interval and the timeout again', async () => {
    await pinged();
    await pass(SECOND);
    feed(message());
    await pass(35 * SECOND - 1);
    expect(connection.readyState).toBe('open');
    await pass(SECOND + 1);
    expect(log).toStrictEqual(['close 1006']);
  });

  it('can be answered late', async () => {
    const payload = await pinged();
    feed(message());
    await pass(20 * SECOND);
    feed(pong(payload));
    expect(connection.latency).toBe(20 * SECOND);
    await pinged(2);
  });

  it.each<[string, (payload: Buffer) => Buffer]>([
    ['another payload', (payload) => Buffer.from(payload).fill(payload[0]! ^ 1, 0, 1)],
    ['no payload', () => Buffer.alloc(0)],
    ['a longer payload', (payload) => Buffer.concat([payload, payload])],
    ['the payload of the next Ping', (payload) => next(payload, 1)],
    ['the payload of a Ping that was never sent', (payload) => next(payload, -1)],
  ])('is not answered by a Pong with %s, which is a sign of life', async (_, alter) => {
    const payload = await pinged();
    const other = alter(payload);
    await pass(9 * SECOND);
    feed(pong(other));
    expect(log).toStrictEqual([`pong ${other.toString()}`]);
    await pass(15 * SECOND);
    expect(connection.latency).toBeUndefined();
    expect(connection.readyState).toBe('open');
    feed(pong(payload));
    expect(connection.latency).toBe(24 * SECOND);
    expect(log).toHaveLength(1);
  });

  it('is sent after every interval to a peer that only sends empty Pongs', async () => {
    for (let count = 1; count <= 10; count++) {
      await pinged(count);
      await pass(SECOND);
      feed(pong(''));
    }
    expect(log).toStrictEqual(Array<string>(10).fill('pong '));
    expect(connection.latency).toBeUndefined();
    // When it sends nothing more it times out like any other peer.
    await pinged(11);
    await pass(10 * SECOND);
    expect(log.at(-1)).toBe('close 1006');
  });

  it('is sent after every interval to a peer that sends messages and no Pongs', async () => {
    for (let count = 1; count <= 10; count++) {
      await pinged(count);
      feed(message());
    }
    expect(connection.readyState).toBe('open');
    expect(connection.latency).toBeUndefined();
  });

  it('need not be answered by a peer that answers a later one', async () => {
    await pinged();
    feed(message());
    const second = await pinged(2);
    feed(message());
    const third = await pinged(3);
    clock.advance(7);
    feed(pong(third));
    expect(connection.latency).toBe(7);
    feed(pong(second)); // too late to be an answer
    expect(connection.latency).toBe(7);
    expect(log).toStrictEqual([`pong ${second.toString()}`]);
  });

  it('need not be answered by a peer that answers a Ping of the application', async () => {
    await pinged();
    connection.ping('mine');
    feed(pong('mine'));
    expect(log).toStrictEqual(['pong mine']);
    await pass(10 * SECOND);
    expect(connection.readyState).toBe('open');
    const payload = await pinged(3);
    clock.advance(9);
    feed(pong(payload));
    expect(connection.latency).toBe(9);
  });

  it('does not give the latency when an earlier one is answered, which is not announced either', async () => {
    const first = await pinged();
    feed(message());
    const second = await pinged(2);
    feed(message());
    const third = await pinged(3);
    feed(pong(second));
    expect(connection.latency).toBeUndefined();
    clock.advance(4);
    feed(pong(third));
    expect(connection.latency).toBe(4);
    expect(log).toStrictEqual([]);
    // After the answer to the second Ping, the first one cannot be answered any more.
    feed(pong(first));
    expect(log).toStrictEqual([`pong ${first.toString()}`]);
  });

  it('is answered once, even if the application sends the same payload', async () => {
    const payload = await pinged();
    connection.ping(payload);
    clock.advance(3);
    feed(pong(payload), pong(payload));
    expect(connection.latency).toBe(3);
    expect(log).toStrictEqual([`pong ${payload.toString()}`]);
  });

  it('is not queued again while data before it is not sent', async () => {
    sink.backpressured = true;
    connection.send(Buffer.alloc(32 * 1024));
    for (let i = 0; i < 10; i++) {
      await pass(26 * SECOND);
      feed(message()); // the peer sends and does not read
    }
    sink.backpressured = false;
    sink.release();
    expect(await pings()).toHaveLength(1);
  });

  it('ignores a second Pong with its payload, and a Pong without a Ping', async () => {
    feed(pong('none'));
    const payload = await pinged();
    feed(pong(payload), pong(payload));
    clock.advance(5);
    feed(pong(payload));
    expect(connection.latency).toBe(0);
    expect(log).toStrictEqual([
      'pong none',
      ...Array<string>(2).fill(`pong ${payload.toString()}`),
    ]);
  });

  it('leaves the Pings of the application alone', async () => {
    connection.ping('mine');
    feed(pong('mine'));
    expect(log).toStrictEqual(['pong mine']);
    expect(connection.latency).toBeUndefined();
    const payload = (await pinged(2)).toString();
    expect(payload).not.toBe('mine');
    feed(pong('mine'));
    expect(log).toStrictEqual(['pong mine', 'pong mine']);
    expect(connection.latency).toBeUndefined();
  });
});

describe('Heartbeat, while we do not read', () => {
  it('pings after every interval, and terminates no peer', async () => {
    stopReading();
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    for (let second = 0; second < 60 * 60; second++) await pass(SECOND);
    const { length } = await pings();
    expect(length).toBeGreaterThanOrEqual(3600 / 26 - 1);
    expect(length).toBeLessThanOrEqual(3600 / 19);
    expect(connection.readyState).toBe('open');
  });

  it('sends no Ping after one that has not been sent yet', async () => {
    sink.backpressured = true;
    connection.send(Buffer.alloc(32 * 1024));
    stopReading();
    for (let i = 0; i < 200; i++) await pass(5 * SECOND);
    sink.backpressured = false;
    sink.release();
    expect(await pings()).toHaveLength(1);
  });

  it('measures no latency with a Ping whose answer it could not read', async () => {
    stopReading();
    const payload = await pinged();
    await pass(MINUTE);
    connection.on('message', () => {});
    connection.resume();
    await turns();
    for (const { payload: each } of await pings()) feed(pong(each));
    expect(payload).toHaveLength(4);
    expect(connection.latency).toBeUndefined();
    expect(log).toStrictEqual([]);
  });

  it('measures no latency with a Ping that was unanswered when reading stopped', async () => {
    const payload = await pinged();
    stopReading();
    await pass(5 * SECOND);
    connection.on('message', () => {});
    connection.resume();
    await turns();
    feed(pong(payload));
    expect(connection.latency).toBeUndefined();
  });

  it('notices with the second Ping that the process of the peer has exited', async () => {
    const there = await world(DEFAULTS);
    there.connection.pause();
    // More than Node reads from a paused socket: so the end is not read either.
    there.client.send(message(64 * 1024));
    for (let i = 0; i < 4; i++) there.client.send(message(64 * 1024));
    await until('the end of reading', () => {
      return there.socket.readableLength >= there.socket.readableHighWaterMark;
    });
    await turns(20);
    there.client.destroy();
    await turns(20);
    expect(there.connection.readyState).toBe('open');
    there.clock.advance(26 * SECOND);
    await turns(20);
    there.clock.advance(26 * SECOND);
    expect(facts(await there.closed)).toMatchObject({ code: 1006, initiator: 'transport' });
  });

  it('terminates no peer for a Ping that was unanswered before', async () => {
    await pinged();
    stopReading();
    await pass(60 * MINUTE);
    expect(connection.readyState).toBe('open');
    connection.on('message', () => {});
    connection.resume();
    await turns();
    expect(await dies(MINUTE)).toBeGreaterThanOrEqual(35 * SECOND);
  });

  it('counts silence from when reading resumes', async () => {
    stopReading();
    await pass(10 * SECOND + 700);
    connection.on('message', () => {});
    connection.resume();
    await turns();
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(1);
  });

  it('terminates a silent peer while the application has paused but reading goes on', async () => {
    connection.pause(); // reading goes on until something is held
    expect(await dies(MINUTE)).toBe(36 * SECOND);
  });
});

describe('Heartbeat, a blocked event loop', () => {
  it('makes no peer silent, however long it is blocked', async () => {
    for (let i = 0; i < 20; i++) {
      clock.time += 10 * MINUTE; // and no timer has fired
      await pass(SECOND - 1);
    }
    expect(await pings()).toHaveLength(0);
    await pass(6 * SECOND);
    expect(await pings()).toHaveLength(1);
  });

  it('does not shorten the time for an answer', async () => {
    await pinged();
    clock.time += 10 * MINUTE;
    await pass(5 * SECOND);
    expect(connection.readyState).toBe('open');
    await pass(10 * SECOND);
    expect(connection.readyState).toBe('closed');
  });

  it('makes up for a timer that is a little late', async () => {
    for (let i = 0; i < 13; i++) {
      expect(await pings()).toHaveLength(0);
      clock.advance(SECOND - 1);
      clock.time += 900; // the timer is due, but the loop is busy
      clock.advance(0);
      await new Promise(setImmediate); // the poll
      clock.advance(101);
    }
    expect(await pings()).toHaveLength(1); // after 26 seconds, as always
  });

  describe('until the time for an answer has passed', () => {
    /** Callbacks that wait for the poll. */
    let polls: (() => void)[];
    const poll = (): void => {
      delete clock.afterPoll;
      for (const callback of polls.splice(0)) callback();
    };

    /** The timer fires in which the peer would time out; the event loop has not polled yet. */
    async function timeOut(): Promise<void> {
      await pinged();
      await pass(9 * SECOND);
      polls = [];
      clock.afterPoll = (callback) => void polls.push(callback);
      clock.advance(SECOND);
    }

    it('terminates a peer after the poll, if it reads nothing from it', async () => {
      await timeOut();
      expect(connection.readyState).toBe('open');
      poll();
      await turns();
      expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
    });

    it('keeps a peer whose bytes are read in that poll', async () => {
      await timeOut();
      feed(LIFE);
      poll();
      await turns();
      expect(connection.readyState).toBe('open');
      await pass(33 * SECOND);
      expect(connection.readyState).toBe('open');
      expect(await dies(3 * SECOND)).toBeGreaterThan(0);
    });

    it('keeps a peer if reading was paused before that poll', async () => {
      await timeOut();
      stopReading();
      poll();
      await pass(60 * MINUTE);
      expect(connection.readyState).toBe('open');
    });

    it('leaves a connection that the application closes before that poll to closeTimeout', async () => {
      await timeOut();
      void connection.close();
      poll();
      await turns();
      expect(connection.readyState).toBe('closing');
      await pass(10 * SECOND);
      expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_CLOSE_TIMEOUT' });
    });
  });
});

describe('Heartbeat, a Ping after other data', () => {
  /** Queues messages; the socket writes one of them at each release. */
  function queue(messages: number): void {
    sink.backpressured = true;
    for (let i = 0; i < messages; i++) connection.send(Buffer.alloc(32 * 1024));
  }

  it('does not time out while the peer reads the data before it', async () => {
    queue(10);
    await pass(26 * SECOND);
    for (let i = 0; i < 10; i++) {
      await pass(9 * SECOND);
      sink.release();
      await pass(SECOND);
      expect(connection.readyState).toBe('open');
    }
  });

  it('times out for a peer that reads nothing', async () => {
    queue(10);
    await pass(36 * SECOND);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it('times out for a peer that has received it and sends nothing, whatever else it reads', async () => {
    queue(1);
    await pass(26 * SECOND);
    sink.backpressured = false;
    sink.release();
    for (let i = 0; i < 4; i++) {
      await pass(5 * SECOND);
      connection.send(Buffer.alloc(32 * 1024));
    }
    expect(await pings()).toHaveLength(1);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it('times out if no data was queued before it, whatever is queued after it', async () => {
    await pinged();
    await pass(5 * SECOND);
    connection.send(Buffer.alloc(32 * 1024));
    await pass(5 * SECOND);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
  });
});

describe('Heartbeat, limits without a Ping', () => {
  const IDLE = { idleTimeout: 5 * MINUTE, closeTimeout: Infinity };
  const closes = () => parseFrames(sink.bytes).filter(({ opcode }) => opcode === 8);

  it('closes with 1001 when no message was received or sent for idleTimeout', async () => {
    start(IDLE);
    await pass(5 * MINUTE - 1);
    expect(connection.readyState).toBe('open');
    await pass(SECOND + 1);
    expect(connection.readyState).toBe('closing');
    expect(closes()[0]!.payload.readUInt16BE()).toBe(1001);
    feed(clientClose(1001));
    sink.push(null);
    await until('the end', () => connection.readyState === 'closed');
    expect(facts(connection.closeInfo)).toStrictEqual({
      code: 1001,
      reason: '',
      clean: true,
      initiator: 'local',
      cause: 'ERR_IDLE_TIMEOUT',
    });
    expect(connection.closeInfo?.cause?.message).toBe(closes()[0]!.payload.subarray(2).toString());
  });

  it.each<[string, () => unknown]>([
    ['a received message', () => feed(message())],
    ['a sent message', () => connection.send('x')],
    ['a sent frame', () => connection.sendFrame('x', { opcode: 1 })],
  ])('keeps open a connection with %s', async (_, happens) => {
    start(IDLE);
    for (let i = 0; i < 5; i++) {
      await pass(4 * MINUTE);
      happens();
    }
    expect(connection.readyState).toBe('open');
    await pass(6 * MINUTE);
    expect(connection.readyState).toBe('closing');
  });

  it('counts the whole of idleTimeout from a message between two ticks', async () => {
    start(IDLE);
    await pass(1900);
    feed(message());
    await pass(5 * MINUTE - 1);
    expect(connection.readyState).toBe('open');
    await pass(SECOND + 1);
    expect(connection.readyState).toBe('closing');
  });

  it.each<[string, () => unknown]>([
    ['a received Pong', () => feed(pong('x'))],
    ['a received Ping and its Pong', () => feed(clientFrame({ opcode: 9, payload: 'x' }))],
    ['a sent Ping', () => connection.ping('x')],
    ['a Ping sent as a frame', () => connection.sendFrame('x', { opcode: 9 })],
    ['half a message', () => feed(LIFE)],
  ])('closes as idle a connection with nothing but %s', async (_, happens) => {
    start({ ...IDLE, messageTimeout: Infinity });
    for (let i = 0; i < 3; i++) {
      await pass(2 * MINUTE);
      if (connection.readyState === 'open') happens();
    }
    expect(connection.readyState).toBe('closing');
  });

  it('does not close as idle a connection while reading is paused', async () => {
    start(IDLE);
    stopReading();
    await pass(60 * MINUTE);
    expect(connection.readyState).toBe('open');
    connection.on('message', () => {});
    connection.resume();
    await turns();
    await pass(5 * MINUTE - 1);
    expect(connection.readyState).toBe('open');
    await pass(SECOND + 1);
    expect(connection.readyState).toBe('closing');
  });

  it('closes with 1001 after maxLifetime, even if the connection is busy', async () => {
    start({ ...DEFAULTS, maxLifetime: 24 * 60 * MINUTE });
    const end = clock.now() + 24 * 60 * MINUTE;
    while (clock.now() < end - 10 * SECOND) {
      await pass(10 * SECOND);
      feed(message());
    }
    expect(connection.readyState).toBe('open');
    await pass(11 * SECOND);
    expect(connection.readyState).toBe('closing');
    expect(closes()[0]!.payload.readUInt16BE()).toBe(1001);
    expect(clock.now() - end).toBe(SECOND);
    await pass(10 * SECOND);
    expect(facts(connection.closeInfo)).toStrictEqual({
      code: 1006,
      reason: '',
      clean: false,
      initiator: 'local',
      cause: 'ERR_MAX_LIFETIME',
    });
  });

  it('resumes reading after its Close, for the answer', async () => {
    start({ maxLifetime: MINUTE });
    stopReading();
    await pass(MINUTE + 2 * SECOND); // before closeTimeout terminates it
    expect(sink.isPaused()).toBe(false);
  });
});

describe('Heartbeat, its timer and its checks', () => {
  /** A connection that only counts how often it is checked. */
  class Target extends HeartbeatTarget {
    checks = 0;
    readonly isReadPaused = false;
    readonly outbox = new Outbox(new Sink(), undefined, {
      account: undefined,
      unsendable: () => undefined,
      onWritten: () => {},
      written: () => false,
    });
    readonly causes: string[] = [];
    get isOpen(): boolean {
      this.checks++;
      return true;
    }
    closeGoingAway({ code }: { code: string }): void {
      this.causes.push(code);
    }
    terminateUnresponsive({ code }: { code: string }): void {
      this.causes.push(code);
    }
  }

  const watch = (options: WorldOptions, count: number, next = random(1)) => {
    clock = new HandClock();
    const { heartbeat = false, idleTimeout = Infinity, maxLifetime = Infinity } = options;
    const settings = { heartbeat, idleTimeout, maxLifetime };
    const beat = new Heartbeat(new Deadlines(clock), clock, settings, next);
    const targets = Array.from({ length: count }, () => new Target());
    for (const target of targets) beat.add(target);
    return { beat, targets };
  };

  it.each([
    [{ interval: 25 * SECOND, timeout: 10 * SECOND }, 35 * SECOND],
    [{ interval: 200, timeout: 300 }, 500],
    [false as const, 35 * SECOND],
    [{ interval: Infinity, timeout: SECOND }, 35 * SECOND],
  ])('of %p sets the time that messages wait for a consumer', (heartbeat, milliseconds) => {
    expect(watch({ heartbeat }, 0).beat.consumerTimeout).toBe(milliseconds);
  });

  it('sets no timer if there is no limit', () => {
    start({ heartbeat: false });
    expect(clock.timers.size).toBe(0);
    start({ heartbeat: { interval: Infinity, timeout: SECOND } });
    expect(clock.timers.size).toBe(0);
  });

  it('pings once and terminates no peer if the timeout is Infinity', async () => {
    start({ heartbeat: { interval: 25 * SECOND, timeout: Infinity } });
    await pass(60 * MINUTE);
    expect(await pings()).toHaveLength(1);
    expect(connection.readyState).toBe('open');
  });

  it('uses one timer for 1000 connections, and none after the last', () => {
    const { beat, targets } = watch(DEFAULTS, 1000);
    expect(clock.timers.size).toBe(1);
    clock.advance(SECOND);
    expect(clock.timers.size).toBe(1);
    for (const target of targets.slice(1)) beat.remove(target);
    expect(clock.timers.size).toBe(1);
    beat.remove(targets[0]!);
    expect(clock.timers.size).toBe(0);
    beat.remove(targets[0]!);
    beat.add(new Target());
    expect(clock.timers.size).toBe(1);
  });

  it('stops the timer with the last connection', async () => {
    connection.terminate();
    await turns();
    expect(connection.readyState).toBe('closed');
    expect(clock.timers.size).toBe(0);
  });

  it('stops the timer when the last connection is closing', async () => {
    start({ ...DEFAULTS, closeTimeout: Infinity });
    void connection.close();
    await pass(30 * SECOND);
    expect(connection.readyState).toBe('closing');
    expect(await pings()).toHaveLength(0);
    expect(clock.timers.size).toBe(0);
  });

  it('checks a connection once an interval, however much it sends', () => {
    const { beat, targets } = watch(DEFAULTS, 100);
    for (let second = 0; second < 250; second++) {
      clock.advance(SECOND);
      for (const target of targets) target.lastReceivedAt = beat.now;
    }
    // An interval is 26 ticks, and a check up to 6 of them early.
    for (const { checks } of targets) expect(checks).toBeLessThanOrEqual(12);
    for (const { checks } of targets) expect(checks).toBeGreaterThanOrEqual(9);
  });

  it('checks once in 63 ticks if the limit is far away', () => {
    const { targets } = watch({ maxLifetime: 60 * MINUTE }, 1);
    clock.advance(60 * MINUTE);
    expect(targets[0]!.checks).toBe(57);
    expect(targets[0]!.causes).toStrictEqual([]);
    clock.advance(SECOND);
    expect(targets[0]!.causes).toStrictEqual(['ERR_MAX_LIFETIME']);
  });

  it.each([
    [{ idleTimeout: 1 }, 5, 10, 'ERR_IDLE_TIMEOUT'],
    [{ idleTimeout: 80 }, 80, 90, 'ERR_IDLE_TIMEOUT'],
    [{ maxLifetime: 800 }, 800, 900, 'ERR_MAX_LIFETIME'],
    [{ maxLifetime: MINUTE, idleTimeout: 8 * SECOND }, 8 * SECOND, 9 * SECOND, 'ERR_IDLE_TIMEOUT'],
    [{ maxLifetime: MINUTE, idleTimeout: 2 * MINUTE }, MINUTE, MINUTE + SECOND, 'ERR_MAX_LIFETIME'],
  ])('has ticks short enough for %p', (options, notBefore, by, cause) => {
    const { targets } = watch(options, 1);
    clock.advance(notBefore - 1);
    expect(targets[0]!.causes).toStrictEqual([]);
    clock.advance(by - notBefore + 1);
    expect(targets[0]!.causes).toStrictEqual([cause]);
  });

  /** @returns how many of the connections were pinged in each second; they answer each Ping in its tick. */
  const pingsASecond = (
    count: number,
    seconds: number,
    heard: (second: number, targets: readonly Target[], beat: Heartbeat) => void = () => {},
    heartbeat = DEFAULTS.heartbeat,
    next = random(1),
  ): number[] => {
    const { beat, targets } = watch({ heartbeat }, count, next);
    return Array.from({ length: seconds }, (_, second) => {
      clock.advance(SECOND);
      const pinged = targets.filter(({ ping }) => ping !== undefined);
      for (const target of pinged) {
        target.lastReceivedAt = beat.now;
        target.ping = undefined;
      }
      heard(second + 1, targets, beat);
      return pinged.length;
    });
  };
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

  it('spreads the Pings to 7000 that were made together over the last quarter of the interval', () => {
    const counts = pingsASecond(7000, 26);
    expect(counts.slice(0, 19)).toStrictEqual(Array<number>(19).fill(0));
    expect(sum(counts)).toBe(7000);
    expect(Math.max(...counts)).toBeLessThan(1100);
  });

  it('spreads them more with every interval', () => {
    const counts = pingsASecond(7000, 26 * 12);
    const last = counts.slice(-26);
    expect(sum(last)).toBeGreaterThanOrEqual(7000); // each once at least
    expect(Math.max(...last)).toBeLessThan(500);
    expect(sum(counts)).toBeLessThan(1.25 * 12 * 7000);
  });

  it('spreads the Pings to those that fell silent together', () => {
    const counts = pingsASecond(7000, 100, (second, targets, beat) => {
      // All of them answer a broadcast every ten seconds; then none comes any more.
      if (second % 10 !== 0 || second > 50) return;
      for (const target of targets) target.lastReceivedAt = beat.now;
    });
    expect(sum(counts.slice(0, 50 + 19))).toBe(0);
    expect(sum(counts.slice(50 + 19, 50 + 26))).toBe(7000);
    expect(Math.max(...counts)).toBeLessThan(2000);
  });

  it('spreads the Pings if the interval is longer than the timing wheel', () => {
    const counts = pingsASecond(7000, 81, undefined, {
      interval: 80 * SECOND,
      timeout: 10 * SECOND,
    });
    expect(counts.slice(0, 60)).toStrictEqual(Array<number>(60).fill(0));
    expect(sum(counts)).toBe(7000);
    expect(Math.max(...counts)).toBeLessThan(500);
  });

  it.each([
    [0, 26],
    [0.5, 23],
    [0.999, 20],
  ])('pings after the interval, less a random part of a quarter of it (%p)', (number, every) => {
    const counts = pingsASecond(1, every * 4, undefined, DEFAULTS.heartbeat, () => number);
    const at = counts.flatMap((count, second) => (count > 0 ? second + 1 : []));
    expect(at).toStrictEqual([1, 2, 3, 4].map((times) => times * every));
  });

  it('takes its random numbers from Math.random by default', () => {
    const spy = jest.spyOn(Math, 'random').mockReturnValue(0.999);
    clock = new HandClock();
    const settings = { ...DEFAULTS, idleTimeout: Infinity, maxLifetime: Infinity };
    const target = new Target();
    new Heartbeat(new Deadlines(clock), clock, settings).add(target);
    spy.mockRestore();
    clock.advance(20 * SECOND);
    expect(target.ping).toBeDefined();
  });

  it('checks the others when a listener throws that is told of a peer without an answer', async () => {
    const { targets } = watch(DEFAULTS, 3, () => 0);
    targets[0]!.terminateUnresponsive = () => {
      throw new Error('a fault');
    };
    const surfaced = catchSurfacing();
    clock.advance(36 * SECOND);
    await turns();
    expect(targets.map(({ causes }) => causes)).toStrictEqual([
      [],
      ['ERR_HEARTBEAT_TIMEOUT'],
      ['ERR_HEARTBEAT_TIMEOUT'],
    ]);
    expect(surfaced).toMatchObject([{ message: 'a fault' }]);
  });

  it('pings all at once if the interval is a single tick', () => {
    expect(pingsASecond(10, 2, undefined, { interval: 1, timeout: SECOND })).toStrictEqual([
      10, 10,
    ]);
  });

  it('lets the event loop turn between a Ping and its timeout, however short that is', async () => {
    start({ heartbeat: { interval: 1, timeout: 1 } });
    clock.advance(10);
    expect(await pings()).toHaveLength(1);
    clock.advance(5);
    await turns();
    expect(connection.readyState).toBe('open');
    clock.advance(5);
    await turns();
    expect(connection.readyState).toBe('closed');
  });
});

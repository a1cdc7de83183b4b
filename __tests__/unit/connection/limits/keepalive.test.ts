import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { Heartbeat, HeartbeatTarget } from '../../../../src/connection/limits/keepalive.js';
import { Outbox } from '../../../../src/connection/send/outbox.js';
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
} from '../support.js';

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
/** A first byte of a frame, and nothing behind it. */
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

describe('Heartbeat, a silent peer', () => {
  it('is pinged after the interval, at most a second later', async () => {
    clock.advance(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    clock.advance(SECOND + 1);
    expect(await pings()).toMatchObject([{ opcode: 9, fin: true, payload: { length: 4 } }]);
  });

  it('is not silent for as long as single bytes come', async () => {
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

  it('is dead when the timeout passes too: the transport is cut, without a Close', async () => {
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

  it('that answers is alive, and the round trip is known', async () => {
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
    expect(log).toStrictEqual([]); // its Pongs are no news for the application
  });

  it('is pinged again only after another interval', async () => {
    feed(pong(await pinged()));
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(1);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(2);
  });

  it('gets a payload that the last one does not tell', async () => {
    const seen = new Set<string>();
    for (let i = 1; i <= 20; i++) {
      const payload = await pinged(i);
      seen.add(payload.toString('hex'));
      feed(pong(payload));
    }
    expect(seen.size).toBeGreaterThan(18);
  });

  it('on a real socket is pinged, and cut', async () => {
    const there = await world(DEFAULTS);
    there.clock.advance(26 * SECOND);
    expect(await there.client.frame()).toMatchObject({ opcode: 9 });
    there.clock.advance(10 * SECOND);
    expect(facts(await there.closed)).toMatchObject({ code: 1006, cause: 'ERR_HEARTBEAT_TIMEOUT' });
    await there.client.ended();
  });
});

describe('Heartbeat, a Ping that is open', () => {
  it('is the only one as long as the peer is not silent', async () => {
    await pinged();
    for (let i = 0; i < 20; i++) {
      await pass(9 * SECOND);
      feed(message());
    }
    await pass(18 * SECOND);
    expect(await pings()).toHaveLength(1);
    expect(connection.latency).toBeUndefined();
  });

  it('is followed by another one when a peer that said something else falls silent', async () => {
    await pinged();
    await pass(SECOND);
    feed(message());
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(1);
    await pass(SECOND + 1);
    expect(await pings()).toHaveLength(2);
  });

  it('gives a peer that said something else the interval and the timeout again', async () => {
    await pinged();
    await pass(SECOND);
    feed(message());
    await pass(35 * SECOND - 1);
    expect(connection.readyState).toBe('open');
    await pass(SECOND + 1);
    expect(log).toStrictEqual(['close 1006']);
  });

  it('is answered late, too', async () => {
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

  it('comes after every interval to a peer that only sends empty Pongs', async () => {
    for (let count = 1; count <= 10; count++) {
      await pinged(count);
      await pass(SECOND);
      feed(pong(''));
    }
    expect(log).toStrictEqual(Array<string>(10).fill('pong '));
    expect(connection.latency).toBeUndefined();
    // Once it says nothing more it is dead, as any other.
    await pinged(11);
    await pass(10 * SECOND);
    expect(log.at(-1)).toBe('close 1006');
  });

  it('comes after every interval to a peer that answers none and sends messages', async () => {
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

  it('is not measured by the answer to an earlier one, which is not announced either', async () => {
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
    // What the second answer has made impossible is not an answer any more.
    feed(pong(first));
    expect(log).toStrictEqual([`pong ${first.toString()}`]);
  });

  it('is answered once, also where the application sends the same payload', async () => {
    const payload = await pinged();
    connection.ping(payload);
    clock.advance(3);
    feed(pong(payload), pong(payload));
    expect(connection.latency).toBe(3);
    expect(log).toStrictEqual([`pong ${payload.toString()}`]);
  });

  it('does not queue up behind data that does not leave', async () => {
    sink.behind = true;
    connection.send(Buffer.alloc(32 * 1024));
    for (let i = 0; i < 10; i++) {
      await pass(26 * SECOND);
      feed(message()); // the peer speaks, and takes nothing
    }
    sink.behind = false;
    sink.release();
    expect(await pings()).toHaveLength(1);
  });

  it('is not confused by the same answer twice, or by one without a question', async () => {
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
  it('pings after every interval, and buries nobody', async () => {
    stopReading();
    await pass(25 * SECOND - 1);
    expect(await pings()).toHaveLength(0);
    for (let second = 0; second < 60 * 60; second++) await pass(SECOND);
    const { length } = await pings();
    expect(length).toBeGreaterThanOrEqual(3600 / 26 - 1);
    expect(length).toBeLessThanOrEqual(3600 / 19);
    expect(connection.readyState).toBe('open');
  });

  it('sends no Ping behind one that has not left', async () => {
    sink.behind = true;
    connection.send(Buffer.alloc(32 * 1024));
    stopReading();
    for (let i = 0; i < 200; i++) await pass(5 * SECOND);
    sink.behind = false;
    sink.release();
    expect(await pings()).toHaveLength(1);
  });

  it('measures nothing with a Ping whose answer it could not read', async () => {
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

  it('measures nothing with a Ping that was open when reading stopped', async () => {
    const payload = await pinged();
    stopReading();
    await pass(5 * SECOND);
    connection.on('message', () => {});
    connection.resume();
    await turns();
    feed(pong(payload));
    expect(connection.latency).toBeUndefined();
  });

  it('notices with the next Ping but one that the process of the peer is gone', async () => {
    const there = await world(DEFAULTS);
    there.connection.pause();
    // More than the process reads on its own account: so it does not see the end either.
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

  it('does not bury for a Ping that was open before', async () => {
    await pinged();
    stopReading();
    await pass(60 * MINUTE);
    expect(connection.readyState).toBe('open');
    connection.on('message', () => {});
    connection.resume();
    await turns();
    expect(await dies(MINUTE)).toBeGreaterThanOrEqual(35 * SECOND);
  });

  it('lets silence begin when reading goes on', async () => {
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

  it('still buries who is only paused, and was not heard', async () => {
    connection.pause(); // reading goes on until something is held
    expect(await dies(MINUTE)).toBe(36 * SECOND);
  });
});

describe('Heartbeat, an event loop that stands still', () => {
  it('makes nobody silent, for however long', async () => {
    for (let i = 0; i < 20; i++) {
      clock.time += 10 * MINUTE; // and no timer has fired
      await pass(SECOND - 1);
    }
    expect(await pings()).toHaveLength(0);
    await pass(6 * SECOND);
    expect(await pings()).toHaveLength(1);
  });

  it('costs nobody the time for an answer', async () => {
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
      await new Promise(setImmediate); // what has come is read first
      clock.advance(101);
    }
    expect(await pings()).toHaveLength(1); // after 26 seconds, as always
  });

  it('reads what waits in the kernel before anybody is buried', async () => {
    await pinged();
    clock.advance(10 * SECOND);
    feed(LIFE); // in the same turn of the loop
    await turns();
    expect(connection.readyState).toBe('open');
    await pass(34 * SECOND);
    expect(connection.readyState).toBe('open');
    expect(await dies(2 * SECOND)).toBeGreaterThan(0);
  });

  it('buries nobody whom the application does not hear just then', async () => {
    await pinged();
    clock.advance(10 * SECOND);
    stopReading();
    await turns();
    expect(connection.readyState).toBe('open');
    await pass(60 * MINUTE);
    expect(connection.readyState).toBe('open');
  });

  it('buries nobody whom the application closes just then', async () => {
    await pinged();
    clock.advance(10 * SECOND);
    void connection.close();
    await turns();
    expect(connection.readyState).toBe('closing');
    await pass(10 * SECOND);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_CLOSE_TIMEOUT' });
  });
});

describe('Heartbeat, a Ping behind other data', () => {
  /** The socket takes one of these messages at each release. */
  function fall(messages: number): void {
    sink.behind = true;
    for (let i = 0; i < messages; i++) connection.send(Buffer.alloc(32 * 1024));
  }

  it('is not held against a peer that takes what stands before it', async () => {
    fall(10);
    await pass(26 * SECOND);
    for (let i = 0; i < 10; i++) {
      await pass(9 * SECOND);
      sink.release();
      await pass(SECOND);
      expect(connection.readyState).toBe('open');
    }
  });

  it('is held against one that takes nothing', async () => {
    fall(10);
    await pass(36 * SECOND);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it('is held against one that has it and says nothing, whatever else it takes', async () => {
    fall(1);
    await pass(26 * SECOND);
    sink.behind = false;
    sink.release();
    for (let i = 0; i < 4; i++) {
      await pass(5 * SECOND);
      connection.send(Buffer.alloc(32 * 1024));
    }
    expect(await pings()).toHaveLength(1);
    expect(facts(connection.closeInfo)).toMatchObject({ cause: 'ERR_HEARTBEAT_TIMEOUT' });
  });

  it('excuses nobody when nothing stood before it', async () => {
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

  it('closes with 1001 when no message came or went for idleTimeout', async () => {
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
    ['a message that comes', () => feed(message())],
    ['a message that goes', () => connection.send('x')],
    ['a frame that goes', () => connection.sendFrame('x', { opcode: 1 })],
  ])('does not call idle a connection with %s', async (_, happens) => {
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
    ['a Pong that comes', () => feed(pong('x'))],
    ['a Ping that comes and its Pong', () => feed(clientFrame({ opcode: 9, payload: 'x' }))],
    ['a Ping that goes', () => connection.ping('x')],
    ['a Ping that goes as a frame', () => connection.sendFrame('x', { opcode: 9 })],
    ['half a message', () => feed(LIFE)],
  ])('calls idle a connection with nothing but %s', async (_, happens) => {
    start({ ...IDLE, messageTimeout: Infinity });
    for (let i = 0; i < 3; i++) {
      await pass(2 * MINUTE);
      if (connection.readyState === 'open') happens();
    }
    expect(connection.readyState).toBe('closing');
  });

  it('does not call idle a connection whose messages we do not read', async () => {
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

  it('closes with 1001 when the connection has been open for maxLifetime, busy or not', async () => {
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

  it('reads on after its Close, for the answer', async () => {
    start({ maxLifetime: MINUTE });
    stopReading();
    await pass(MINUTE + 2 * SECOND); // and no longer: closeTimeout would cut it
    expect(sink.isPaused()).toBe(false);
  });
});

describe('Heartbeat, its one timer', () => {
  /** A connection that only counts how often it is looked at. */
  class Patient extends HeartbeatTarget {
    looks = 0;
    readonly isReadPaused = false;
    readonly outbox = new Outbox(new Sink(), undefined, {
      account: undefined,
      unsendable: () => undefined,
      onWritten: () => {},
      written: () => false,
    });
    readonly fates: string[] = [];
    get isOpen(): boolean {
      this.looks++;
      return true;
    }
    closeGoingAway({ code }: { code: string }): void {
      this.fates.push(code);
    }
    terminateUnresponsive({ code }: { code: string }): void {
      this.fates.push(code);
    }
  }

  const watch = (options: WorldOptions, count: number) => {
    clock = new HandClock();
    const { heartbeat = false, idleTimeout = Infinity, maxLifetime = Infinity } = options;
    const settings = { heartbeat, idleTimeout, maxLifetime };
    const beat = new Heartbeat(new Deadlines(clock), clock, settings);
    const patients = Array.from({ length: count }, () => new Patient());
    for (const patient of patients) beat.add(patient);
    return { beat, patients };
  };

  it.each([
    [{ interval: 25 * SECOND, timeout: 10 * SECOND }, 35 * SECOND],
    [{ interval: 200, timeout: 300 }, 500],
    [false as const, 35 * SECOND],
    [{ interval: Infinity, timeout: SECOND }, 35 * SECOND],
  ])('of %p has patience with an absent consumer', (heartbeat, patience) => {
    expect(watch({ heartbeat }, 0).beat.consumerTimeout).toBe(patience);
  });

  it('does not exist where there is nothing to watch', () => {
    start({ heartbeat: false });
    expect(clock.timers.size).toBe(0);
    start({ heartbeat: { interval: Infinity, timeout: SECOND } });
    expect(clock.timers.size).toBe(0);
  });

  it('pings once and buries nobody where the timeout is Infinity', async () => {
    start({ heartbeat: { interval: 25 * SECOND, timeout: Infinity } });
    await pass(60 * MINUTE);
    expect(await pings()).toHaveLength(1);
    expect(connection.readyState).toBe('open');
  });

  it('is one for 1000 connections, and none after the last', () => {
    const { beat, patients } = watch(DEFAULTS, 1000);
    expect(clock.timers.size).toBe(1);
    clock.advance(SECOND);
    expect(clock.timers.size).toBe(1);
    for (const patient of patients.slice(1)) beat.remove(patient);
    expect(clock.timers.size).toBe(1);
    beat.remove(patients[0]!);
    expect(clock.timers.size).toBe(0);
    beat.remove(patients[0]!);
    beat.add(new Patient());
    expect(clock.timers.size).toBe(1);
  });

  it('ends with a connection that closes, and does not hold it', async () => {
    connection.terminate();
    await turns();
    expect(connection.readyState).toBe('closed');
    expect(clock.timers.size).toBe(0);
  });

  it('ends by itself when the last one watched is closing', async () => {
    start({ ...DEFAULTS, closeTimeout: Infinity });
    void connection.close();
    await pass(30 * SECOND);
    expect(connection.readyState).toBe('closing');
    expect(await pings()).toHaveLength(0);
    expect(clock.timers.size).toBe(0);
  });

  it('looks at a connection once in an interval, however much it is heard', () => {
    const { beat, patients } = watch(DEFAULTS, 100);
    for (let second = 0; second < 250; second++) {
      clock.advance(SECOND);
      for (const patient of patients) patient.lastReceivedAt = beat.now;
    }
    // An interval is 26 ticks; who is looked at sooner, because others are too, still is once in 20.
    for (const { looks } of patients) expect(looks).toBeLessThanOrEqual(12);
    for (const { looks } of patients) expect(looks).toBeGreaterThanOrEqual(9);
  });

  it('looks once in 63 ticks where the limit is far away', () => {
    const { patients } = watch({ maxLifetime: 60 * MINUTE }, 1);
    clock.advance(60 * MINUTE);
    expect(patients[0]!.looks).toBe(57);
    expect(patients[0]!.fates).toStrictEqual([]);
    clock.advance(SECOND);
    expect(patients[0]!.fates).toStrictEqual(['ERR_MAX_LIFETIME']);
  });

  it.each([
    [{ idleTimeout: 1 }, 5, 10, 'ERR_IDLE_TIMEOUT'],
    [{ idleTimeout: 80 }, 80, 90, 'ERR_IDLE_TIMEOUT'],
    [{ maxLifetime: 800 }, 800, 900, 'ERR_MAX_LIFETIME'],
    [{ maxLifetime: MINUTE, idleTimeout: 8 * SECOND }, 8 * SECOND, 9 * SECOND, 'ERR_IDLE_TIMEOUT'],
    [{ maxLifetime: MINUTE, idleTimeout: 2 * MINUTE }, MINUTE, MINUTE + SECOND, 'ERR_MAX_LIFETIME'],
  ])('has ticks that are as short as %p needs', (options, notBefore, by, fate) => {
    const { patients } = watch(options, 1);
    clock.advance(notBefore - 1);
    expect(patients[0]!.fates).toStrictEqual([]);
    clock.advance(by - notBefore + 1);
    expect(patients[0]!.fates).toStrictEqual([fate]);
  });

  /** Connections that answer each Ping in its tick, and how many were pinged in each second. */
  const pingsASecond = (
    count: number,
    seconds: number,
    heard: (second: number, patients: readonly Patient[], beat: Heartbeat) => void = () => {},
    heartbeat = DEFAULTS.heartbeat,
  ): number[] => {
    const { beat, patients } = watch({ heartbeat }, count);
    return Array.from({ length: seconds }, (_, second) => {
      clock.advance(SECOND);
      const pinged = patients.filter(({ ping }) => ping !== undefined);
      for (const patient of pinged) {
        patient.lastReceivedAt = beat.now;
        patient.ping = undefined;
      }
      heard(second + 1, patients, beat);
      return pinged.length;
    });
  };
  const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);

  it('pings 7000 that were made together over the last quarter of the interval, as many each second', () => {
    const counts = pingsASecond(7000, 26);
    expect(counts.slice(0, 19)).toStrictEqual(Array<number>(19).fill(0));
    expect(counts.slice(19)).toStrictEqual(Array<number>(7).fill(1000));
  });

  it('scatters them more with every interval', () => {
    const counts = pingsASecond(7000, 26 * 12);
    const last = counts.slice(-26);
    expect(sum(last)).toBeGreaterThanOrEqual(7000); // each once at least
    expect(Math.max(...last)).toBeLessThan(500);
    expect(sum(counts)).toBeLessThan(1.25 * 12 * 7000);
  });

  it('does so with those that fell silent together, whenever they were made', () => {
    const counts = pingsASecond(7000, 100, (second, patients, beat) => {
      // A broadcast every ten seconds that all of them answer; then nothing more.
      if (second % 10 !== 0 || second > 50) return;
      for (const patient of patients) patient.lastReceivedAt = beat.now;
    });
    expect(sum(counts.slice(0, 50 + 19))).toBe(0);
    expect(sum(counts.slice(50 + 19, 50 + 26))).toBe(7000);
    expect(Math.max(...counts)).toBeLessThan(2000);
  });

  it('does so where the interval is longer than the wheel is round', () => {
    const counts = pingsASecond(7000, 81, undefined, {
      interval: 80 * SECOND,
      timeout: 10 * SECOND,
    });
    expect(counts.slice(0, 60)).toStrictEqual(Array<number>(60).fill(0));
    expect(sum(counts)).toBe(7000);
    expect(Math.max(...counts)).toBeLessThan(500);
  });

  it('pings one that is alone at the end of the interval', () => {
    const counts = pingsASecond(1, 26 * 4);
    expect(counts.flatMap((count, at) => (count > 0 ? at + 1 : []))).toStrictEqual([
      26, 52, 78, 104,
    ]);
  });

  it('has no ticks to spread over where the interval is that of a tick', () => {
    expect(pingsASecond(10, 2, undefined, { interval: 1, timeout: SECOND })).toStrictEqual([
      10, 10,
    ]);
  });

  it('lets the loop turn between a Ping and its time, however short that is', async () => {
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

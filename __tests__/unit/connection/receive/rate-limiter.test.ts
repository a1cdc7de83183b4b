import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import {
  MessageRate,
  type MessageRateOptions,
  RateLimiter,
} from '../../../../src/connection/receive/rate-limiter.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import { clientClose, clientFrame } from '../../../support/frames.js';
import { HandClock } from '../../../support/connection.js';

let clock: HandClock;
let decoder: FrameDecoder;
let limiter: RateLimiter;
/** Messages and control frames that were accepted. */
let accepted: number;
let reads: number;

function start(options: Partial<MessageRateOptions> = {}): void {
  clock = new HandClock();
  decoder = new FrameDecoder();
  accepted = reads = 0;
  const given = { perSecond: 10, burst: 3, action: 'close' as const, ...options };
  limiter = new RateLimiter(new MessageRate(given, new Deadlines(clock), clock), {
    read: () => {
      reads++;
      read();
    },
  });
}

/** Reads as a receiver does. */
function read(): void {
  while (!limiter.mustWait()) {
    const found = decoder.next();
    limiter.consume(decoder, found);
    if (!found) break;
    accepted++;
  }
}

function feed(...frames: Buffer[]): void {
  decoder.push(Buffer.concat(frames));
  read();
}

/** @returns the code of the failure, or how many were accepted. */
function outcome(...frames: Buffer[]): unknown {
  try {
    feed(...frames);
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return accepted;
}

const of = (count: number, frame: Buffer) => Array<Buffer>(count).fill(frame);
const message = clientFrame({ opcode: 1, payload: 'x' });
const first = clientFrame({ opcode: 1, fin: false });
const middle = clientFrame({ opcode: 0, fin: false });
const last = clientFrame({ opcode: 0 });
const ping = clientFrame({ opcode: 9 });

beforeEach(() => {
  start();
});

describe('RateLimiter, messages', () => {
  it.each([1, 3, 3.5, 10])('accepts a burst of %d at once, and no more', (burst) => {
    start({ burst });
    expect(outcome(...of(Math.floor(burst), message))).toBe(Math.floor(burst));
    expect(outcome(message)).toBe('ERR_MESSAGE_RATE');
  });

  it('accepts messages at the rate for ever', () => {
    feed(...of(3, message));
    for (let i = 0; i < 100; i++) {
      clock.advance(100);
      feed(message);
    }
    expect(accepted).toBe(103);
    clock.advance(99);
    expect(outcome(message)).toBe('ERR_MESSAGE_RATE');
  });

  it('refills up to the burst and no further', () => {
    clock.advance(1_000_000);
    expect(outcome(...of(4, message))).toBe('ERR_MESSAGE_RATE');
    expect(accepted).toBe(3);
  });

  it('counts a message of many fragments once, when it is complete', () => {
    expect(outcome(...of(3, Buffer.concat([first, middle, last])))).toBe(3);
    clock.advance(100);
    expect(outcome(first, middle)).toBe(3);
    expect(outcome(last)).toBe(4);
    expect(outcome(first, last)).toBe('ERR_MESSAGE_RATE');
  });

  it('reports the rate with close code 1008, and stops the decoder', () => {
    let failure: unknown;
    try {
      feed(...of(10, message));
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({
      name: 'ProtocolError',
      closeCode: 1008,
      message:
        'byte 28: the peer sent more than 3 messages at once and 10 a second, with 640 further frames a second (messageRate)',
    });
    clock.advance(60_000);
    feed(...of(3, message));
    expect(accepted).toBe(3);
    expect(decoder.bytesHeld).toBe(0);
  });

  it('accepts one message if the burst is one, however low the rate', () => {
    start({ perSecond: 0.001, burst: 1 });
    expect(outcome(message)).toBe(1);
    clock.advance(999_999);
    expect(outcome(message)).toBe('ERR_MESSAGE_RATE');
  });

  it('sets no limit if it is Infinity', () => {
    start({ perSecond: Infinity, burst: Infinity, fragments: Infinity });
    clock.advance(5);
    expect(outcome(...of(1000, message), ...of(1000, ping))).toBe(2000);
    start({ perSecond: Infinity, burst: 3 });
    expect(outcome(...of(3, message))).toBe(3);
    clock.advance(1);
    expect(outcome(...of(3, message))).toBe(6);
  });
});

describe('RateLimiter, fragments and control frames', () => {
  it.each<[string, Buffer[]]>([
    ['empty fragments of a message that never ends', [first, ...of(640, middle)]],
    ['fragments of several messages', of(3, Buffer.concat([first, ...of(213, middle), last]))],
    ['Pings', of(641, ping)],
    ['Pongs', of(641, clientFrame({ opcode: 10 }))],
    ['Pings between fragments', [first, ...of(320, Buffer.concat([middle, ping]))]],
  ])('accepts 64 of them for each message a second, and no more: %s', (_, frames) => {
    feed(...frames.slice(0, -1));
    expect(outcome(...frames.slice(-1), ping)).toBe('ERR_MESSAGE_RATE');
  });

  it('takes no token for the frame that begins a message', () => {
    start({ perSecond: 1000, burst: 1000, fragments: 1 });
    expect(outcome(...of(1000, message))).toBe(1000);
  });

  it.each([
    [
      'the tokens of a second, if the burst lasts less',
      { perSecond: 10, burst: 5, fragments: 50 },
      50,
    ],
    [
      'the tokens of as many seconds as the burst lasts',
      { perSecond: 10, burst: 50, fragments: 50 },
      250,
    ],
    ['one token at least', { perSecond: 10, burst: 5, fragments: 0.1 }, 1],
    [
      'the tokens of a second, if perSecond is Infinity',
      { perSecond: Infinity, burst: 5, fragments: 7 },
      7,
    ],
  ])('holds %s', (_, options, room) => {
    start(options);
    expect(outcome(...of(room, ping))).toBe(room);
    expect(outcome(ping)).toBe('ERR_MESSAGE_RATE');
  });

  it('refills with time, and no further than its size', () => {
    start({ fragments: 20 });
    clock.advance(1_000_000);
    feed(...of(20, ping));
    clock.advance(50);
    expect(outcome(ping)).toBe(21);
    expect(outcome(ping)).toBe('ERR_MESSAGE_RATE');
  });

  it('accepts a Close, whatever was received before it', () => {
    start({ fragments: 1 });
    expect(outcome(ping, clientClose())).toBe(2);
  });
});

describe('RateLimiter, pausing', () => {
  beforeEach(() => {
    start({ action: 'pause', fragments: 20 });
  });

  it('waits for the next token, on one timer, and then accepts as much as there are tokens', () => {
    feed(...of(5, message));
    expect([accepted, limiter.isWaiting, clock.timers.size]).toStrictEqual([3, true, 1]);
    feed(message);
    expect([accepted, clock.timers.size]).toStrictEqual([3, 1]);
    clock.advance(99);
    expect([accepted, reads]).toStrictEqual([3, 0]);
    clock.advance(1);
    expect([accepted, reads, limiter.isWaiting]).toStrictEqual([4, 1, true]);
    clock.advance(200);
    expect([accepted, reads, limiter.isWaiting]).toStrictEqual([6, 3, true]); // before the next message
    clock.advance(100);
    expect([limiter.isWaiting, clock.timers.size]).toStrictEqual([false, 0]);
  });

  it('waits until there are tokens for all fragments of one read', () => {
    feed(first, ...of(29, middle));
    feed(last); // 29 frames with 20 tokens
    expect([accepted, limiter.isWaiting]).toStrictEqual([0, true]);
    clock.advance(449);
    expect(accepted).toBe(0);
    clock.advance(1);
    expect(accepted).toBe(1);
  });

  it('never waits longer than necessary, however odd the rate', () => {
    start({ action: 'pause', perSecond: 3, burst: 1 });
    feed(...of(31, message));
    clock.advance(10_000 + 30); // 30 more, each rounded up to a whole millisecond
    expect(accepted).toBe(31);
  });

  it('does not call back after the connection has closed', () => {
    feed(...of(5, message));
    limiter.end();
    clock.advance(1000);
    expect([accepted, reads]).toStrictEqual([3, 0]);
    start({ action: 'pause' });
    limiter.end();
  });
});

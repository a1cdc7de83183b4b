import { AsyncLocalStorage } from 'node:async_hooks';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { LongMessages } from '../../../../src/connection/deflate/long-messages.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import type { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import { RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { hex } from '../../../support/bytes.js';
import { HandClock, until } from '../../../support/connection.js';

const PROSE = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${(i * i) % 977} `).join(''));
const FLUSH = { finishFlush: constants.Z_SYNC_FLUSH };
const LIMIT = 4 * 1024 * 1024;

let clock: HandClock;
let concurrency: ConcurrencyLimit;
let long: LongMessages;

function make(drive: boolean | undefined): void {
  clock = new HandClock();
  concurrency = new ConcurrencyLimit();
  const deadlines = new Deadlines(clock);
  long = new LongMessages({
    level: 6,
    memLevel: 8,
    idleRelease: 1000,
    deadlines,
    concurrency,
    drive,
  });
}

const deflate = (message: Buffer, windowBits = 15): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    long.deflate(message, windowBits, resolve);
  });
const inflate = (
  payload: Buffer | (() => Buffer | undefined),
  dictionary?: Buffer,
  limit = LIMIT,
): Promise<Buffer | ProtocolError | undefined> =>
  new Promise((resolve) => {
    const payloadNow = typeof payload === 'function' ? payload : () => payload;
    long.inflate(payloadNow, { windowBits: 15, dictionary }, limit, (error, message) => {
      resolve(error ?? message);
    });
  });

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([true, false, undefined])('LongMessages, driving zlib: %s', (drive) => {
  beforeEach(() => {
    make(drive);
  });

  it('compresses as one call of zlib does', async () => {
    const whole = deflateRawSync(PROSE, { ...FLUSH, chunkSize: 131_072, windowBits: 9 }).subarray(
      0,
      -4,
    );
    expect((await deflate(PROSE, 9))?.equals(whole)).toBe(true);
  });

  it('decompresses what refers to the window', async () => {
    const dictionary = PROSE.subarray(0, 30_000);
    const payload = deflateRawSync(PROSE, { dictionary });
    expect(await inflate(payload, dictionary)).toStrictEqual(PROSE);
  });

  it('says what is wrong with a payload, or that the message is too long', async () => {
    expect(await inflate(hex('06'))).toMatchObject({ code: 'ERR_INVALID_DEFLATE' });
    expect(await inflate(deflateRawSync(PROSE), undefined, 1000)).toBeUndefined();
    expect(await inflate(deflateRawSync(PROSE))).toStrictEqual(PROSE);
  });

  it('leaves out what is not needed any more when its turn comes', async () => {
    const callback = jest.fn();
    for (let i = 0; i < 10; i++) {
      long.inflate(() => undefined, { windowBits: 15, dictionary: undefined }, LIMIT, callback);
    }
    expect(await inflate(deflateRawSync(PROSE))).toStrictEqual(PROSE);
    expect(callback).not.toHaveBeenCalled();
    expect(concurrency.waiting).toBe(0);
  });
});

describe('LongMessages, a step at a time', () => {
  beforeEach(() => {
    make(true);
  });

  const turn = (): Promise<void> => new Promise(setImmediate);

  /** The number of calls of zlib so far. */
  function calls(): () => number {
    const run = jest.spyOn(RawZlib.prototype, 'run');
    return () => run.mock.calls.length;
  }

  it('takes one step in each turn of the loop, and lets messages take turns', async () => {
    const count = calls();
    const ended: string[] = [];
    const messages = { long: 12, longer: 14, short: 1 };
    for (const [name, steps] of Object.entries(messages)) {
      const message = Buffer.alloc(steps * 65_536, PROSE);
      void deflate(message).then(() => ended.push(name));
    }
    expect(count()).toBe(0);
    for (let steps = 1; steps <= 12 + 14 + 1; steps++) {
      await turn();
      expect(count()).toBe(steps);
    }
    expect(ended).toStrictEqual(['short', 'long', 'longer']);
  });

  it('stops when a message is not needed any more, and goes on with the next', async () => {
    let payload: Buffer | undefined = deflateRawSync(Buffer.alloc(LIMIT));
    const callback = jest.fn();
    long.inflate(() => payload, { windowBits: 15, dictionary: undefined }, LIMIT, callback);
    await turn();
    const count = calls();
    payload = undefined;
    await turn();
    expect(count()).toBe(0);
    expect(await inflate(deflateRawSync(PROSE))).toStrictEqual(PROSE);
    expect(callback).not.toHaveBeenCalled();
  });

  it('has at most four contexts of a kind, and uses them again', async () => {
    const opened = jest.spyOn(RawZlib, 'deflate');
    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: 9 }, () => deflate(PROSE)));
    }
    expect(opened).toHaveBeenCalledTimes(4);
    expect(opened).toHaveBeenCalledWith({ windowBits: 15, level: 6, memLevel: 8 });
  });

  it('releases the contexts when they were not used for long', async () => {
    const close = jest.spyOn(RawZlib.prototype, 'close');
    await deflate(PROSE);
    clock.advance(1000); // used in that time
    await deflate(PROSE, 9);
    clock.advance(1000);
    expect(close).not.toHaveBeenCalled();
    clock.advance(1000);
    expect(close).toHaveBeenCalledTimes(2);
    expect(clock.timers.size).toBe(0);
    const payload = (await deflate(PROSE))!;
    expect(inflateRawSync(payload, FLUSH).equals(PROSE)).toBe(true);
  });

  it('returns nothing where there is no memory for a context, and goes on', async () => {
    jest.spyOn(RawZlib, 'deflate').mockImplementationOnce(() => {
      throw new Error('Init error');
    });
    expect(await deflate(PROSE)).toBeUndefined();
    expect(await deflate(PROSE)).toBeDefined();
  });

  it('goes on if the application throws at the end of a message', async () => {
    const failures: unknown[] = [];
    const real = setImmediate;
    jest.spyOn(global, 'setImmediate').mockImplementation((action: () => void) =>
      real(() => {
        try {
          action();
        } catch (error) {
          failures.push(error);
        }
      }),
    );
    long.deflate(PROSE, 15, () => {
      throw new Error('of the application');
    });
    expect(await deflate(PROSE)).toBeDefined();
    expect(failures).toStrictEqual([new Error('of the application')]);
  });

  it('takes its steps outside of the async context of the caller', async () => {
    const user = new AsyncLocalStorage<string>();
    const stores: unknown[] = [];
    user.run('ann', () => {
      long.deflate(PROSE, 15, () => stores.push(user.getStore()));
    });
    await until('the end', () => stores.length === 1);
    expect(stores).toStrictEqual([undefined]);
  });
});

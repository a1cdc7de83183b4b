import { AsyncLocalStorage } from 'node:async_hooks';
import { inflateRawSync } from 'node:zlib';
import { neutral } from '../../../../src/connection/neutral-context.js';
import {
  openDeflater,
  SharedContexts,
} from '../../../../src/connection/deflate/shared-contexts.js';
import { RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { hex } from '../../../support/bytes.js';

const TAIL_AND_END = hex('0000ffff 0300');
const PROSE = Buffer.from(Array.from({ length: 2000 }, (_, i) => `${(i * i) % 977} `).join(''));

describe.each([true, false])('SharedContexts, driven: %s', (drive) => {
  const contexts = new SharedContexts({ level: 6, memLevel: 8 }, drive);

  it('has one compressor and one decompressor for each size of the window', () => {
    for (const windowBits of [8, 12, 15]) {
      expect(contexts.deflater(windowBits)).toBe(contexts.deflater(windowBits));
      expect(contexts.inflater(windowBits)).toBe(contexts.inflater(windowBits));
    }
    expect(contexts.deflater(12)).not.toBe(contexts.deflater(15));
    expect(contexts.inflater(12)).not.toBe(contexts.inflater(15));
  });

  it('remembers nothing between messages', () => {
    const payload = contexts.deflater(15).deflate(PROSE);
    expect(contexts.deflater(15).deflate(PROSE)).toStrictEqual(payload);
    expect(inflateRawSync(Buffer.concat([payload, TAIL_AND_END])).equals(PROSE)).toBe(true);
    expect(contexts.inflater(15).inflate(payload, PROSE.length)?.equals(PROSE)).toBe(true);
    expect(contexts.inflater(15).window).toBeUndefined();
  });

  it('compresses as hard, and with as much memory, as it is told', () => {
    const length = (level: number, memLevel: number): number =>
      new SharedContexts({ level, memLevel }, drive).deflater(15).deflate(PROSE).length;
    expect(length(0, 8)).toBeGreaterThan(PROSE.length);
    expect(length(9, 8)).toBeLessThan(length(1, 8));
    expect(length(6, 8)).toBeLessThan(length(6, 1));
  });

  it('uses the smaller window where that was agreed on', () => {
    const noise = Buffer.from(
      Uint8Array.from({ length: 600 }, (_, i) => (i * 7919 * (i + 1)) >> 3),
    );
    const twice = Buffer.concat([noise, noise]);
    const lengths = [8, 15].map((bits) => contexts.deflater(bits).deflate(twice).length);
    expect(lengths[0]).toBeGreaterThan(lengths[1]! + 300);
  });
});

it('drives open contexts by default, as long as they are needed', () => {
  const opened = jest.spyOn(RawZlib, 'inflate');
  const contexts = new SharedContexts({});
  const inflater = contexts.inflater(15);
  opened.mockClear(); // what the self-test has opened, and this one
  for (let times = 0; times < 5; times++) {
    expect(inflater.inflate(hex('f248cdc9c90700'), 5)?.toString()).toBe('Hello');
    inflater.advanceWindow(Buffer.from('a long message of another connection'));
  }
  expect(opened).not.toHaveBeenCalled();
  opened.mockRestore();
});

describe('the async context', () => {
  const user = new AsyncLocalStorage<string>();
  let opened: unknown[];

  beforeEach(() => {
    opened = [];
    const deflate = RawZlib.deflate.bind(RawZlib);
    const inflate = RawZlib.inflate.bind(RawZlib);
    jest.spyOn(RawZlib, 'deflate').mockImplementation((options) => {
      opened.push(user.getStore());
      return deflate(options);
    });
    jest.spyOn(RawZlib, 'inflate').mockImplementation((options) => {
      opened.push(user.getStore());
      return inflate(options);
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it('in which zlib’s contexts are made is not that of the first message', () => {
    user.run('ann', () => {
      const contexts = new SharedContexts({}, true);
      contexts.deflater(10).deflate(PROSE);
      contexts.inflater(10);
    });
    expect(opened).toStrictEqual([undefined, undefined]);
  });

  it('is not that of the first message after a release either, and nothing is entered in between', () => {
    const deflater = user.run('ann', () => openDeflater({ windowBits: 15, takeover: true }, true));
    const entered = jest.spyOn(neutral, 'runInAsyncScope');
    for (const name of ['bob', 'cid']) {
      user.run(name, () => {
        for (let times = 0; times < 3; times++) deflater.deflate(PROSE);
        deflater.release();
      });
    }
    expect(opened).toStrictEqual([undefined, undefined]);
    expect(entered).toHaveBeenCalledTimes(2);
  });
});

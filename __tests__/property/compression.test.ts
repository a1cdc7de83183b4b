import {
  constants,
  createDeflateRaw,
  createInflateRaw,
  type DeflateRaw,
  type InflateRaw,
} from 'node:zlib';
import * as fc from 'fast-check';
import { ProtocolError } from '../../src/protocol/framing/protocol-error.js';
import { createDeflater, createInflater } from '../../src/protocol/deflate/contexts.js';
import { CompactDeflater } from '../../src/protocol/deflate/compact/compact-deflater.js';
import { check } from '../support/arbitraries.js';
import { hex, random } from '../support/bytes.js';
import { DeflateWriter, readDeflate } from '../support/deflate-blocks.js';

const TAIL = hex('0000ffff');
const LIMIT = 1_000_000;

/** Bytes of the kinds that a compressor treats differently, some of them longer than its buffers. */
const message: fc.Arbitrary<Buffer> = fc
  .record({
    kind: fc.constantFrom('noise', 'words', 'run', 'period'),
    length: fc.oneof(
      { weight: 8, arbitrary: fc.nat(300) },
      { weight: 3, arbitrary: fc.nat(5000) },
      { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 140_000 }) },
    ),
    seed: fc.nat(6), // few: so that messages repeat each other
    offset: fc.nat(40),
  })
  .map(({ kind, length, seed, offset }) => {
    const next = random(seed);
    const make: Record<string, (i: number) => number> = {
      noise: () => next() * 256,
      words: () => 'eeeetttaaoin '.charCodeAt(next() * 13),
      run: () => seed,
      period: (i) => ((i + offset) * 7919) % (seed * 131 + 250),
    };
    return Buffer.from(Uint8Array.from({ length }, (_, i) => make[kind]!(i)));
  });

const parameters = fc.record({
  windowBits: fc.integer({ min: 8, max: 15 }),
  takeover: fc.boolean(),
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  /** Before which messages the contexts are released, as an idle connection's are. */
  releases: fc.array(fc.nat(8), { maxLength: 3 }),
});

/** Node's own stream, driven with its public calls; one a connection, or one a message without takeover. */
class ZlibPeer {
  readonly #make: () => DeflateRaw | InflateRaw;
  readonly #takeover: boolean;
  #stream: DeflateRaw | InflateRaw | undefined;
  #pieces: Buffer[] = [];

  constructor(make: () => DeflateRaw | InflateRaw, takeover: boolean) {
    this.#make = make;
    this.#takeover = takeover;
  }

  async put(bytes: Buffer): Promise<Buffer> {
    if (!this.#takeover) this.#stream = undefined;
    const stream = (this.#stream ??= this.#make().on('data', (piece: Buffer) =>
      this.#pieces.push(piece),
    ));
    this.#pieces = [];
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject);
      stream.write(bytes);
      stream.flush(constants.Z_SYNC_FLUSH, () => {
        stream.off('error', reject);
        resolve();
      });
    });
    return Buffer.concat(this.#pieces);
  }
}

describe("hawser's own compressor", () => {
  const windowBits = fc.integer({ min: 8, max: 15 });
  const releases = fc.array(fc.nat(30), { maxLength: 3 });

  it('zlib reads every message, whatever the window', async () => {
    await check(
      100,
      fc.asyncProperty(
        windowBits,
        releases,
        fc.array(message, { maxLength: 30 }),
        async (bits, released, messages) => {
          const long = createDeflater({ windowBits: bits, takeover: false });
          const deflater = new CompactDeflater(bits, long);
          const peer = new ZlibPeer(() => createInflateRaw({ windowBits: bits }), true);
          for (const [i, each] of messages.entries()) {
            if (released.includes(i)) deflater.release();
            const payload = deflater.deflate(each);
            if (each.length <= 2048) expect(payload.length).toBeLessThanOrEqual(each.length + 6);
            expect((await peer.put(Buffer.concat([payload, TAIL]))).equals(each)).toBe(true);
          }
        },
      ),
    );
  });

  it('refers to nothing outside the window, and finds what repeats just inside it', async () => {
    await check(
      60,
      fc.property(
        fc.integer({ min: 8, max: 11 }),
        fc.integer({ min: -8, max: 8 }),
        fc.array(fc.integer({ min: 64, max: 3000 }), { minLength: 1, maxLength: 40 }),
        (bits, shift, lengths) => {
          const size = 2 ** bits;
          const next = random(size + shift);
          const period = Buffer.from(Uint8Array.from({ length: size + shift }, () => next() * 256));
          const text = Buffer.concat(Array<Buffer>(Math.ceil(120_000 / size) + 1).fill(period));
          const long = createDeflater({ windowBits: bits, takeover: false });
          const deflater = new CompactDeflater(bits, long);
          let at = 0;
          let history = Buffer.alloc(0);
          for (const length of lengths) {
            const each = text.subarray(at, (at += length));
            const payload = Buffer.concat([deflater.deflate(each), TAIL]);
            const { matches, output } = readDeflate(payload, history);
            expect(output.equals(each)).toBe(true);
            for (const { distance } of matches) expect(distance).toBeLessThanOrEqual(size);
            // At the end of each message three bytes are too few to be found: hence no shorter ones.
            const repeats = at - length >= size + shift && shift <= 0;
            if (repeats && length <= 2048) expect(matches).not.toHaveLength(0);
            history = Buffer.concat([history, each]).subarray(-size);
          }
        },
      ),
    );
  });
});

describe.each([true, false])('with contexts driven: %s', (drive) => {
  it('zlib reads every message that was compressed, whatever the parameters', async () => {
    await check(
      60,
      fc.asyncProperty(
        parameters,
        fc.array(message, { maxLength: 8 }),
        async (options, messages) => {
          const deflater = createDeflater(options, drive);
          // zlib has no raw window of 8 bits to write with, but it reads with one.
          const { windowBits, takeover } = options;
          const peer = new ZlibPeer(() => createInflateRaw({ windowBits }), takeover);
          for (const [i, each] of messages.entries()) {
            if (options.releases.includes(i)) deflater.release();
            const payload = deflater.deflate(each);
            expect((await peer.put(Buffer.concat([payload, TAIL]))).equals(each)).toBe(true);
          }
          deflater.release();
        },
      ),
    );
  });

  it('reads every message that zlib compressed, whatever the parameters', async () => {
    await check(
      60,
      fc.asyncProperty(
        parameters,
        fc.array(message, { maxLength: 8 }),
        async (options, messages) => {
          const { windowBits, takeover, level, memLevel } = options;
          const inflater = createInflater(options, drive);
          const peer = new ZlibPeer(
            () => createDeflateRaw({ windowBits: Math.max(9, windowBits), level, memLevel }),
            takeover,
          );
          for (const each of messages) {
            const payload = (await peer.put(each)).subarray(0, -4);
            // Nothing went in, so zlib has nothing to flush.
            if (payload.length === 0) continue;
            expect(inflater.inflate(payload, each.length)?.equals(each)).toBe(true);
            if (each.length > 0) {
              expect(inflater.window?.at(-1)).toBe(takeover ? each.at(-1) : undefined);
            }
          }
        },
      ),
    );
  });

  it('stands in for an open context that lost what it knew', async () => {
    await check(
      40,
      fc.property(parameters, fc.array(message, { maxLength: 8 }), (options, messages) => {
        const deflater = createDeflater(options, drive);
        const inflater = createInflater(options, !drive); // each reads the other
        for (const [i, each] of messages.entries()) {
          const payload = deflater.deflate(each);
          if (options.releases.includes(i)) {
            // As in steps, or refused there for being too long.
            if (each.length > 0) {
              expect(inflater.inflate(payload, each.length - 1)).toBeUndefined();
            }
            inflater.advanceWindow(each);
          } else {
            expect(inflater.inflate(payload, LIMIT)?.equals(each)).toBe(true);
          }
        }
        deflater.release();
      }),
    );
  });

  it('refers to nothing outside the window that was agreed on', async () => {
    // Periods as long as the window and a little more or less are what a careless compressor falls for.
    const windowBits = fc.integer({ min: 8, max: 10 });
    const settings = { level: fc.integer({ min: 1, max: 9 }), memLevel: fc.constantFrom(1, 5, 9) };
    await check(
      60,
      fc.property(
        fc.record({ windowBits, takeover: fc.boolean(), ...settings }),
        fc.integer({ min: -8, max: 8 }),
        fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 8 }),
        (options, shift, lengths) => {
          const size = 2 ** options.windowBits;
          const next = random(size + shift);
          const period = Buffer.from(Uint8Array.from({ length: size + shift }, () => next() * 256));
          const text = Buffer.concat(Array<Buffer>(30).fill(period));
          const deflater = createDeflater(options, drive);
          let at = 0;
          let history = Buffer.alloc(0);
          for (const length of lengths) {
            const each = text.subarray(at, (at += length));
            const { matches, output } = readDeflate(
              Buffer.concat([deflater.deflate(each), TAIL]),
              history,
            );
            expect(output.equals(each)).toBe(true);
            for (const { distance } of matches) {
              // zlib stays 262 bytes away from the end of its window, and opens one of 512 for one of 256.
              expect(distance).toBeLessThanOrEqual(options.windowBits === 8 ? 250 : size - 262);
            }
            if (options.takeover) history = Buffer.concat([history, each]).subarray(-size);
          }
          deflater.release();
        },
      ),
    );
  });
});

describe('both ways', () => {
  /** DEFLATE streams put together by hand: blocks of all types, some of them final. */
  const payload: fc.Arbitrary<Buffer> = fc
    .record({
      blocks: fc.array(
        fc.record({
          type: fc.constantFrom('stored', 'fixed'),
          text: fc.string({ maxLength: 12 }),
          match: fc.option(
            fc.record({
              length: fc.integer({ min: 3, max: 258 }),
              distance: fc.integer({ min: 1, max: 30 }),
            }),
            { nil: undefined },
          ),
          final: fc.boolean(),
        }),
        { maxLength: 5 },
      ),
      end: fc.boolean(),
      cut: fc.option(fc.nat(60), { nil: undefined, freq: 2 }),
      changed: fc.option(fc.tuple(fc.nat(30), fc.nat(255)), { nil: undefined }),
    })
    .map(({ blocks, end, cut, changed }) => {
      const writer = new DeflateWriter();
      for (const { type, text, match, final } of blocks) {
        if (type === 'stored') writer.stored(text, final);
        else writer.fixed(match === undefined ? [text] : [text, match], final);
      }
      let { bytes } = end ? writer.end() : writer;
      if (cut !== undefined) bytes = bytes.subarray(0, cut);
      const [at, value] = changed ?? [bytes.length, 0];
      if (at < bytes.length) bytes[at] = value;
      return bytes;
    });

  const verdict = (action: () => Buffer | undefined): string => {
    try {
      return action()?.toString('hex') ?? 'too long';
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return error.code;
    }
  };

  it('make the same of any bytes: a message, a message too long, or ERR_INVALID_DEFLATE', async () => {
    const verdicts = new Set<string>();
    await check(
      1000,
      fc.property(
        fc.array(payload, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.integer({ min: 0, max: 300 }),
        (payloads, takeover, limit) => {
          const options = { windowBits: 15, takeover };
          const [driven, documented] = [
            createInflater(options, true),
            createInflater(options, false),
          ];
          for (const each of payloads) {
            const result = verdict(() => driven.inflate(each, limit));
            const other = verdict(() => documented.inflate(each, limit));
            const refused = ['too long', 'ERR_INVALID_DEFLATE'];
            verdicts.add(refused.includes(result) ? result : 'a message');
            // What is too long and breaks off as well may be either.
            if (refused.includes(result) && refused.includes(other)) break;
            expect(other).toBe(result);
          }
        },
      ),
    );
    expect([...verdicts].sort()).toStrictEqual(['ERR_INVALID_DEFLATE', 'a message', 'too long']);
  });
});

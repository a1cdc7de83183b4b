import * as fc from 'fast-check';
import { constants, deflateRawSync } from 'node:zlib';
import { ProtocolError } from '../../src/protocol/framing/protocol-error.js';
import {
  createDeflater,
  createInflater,
  type Inflater,
} from '../../src/protocol/deflate/contexts.js';
import { check } from '../support/arbitraries.js';
import { readDeflate } from '../support/deflate-blocks.js';
import { inflateStrictly } from '../support/inflate.js';

const WAYS: [string, boolean][] = [
  ['a driven context', true],
  ['documented calls', false],
];

/** Messages in which there is something to refer back to. */
const message = fc.oneof(
  fc
    .array(fc.constantFrom('alpha ', 'beta ', 'γ ', '{"id":', '12345,', 'zzzzzzzz'), {
      maxLength: 60,
    })
    .map((words) => Buffer.from(words.join(''))),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(fc.nat(255), fc.nat(70_000)).map(([byte, length]) => Buffer.alloc(length, byte)),
);

/** One or several blocks, made in one of the ways that a sender may choose (RFC 7692 section 7.2.1). */
const part = fc.record({
  message,
  how: fc.constantFrom('flushed', 'final', 'stored', 'final stored', 'empty'),
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  strategy: fc.integer({ min: 0, max: 4 }),
  refersBack: fc.boolean(),
});

/** What becomes of the payload on its way: nothing, most of the time. */
const fate = fc.oneof(
  { weight: 5, arbitrary: fc.constant(undefined) },
  {
    weight: 1,
    arbitrary: fc.record({ at: fc.nat(200), byte: fc.nat(255), cut: fc.boolean() }),
  },
);

interface Sent {
  parts: {
    message: Buffer;
    how: string;
    level: number;
    memLevel: number;
    strategy: number;
    refersBack: boolean;
  }[];
  fate: { at: number; byte: number; cut: boolean } | undefined;
}
const sent: fc.Arbitrary<Sent> = fc.record({ parts: fc.array(part, { maxLength: 3 }), fate });

function payloadOf({ parts, fate: spoilt }: Sent, history: Buffer): Buffer {
  let before = history;
  const blocks: Buffer[] = [];
  for (const { message: bytes, how, refersBack, ...effort } of parts) {
    const dictionary = before.subarray(-32_768);
    const options = {
      ...effort,
      ...(refersBack && dictionary.length > 0 ? { dictionary } : {}),
    };
    if (how === 'flushed') {
      blocks.push(deflateRawSync(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH }));
    } else if (how === 'final') {
      blocks.push(deflateRawSync(bytes, options));
    } else if (how !== 'empty') {
      const piece = bytes.subarray(0, 0xffff);
      const head = Buffer.of(how === 'stored' ? 0 : 1, 0, 0, 0, 0);
      head.writeUInt16LE(piece.length, 1);
      head.writeUInt16LE(piece.length ^ 0xffff, 3);
      blocks.push(head, piece);
      before = Buffer.concat([before, piece]);
      continue;
    } else {
      blocks.push(Buffer.from('000000ffff', 'hex'));
      continue;
    }
    before = Buffer.concat([before, bytes]);
  }
  const payload = Buffer.concat([...blocks, Buffer.of(0)]);
  if (spoilt === undefined) return payload;
  const at = spoilt.at % payload.length;
  if (spoilt.cut) return payload.subarray(0, at);
  payload[at] = spoilt.byte;
  return payload;
}

/** The message, or that there is none. */
function outcome(inflate: () => Buffer | undefined): string {
  try {
    return inflate()?.toString('hex') ?? 'too long';
  } catch (error) {
    if (error instanceof ProtocolError && error.code !== 'ERR_INVALID_DEFLATE') throw error;
    return 'faulty';
  }
}

/** Which is the first to differ, and how; not all of 70 000 bytes. */
const brief = (text: string): string =>
  text.length < 200 ? text : `${text.slice(0, 200)}… ${text.length}`;

describe.each(WAYS)('What %s decompresses', (_way, drive) => {
  it('is what the RFC says, message by message, where nothing is taken over', () =>
    check(
      400,
      fc.property(fc.array(sent, { minLength: 1, maxLength: 5 }), (messages) => {
        const inflater = createInflater({ windowBits: 15, takeover: false }, drive);
        let others = Buffer.alloc(0); // what no message may refer to, though it tries
        for (const one of messages) {
          const payload = payloadOf(one, others);
          const expected = outcome(() => inflateStrictly(payload));
          expect(brief(outcome(() => inflater.inflate(payload, 1e6)))).toBe(brief(expected));
          others = Buffer.concat([others, ...one.parts.map((each) => each.message)]);
        }
      }),
    ));

  it('is what the RFC says, up to the first fault, where the window is taken over', () =>
    check(
      400,
      fc.property(fc.array(sent, { minLength: 1, maxLength: 6 }), (messages) => {
        const inflater = createInflater({ windowBits: 15, takeover: true }, drive);
        let history = Buffer.alloc(0);
        for (const one of messages) {
          const payload = payloadOf(one, history);
          const expected = outcome(() => inflateStrictly(payload, history));
          expect(brief(outcome(() => inflater.inflate(payload, 1e6)))).toBe(brief(expected));
          if (expected === 'faulty') break;
          history = Buffer.concat([history, Buffer.from(expected, 'hex')]);
        }
      }),
    ));

  it('is never more than the limit, and the same as ever up to it', () =>
    check(
      300,
      fc.property(sent, fc.nat(3), fc.boolean(), (one, below, takeover) => {
        const payload = payloadOf({ ...one, fate: undefined }, Buffer.alloc(0));
        const whole = inflateStrictly(payload);
        const inflater = createInflater({ windowBits: 15, takeover }, drive);
        const limit = Math.max(0, whole.length - below);
        const cut = outcome(() => inflater.inflate(payload, limit));
        expect(brief(cut)).toBe(brief(limit < whole.length ? 'too long' : whole.toString('hex')));
        // A message above the limit leaves nothing behind.
        const again = outcome(() => inflater.inflate(payload, whole.length));
        expect(brief(again)).toBe(brief(whole.toString('hex')));
      }),
    ));
});

describe.each(WAYS)('What %s compresses', (_way, drive) => {
  const bits = fc.integer({ min: 8, max: 15 });

  it('is read by a decompressor of the same window, with and without takeover', () =>
    check(
      300,
      fc.property(
        fc.array(fc.tuple(message, fc.boolean()), { minLength: 1, maxLength: 6 }),
        bits,
        fc.boolean(),
        fc.integer({ min: 0, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        (messages, windowBits, takeover, level, memLevel) => {
          const deflater = createDeflater({ windowBits, takeover, level, memLevel }, drive);
          const inflaters: Inflater[] = WAYS.map(([, way]) =>
            createInflater({ windowBits, takeover }, way),
          );
          for (const [one, release] of messages) {
            const payload = deflater.deflate(one);
            for (const inflater of inflaters) {
              expect(inflater.inflate(payload, 1e6)?.equals(one)).toBe(true);
            }
            if (release) deflater.release();
          }
          deflater.release();
        },
      ),
    ));

  // zlib takes a raw window of 8 bits for one of 9, but refers back 262 bytes less than its window.
  it('refers back no farther than its window, one of 8 bits included', () => {
    let farthest = 0;
    return check(
      300,
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.constantFrom(8, 8, 8, 9, 10, 12, 15),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        (messages, windowBits, takeover, level) => {
          const deflater = createDeflater({ windowBits, takeover, level, memLevel: 8 }, drive);
          let history = Buffer.alloc(0);
          for (const one of messages) {
            const payload = Buffer.concat([deflater.deflate(one), Buffer.from('0000ffff', 'hex')]);
            const { output, matches } = readDeflate(payload, takeover ? history : undefined);
            expect(output.equals(one)).toBe(true);
            history = Buffer.concat([history, output]).subarray(-32_768);
            const longest = Math.max(0, ...matches.map(({ distance }) => distance));
            expect(longest).toBeLessThanOrEqual(windowBits === 8 ? 250 : 2 ** windowBits - 262);
            farthest = Math.max(farthest, longest);
          }
          deflater.release();
        },
      ),
    ).then(() => expect(farthest).toBeGreaterThan(250)); // larger windows are made use of
  });
});

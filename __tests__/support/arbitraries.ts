/** What the property tests draw from: legal frame sequences, and ways to spoil them. */
import * as fc from 'fast-check';
import { clientFrame, type FrameParts } from './frames.js';

/** The seed of every property: HAWSER_SEED, or 1. fast-check prints it, and the smallest counterexample, on failure. */
export const SEED = Number(process.env['HAWSER_SEED'] ?? 1);

/** Runs a property, `runs` times. */
export async function check<T extends unknown[]>(
  runs: number,
  property: fc.IRawProperty<T>,
): Promise<void> {
  await fc.assert(property, { seed: SEED, numRuns: runs });
}

/** Bytes of a chosen kind of length: mostly short, often at a boundary of the length forms, rarely long. */
export const bytes: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
    { weight: 2, arbitrary: fc.uint8Array({ minLength: 120, maxLength: 150 }) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom(1000, 65_535, 65_536, 70_000), fc.nat(255))
        // No two stretches of it are alike, so that one in the wrong place is noticed.
        .map(([length, seed]) => new Uint8Array(length).map((_, i) => (i ^ (i >> 8)) + seed)),
    },
  )
  .map((array) => Buffer.from(array));

/**
 * Any character of Unicode. It is fast-check's unit `binary`, which takes most of a second to set up in each test
 * file: it makes a map of all 1.1 million.
 */
export const character: fc.Arbitrary<string> = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800)); // without the surrogates

/** Text of all planes, as UTF-8; sometimes longer than what is worth a native check. */
export const text: fc.Arbitrary<Buffer> = fc
  .oneof(
    { weight: 4, arbitrary: fc.string({ unit: character, maxLength: 12 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }) },
    { weight: 2, arbitrary: fc.string({ maxLength: 300 }) },
  )
  .map((string) => Buffer.from(string));

/** Text of a few dozen kilobytes, no two stretches of it alike. */
const longText = fc
  .tuple(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
    fc.integer({ min: 2000, max: 6000 }),
  )
  .map(([string, count]) =>
    Buffer.from(Array.from({ length: count }, (_, i) => `${i}${string}`).join('')),
  );

const key = fc.uint8Array({ minLength: 4, maxLength: 4 });

/** A message to be sent: its payload, where it is split into fragments, and which control frames go in between. */
export interface Message {
  opcode: 1 | 2;
  payload: Buffer;
  cuts: number[];
  /** Control frames, each after the fragment with this index. */
  controls: { after: number; opcode: 9 | 10; payload: Buffer }[];
}

const control = fc.record({
  after: fc.nat(5),
  opcode: fc.constantFrom<9 | 10>(9, 10),
  payload: fc
    .oneof(
      { weight: 5, arbitrary: fc.uint8Array({ maxLength: 8 }) },
      fc.uint8Array({ maxLength: 125 }),
    )
    .map((array) => Buffer.from(array)),
});

export const message: fc.Arbitrary<Message> = fc
  .record({
    kind: fc.oneof(
      { weight: 10, arbitrary: text.map((payload) => [1, payload] as const) },
      { weight: 10, arbitrary: bytes.map((payload) => [2, payload] as const) },
      { weight: 1, arbitrary: longText.map((payload) => [1, payload] as const) },
    ),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    controls: fc.array(control, { maxLength: 2 }),
  })
  .map(({ kind: [opcode, payload], cuts, controls }) => ({
    opcode,
    payload,
    cuts: cuts.map((share) => Math.floor(share * payload.length)).sort((a, b) => a - b),
    controls,
  }));

/** The frames of a message, in order, and in words what a decoder makes of them. */
export function framesOf({ opcode, payload, cuts, controls }: Message): {
  frames: FrameParts[];
  events: string[];
} {
  const edges = [0, ...cuts, payload.length];
  const frames: FrameParts[] = [];
  const events: string[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const fin = i + 2 === edges.length;
    frames.push({
      opcode: i === 0 ? opcode : 0,
      fin,
      payload: payload.subarray(edges[i], edges[i + 1]),
    });
    if (fin) events.push(`${opcode === 1 ? 'text' : 'binary'} ${payload.toString('hex')}`.trim());
    for (const one of controls) {
      if (Math.min(one.after, cuts.length) !== i) continue;
      frames.push({ opcode: one.opcode, payload: one.payload });
      events.push(`${one.opcode === 9 ? 'ping' : 'pong'} ${one.payload.toString('hex')}`.trim());
    }
  }
  return { frames, events };
}

const closing: fc.Arbitrary<FrameParts> = fc
  .tuple(
    fc.option(fc.constantFrom(1000, 1001, 1003, 1008, 1011, 1014, 3000, 4999), { nil: undefined }),
    fc.string({ unit: 'grapheme', maxLength: 5 }),
  )
  .map(([code, reason]) => {
    if (code === undefined) return { opcode: 8 };
    return {
      opcode: 8,
      payload: Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]),
    };
  });

/** A legal sequence of frames from a client: some messages, perhaps a Close. */
const legalFrames: fc.Arbitrary<FrameParts[]> = fc
  .tuple(
    fc.array(message, { minLength: 1, maxLength: 4 }),
    fc.option(closing, { nil: undefined, freq: 3 }),
    fc.array(key, { minLength: 1, maxLength: 8 }),
  )
  .map(([messages, close, keys]) => {
    const frames = messages.flatMap((one) => framesOf(one).frames);
    if (close) frames.push(close);
    return frames.map((frame, i) => ({ ...frame, key: keys[i % keys.length]! }));
  });

type Mutation = (frames: FrameParts[]) => FrameParts[];

/** `change` applied to one frame; `where` from 0 to 1 chooses it. */
const at =
  (where: number, change: (frame: FrameParts) => FrameParts): Mutation =>
  (frames) => {
    const chosen = Math.floor(where * frames.length);
    return frames.map((frame, i) => (i === chosen ? change(frame) : frame));
  };

const payloadOf = (frame: FrameParts): Buffer => Buffer.from(frame.payload ?? '');

/** Where a mutation strikes: seldom the very first frame, so that most inputs get somewhere. */
const share = fc.double({ min: 0.2, max: 0.999, noNaN: true });

/** One way to spoil a sequence while it is still frames. */
const frameMutation: fc.Arbitrary<Mutation> = fc
  .tuple(
    share,
    fc.oneof(
      fc.integer({ min: 1, max: 7 }).map((rsv) => (frame: FrameParts) => ({ ...frame, rsv })),
      fc.nat(15).map((opcode) => (frame: FrameParts) => ({ ...frame, opcode })),
      fc.constant((frame: FrameParts) => ({ ...frame, fin: frame.fin === false })),
      fc.constant((frame: FrameParts) => ({ ...frame, key: null })),
      fc.constantFrom<16 | 64>(16, 64).map((form) => (frame: FrameParts) => ({ ...frame, form })),
      fc
        .bigInt(0n, (1n << 64n) - 1n)
        .map((length) => (frame: FrameParts) => ({ ...frame, form: 64 as const, length })),
      fc
        .bigInt(1n << 63n, (1n << 64n) - 1n)
        .map((length) => (frame: FrameParts) => ({ ...frame, form: 64 as const, length })),
      fc.constant((frame: FrameParts) => ({ ...frame, opcode: 9, payload: Buffer.alloc(126) })),
      fc.constant((frame: FrameParts) => ({ ...frame, payload: Buffer.alloc(4000, 0x61) })),
      fc
        .constantFrom('', '03', '03e8', '03ed', '03f7', '1388', '03e8ff')
        .map((payload) => (frame: FrameParts) => ({
          ...frame,
          opcode: 8,
          fin: true,
          payload: Buffer.from(payload, 'hex'),
        })),
      fc
        .constantFrom('ff', 'c0', 'eda0', 'f490', 'e2', 'c328')
        .map((spoiled) => (frame: FrameParts) => ({
          ...frame,
          payload: Buffer.concat([payloadOf(frame), Buffer.from(spoiled, 'hex')]),
        })),
    ),
  )
  .map(([where, change]) => at(where, change));

const orderMutation: fc.Arbitrary<Mutation> = fc.oneof(
  share.map(
    (where): Mutation =>
      (frames) =>
        frames.filter((_, i) => i !== Math.floor(where * frames.length)),
  ),
  share.map((where): Mutation => (frames) => {
    const chosen = Math.floor(where * frames.length);
    return frames.flatMap((frame, i) => (i === chosen ? [frame, frame] : [frame]));
  }),
  fc.tuple(share, share).map(([from, to]): Mutation => (frames) => {
    const rest = [...frames];
    const [moved] = rest.splice(Math.floor(from * frames.length), 1);
    if (moved) rest.splice(Math.floor(to * frames.length), 0, moved);
    return rest;
  }),
);

type Damage = (bytes: Buffer) => Buffer;

/** One way to spoil a sequence when it is bytes. */
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(share, fc.nat(7)).map(([where, bit]): Damage => (whole) => {
    const copy = Buffer.from(whole);
    const index = Math.floor(where * copy.length);
    if (index < copy.length) copy[index]! ^= 1 << bit;
    return copy;
  }),
  share.map(
    (where): Damage =>
      (whole) =>
        whole.subarray(0, Math.floor(where * whole.length)),
  ),
  fc.tuple(share, fc.nat(255)).map(([where, byte]): Damage => (whole) => {
    const index = Math.floor(where * whole.length);
    return Buffer.concat([whole.subarray(0, index), Buffer.from([byte]), whole.subarray(index)]);
  }),
  share.map((where): Damage => (whole) => {
    const index = Math.floor(where * whole.length);
    return Buffer.concat([whole.subarray(0, index), whole.subarray(index + 1)]);
  }),
);

/** The bytes of a legal sequence with 0 to 3 mutations. */
export const spoiledBytes: fc.Arbitrary<Buffer> = fc
  .tuple(
    legalFrames,
    fc.array(
      fc.oneof(
        { weight: 6, arbitrary: frameMutation.map((mutate) => ({ mutate, spoil: undefined })) },
        { weight: 2, arbitrary: orderMutation.map((mutate) => ({ mutate, spoil: undefined })) },
        { weight: 2, arbitrary: damage.map((spoil) => ({ mutate: undefined, spoil })) },
      ),
      { maxLength: 3 },
    ),
  )
  .map(([legal, mutations]) => {
    let frames = legal;
    for (const { mutate } of mutations) if (mutate) frames = mutate(frames);
    let whole = Buffer.concat(frames.map(encodable));
    for (const { spoil } of mutations) if (spoil) whole = Buffer.from(spoil(whole));
    return whole;
  });

/** A mutation may ask for a form that cannot express the length; then the shortest that can is used. */
function encodable(frame: FrameParts): Buffer {
  const length = frame.length ?? payloadOf(frame).length;
  return clientFrame(frame.form === 16 && length > 0xffff ? { ...frame, form: 64 } : frame);
}

/** Where a network splits: shares of the whole, from 0 to 1. */
export const cutShares: fc.Arbitrary<number[]> = fc.array(
  fc.double({ min: 0, max: 1, noNaN: true }),
  { maxLength: 12 },
);

/** The offsets that `cutShares` mean for so many bytes. */
export function offsets(shares: readonly number[], length: number): number[] {
  return shares.map((one) => Math.floor(one * length)).sort((a, b) => a - b);
}

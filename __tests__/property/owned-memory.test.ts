import * as fc from 'fast-check';
import { FrameDecoder } from '../../src/protocol/framing/frame-decoder.js';
import { check } from '../support/arbitraries.js';
import { randomCuts } from '../support/bytes.js';
import { clientFrame } from '../support/frames.js';
import { FREES } from '../support/memory.js';

/** Lengths on both sides of every limit: a piece that is kept, a message with memory of its own, a chunk. */
const length = fc.constantFrom(0, 5, 125, 4000, 16_383, 16_384, 17_000, 33_000, 65_536, 140_000);
const message = fc.record({
  length,
  isText: fc.boolean(),
  /** How many frames it has; a Ping comes after the first of several. */
  fragments: fc.integer({ min: 1, max: 3 }),
  /** What the application does with it. */
  use: fc.constantFrom('payload', 'text', 'nothing'),
});
type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

/** The payload of a message: letters, so that it may be Text. No two messages are alike. */
function payloadOf(count: number, index: number): Buffer {
  const payload = Buffer.allocUnsafe(count);
  for (let at = 0; at < count; at++) payload[at] = 97 + (((at ^ (at >> 8)) + index * 5) % 26);
  return payload;
}

function framesOf({ isText, fragments }: Message, payload: Buffer): Buffer {
  const size = Math.ceil(payload.length / fragments);
  const frames = Array.from({ length: fragments }, (_, at) =>
    clientFrame({
      opcode: at > 0 ? 0 : isText ? 1 : 2,
      fin: at === fragments - 1,
      payload: payload.subarray(at * size, (at + 1) * size),
    }),
  );
  if (fragments > 1) frames.splice(1, 0, clientFrame({ opcode: 9, payload: 'ping' }));
  return Buffer.concat(frames);
}

/** The bytes in chunks that each have an ArrayBuffer of their own, as Node reads them from a socket. */
function chunksOf(bytes: Buffer, cuts: number[]): Buffer[] {
  const edges = [0, ...cuts, bytes.length];
  return edges.slice(1).map((end, at) => {
    const chunk = Buffer.allocUnsafeSlow(end - edges[at]!);
    bytes.copy(chunk, 0, edges[at]);
    return chunk;
  });
}

describe('A decoder that owns its chunks', () => {
  it('frees their memory, but nothing of what it has delivered, however the bytes are cut', async () => {
    let freed = 0;
    let all = 0;
    await check(
      150,
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        (messages, seed, readLate, cutsFrames) => {
          const sent = messages.map((each, index) => payloadOf(each.length, index));
          const frames = messages.map((each, index) => framesOf(each, sent[index]!));
          const wire = Buffer.concat(frames);
          const ends = frames.map((_, at) => Buffer.concat(frames.slice(0, at)).length);
          const decoder = new FrameDecoder();
          const delivered: [index: number, payload: Buffer][] = [];
          let index = 0;
          const read = (): void => {
            while (decoder.next()) {
              if (decoder.opcode === 9) {
                expect(decoder.payload.toString()).toBe('ping');
                continue;
              }
              const { use } = messages[index]!;
              if (use === 'payload') {
                delivered.push([index, decoder.payload]);
              } else if (use === 'text') {
                expect(decoder.text === sent[index]!.toString()).toBe(true);
                decoder.freePayload();
              }
              index++;
              decoder.releaseIfRead();
            }
          };
          const chunks = chunksOf(wire, cutsFrames ? ends : randomCuts(wire, seed));
          for (const chunk of chunks) {
            decoder.pushOwned(chunk);
            if (!readLate) read();
          }
          read();
          expect(index).toBe(messages.length);
          for (const [at, payload] of delivered) {
            expect(payload.equals(sent[at]!)).toBe(true);
            if (payload.length >= 16_384) expect(payload).toHaveLength(payload.buffer.byteLength);
          }
          freed += chunks.filter((chunk) => chunk.length === 0).length;
          all += chunks.length;
        },
      ),
    );
    expect(freed).toBeGreaterThan(FREES ? all / 2 : 0);
  });
});

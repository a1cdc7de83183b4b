import * as fc from 'fast-check';
import { FrameEncoder } from '../../src/protocol/framing/frame-encoder.js';
import type { Opcode, Role } from '../../src/protocol/framing/frame.js';
import {
  check,
  cutShares,
  framesOf,
  message,
  offsets,
  type Message,
} from '../support/arbitraries.js';
import { cutAt, random } from '../support/bytes.js';
import { decode } from '../support/decode.js';
import { describeFrame, parseFrames } from '../support/frames.js';

describe.each<[sender: Role, receiver: Role]>([
  ['client', 'server'],
  ['server', 'client'],
])('What a %s encodes', (sender, receiver) => {
  const exchange: fc.Arbitrary<[messages: Message[], keys: Uint8Array[]]> = fc.tuple(
    fc.array(message, { minLength: 1, maxLength: 5 }),
    fc.array(fc.uint8Array({ minLength: 4, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
  );

  const encode = (messages: Message[], keys: Uint8Array[]) => {
    let turn = 0;
    const encoder = new FrameEncoder({
      role: sender,
      maskingKey: (target) => {
        target.set(keys[turn++ % keys.length]!);
      },
    });
    const sequences = messages.map(framesOf);
    return {
      events: sequences.flatMap(({ events }) => events),
      frames: sequences.flatMap(({ frames }) => frames),
      bytes: Buffer.concat(
        sequences.flatMap(({ frames }) =>
          frames.map(({ opcode, payload = '', fin = true }) =>
            encoder.encode(opcode as Opcode, payload, { fin }),
          ),
        ),
      ),
    };
  };

  it(`a ${receiver} decodes to the same messages and control frames, however fragmented and cut`, () =>
    check(
      800,
      fc.property(exchange, cutShares, (drawn, shares) => {
        const { bytes, events } = encode(...drawn);
        const result = decode(cutAt(bytes, offsets(shares, bytes.length)), { role: receiver });
        expect(result.error).toBeUndefined();
        expect(result.events).toEqual(events);
      }),
    ));

  it('the same, in pieces of many kilobytes', () =>
    check(
      24,
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1000, max: 90_000 }), fc.boolean()), {
          minLength: 2,
          maxLength: 6,
        }),
        fc.array(fc.integer({ min: 8000, max: 66_000 }), { minLength: 2, maxLength: 12 }),
        fc.boolean(),
        fc.integer(),
        (fragments, sizes, isText, seed) => {
          const next = random(seed);
          const encoder = new FrameEncoder({ role: sender });
          const frames: Buffer[] = [];
          let whole = '';
          for (const [i, [length, ping]] of fragments.entries()) {
            // Text of two-byte characters, or bytes: nothing repeats.
            const payload = Buffer.alloc(length);
            for (let at = 0; at < length; at++) payload[at] = (isText ? 0xe0 : 0) + next() * 16;
            const part = isText ? Buffer.from(payload.toString('latin1')) : payload;
            whole += part.toString('hex');
            const opcode = (i > 0 ? 0 : isText ? 1 : 2) as Opcode;
            frames.push(encoder.encode(opcode, part, { fin: i === fragments.length - 1 }));
            if (ping) frames.push(encoder.encode(9, Buffer.alloc(0)));
          }
          const bytes = Buffer.concat(frames);
          const cuts: number[] = [];
          for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!)
            cuts.push(at);
          const { events, error } = decode(cutAt(bytes, cuts.slice(1)), { role: receiver });
          expect(error).toBeUndefined();
          const messages = events.filter((event) => event !== 'ping');
          expect(messages.length).toBe(1);
          expect(messages[0] === `${isText ? 'text' : 'binary'} ${whole}`).toBe(true);
        },
      ),
    ));

  it('another reader of frames finds the same frames in', () =>
    check(
      400,
      fc.property(exchange, (drawn) => {
        const { bytes, frames } = encode(...drawn);
        expect(parseFrames(bytes, sender).map(describeFrame)).toEqual(
          frames.map(({ opcode, payload = '', fin = true }) =>
            describeFrame({ opcode, payload: Buffer.from(payload), fin, rsv: 0, masked: true }),
          ),
        );
      }),
    ));
});

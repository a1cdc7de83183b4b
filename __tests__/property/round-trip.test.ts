import * as fc from 'fast-check';
import { FrameEncoder } from '../../src/protocol/frame-encoder.js';
import type { Opcode, Role } from '../../src/protocol/frame.js';
import {
  check,
  cutShares,
  framesOf,
  message,
  offsets,
  type Message,
} from '../support/arbitraries.js';
import { cutAt } from '../support/bytes.js';
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

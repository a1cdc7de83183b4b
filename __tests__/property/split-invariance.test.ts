import * as fc from 'fast-check';
import { FrameDecoder } from '../../src/protocol/framing/frame-decoder.js';
import { check, cutShares, offsets, spoiledBytes } from '../support/arbitraries.js';
import { cutAt, everyByte } from '../support/bytes.js';
import { decode } from '../support/decode.js';

const options = { maxPayload: 1000 };
const summary = ({ events, error }: ReturnType<typeof decode>): object => ({
  events,
  code: error?.code,
});

describe('Cutting the bytes anywhere', () => {
  it('changes neither the messages nor the failure, nor the byte at which it fails', () =>
    check(
      1500,
      fc.property(spoiledBytes, cutShares, (bytes, shares) => {
        const cuts = offsets(shares, bytes.length);
        const cut = decode(cutAt(bytes, cuts), options);
        const fine =
          bytes.length < 4000 ? everyByte(bytes) : everyByte(bytes).filter((at) => at % 61 === 0);
        const byByte = decode(cutAt(bytes, fine), options);
        expect(summary(cut)).toEqual(summary(byByte));
        if (byByte.failedAt !== undefined && bytes.length < 4000) {
          // Both fail with the same byte: it is in the last chunk that was pushed before the failure.
          const first = byByte.failedAt;
          expect(cut.failedAt).toBe([...cuts, bytes.length].find((end) => end > first)! - 1);
        }
        expect(summary(decode([Buffer.from(bytes)], options))).toEqual(summary(byByte));
      }),
    ));

  it('may also happen faster than the decoder is asked: all chunks pushed before the first next()', () =>
    check(
      500,
      fc.property(spoiledBytes, cutShares, (bytes, shares) => {
        const decoder = new FrameDecoder(options);
        for (const chunk of cutAt(bytes, offsets(shares, bytes.length))) decoder.push(chunk);
        const payloads: string[] = [];
        let code: string | undefined;
        try {
          while (decoder.next()) payloads.push(decoder.payload.toString('hex'));
        } catch (error) {
          code = (error as { code: string }).code;
        }
        const whole = decode([Buffer.from(bytes)], options);
        expect({ count: payloads.length, code }).toEqual({
          count: whole.events.length,
          code: whole.error?.code,
        });
        expect(
          payloads.every(
            (hex, i) => whole.events[i]!.includes('close') || whole.events[i]!.endsWith(hex),
          ),
        ).toBe(true);
      }),
    ));
});

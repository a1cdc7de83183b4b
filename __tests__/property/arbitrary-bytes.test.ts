import * as fc from 'fast-check';
import { isValidCloseCode } from '../../src/protocol/framing/close-frame.js';
import { check, cutShares, offsets, spoiledBytes } from '../support/arbitraries.js';
import { cutAt } from '../support/bytes.js';
import { decode } from '../support/decode.js';

const EVENT = /^((compressed )?(text|binary)|ping|pong|close \d+)( [0-9a-f]+)?$/;

/** Random bytes whose start is plausible, or they would rarely get past the first two. */
const plausible = fc
  .array(
    fc.tuple(
      fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8a, 0xc1),
      fc.constantFrom(0x80, 0x81, 0x82, 0x85, 0xfd, 0xfe, 0xff, 0x05),
      fc.uint8Array({ maxLength: 16 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) =>
    Buffer.concat(parts.map(([first, second, rest]) => Buffer.from([first, second, ...rest]))),
  );

describe.each([
  ['random bytes', fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))],
  ['plausible bytes', plausible],
  ['spoiled frame sequences', spoiledBytes],
] as const)('Whatever arrives: %s', (_name, arbitrary) => {
  // decode() itself lets any other kind of error through, and refuses a second one.
  it('gives only messages, control frames and at most one ProtocolError', () =>
    check(
      1500,
      fc.property(
        arbitrary,
        cutShares,
        fc.record({
          role: fc.constantFrom('server', 'client'),
          maxPayload: fc.constantFrom(0, 10, 100_000),
          rsv1: fc.boolean(),
        }),
        (bytes, shares, options) => {
          const { events, error } = decode(cutAt(bytes, offsets(shares, bytes.length)), options);
          for (const event of events) {
            expect(event).toMatch(EVENT);
            if (/^(text|binary|compressed)/.test(event)) {
              const payload = event.replace(/^(compressed )?(text|binary) ?/, '');
              // What cannot be compressed grows a little.
              const { maxPayload } = options;
              const longest = event.startsWith('compressed')
                ? maxPayload + maxPayload / 8 + maxPayload / 128 + 1024
                : maxPayload;
              expect(payload.length / 2).toBeLessThanOrEqual(longest);
            }
          }
          if (!error) return;
          expect(error.code).toMatch(/^ERR_[A-Z0-9_]+$/);
          expect([1002, 1007, 1009]).toContain(error.closeCode);
          expect(isValidCloseCode(error.closeCode)).toBe(true);
          expect(error.message.length).toBeGreaterThan(20);
        },
      ),
    ));
});

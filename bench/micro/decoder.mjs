// From the bytes of a read event to payloads. The decoder unmasks in place, so each turn begins with a
// fresh copy of the bytes; the copy alone is the first line of each group.
import { bench, do_not_optimize, group } from 'mitata';
import { FrameDecoder, Opcode } from '../../dist/index.js';
import { frame, payload } from '../payloads.mjs';

/** @type {[name: string, content: 'binary' | 'ascii' | 'unicode', size: number, count: number][]} */
const cases = [
  ['1 Binary of 64 B', 'binary', 64, 1],
  ['64 Binary of 64 B', 'binary', 64, 64],
  ['64 Text of 64 B', 'ascii', 64, 64],
  ['16 Text of 4 KiB, not ASCII', 'unicode', 4096, 16],
  ['1 Binary of 64 KiB', 'binary', 65_536, 1],
  ['1 Text of 64 KiB', 'ascii', 65_536, 1],
];

for (const [name, content, size, count] of cases) {
  const original = Buffer.concat(
    Array.from({ length: count }, (_, seed) => frame(content, payload(content, size, seed), true)),
  );
  const chunk = Buffer.from(original);
  group(`decode ${name}`, () => {
    bench(`decode ${name}: copy alone`, () => chunk.set(original));
    bench(`decode ${name}: in one chunk`, () => {
      const decoder = new FrameDecoder();
      chunk.set(original);
      decoder.push(chunk);
      take(decoder);
    });
    bench(`decode ${name}: cut in two`, () => {
      const decoder = new FrameDecoder();
      chunk.set(original);
      const middle = chunk.length >>> 1;
      decoder.push(chunk.subarray(0, middle));
      take(decoder);
      decoder.push(chunk.subarray(middle));
      take(decoder);
    });
  });
}

function take(/** @type {FrameDecoder} */ decoder) {
  while (decoder.next()) {
    do_not_optimize(decoder.opcode === Opcode.Text ? decoder.text : decoder.payload);
  }
}

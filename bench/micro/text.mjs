// Text that is not ASCII, to a string and back: Node's conversions and the kernel, and what hawser takes
// on this version of Node. Each call gets another text, as a server does: from one text repeated, the
// processor learns which character comes next.
import { bench, do_not_optimize, group } from 'mitata';
import { decodeText, encodeText, loadTextKernel } from '../../build/protocol/text/utf8-codec.js';
import { payload } from '../payloads.mjs';

const kernel = loadTextKernel();
/** @type {[how: string, by: import('../../build/protocol/text/utf8-codec.js').TextKernel | undefined | null][]} */
const ways = [
  ['Node', null],
  ['the kernel', kernel],
  ['hawser', undefined],
];
for (const content of /** @type {const} */ (['ascii', 'unicode'])) {
  for (const size of [64, 256, 4096, 65_536]) {
    const count = size > 10_000 ? 32 : 512;
    const all = Array.from({ length: count }, (_, i) => payload(content, size, i));
    const texts = all.map((bytes) => bytes.toString());
    let turn = 0;
    group(`text of ${size} B, ${content}`, () => {
      for (const [how, by] of ways) {
        bench(`text of ${size} B, ${content}: decode by ${how}`, () => {
          const bytes = /** @type {Buffer} */ (all[turn++ % count]);
          do_not_optimize(by === null ? bytes.toString() : decodeText(bytes, 0, size, by));
        });
        bench(`text of ${size} B, ${content}: encode by ${how}`, () => {
          const text = /** @type {string} */ (texts[turn++ % count]);
          do_not_optimize(by === null ? Buffer.from(text) : encodeText(text, by));
        });
      }
    });
  }
}

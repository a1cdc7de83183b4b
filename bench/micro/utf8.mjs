// Text that arrives in pieces, against the native check of text that arrives whole.
import { isUtf8 } from 'node:buffer';
import { bench, do_not_optimize, group } from 'mitata';
import { Utf8Validator } from '../../build/protocol/text/utf8-validator.js';
import { payload } from '../payloads.mjs';

for (const size of [16, 64, 1024, 65_536]) {
  for (const content of /** @type {const} */ (['ascii', 'unicode'])) {
    const bytes = payload(content, size, 0);
    const name = `UTF-8 of ${size} B, ${content}`;
    group(name, () => {
      bench(`${name}: isUtf8`, () => do_not_optimize(isUtf8(bytes)));
      bench(`${name}: whole`, () => {
        do_not_optimize(new Utf8Validator().push(bytes, 0, size));
      });
      bench(`${name}: in pieces of 10 B`, () => {
        const validator = new Utf8Validator();
        for (let at = 0; at < size; at += 10) {
          if (!validator.push(bytes, at, Math.min(at + 10, size))) throw new Error('it is UTF-8');
        }
      });
    });
  }
}

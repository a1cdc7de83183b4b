import { bench, do_not_optimize, group } from 'mitata';
import { createDeflater } from '../../build/protocol/deflate/contexts.js';
import { CompactDeflater } from '../../build/protocol/deflate/compact/compact-deflater.js';
import { jsonMessages } from '../payloads.mjs';

const windowBits = 12;
const zlib = (/** @type {boolean} */ takeover, /** @type {number} */ level) =>
  createDeflater({ windowBits, takeover, level, memLevel: 5 });

for (const size of [64, 400, 2048, 65_536]) {
  const messages = jsonMessages(1000, size);
  const compressors = {
    "hawser's own": new CompactDeflater(windowBits, zlib(false, 3)),
    'zlib, takeover, level 3': zlib(true, 3),
    'zlib, shared, level 6': zlib(false, 6),
  };
  group(`compress ${size} B`, () => {
    for (const [name, compressor] of Object.entries(compressors)) {
      let next = 0;
      bench(`compress ${size} B: ${name}`, () => {
        const message = /** @type {Buffer} */ (messages[next++ % messages.length]);
        do_not_optimize(compressor.deflate(message));
      });
    }
  });
}

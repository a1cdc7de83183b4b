// `npm run bench:micro [-- pattern]`: the parts of the hot path alone, so that a regression can be
// located. Only benchmarks whose name matches the pattern run.
import { setUp } from './setup.mjs';

setUp();
// Not before: these import what setUp installs and builds.
await import('./micro/mask.mjs');
await import('./micro/decoder.mjs');
await import('./micro/encoder.mjs');
await import('./micro/utf8.mjs');
await import('./micro/text.mjs');
await import('./micro/deflate.mjs');
const { run } = await import('mitata');
const [, , pattern] = process.argv;
await run(pattern === undefined ? {} : { filter: new RegExp(pattern) });

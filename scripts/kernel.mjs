// Turns the WebAssembly text (*.wat) of src/protocol/ into modules that carry its bytes: `npm run kernel`.
// A test runs compileKernel() for each and compares, so that source and bytes cannot drift apart.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const folder = new URL('../src/protocol/', import.meta.url);
/** Below src/protocol/, without an extension. */
export const KERNELS = ['framing/mask-kernel', 'text/text-kernel'];

export async function compileKernel(name) {
  const { parseWat } = await wabt();
  const source = readFileSync(new URL(`${name}.wat`, folder), 'utf8');
  const file = basename(name);
  const module = parseWat(`${file}.wat`, source, { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  const base64 = Buffer.from(buffer).toString('base64');
  const lines = (base64.match(/.{1,84}/g) ?? []).map((line) => `'${line}'`);
  return `// Generated from ${file}.wat by \`npm run kernel\`: ${buffer.length} bytes of WebAssembly.
import { Buffer } from 'node:buffer';

export const KERNEL: Uint8Array = Buffer.from(
  ${lines.join(' +\n    ')},
  'base64',
);
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of KERNELS) {
    writeFileSync(new URL(`${name}.ts`, folder), await compileKernel(name));
  }
}

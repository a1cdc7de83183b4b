// Turns src/protocol/mask-kernel.wat into mask-kernel.ts: `npm run kernel`.
// A test runs compileKernel() and compares, so the two cannot drift apart.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import wabt from 'wabt';

const folder = new URL('../src/protocol/', import.meta.url);

export async function compileKernel() {
  const { parseWat } = await wabt();
  const source = readFileSync(new URL('mask-kernel.wat', folder), 'utf8');
  const module = parseWat('mask-kernel.wat', source, { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  const base64 = Buffer.from(buffer).toString('base64');
  const lines = (base64.match(/.{1,84}/g) ?? []).map((line) => `'${line}'`);
  return `// Generated from mask-kernel.wat by \`npm run kernel\`: ${buffer.length} bytes of WebAssembly.
import { Buffer } from 'node:buffer';

export const KERNEL: Uint8Array = Buffer.from(
  ${lines.join(' +\n    ')},
  'base64',
);
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = process.argv[2] ?? fileURLToPath(new URL('mask-kernel.ts', folder));
  writeFileSync(target, await compileKernel());
}

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { KERNEL } from '../../../src/protocol/mask-kernel.js';

const root = resolve(__dirname, '../../..');
/** How the lines are indented is Prettier's business. */
const unindented = (text: string): string => text.replaceAll(/^ +/gm, '');

describe('The WebAssembly kernel', () => {
  it('is what `npm run kernel` makes of mask-kernel.wat', () => {
    const script = pathToFileURL(resolve(root, 'scripts/kernel.mjs')).href;
    const program = `import { compileKernel } from ${JSON.stringify(script)};
      process.stdout.write(await compileKernel());`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { cwd: root, encoding: 'utf8' },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const committed = readFileSync(resolve(root, 'src/protocol/mask-kernel.ts'), 'utf8');
    expect(unindented(stdout)).toBe(unindented(committed));
  });

  it('is a WebAssembly module of version 1', () => {
    expect(Buffer.from(KERNEL.subarray(0, 8)).toString('hex')).toBe('0061736d01000000');
  });
});

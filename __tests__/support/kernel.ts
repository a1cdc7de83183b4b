import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = resolve(__dirname, '../..');
/** How the lines are indented is Prettier's business. */
const unindented = (text: string): string => text.replaceAll(/^ +/gm, '');

/** What holds for each module that carries the bytes of a WebAssembly text beside it. */
export function describeKernel(name: string, bytes: Uint8Array): void {
  describe(`The WebAssembly of ${name}`, () => {
    it('is what `npm run kernel` makes of its source', () => {
      const script = pathToFileURL(resolve(root, 'scripts/kernel.mjs')).href;
      const program = `import { compileKernel } from ${JSON.stringify(script)};
        process.stdout.write(await compileKernel(${JSON.stringify(name)}));`;
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', program],
        { cwd: root, encoding: 'utf8' },
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const committed = readFileSync(resolve(root, `src/protocol/${name}.ts`), 'utf8');
      expect(unindented(stdout)).toBe(unindented(committed));
    });

    it('is a WebAssembly module of version 1', () => {
      expect(Buffer.from(bytes.subarray(0, 8)).toString('hex')).toBe('0061736d01000000');
    });
  });
}

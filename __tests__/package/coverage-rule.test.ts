import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');

/** Runs this repository's Jest set-up, with coverage, on a toy that has nothing but `files`. */
function judge(files: Record<string, string>, ...args: string[]) {
  const toy = mkdtempSync(join(tmpdir(), 'hawser-coverage-'));
  try {
    for (const name of ['jest.config.js', 'package.json', 'tsconfig.json', 'scripts']) {
      cpSync(join(root, name), join(toy, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(toy, 'node_modules'));
    for (const [name, text] of Object.entries({ 'src/index.ts': 'export {};', ...files })) {
      mkdirSync(dirname(join(toy, name)), { recursive: true });
      writeFileSync(join(toy, name), text);
    }
    const tally = join(toy, 'tally');
    const jest = join(root, 'node_modules/jest/bin/jest.js');
    const { status, stdout } = spawnSync(process.execPath, [jest, '--coverage', '-w=1', ...args], {
      cwd: toy,
      encoding: 'utf8',
      env: { ...process.env, HAWSER_TALLY: tally },
    });
    const complaints = stdout.slice(stdout.indexOf('Coverage of each module')).trim().split('\n');
    return { status, complaints: complaints.slice(1), tally: readFileSync(tally, 'utf8').trim() };
  } finally {
    rmSync(toy, { recursive: true, force: true });
  }
}

const sign = `import * as path from 'node:path';
export class Sign {
  readonly #at: string = path.sep;
  get at(): string { return this.#at; }
}
export function sign(n: number): string {
  if (n < 0) return 'minus';
  return n > 0 ? 'plus' : 'none';
}
`;
const twice = `import { sign } from './sign.js';
export const twice = (n: number): string => sign(n) + sign(n);
`;
const testOf = (module: string, body: string) =>
  `import * as it_ from '../../../src/protocol/${module}.js';
test('runs', () => { ${body} });
`;

const whole = {
  'src/protocol/sign.ts': sign,
  'src/protocol/twice.ts': twice,
  '__tests__/unit/protocol/sign.test.ts': testOf(
    'sign',
    'for (const n of [-1, 0, 1]) it_.sign(n); new it_.Sign().at;',
  ),
  '__tests__/unit/protocol/twice.test.ts': testOf('twice', 'it_.twice(1);'),
};

describe('the rule that each module is covered by its own unit test alone', () => {
  test('is content when it is so', () => {
    expect(judge(whole)).toEqual({
      status: 0,
      complaints: [],
      tally: '{"passed":2,"failed":0,"skipped":0}',
    });
  });

  test('does not count what another test covers', () => {
    const files = {
      ...whole,
      '__tests__/unit/protocol/sign.test.ts': testOf('sign', 'it_.sign(-1);'),
      '__tests__/unit/protocol/twice.test.ts': testOf('twice', 'it_.twice(1); it_.twice(0);'),
    };
    expect(judge(files)).toEqual({
      status: 1,
      complaints: [
        '  src/protocol/sign.ts is not covered by its own test:',
        '    line 3: statement',
        '    line 4: function',
        '    line 4: statement',
        '    line 7: branch 2 of if',
        '    line 8: branch 1 of cond-expr',
        '    line 8: branch 2 of cond-expr',
        '    line 8: statement',
      ],
      tally: '{"passed":2,"failed":1,"skipped":0}',
    });
  });

  test('misses a test, a module, and a test that tests something else', () => {
    const files = {
      'src/protocol/sign.ts': sign,
      'src/protocol/lonely.ts': 'export const lonely = true;',
      '__tests__/unit/protocol/sign.test.ts': `test('runs', () => undefined);`,
      '__tests__/unit/protocol/gone.test.ts': `test('runs', () => undefined);`,
    };
    expect(judge(files)).toMatchObject({
      status: 1,
      complaints: [
        '  __tests__/unit/protocol/gone.test.ts is the test of src/protocol/gone.ts, which does not exist',
        '  __tests__/unit/protocol/sign.test.ts never loads src/protocol/sign.ts',
        '  src/protocol/lonely.ts has no unit test of its own (__tests__/unit/protocol/lonely.test.ts)',
      ],
    });
  });

  test('leaves out what did not run when only some tests were asked for', () => {
    const files = { ...whole, 'src/protocol/lonely.ts': 'export const lonely = true;' };
    expect(judge(files, '__tests__/unit/protocol/sign')).toMatchObject({
      status: 0,
      complaints: [],
    });
  });
});

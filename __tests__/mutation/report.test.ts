import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const REPORT = pathToFileURL(resolve(__dirname, '../../mutation/report.mjs')).href;

/** What is printed about mutants with these statuses, of one module. */
function report(...mutants: [module: string, status: string][]): string[] {
  const results = mutants.map(([module, status]) => ({
    fileName: `/somewhere/src/protocol/${module}.ts`,
    location: { start: { line: 7, column: 2 }, end: { line: 7, column: 9 } },
    mutatorName: 'EqualityOperator',
    replacement: 'a <=\n  b',
    status,
  }));
  const program = `import { report } from ${JSON.stringify(REPORT)};
    console.log(report(${JSON.stringify(results)}));`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim().split('\n');
}

describe('the report of a mutation run', () => {
  it('counts timeouts neither for nor against, and what is only explained against', () => {
    const lines = report(
      ['mask', 'Killed'],
      ['mask', 'Killed'],
      ['mask', 'RuntimeError'],
      ['mask', 'Timeout'],
      ['mask', 'Ignored'],
    );
    expect(lines.slice(-2)).toStrictEqual(['| all | 3 | 0 | 1 | 1 | 75.0 % |', '0.75']);
  });

  it('names the place of every mutant that survived, also of those that no test ran', () => {
    const lines = report(['utf8', 'Survived'], ['utf8', 'Killed'], ['mask', 'NoCoverage']);
    expect(lines).toStrictEqual([
      'Survived src/protocol/text/utf8-validator.ts:7:2 EqualityOperator: a <= b',
      'NoCoverage src/protocol/framing/mask.ts:7:2 EqualityOperator: a <= b',
      '',
      '| module | killed | survived | timeouts | explained | score |',
      '| --- | ---: | ---: | ---: | ---: | ---: |',
      '| mask.ts | 0 | 1 | 0 | 0 | 0.0 % |',
      '| utf8.ts | 1 | 1 | 0 | 0 | 50.0 % |',
      '| all | 1 | 2 | 0 | 0 | 33.3 % |',
      '0.3333333333333333',
    ]);
  });
});

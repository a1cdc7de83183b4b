// A Jest reporter for one rule of this repository: each module of src/ is covered completely (statements,
// branches, functions) by its own unit test alone. The test of src/a/b.ts is __tests__/unit/a/b.test.ts.
// The reporter reads the coverage of each test file by itself, so one `jest --coverage` checks every module.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { createCoverageMap } = require('istanbul-lib-coverage');
const { createSourceMapStore } = require('istanbul-lib-source-maps');
const ts = require('typescript');

/** Modules that need no unit test of their own, each with the reason. */
const EXEMPT = {
  'src/index.ts': 're-exports only',
  'src/client/index.ts': 're-exports only',
  'src/ws/index.ts': 're-exports only',
};

const slashes = (file) => file.split(path.sep).join('/');

/** Whether a module has only types, so nothing in it runs. */
function isOnlyTypes(file) {
  const compilerOptions = { module: ts.ModuleKind.ESNext, removeComments: true };
  const { outputText } = ts.transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions });
  return /^\s*export \{\s*\};\s*$/.test(outputText);
}

/** The parts of `file` that never ran, as readable lines; empty when all of it ran. */
function uncovered(file) {
  const { s, f, b, statementMap, fnMap, branchMap } = file.data;
  const gaps = [];
  for (const [id, count] of Object.entries(s)) {
    if (count === 0) gaps.push([statementMap[id].start.line, 'statement']);
  }
  for (const [id, count] of Object.entries(f)) {
    if (count === 0) gaps.push([fnMap[id].loc.start.line, 'function']);
  }
  for (const [id, counts] of Object.entries(b)) {
    counts.forEach((count, arm) => {
      if (count !== 0) return;
      const line = branchMap[id].locations[arm]?.start.line ?? branchMap[id].loc.start.line;
      gaps.push([line, `branch ${arm + 1} of ${branchMap[id].type}`]);
    });
  }
  gaps.sort((one, other) => one[0] - other[0] || one[1].localeCompare(other[1]));
  return [...new Set(gaps.map(([line, what]) => `line ${line}: ${what}`))];
}

class CoverageReporter {
  constructor(globalConfig, options = {}) {
    this.globalConfig = globalConfig;
    this.root = globalConfig.rootDir;
    this.exempt = options.exempt ?? EXEMPT;
    this.own = new Map(); // module -> its raw coverage under its own test, or undefined
    this.complaints = [];
  }

  onTestResult(test, result) {
    if (!this.globalConfig.collectCoverage || this.globalConfig.testNamePattern) return;
    const name = slashes(path.relative(this.root, test.path));
    const match = /^__tests__\/unit\/(.+)\.test\.ts$/.exec(name);
    if (!match || result.testExecError) return; // a test that did not even run has failed already
    const module = `src/${match[1]}.ts`;
    const file = path.join(this.root, module);
    const raw = result.coverage?.[file];
    this.own.set(module, raw && structuredClone(raw.toJSON?.() ?? raw));
  }

  modules(folder = 'src') {
    return fs
      .readdirSync(path.join(this.root, folder), { withFileTypes: true })
      .flatMap((entry) => {
        const name = `${folder}/${entry.name}`;
        if (entry.isDirectory()) return this.modules(name);
        return /\.ts$/.test(name) && !/\.d\.ts$/.test(name) ? [name] : [];
      });
  }

  async onRunComplete(_contexts, results) {
    const { collectCoverage, testNamePattern, testPathPatterns, onlyChanged, shard } =
      this.globalConfig;
    if (!collectCoverage || testNamePattern || results.wasInterrupted) return;
    const { complaints } = this;
    const modules = this.modules().sort();
    const whole = !testPathPatterns?.patterns?.length && !onlyChanged && !shard;

    for (const module of Object.keys(this.exempt)) {
      if (!modules.includes(module)) complaints.push(`${module} is exempt but does not exist`);
    }
    for (const [module, raw] of [...this.own].sort(([one], [other]) => (one < other ? -1 : 1))) {
      const test = module.replace(/^src/, '__tests__/unit').replace(/\.ts$/, '.test.ts');
      if (!modules.includes(module)) {
        complaints.push(`${test} is the test of ${module}, which does not exist`);
      } else if (module in this.exempt) {
        continue;
      } else if (raw === undefined) {
        complaints.push(`${test} never loads ${module}`);
      } else {
        const file = path.join(this.root, module);
        const store = createSourceMapStore({ baseDir: this.root });
        const map = await store.transformCoverage(createCoverageMap({ [file]: raw }));
        const gaps = map.files().includes(file)
          ? uncovered(map.fileCoverageFor(file))
          : ['its coverage could not be mapped back to the source'];
        if (gaps.length > 0) {
          complaints.push(`${module} is not covered by its own test:\n    ${gaps.join('\n    ')}`);
        }
      }
    }
    if (whole) {
      const ran = results.testResults.map((r) => slashes(path.relative(this.root, r.testFilePath)));
      for (const module of modules) {
        const test = module.replace(/^src/, '__tests__/unit').replace(/\.ts$/, '.test.ts');
        if (module in this.exempt || ran.includes(test)) continue;
        if (isOnlyTypes(path.join(this.root, module))) continue;
        complaints.push(`${module} has no unit test of its own (${test})`);
      }
    }
    const measured = this.own.size;
    const verdict = complaints.length === 0 ? 'complete' : `${complaints.length} complaints`;
    process.stdout.write(
      `\nCoverage of each module by its own unit test: ${verdict} (${measured} measured)\n`,
    );
    for (const complaint of complaints) process.stdout.write(`  ${complaint}\n`);
  }

  getLastError() {
    const { length } = this.complaints;
    return length > 0 ? new Error(`${length} complaints about coverage, listed above`) : undefined;
  }
}

module.exports = CoverageReporter;

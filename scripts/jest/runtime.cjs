// Jest's module loader, with two changes.
//
// Under `--coverage` a unit test instruments only the module that it tests, which is all that
// scripts/coverage-reporter.cjs reads. Other modules, and all of them in the other tests, run as they are: several
// times faster, and with the memory that some tests measure. The instrumented text has a cache entry of its own, so
// the tests of other modules do not meet it.
//
// A worker compiles each file once. Jest runs every module again for each test file, in a new sandbox, and by itself
// it would also compile it again: half of the time that it takes to load hawser.
'use strict';

const path = require('node:path');
const vm = require('node:vm');
const { default: Runtime } = require('jest-runtime');

/** The last script of each file. @type {Map<string, { source: string, script: vm.Script }>} */
const scripts = new Map();

module.exports = class OwnRuntime extends Runtime {
  constructor(config, environment, resolver, transformer, cache, coverage, test, globalConfig) {
    const name = path.relative(config.rootDir, test).split(path.sep).join('/');
    const [, module] = /^__tests__\/unit\/(.+)\.test\.ts$/.exec(name) ?? [];
    const own = {
      ...coverage,
      collectCoverage: coverage.collectCoverage && module !== undefined,
      collectCoverageFrom: [`src/${module}.ts`],
    };
    super(config, environment, resolver, transformer, cache, own, test, globalConfig);

    const executor = this['executor']; // its type says that it is private
    const compile = executor.compile.bind(executor);
    executor.compile = (source, filename) => {
      const context = environment.getVmContext();
      if (context === null || filename === test) return compile(source, filename);
      const known = scripts.get(filename);
      if (known && known.source === source) return known.script.runInContext(context);
      const head = `(function (${executor.injectedModuleParameters.join(', ')}) {`;
      const options = { filename, columnOffset: -head.length };
      let script;
      try {
        script = new vm.Script(`${head}${source}\n})`, options);
      } catch {
        return compile(source, filename); // Jest explains what is wrong
      }
      scripts.set(filename, { source, script });
      return script.runInContext(context);
    };
  }
};

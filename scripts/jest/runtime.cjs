// Jest's module loader, with one change: under `--coverage` a unit test instruments only the module that it tests,
// which is all that scripts/coverage-reporter.cjs reads. Other modules, and all of them in the other tests, run as
// they are: several times faster, and with the memory that some tests measure. The instrumented text has a cache
// entry of its own, so the tests of other modules do not meet it.
'use strict';

const path = require('node:path');
const { default: Runtime } = require('jest-runtime');

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
  }
};

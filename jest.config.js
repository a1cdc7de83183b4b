/**
 * Two projects in one run. `unit` is instrumented, so that scripts/coverage-reporter.cjs can check that each
 * unit test alone covers its own module. The other tests run uninstrumented, because some of them measure memory.
 * ts-jest does not check types (isolatedModules in tsconfig.json): `npm run typecheck` does.
 */
const common = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['ts-jest', {}] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' }, // a source imports './x.js' and means x.ts
  modulePathIgnorePatterns: ['<rootDir>/build/', '<rootDir>/dist/'],
};

/** @type {import('jest').Config} */
module.exports = {
  projects: [
    {
      ...common,
      displayName: 'unit',
      testMatch: ['<rootDir>/__tests__/unit/**/*.test.ts'],
    },
    {
      ...common,
      displayName: 'whole',
      testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/__tests__/unit/'],
      coveragePathIgnorePatterns: ['.'],
    },
  ],
  // A test that takes this long hangs. On a busy machine a test of seconds takes minutes.
  testTimeout: 600_000,
  collectCoverageFrom: ['src/**/*.ts'],
  coverageReporters: [], // scripts/coverage-reporter.cjs reads the coverage itself
  reporters: ['default', '<rootDir>/scripts/coverage-reporter.cjs'],
};

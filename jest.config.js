/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  transform: { '^.+\\.ts$': '<rootDir>/scripts/jest/transform.cjs' },
  runtime: '<rootDir>/scripts/jest/runtime.cjs',
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' }, // a source imports './x.js' and means x.ts
  modulePathIgnorePatterns: ['<rootDir>/build/', '<rootDir>/dist/'],
  // A test that takes this long hangs. On a busy machine a test of seconds takes minutes.
  testTimeout: 600_000,
  // Of test.concurrent, which only the soak uses: more runs at once take as long, and a third more CPU time.
  maxConcurrency: 2,
  coverageReporters: [], // scripts/coverage-reporter.cjs reads the coverage itself
  reporters: ['default', '<rootDir>/scripts/coverage-reporter.cjs'],
};

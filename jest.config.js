/**
 * Two projects in one run. `unit` is instrumented, so that scripts/coverage-reporter.cjs can ask whether
 * each unit test alone covers its own module. The rest runs uninstrumented: it measures memory and time.
 */
const common = {
  testEnvironment: 'node',
  transform: { '^.+\\.ts$': ['ts-jest', {}] },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' }, // a source says './x.js' and means x.ts
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
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
  // A test that takes so long has hung: where the machine is busy, one of seconds takes minutes.
  testTimeout: 300_000,
  collectCoverageFrom: ['src/**/*.ts'],
  coverageReporters: ['lcovonly'],
  reporters: [
    'default',
    '<rootDir>/scripts/coverage-reporter.cjs',
    '<rootDir>/scripts/tally-reporter.cjs',
  ],
};

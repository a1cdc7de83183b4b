// The tests that judge a mutant: the unit test of its own module and, with --conformance, the rows that need
// nothing but src/protocol. No socket, no reporter.
'use strict';

const { transform, moduleNameMapper } = require('../../jest.config.js');
const { HAWSER_MUTATED: mutated = '*', HAWSER_CONFORMANCE: conformance } = process.env;

module.exports = {
  rootDir: '../..',
  testEnvironment: 'node',
  transform,
  moduleNameMapper,
  modulePathIgnorePatterns: ['<rootDir>/build/', '<rootDir>/dist/'],
  testMatch: [
    ...mutated.split(' ').map((name) => `<rootDir>/__tests__/unit/protocol/**/${name}.test.ts`),
    ...(conformance === 'true' ? ['<rootDir>/__tests__/conformance/*.test.ts'] : []),
  ],
  // Conversations over real sockets, through the whole server.
  testPathIgnorePatterns: ['/node_modules/', 'conformance/.*-handshake.test.ts$', '-rows.test.ts$'],
};

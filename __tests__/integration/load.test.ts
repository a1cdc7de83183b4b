import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { builtPackage } from '../support/built-package.js';

/** Counts what a process does while it loads a file of the build: it is a cold process that pays for it. */
const program = `
  const counts = { modules: 0, inflated: 0 };
  const zlib = require('node:zlib');
  const { inflateRawSync } = zlib;
  zlib.inflateRawSync = (...args) => (counts.inflated++, inflateRawSync(...args));
  const { Module } = WebAssembly;
  WebAssembly.Module = function (bytes) {
    counts.modules++;
    return new Module(bytes);
  };
  require(process.argv[1]);
  console.log(JSON.stringify(counts));`;

describe('Loading', () => {
  test.each(['index.js', 'client/index.js', 'ws/index.js'])(
    '%s compiles no WebAssembly and tries nothing with zlib',
    (entry) => {
      const file = join(builtPackage(), '..', entry);
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', program, file], {
        encoding: 'utf8',
      });
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ modules: 0, inflated: 0 });
    },
  );
});

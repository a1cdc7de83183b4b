// Jest's transformer of this repository: each .ts file by itself, with the compiler options of tsconfig.json.
// Types are checked by `npm run typecheck` alone. An own transformer, because ts-jest takes twice the time for the
// same output. It does not move a `jest.mock()` above the imports: a test writes it there.
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const root = path.join(__dirname, '..', '..');
const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), ts.sys.readFile);
const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
const compilerOptions = {
  ...options,
  declaration: false,
  noEmit: false,
  inlineSourceMap: true,
  inlineSources: true,
};
const version = [ts.version, JSON.stringify(compilerOptions), readFileSync(__filename)].join();

module.exports = {
  getCacheKey(source, file, { instrument }) {
    const key = [version, path.relative(root, file), String(instrument), source].join('\0');
    return createHash('sha256').update(key).digest('hex');
  },
  process(source, file) {
    return { code: ts.transpileModule(source, { fileName: file, compilerOptions }).outputText };
  },
};

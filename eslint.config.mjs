import js from '@eslint/js';
import jest from 'eslint-plugin-jest';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';
import { defineConfig, globalIgnores } from 'eslint/config';
import { CLEAN, rule as words } from './scripts/words.mjs';

/** A name that starts with an underscore is there on purpose. */
const unused = [
  'error',
  { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrorsIgnorePattern: '^_' },
];

export default defineConfig(
  globalIgnores(['build', 'dist', 'coverage']),
  js.configs.recommended,
  {
    // Which globals exist in a file is the type checker's business (checkJs, and the DOM library for pages).
    rules: { 'no-undef': 'off', 'no-unused-vars': unused, eqeqeq: 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      // One program for the whole run. The project service, made for editors, takes a quarter more processor time.
      parserOptions: {
        project: ['tsconfig.json', '__tests__/e2e/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'no-unused-vars': 'off',
      '@typescript-eslint/no-unused-vars': unused,
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // One overload for each event name reads better than a union.
      '@typescript-eslint/unified-signatures': 'off',
      // With noUncheckedIndexedAccess, `bytes[i]!` is how a loop says that it knows its bounds.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // isolatedDeclarations asks for annotations on what is exported, obvious or not.
      '@typescript-eslint/no-inferrable-types': 'off',
      // Strings of the protocol are spread by character on purpose: they are ASCII.
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // `authorize` may return nothing, an answer, or a promise of either.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // `return` in an async method is awaited by its caller; synchronous methods may keep a Promise type.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' },
        { selector: 'TSEnumDeclaration', message: 'Use an `as const` object.' },
        {
          selector: 'MethodDefinition[kind=/^[gs]et$/] > PrivateIdentifier',
          message: 'Make it a method: each use of a private accessor is a call of the V8 runtime.',
        },
      ],
    },
  },
  {
    // The words of scripts/words.mjs, where they have been replaced.
    files: CLEAN.filter((path) => path.startsWith('src')).map((path) =>
      path.endsWith('.ts') ? path : `${path}/**/*.ts`,
    ),
    plugins: { hawser: { rules: { words } } },
    rules: { 'hawser/words': 'error' },
  },
  {
    files: ['__tests__/**/*.ts'],
    extends: [jest.configs['flat/recommended']],
    rules: {
      // Rows of a table, helpers that assert, and clients that may be missing: all common here.
      'jest/expect-expect': ['error', { assertFunctionNames: ['expect*', 'assert*', 'fc.assert'] }],
      'jest/no-conditional-expect': 'off',
      'jest/no-standalone-expect': 'off',
      'jest/no-done-callback': 'off',
      'jest/no-export': 'off',
      'jest/valid-title': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
    },
  },
  {
    // The one place that skips, and where a describe's body is handed through.
    files: ['__tests__/support/requires.ts'],
    rules: {
      'jest/valid-describe-callback': 'off',
      'jest/expect-expect': 'off',
      'jest/no-disabled-tests': 'off',
    },
  },
  {
    files: ['**/*.{js,cjs}'],
    ignores: ['examples/**/public/*.js'],
    languageOptions: { sourceType: 'commonjs' },
  },
  prettier,
);

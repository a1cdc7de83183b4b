#!/usr/bin/env node
import process from 'node:process';
import { run } from './run.js';

/** The program `hawser`. */
void run(process.argv.slice(2), {
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  env: process.env,
  signals: process,
}).then((status) => {
  // Not exit(): what was written to a pipe may still be on its way.
  process.exitCode = status;
});

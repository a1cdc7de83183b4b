// Adds up the lines that scripts/tally-reporter.cjs wrote: `node scripts/tally.mjs FILE` prints
// «N passed, N failed» and exits with 1 if anything failed or nothing ran.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** @param {string} file */
export function addUp(file) {
  const sum = { passed: 0, failed: 0, skipped: 0 };
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const tally = JSON.parse(line);
    sum.passed += tally.passed;
    sum.failed += tally.failed;
    sum.skipped += tally.skipped;
  }
  return sum;
}

/** @param {{ passed: number, failed: number, skipped: number }} sum */
export function lastLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

const [, script, file] = process.argv;
if (script && file && import.meta.url === pathToFileURL(script).href) {
  const sum = addUp(file);
  console.log(lastLine(sum));
  if (sum.failed > 0 || sum.passed === 0) process.exitCode = 1;
}

// Where inputs come from and where they stay: seeds/ is in the repository, corpus/ keeps whatever reached
// something new on this machine, crashes/ what failed.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { linesOf } from './notation.mjs';

const room = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** The inputs of the repository. @param {string} target */
export function seedsOf(target) {
  return linesOf(readFileSync(room(`seeds/${target}.txt`), 'utf8'));
}

/** The inputs that earlier runs kept. @param {string} target */
export function keptOf(target) {
  const folder = room(`corpus/${target}`);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(`${folder}/${file}`));
}

/** Keep an input for later runs. @param {string} target @param {Buffer} input */
export function keep(target, input) {
  return write(room(`corpus/${target}`), '', input);
}

/** Write an input that failed to a file. @param {string} folder @param {string} target @param {Buffer} input */
export function keepCrash(folder, target, input) {
  return write(folder, `${target}-`, input);
}

/** @param {string} folder @param {string} prefix @param {Buffer} input */
function write(folder, prefix, input) {
  mkdirSync(folder, { recursive: true });
  const name = createHash('sha1').update(input).digest('hex').slice(0, 12);
  const file = `${folder}/${prefix}${name}.bin`;
  writeFileSync(file, input);
  return file;
}

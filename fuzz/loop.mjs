// The loop: run an input, keep it if it reached something new, make the next one of those that were kept.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Coverage } from './coverage.mjs';
import { makeMutator } from './mutator.mjs';
import { seeded } from './random.mjs';

/**
 * What a file in targets/ exports.
 *
 * @typedef {{
 *   maxLength: number,
 *   maxSteps: (length: number) => number,
 *   dictionary: readonly Buffer[],
 *   prepare: (load: (file: string) => any) => (input: Buffer) => void,
 * }} Target
 */

/** A target made ready to take one input after the other. */
export class Harness {
  /** @param {Target} target @param {string} build */
  constructor(target, build) {
    this.target = target;
    this.coverage = new Coverage(build);
    this.check = target.prepare((file) => this.coverage.load(file));
    this.coverage.learn(); // what loading alone reaches is no news
  }

  /** @param {Buffer} input @returns {unknown} what was thrown, or `undefined` */
  run(input) {
    this.coverage.begin(this.target.maxSteps(input.length));
    try {
      this.check(input);
      return undefined;
    } catch (error) {
      return error ?? new Error('something was thrown that is nothing');
    }
  }
}

/**
 * @param {Target} target
 * @param {object} options
 * @param {string} options.build folder of the built library
 * @param {number} options.seed
 * @param {readonly Buffer[]} options.corpus inputs to begin with
 * @param {number} options.executions at most so many
 * @param {number} options.seconds at most so long
 * @param {(input: Buffer) => void} options.keep is given every input that reached something new
 */
export async function fuzz(target, { build, seed, corpus, executions, seconds, keep }) {
  const harness = new Harness(target, build);
  const random = seeded(seed);
  const mutate = makeMutator(random, target.dictionary, target.maxLength);
  const inputs = [...corpus];
  const end = performance.now() + seconds * 1000;
  /** Rather a short one, which is quick; now and then a new one, which has had the fewest children. */
  const choose = () => {
    const recent = inputs.length - 1 - random(Math.min(8, inputs.length));
    const [one, other] = [
      inputs[random(inputs.length)],
      inputs[random(4) === 0 ? recent : random(inputs.length)],
    ];
    return one.length < other.length === random(16) > 0 ? one : other;
  };

  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // most inputs end with an error whose stack is never read
  let executed = 0;
  let mostSteps = 0;
  let crash;
  while (executed < executions && (executed % 64 > 0 || performance.now() < end)) {
    const isSeed = executed < corpus.length;
    const input = isSeed ? corpus[executed] : mutate(choose(), choose());
    if (executed++ % 64 === 0) await nextTurn(); // zlib frees what was closed only then
    const error = harness.run(input);
    if (error !== undefined) {
      const smallest = shrink(harness, input, error);
      Error.stackTraceLimit = stackTraceLimit;
      crash = { input: smallest, error: harness.run(smallest) };
      break;
    }
    mostSteps = Math.max(mostSteps, harness.coverage.steps / target.maxSteps(input.length));
    if (!harness.coverage.learn() || isSeed) continue;
    inputs.push(input);
    keep(input);
  }
  Error.stackTraceLimit = stackTraceLimit;
  const { coverage } = harness;
  return { executed, inputs: inputs.length, coverage, mostSteps, crash };
}

/** A long input would be tried too often otherwise. */
const MOST_TRIES = 3000;

/**
 * A shorter input that fails in the same way, by leaving out ever smaller pieces.
 *
 * @param {Harness} harness
 * @param {Buffer} input
 * @param {unknown} error
 */
function shrink(harness, input, error) {
  const sort = nameOf(error);
  let smallest = input;
  let tries = 0;
  for (let size = input.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= smallest.length && tries++ < MOST_TRIES;) {
      const shorter = Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]);
      if (nameOf(harness.run(shorter)) === sort) smallest = shorter;
      else at += size;
    }
  }
  return smallest;
}

const nameOf = (/** @type {unknown} */ error) =>
  error instanceof Error ? error.name : typeof error;

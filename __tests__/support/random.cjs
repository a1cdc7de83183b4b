// Random numbers with a seed, for tests, fuzzer, soak and benchmark. CommonJS, because Jest loads it too.
'use strict';

// Jest looks up a global in its sandbox by a call, which takes several times as long as the multiplication.
const { imul } = Math;

/**
 * A random number generator (mulberry32). The same seed gives the same numbers.
 *
 * @param {number} seed
 * @returns {() => number} a function whose results are in [0, 1)
 */
exports.seededRandom = (seed) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
};

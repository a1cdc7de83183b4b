// From what the processes report to what holds and what does not. Latency is told, never judged: it is the
// machine's as much as the server's.

import { LIMITS } from './limited-deeds.mjs';

/** This share of the samples, the first of them, are of a server that still warms up. */
const WARM_UP = 1 / 3;
/** A drift is 0 within so many of its standard errors … */
const ERRORS = 4;
/** … plus this share of what is alive … */
const ALLOWED_SHARE = 0.03;
/** … plus as many bytes, for code that is still being compiled: in a run of seconds a megabyte comes of that. */
const ALLOWED_BYTES = 2 * 1024 * 1024;
/** Bytes that may be left outside the heap when everyone has gone, for what is made once: shared contexts, Node's pools. */
export const ALLOWED_OUTSIDE = 2 * 1024 * 1024;

/** In a shorter run, a limit need not have closed a connection. */
const LIMITS_FROM = 10;

/**
 * @typedef {object} Sample
 * @property {number} at seconds since the start
 * @property {number} heapUsed bytes, after a garbage collection
 * @property {number} external bytes
 * @property {number} rss bytes
 * @property {number} connections
 * @property {number} opened so far
 * @property {number} messages checked so far
 * @property {number | null} p50 milliseconds
 * @property {number | null} p99 milliseconds
 */

/**
 * The straight line through the samples after the warm-up, by least squares.
 *
 * @param {readonly Sample[]} samples
 * @param {(sample: Sample) => number} of
 */
export function drift(samples, of) {
  // By their number: after a machine that has stood still for a while there might be no sample by the clock.
  const points = samples
    .slice(Math.floor(samples.length * WARM_UP))
    .map((each) => ({ x: each.at, y: of(each) }));
  const count = points.length;
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, v) => sum + v, 0) / count;
  const middle = { x: mean(points.map(({ x }) => x)), y: mean(points.map(({ y }) => y)) };
  const spread = points.reduce((sum, { x }) => sum + (x - middle.x) ** 2, 0);
  const slope = points.reduce((sum, { x, y }) => sum + (x - middle.x) * (y - middle.y), 0) / spread;
  const line = (/** @type {number} */ x) => middle.y + slope * (x - middle.x);
  const rest = points.reduce((sum, { x, y }) => sum + (y - line(x)) ** 2, 0);
  const error = Math.sqrt(rest / (count - 2) / spread);
  const first = points[0]?.x ?? 0;
  const last = points.at(-1)?.x ?? 0;
  const seconds = last - first;
  return {
    /** Bytes a second, and the standard error of that. */
    slope,
    error,
    /** Bytes, from the first of the samples to the last. */
    grown: slope * seconds,
    margin: ERRORS * error * seconds + ALLOWED_SHARE * middle.y + ALLOWED_BYTES,
    seconds,
    mean: middle.y,
    line: [
      { x: first, y: line(first) },
      { x: last, y: line(last) },
    ],
  };
}

/**
 * @typedef {object} Verdict
 * @property {string} what
 * @property {string} wanted
 * @property {string} got
 * @property {boolean} holds
 */

/**
 * @param {any} results of run.mjs
 * @returns {Verdict[]}
 */
export function judge(results) {
  const { samples, before, found, crash, warnings, left } = results;
  /** @type {Verdict[]} */
  const verdicts = [
    {
      what: 'crashes of the server',
      wanted: '0',
      got: crash === undefined ? '0' : `1: ${crash}`,
      holds: crash === undefined,
    },
  ];
  if (crash !== undefined) return verdicts; // the rest would be its consequences
  const none = (/** @type {string} */ what, /** @type {number} */ count) =>
    verdicts.push({ what, wanted: '0', got: String(count), holds: count === 0 });
  none('warnings of the process', warnings);
  none('messages lost', found.lost);
  none('messages altered', found.altered);
  none('messages out of order', found.outOfOrder);
  none('messages repeated', found.repeated);
  none('well-behaved peers refused', found.refused);
  none('well-behaved peers cut', found.cut);
  none('connections left at the end', left.connections);
  none('sockets left at the end', left.sockets);
  const { grown, margin } = drift(samples, ({ heapUsed }) => heapUsed);
  verdicts.push({
    what: 'growth of the heap, KiB',
    wanted: `at most ${kib(margin)}`,
    got: kib(grown),
    holds: grown <= margin,
  });
  // During the run this is what waits for those that do not read, and what zlib has at work: it goes up and down.
  const outside = left.external - before.external;
  verdicts.push({
    what: 'left outside the heap, KiB',
    wanted: `at most ${kib(ALLOWED_OUTSIDE)}`,
    got: kib(outside),
    holds: outside <= ALLOWED_OUTSIDE,
  });
  return [...verdicts, ...work(results)];
}

/**
 * Nothing was found, because nothing was looked at? That is no success, and a run goes on until it is otherwise.
 *
 * @param {any} results of run.mjs, so far
 * @returns {Verdict[]}
 */
export function work({ options, wellBehaved, found, deeds, limitedBy }) {
  const atLeast = (
    /** @type {string} */ what,
    /** @type {number} */ wanted,
    /** @type {number} */ got,
  ) => ({ what, wanted: `at least ${wanted}`, got: String(got), holds: got >= wanted });
  const all = (
    /** @type {string} */ what,
    /** @type {string[]} */ wanted,
    /** @type {Record<string, number>} */ counts,
  ) => {
    const missing = wanted.filter((each) => !counts[each]);
    const got = String(wanted.length - missing.length);
    return {
      what,
      wanted: String(wanted.length),
      got: missing.length === 0 ? got : `${got}, without: ${missing.join('; ')}`,
      holds: missing.length === 0,
    };
  };
  const verdicts = [
    atLeast('messages checked', 5 * wellBehaved, found.echoes + found.broadcasts),
    atLeast('echoes among them', options.echoes, found.echoes),
    atLeast('compressed messages among them', Math.ceil(wellBehaved / 2), found.compressed),
    atLeast('visits over HTTP/2', Math.ceil(wellBehaved / 10), found.streams),
    all('kinds of chaos that were there', Object.keys(deeds), deeds),
  ];
  if (options.seconds >= LIMITS_FROM) {
    verdicts.push(all('limits that closed a connection', LIMITS, limitedBy));
  }
  return verdicts;
}

/**
 * Whether it is certain by now that the run does not hold.
 *
 * @param {any} results of run.mjs, so far
 */
export function hasFault({ found, warnings }) {
  const { altered, outOfOrder, repeated, refused, cut, unanswered } = found;
  // A peer that got no answer may still be excused.
  return altered + outOfOrder + repeated + cut + warnings + refused - unanswered.length > 0;
}

const kib = (/** @type {number} */ bytes) => String(Math.round(bytes / 1024));

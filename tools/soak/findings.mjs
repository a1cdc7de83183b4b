// What the well-behaved peers have found, all of them together.
import { Durations } from './tally.mjs';

/** Descriptions of faults that are kept; all are counted. */
const MOST_DESCRIBED = 20;

/** Everything that went wrong or right, for all peers together. */
export const found = {
  echoes: 0,
  broadcasts: 0,
  /** How many of these came compressed. */
  compressed: 0,
  pongs: 0,
  bytes: 0,
  visits: 0,
  /** How many of these were streams of HTTP/2. */
  streams: 0,
  lost: 0,
  altered: 0,
  outOfOrder: 0,
  repeated: 0,
  refused: 0,
  cut: 0,
  /** Connections that the kernel did not let in: nothing that a server can be blamed for. */
  notLetIn: 0,
};
export const faults = /** @type {string[]} */ ([]);
/**
 * Connections that ended without a byte of an answer, from where they came, and what was said of them.
 *
 * @type {{ address: string | undefined, port: number, description: string }[]}
 */
export const unanswered = [];
export const latencies = new Durations();
export const allLatencies = new Durations();

/** @param {'altered' | 'outOfOrder' | 'repeated' | 'refused' | 'cut' | 'lost'} kind */
export function fault(kind, /** @type {string} */ description, count = 1) {
  found[kind] += count;
  if (faults.length < MOST_DESCRIBED) faults.push(description);
}

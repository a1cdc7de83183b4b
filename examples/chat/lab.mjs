import { randomBytes } from 'node:crypto';

/**
 * Two experiments for visitors: many messages at once, and a reader that stops.
 *
 * @typedef {import('hawser').WebSocketConnection} Connection
 */

const BURST = 10_000;
/** More than the buffers of both kernels and of a browser hold together. */
const FLOOD = 48_000_000;
const BLOCK = Buffer.alloc(48_000);
/** A flood ends if its reader takes nothing for this time, in ms. A ticket is valid for the same time. */
const PATIENCE = 20_000;
/** A flood ends after this time in any case, in ms, so that a reader of a few bytes keeps no place for ever. */
const LONGEST = 5 * 60_000;

/**
 * Sends 10 000 small messages in one tick.
 *
 * `milliseconds` is the time until the kernel has all bytes. The callbacks of one write are
 * called together, so the number of `turns` in which callbacks came is the number of writes.
 *
 * @returns {Promise<{ count: number, milliseconds: number, turns: number } | undefined>}
 * `undefined` when the connection ended meanwhile
 */
export function burst(/** @type {Connection} */ conn) {
  return new Promise((resolve) => {
    const begin = performance.now();
    let left = BURST;
    let turns = 0;
    let isNewTurn = true;
    const written = (/** @type {Error | null | undefined} */ error) => {
      if (error) return resolve(undefined);
      if (isNewTurn) {
        turns += 1;
        isNewTurn = false;
        setImmediate(() => (isNewTurn = true));
      }
      left -= 1;
      if (left === 0) resolve({ count: BURST, milliseconds: performance.now() - begin, turns });
    };
    for (let n = 1; n <= BURST; n++) conn.send(`{"type":"number","n":${n}}`, written);
  });
}

/** One flood: as many bytes as its reader takes, with only a few blocks of them in memory. */
class Flood {
  total = FLOOD;
  sent = 0;
  /** The largest amount that was waiting for the reader, in bytes. */
  peak = 0;
  /** The longest time for which the reader made the server wait, in ms. */
  longestWait = 0;
  isOver = false;
  /** @type {Connection | undefined} */
  #conn;
  #waitingSince = 0;

  get figures() {
    const { total, sent, peak, isOver } = this;
    const wait = this.#waitingSince === 0 ? 0 : performance.now() - this.#waitingSince;
    const longestWait = Math.max(this.longestWait, wait);
    return { total, sent, peak, longestWait, isOver, held: this.#conn?.bufferedAmount ?? 0 };
  }

  /** Backpressure takes no more than this: when `send` returns `false`, wait for `drained()`. */
  async pour(/** @type {Connection} */ conn) {
    this.#conn = conn;
    const late = setTimeout(() => conn.terminate(), LONGEST).unref();
    while (this.sent < this.total && conn.readyState === 'open') {
      const isBelowMark = conn.send(BLOCK, { compress: false });
      this.sent += BLOCK.length;
      this.peak = Math.max(this.peak, conn.bufferedAmount);
      if (isBelowMark) continue;
      this.#waitingSince = performance.now();
      const stalled = setTimeout(() => conn.terminate(), PATIENCE).unref();
      await conn.drained();
      clearTimeout(stalled);
      this.longestWait = Math.max(this.longestWait, performance.now() - this.#waitingSince);
      this.#waitingSince = 0;
    }
    // The reader has megabytes left to read from its buffers. `closeTimeout` is for what comes after them.
    await conn.roundTrip().catch(() => undefined);
    await conn.close(1000, 'That was all');
    clearTimeout(late);
    this.isOver = true;
  }
}

/**
 * The floods in progress. A visitor requests one on the connection of the chat and gets a ticket. The
 * slow reader presents the ticket on a connection of its own, so the chat works while the reader stops.
 */
export class Floods {
  /** @type {Map<string, Flood>} by ticket */
  #floods = new Map();
  /** @type {Map<string, NodeJS.Timeout>} by ticket, until it is presented */
  #expiries = new Map();
  #most;

  constructor(/** @type {number} */ most) {
    this.#most = most;
  }

  /** Returns a ticket for one flood, or `undefined` if there are too many floods. */
  announce() {
    if (this.#floods.size >= this.#most) return undefined;
    const ticket = randomBytes(12).toString('base64url');
    const flood = new Flood();
    this.#floods.set(ticket, flood);
    this.#expiries.set(ticket, setTimeout(() => this.#forget(ticket), PATIENCE).unref());
    return { ticket, flood };
  }

  /** Starts the flood of this ticket; `false` for an unknown ticket. */
  start(/** @type {string} */ ticket, /** @type {Connection} */ conn) {
    const flood = this.#floods.get(ticket);
    if (flood === undefined || flood.sent > 0) return false;
    clearTimeout(this.#expiries.get(ticket));
    void flood.pour(conn).finally(() => this.#forget(ticket));
    return true;
  }

  #forget(/** @type {string} */ ticket) {
    clearTimeout(this.#expiries.get(ticket));
    this.#expiries.delete(ticket);
    this.#floods.delete(ticket);
  }
}

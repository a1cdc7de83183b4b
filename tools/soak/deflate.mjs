// permessage-deflate as a client has it (RFC 7692), by zlib's documented calls and without hawser: a mistake of its
// own must not hide itself.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

/** The end of a message that its sender leaves out (section 7.2.1). */
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff);

/** What a peer may offer: nothing, and all that can be said about takeover and windows. */
export const OFFERS = [
  undefined,
  'permessage-deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=10; server_max_window_bits=8',
  'permessage-deflate; server_max_window_bits=9; client_max_window_bits=9',
  'permessage-deflate; server_max_window_bits=11; client_no_context_takeover',
  'permessage-deflate; server_no_context_takeover; client_max_window_bits=12',
  'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
];
/** No server may take this one: it has to go on to the next. */
export const BAD_OFFER = 'permessage-deflate; server_max_window_bits=7';

/**
 * What one side has compressed, as far as it may refer to it.
 *
 * @typedef {object} Context
 * @property {number} bits the size of the window, as a power of two
 * @property {boolean} takeover
 * @property {Buffer} window
 */

/** Compresses and decompresses what a peer sends and gets. */
export class Compression {
  /** @type {Context} */
  #ours;
  /** @type {Context} */
  #theirs;

  /**
   * @param {string} offer
   * @param {string | undefined} response the server's Sec-WebSocket-Extensions
   * @throws if a client that has made this offer must not believe the response (section 7.1)
   */
  constructor(offer, response) {
    const asked = parametersOf(offer);
    const told = parametersOf(response ?? 'none');
    const largest = (/** @type {string} */ name) => Number(asked.get(name) ?? 15);
    const bits = (/** @type {string} */ name) => Number(told.get(name) ?? 15);
    const wrong =
      !/^permessage-deflate(;|$)/.test(response ?? '') ||
      [...told.keys()].some((name) => !PARAMETERS.includes(name)) ||
      (asked.has(SERVER_FORGETS) && !told.has(SERVER_FORGETS)) ||
      (told.has(CLIENT_BITS) && !asked.has(CLIENT_BITS)) ||
      [SERVER_BITS, CLIENT_BITS].some((name) => !(bits(name) >= 8 && bits(name) <= largest(name)));
    if (wrong) throw new Error(`"${offer}" is answered with "${response}"`);
    const context = (/** @type {string} */ size, /** @type {string} */ forgets) => ({
      bits: bits(size),
      takeover: !told.has(forgets),
      window: Buffer.alloc(0),
    });
    this.#ours = context(CLIENT_BITS, CLIENT_FORGETS);
    this.#theirs = context(SERVER_BITS, SERVER_FORGETS);
    // A client may forget although nothing was said of it (section 7.1.1.2).
    if (asked.has(CLIENT_FORGETS)) this.#ours.takeover = false;
  }

  /**
   * The payload of the compressed message, made in any of the ways that a client may choose.
   *
   * @param {Buffer} message
   * @param {import('./random.mjs').Random} random
   */
  compress(message, random) {
    const options = {
      ...contextOptions(this.#ours),
      windowBits: Math.max(9, this.#ours.bits), // zlib compresses with no smaller one
      level: random.between(0, 9),
      memLevel: random.between(1, 9),
    };
    pass(this.#ours, message);
    // A stream that ends, and an empty block after its end (section 7.2.3.4).
    if (random.next() < 0.1) return Buffer.concat([deflateRawSync(message, options), Buffer.of(0)]);
    const flushed = deflateRawSync(message, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
    return flushed.subarray(0, -TAIL.length);
  }

  /**
   * The message of a payload.
   *
   * @param {Buffer} payload
   * @throws if it is no DEFLATE, or refers to what is no longer in the window
   */
  decompress(payload) {
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), {
      ...contextOptions(this.#theirs),
      // Farther back than the window zlib finds only what it has handed out with the same chunk.
      chunkSize: Math.max(64, 2 ** this.#theirs.bits / 4),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    pass(this.#theirs, message);
    return message;
  }
}

const SERVER_FORGETS = 'server_no_context_takeover';
const CLIENT_FORGETS = 'client_no_context_takeover';
const SERVER_BITS = 'server_max_window_bits';
const CLIENT_BITS = 'client_max_window_bits';
const PARAMETERS = [SERVER_FORGETS, CLIENT_FORGETS, SERVER_BITS, CLIENT_BITS];

/** @returns {Map<string, string | undefined>} */
function parametersOf(/** @type {string} */ extension) {
  const [, ...parameters] = extension.split(/; */);
  return new Map(
    parameters.map((each) => {
      const [name = '', value] = each.split('=');
      return [name, value];
    }),
  );
}

/** @param {Context} context */
function contextOptions({ bits, window }) {
  return window.length === 0 ? { windowBits: bits } : { windowBits: bits, dictionary: window };
}

/** What follows may refer to this message. */
function pass(/** @type {Context} */ context, /** @type {Buffer} */ message) {
  if (!context.takeover) return;
  const both = Buffer.concat([context.window, message]);
  context.window = Buffer.from(both.subarray(-(2 ** context.bits)));
}

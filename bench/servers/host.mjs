// The process of one server: `node host.mjs PEER`. It serves, and tells what it has used.
import { Session } from 'node:inspector/promises';
import { answer } from '../rpc.mjs';
import { jsonMessages, serverMessages } from '../payloads.mjs';

/**
 * What a server has to do with messages.
 *
 * - `echo`: send each message back as the library delivers it; with `strings`, text is turned into a
 *   string first and sent as a string.
 * - `broadcast`: on any message, send all of `messages` to every connection, in one tick.
 * - `stream`: on a message, send as many messages as its last four bytes say down its connection,
 *   cycling through `messages`, as fast as the library's way of respecting backpressure allows.
 *
 * @typedef {object} Work
 * @property {'echo' | 'broadcast' | 'stream'} kind
 * @property {boolean} [strings]
 * @property {'except' | 'filter' | 'topic' | 'symbols' | 'symbols-by-hand'} [select] hawser only: broadcast to all but
 *   the one that asks; publish to one topic; publish each message to a topic of its own
 * @property {number} [each] topics of each connection
 * @property {Deflate} [deflate] with permessage-deflate, for messages of any length
 * @property {(Buffer | string)[]} messages
 */

/**
 * What is not given is the library's default.
 *
 * @typedef {object} Deflate
 * @property {boolean} takeover contexts are kept on both sides
 * @property {number} [windowBits]
 * @property {number} [level]
 * @property {number} [memLevel]
 */

/**
 * What every file in this folder exports.
 *
 * @typedef {object} Peer
 * @property {() => { version: string, mode: string }} claim throws if this is not what it claims to be
 * @property {(work: Work) => Promise<number>} serve on a free port of 127.0.0.1, which it returns
 * @property {(deflate: Deflate) => string} [effort] level and memLevel, in words
 */

/** @type {Peer} */
const peer = await import(`./${process.argv[2]}.mjs`);

let highest = 0;
/** @type {NodeJS.Timeout | undefined} */
let watching;

/** @type {Session | undefined} */
let profiler;

answer({
  claim: () => peer.claim(),

  /** @param {Omit<Work, 'messages'> & { count?: number, size?: number, json?: { count: number, size: number } }} order */
  serve: ({ count = 0, size = 0, json, ...work }) =>
    peer.serve({
      ...work,
      messages: json
        ? jsonMessages(json.count, json.size).map(String)
        : serverMessages(count, size),
    }),

  /** @param {Deflate | undefined} deflate */
  effort: (deflate) => (deflate === undefined ? '' : peer.effort?.(deflate)),

  /** Of this whole process so far: CPU time in microseconds, page faults, and its highest resident memory in MiB. */
  usage() {
    const { userCPUTime, systemCPUTime, minorPageFault, maxRSS } = process.resourceUsage();
    return { cpu: userCPUTime + systemCPUTime, faults: minorPageFault, peak: maxRSS / 1024 };
  },

  /** Resident bytes, after everything that can be collected has been. */
  async memory() {
    let least = Infinity;
    for (let turn = 0; turn < 8; turn++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 25));
      least = Math.min(least, process.memoryUsage.rss());
    }
    return least;
  },

  /** From now on, look every few milliseconds. */
  watchMemory() {
    highest = 0;
    watching = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage.rss());
    }, 5);
  },

  watchedMemory() {
    clearInterval(watching);
    return { highest, now: process.memoryUsage.rss() };
  },

  async startProfile() {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.setSamplingInterval', { interval: 200 });
    await profiler.post('Profiler.start');
  },

  /** In the format of .cpuprofile files. */
  stopProfile: async () => (await profiler?.post('Profiler.stop'))?.profile,
});

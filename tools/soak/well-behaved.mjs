// The process of the well-behaved peers.
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { answer } from '../../bench/rpc.mjs';
import { allLatencies, faults, found, latencies, unanswered } from './findings.mjs';
import { course, Peer } from './peer.mjs';

/** Milliseconds between looks at whether all have gone. */
const LOOK_EVERY = 20;

const peers = /** @type {Peer[]} */ ([]);
let allDone = false;

answer({
  /** @param {{ port: number, streamPort: number, count: number, seed: number }} order */
  start({ port, streamPort, count, seed }) {
    for (let id = 0; id < count; id++) peers.push(new Peer(id, port, streamPort, seed));
    Promise.all(peers.map((peer) => peer.live())).then(
      () => (allDone = true),
      (error) => {
        // An address or a descriptor of ours has run out, or the server has gone: nothing that is checked here.
        process.send?.({ fatal: error.message }, () => process.exit(1));
      },
    );
  },

  /** Since the last call. */
  sample() {
    const sample = {
      p50: latencies.quantile(0.5),
      p99: latencies.quantile(0.99),
      messages: found.echoes + found.broadcasts,
    };
    latencies.clear();
    return sample;
  },

  /** Send nothing more. */
  stop() {
    course.stopping = true;
    for (const peer of peers) peer.wake();
  },

  /** Close when what must still come has come. */
  finish(/** @type {number} */ next) {
    course.afterTheLast = next;
    for (const peer of peers) peer.wake();
  },

  /** Whether all have closed, and what has come so far. */
  async look() {
    await turn();
    return { allDone, bytes: found.bytes };
  },

  /** Nothing comes any more. */
  async giveUp() {
    while (!allDone) {
      for (const peer of peers) peer.giveUp();
      await delay(LOOK_EVERY);
    }
  },

  /** Everything, so far. */
  found: () => ({
    ...found,
    faults,
    unanswered,
    latency: {
      p50: allLatencies.quantile(0.5),
      p99: allLatencies.quantile(0.99),
      p999: allLatencies.quantile(0.999),
    },
  }),
});

// The process of the well-behaved peers.
import { answer } from '../bench/rpc.mjs';
import { allLatencies, faults, found, latencies, unanswered } from './findings.mjs';
import { course, Peer } from './peer.mjs';

/** What is still missing when nothing at all has come for so many milliseconds is lost. */
const SILENCE = 5000;

const peers = /** @type {Peer[]} */ ([]);
/** @type {Promise<unknown>} */
let allDone = Promise.resolve();

answer({
  /** @param {{ port: number, count: number, seed: number }} order */
  start({ port, count, seed }) {
    for (let id = 0; id < count; id++) peers.push(new Peer(id, port, seed));
    allDone = Promise.all(peers.map((peer) => peer.live()));
    allDone.catch((error) => {
      // An address or a descriptor of ours has run out, or the server has gone: nothing that is checked here.
      process.send?.({ fatal: error.message }, () => process.exit(1));
    });
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

  /** Wait for what must still come, close, and tell everything. */
  async finish(/** @type {number} */ next) {
    course.afterTheLast = next;
    course.lastArrival = performance.now();
    for (const peer of peers) peer.wake();
    const watch = setInterval(() => {
      if (performance.now() - course.lastArrival < SILENCE) return;
      for (const peer of peers) peer.giveUp();
    }, 100);
    await allDone;
    clearInterval(watch);
    return {
      ...found,
      faults,
      unanswered,
      latency: {
        p50: allLatencies.quantile(0.5),
        p99: allLatencies.quantile(0.99),
        p999: allLatencies.quantile(0.999),
      },
    };
  },
});

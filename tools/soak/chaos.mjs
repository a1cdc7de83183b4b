// The process of the chaos peers: they come, do one thing that a peer should not do, and leave, over and over.
import { setTimeout as delay } from 'node:timers/promises';
import { answer } from '../../bench/rpc.mjs';
import { compressedDeeds } from './compressed-deeds.mjs';
import { deeds as plainDeeds } from './deeds.mjs';
import { limitedDeeds } from './limited-deeds.mjs';
import { Random } from './random.mjs';
import { streamDeeds } from './stream-deeds.mjs';
import { dialSession } from './streams.mjs';
import { dial } from './transport.mjs';

const deeds = { ...plainDeeds, ...compressedDeeds, ...limitedDeeds };
const names = [...Object.keys(deeds), ...Object.keys(streamDeeds)];
/** How often each deed was begun. */
const begun = /** @type {Record<string, number>} */ ({});

/** Milliseconds between two visits, at most. */
const PAUSE = 1000;

class Gone extends Error {}

/**
 * @param {number} port
 * @param {number} id
 * @param {Random} random
 * @param {string} name
 * @returns {Promise<boolean>} whether it was let in
 */
async function visit(port, id, random, name) {
  const socket = await dial(port, id);
  if (socket === undefined) return false;
  socket.resume();
  begun[name] = (begun[name] ?? 0) + 1;
  const wait = async (/** @type {number} */ from, /** @type {number} */ to) => {
    await delay(random.between(from, to));
    if (socket.destroyed) throw new Gone();
  };
  try {
    await deeds[name]?.({ socket, random, wait });
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
  } finally {
    if (random.next() < 0.5) socket.destroy();
    else socket.resetAndDestroy();
  }
  return true;
}

/**
 * {@link visit} with a session of HTTP/2.
 *
 * @param {number} port
 * @param {number} id
 * @param {Random} random
 * @param {string} name
 */
async function visitStreams(port, id, random, name) {
  const session = await dialSession(port, id);
  if (session === undefined) return false;
  begun[name] = (begun[name] ?? 0) + 1;
  const wait = async (/** @type {number} */ from, /** @type {number} */ to) => {
    await delay(random.between(from, to));
    if (session.destroyed) throw new Gone();
  };
  try {
    await streamDeeds[name]?.({ session, random, wait });
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
  } finally {
    session.destroy();
  }
  return true;
}

answer({
  /** @param {{ port: number, streamPort: number, count: number, seed: number }} order */
  start({ port, streamPort, count, seed }) {
    for (let id = 0; id < count; id++) {
      const random = new Random(seed * 1_000_033 + id);
      void (async () => {
        await delay(random.between(0, 1000)); // not all at once
        // Everyone begins with another deed, so that even a short run has them all.
        for (let name = names[id % names.length] ?? ''; ;) {
          const wasThere =
            name in streamDeeds
              ? await visitStreams(streamPort, id, random, name)
              : await visit(port, id, random, name);
          if (wasThere) name = random.of(names);
          await delay(random.between(0, PAUSE));
        }
      })();
    }
  },

  /** How often so far, for each deed there is. */
  deeds: () => Object.fromEntries(names.map((name) => [name, begun[name] ?? 0])),
});

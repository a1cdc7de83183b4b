// How a figure is taken: CPU time of the server process in a window, divided by the messages in it.

/**
 * @typedef {object} Processes
 * @property {import('../rpc.mjs').Worker} server
 * @property {import('../rpc.mjs').Worker} load
 * @property {(profile: any) => void} [onProfile] profile the window, and hand it over
 */

/**
 * @typedef {object} Figure
 * @property {number} value what the scenario is about: CPU, memory or latency
 * @property {number} [cpu] microseconds of CPU time per message
 * @property {number} [perSecond] messages a second, bounded by the load generator
 * @property {number} [bytes] of a reply, with its header
 * @property {number} [settled] MiB of memory left when it is over
 * @property {string} [extensions] what was negotiated
 * @property {string} [effort] of the compressor: level and memLevel
 * @property {number} [p50] microseconds
 * @property {number} [p99] microseconds
 */

/**
 * @param {Processes} processes
 * @param {object} warmUp order for the load generator
 * @param {object} window the same
 * @returns {Promise<{ cpu: number, perSecond: number, done: any }>}
 */
export async function cpuPerMessage({ server, load, onProfile }, warmUp, window) {
  await load.call('run', warmUp);
  if (onProfile) await server.call('startProfile');
  const before = await server.call('cpu');
  const done = await load.call('run', window);
  const after = await server.call('cpu');
  onProfile?.(await server.call('stopProfile'));
  return {
    cpu: (after - before) / done.messages,
    perSecond: Math.round(done.messages / done.seconds),
    done,
  };
}

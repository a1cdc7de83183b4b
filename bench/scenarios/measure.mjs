// How a figure is taken: CPU time of the server process in a window, divided by the messages in it.

/**
 * @typedef {object} Processes
 * @property {import('../rpc.mjs').Worker} server
 * @property {import('../rpc.mjs').Worker} load
 * @property {(profile: any) => void} [onProfile] profile the window, and hand it over
 * @property {import('../turns.mjs').Turn} [turn] another measurement runs beside this one
 */

/**
 * @typedef {object} Figure
 * @property {number} value what the scenario is about: CPU, memory or latency
 * @property {number} [cpu] microseconds of CPU time per message
 * @property {number} [perSecond] messages a second, bounded by the load generator
 * @property {number} [faults] pages of memory per message that the kernel had to provide
 * @property {number} [peak] MiB, the highest resident memory of the server
 * @property {number} [bytes] of a reply, with its header
 * @property {number} [settled] MiB of memory left when it is over
 * @property {string} [extensions] what was negotiated
 * @property {string} [effort] of the compressor: level and memLevel
 * @property {number} [p50] microseconds
 * @property {number} [p99] microseconds
 */

/**
 * @typedef {object} Order
 * @property {number} [milliseconds] and not less than
 * @property {number} [least] messages
 * @property {number} [messages] or exactly so many
 * @property {number} [step] of which they are a multiple
 * @property {number} [count] or so many on every connection, which has no more
 */

/**
 * @param {Processes} processes
 * @param {Order} warmUp order for the load generator
 * @param {Order} window the same
 * @returns {Promise<{ cpu: number, perSecond: number, faults: number, peak: number, done: any }>}
 */
export async function cpuPerMessage(processes, warmUp, window) {
  const { server, load, onProfile, turn = ALONE } = processes;
  const calibrated = await turn.take(() => warmedUp(processes, warmUp));
  const part =
    turn === ALONE
      ? window
      : window.milliseconds === undefined
        ? partOf(window, turn.parts)
        : calibrated;
  // The first part after the other side has worked costs more than those that follow.
  if (turn !== ALONE && window.count === undefined) await turn.take(() => load.call('run', part));
  if (onProfile) await server.call('startProfile');
  const sum = { cpu: 0, messages: 0, seconds: 0, faults: 0, peak: 0 };
  let done;
  for (let count = 0; count < turn.parts; count++) {
    await turn.take(async () => {
      const before = await server.call('usage');
      done = await load.call('run', part);
      const after = await server.call('usage');
      sum.cpu += after.cpu - before.cpu;
      sum.faults += after.faults - before.faults;
      sum.peak = after.peak;
      sum.messages += done.messages;
      sum.seconds += done.seconds;
    });
  }
  onProfile?.(await server.call('stopProfile'));
  return {
    cpu: sum.cpu / sum.messages,
    perSecond: Math.round(sum.messages / sum.seconds),
    faults: sum.faults / sum.messages,
    peak: sum.peak,
    done,
  };
}

/** @type {import('../turns.mjs').Turn} */
const ALONE = { parts: 1, warmUp: 0, part: 0, take: (work) => work() };

/**
 * Warm up, and find the order for a part of a window: so many messages as will cost the server about
 * `turn.part`. Time on the clock would be fewer messages the busier the machine is.
 *
 * @param {Processes} processes
 * @param {Order} warmUp
 * @returns {Promise<Order>}
 */
async function warmedUp({ server, load, turn = ALONE }, warmUp) {
  const { cpu: began } = await server.call('usage');
  for (;;) {
    const { cpu: before } = await server.call('usage');
    const { messages } = await load.call('run', warmUp);
    const { cpu: now } = await server.call('usage');
    if (warmUp.milliseconds === undefined || now - began >= turn.warmUp) {
      return { milliseconds: 0, least: Math.ceil((messages / (now - before)) * turn.part) };
    }
  }
}

/** One of so many equal parts of a count; `step` messages are the fewest that can be asked for. */
function partOf(/** @type {Order} */ { step = 1, ...order }, /** @type {number} */ parts) {
  const part = Object.entries(order).map(([key, value]) => [
    key,
    Math.max(1, Math.floor(value / parts / step)) * step,
  ]);
  return Object.fromEntries(part);
}

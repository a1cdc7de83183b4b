// One figure needs two processes: a server and a load generator, both new, so that nothing is left of
// the one before and every round compiles for itself.
import { peers } from './peers.mjs';
import { Worker } from './rpc.mjs';

const SERVER = new URL('servers/host.mjs', import.meta.url);
const LOAD = new URL('load/host.mjs', import.meta.url);

/**
 * @typedef {object} Effort
 * @property {number} warmUp milliseconds
 * @property {number} window milliseconds
 * @property {number} streamed messages
 * @property {number} held idle connections
 */

/** @param {string} peer */
function startServer(peer) {
  const { file = peer, env, execPath } = peers[peer] ?? {};
  return new Worker(peer, SERVER, [file], env, execPath);
}

/**
 * What a peer says that it is.
 *
 * @param {string} peer
 * @returns {Promise<{ version: string, mode: string }>}
 * @throws if it is not
 */
export async function claimOf(peer) {
  const server = startServer(peer);
  try {
    return await server.call('claim');
  } finally {
    await server.stop();
  }
}

/**
 * Take one figure.
 *
 * @param {string} peer
 * @param {string} kind
 * @param {object} params
 * @param {Effort} effort
 * @param {object} [how]
 * @param {(profile: any) => void} [how.onProfile] asks for a profile of the server
 * @param {import('./turns.mjs').Turn} [how.turn] another measurement runs beside this one
 * @returns {Promise<import('./scenarios/measure.mjs').Figure>}
 */
export async function measure(peer, kind, params, effort, { onProfile, turn } = {}) {
  const scenario = await import(`./scenarios/${kind}.mjs`);
  const server = startServer(peer);
  const load = new Worker('load generator', LOAD, [kind]);
  try {
    await server.call('claim');
    return await scenario.measure(
      { server, load, onProfile, turn },
      { ...params, wire: peers[peer]?.wire },
      effort,
    );
  } finally {
    await Promise.all([server.stop(), load.stop()]);
  }
}

// Every connection sends `inFlight` messages in one write, waits for their echoes, and sends again.
import { performance } from 'node:perf_hooks';
import { openClients } from '../load/client.mjs';
import { frame, payload } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

/**
 * @typedef {object} Params
 * @property {number} connections
 * @property {number} [idle] further connections that say nothing
 * @property {number} size of a payload, in bytes
 * @property {import('../payloads.mjs').Content} content
 * @property {number} inFlight
 * @property {boolean} [strings]
 * @property {number} [least] messages in a window, if it takes longer than it should
 * @property {'websocket' | 'raw'} wire
 */

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, idle, size, content, inFlight, strings, least } = params;
  const port = await processes.server.call('serve', { kind: 'echo', strings });
  await processes.load.call('open', {
    port,
    wire: params.wire,
    connections,
    idle,
    size,
    content,
    inFlight,
  });
  const { cpu, perSecond, faults, peak } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  return { value: cpu, cpu, perSecond, faults, peak };
}

/**
 * In the load generator.
 *
 * @param {Params & { port: number }} params
 * @returns {Promise<import('../load/host.mjs').Session>}
 */
export async function open({ port, wire, connections, idle = 0, size, content, inFlight }) {
  const clients = await openClients(port, connections + idle);
  const busy = clients.slice(0, connections).map((client, index) => {
    const payloads = Array.from({ length: inFlight }, (_, turn) =>
      payload(content, size, index * inFlight + turn),
    );
    const echo = Buffer.concat(payloads.map((bytes) => frame(content, bytes)));
    const batch =
      wire === 'raw' ? echo : Buffer.concat(payloads.map((bytes) => frame(content, bytes, true)));
    client.expect(echo);
    return { client, send: () => client.send(batch, echo.length) };
  });

  return drive(busy, inFlight);
}

/**
 * Each client sends its batch again and again.
 *
 * @param {{ client: { onComplete: () => void }, send: () => void }[]} busy
 * @param {number} inFlight messages of a batch
 * @returns {import('../load/host.mjs').Session}
 */
export function drive(busy, inFlight) {
  return {
    run: ({ milliseconds, least = 0 }) =>
      new Promise((resolve) => {
        const began = performance.now();
        const end = began + milliseconds;
        let batches = 0;
        let running = busy.length;
        for (const { client, send } of busy) {
          client.onComplete = () => {
            batches++;
            const now = performance.now();
            if (now < end || batches * inFlight < least) {
              send();
            } else if (--running === 0) {
              resolve({ messages: batches * inFlight, seconds: (now - began) / 1000 });
            }
          };
          send();
        }
      }),
  };
}

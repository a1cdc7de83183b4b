// Messages leave at a fixed rate, whether or not the earlier ones have come back. A latency is counted
// from the moment at which the message was due, so that a stall is charged to every message it delays.
import { performance } from 'node:perf_hooks';
import { openClients } from '../load/client.mjs';
import { frame, payload } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, size, content, perSecond, wire } = params;
  const port = await processes.server.call('serve', { kind: 'echo' });
  await processes.load.call('open', { port, wire, connections, size, content, perSecond });
  const measured = await cpuPerMessage(
    processes,
    { milliseconds: warmUp },
    { milliseconds: 2 * window },
  );
  const { p50, p99 } = measured.done;
  return { value: p99, cpu: measured.cpu, perSecond: measured.perSecond, p50, p99 };
}

/** In the load generator. */
export async function open({ port, wire, connections, size, content, perSecond }) {
  const clients = await openClients(port, connections);
  const lanes = clients.map((client, index) => {
    const bytes = payload(content, size, index);
    const echo = frame(content, bytes);
    client.expect(echo);
    /** When the messages in flight were due. @type {number[]} */
    const due = [];
    return { client, echo, due, message: frame(content, bytes, wire === 'websocket') };
  });

  return {
    run: ({ milliseconds }) =>
      new Promise((resolve) => {
        const total = Math.round((perSecond * milliseconds) / 1000);
        const latencies = new Float64Array(total);
        const began = performance.now();
        let sent = 0;
        let received = 0;

        const finish = () => {
          latencies.sort();
          const percentile = (/** @type {number} */ p) =>
            (latencies[Math.ceil((p / 100) * total) - 1] ?? 0) * 1000;
          const seconds = (performance.now() - began) / 1000;
          resolve({ messages: total, seconds, p50: percentile(50), p99: percentile(99) });
        };
        for (const { client, echo, due } of lanes) {
          client.onProgress = (owed) => {
            const now = performance.now();
            const inFlight = Math.ceil(owed / echo.length);
            while (due.length > inFlight) latencies[received++] = now - (due.shift() ?? now);
            if (received === total) finish();
          };
        }
        // No timer is fine enough: this process has a core to itself and looks at the clock.
        const tick = () => {
          const now = performance.now();
          for (; sent < total; sent++) {
            const at = began + (sent / perSecond) * 1000;
            if (at > now) break;
            const lane = lanes[sent % lanes.length];
            lane?.due.push(at);
            lane?.client.send(lane.message, lane.echo.length);
          }
          if (sent < total) setImmediate(tick);
        };
        tick();
      }),
  };
}

// As echo, over TLS: some of the connections each have one message in flight, the others say nothing.
import { openSecureClients } from '../load/secure-client.mjs';
import { frame, payload } from '../payloads.mjs';
import { drive } from './echo.mjs';
import { cpuPerMessage } from './measure.mjs';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, active, size, content, least, wire } = params;
  const port = await processes.server.call('serve', { kind: 'echo' });
  await processes.load.call('open', { port, wire, connections, active, size, content });
  const { cpu, perSecond } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  return { value: cpu, cpu, perSecond };
}

/**
 * In the load generator.
 *
 * @param {{ port: number, wire: 'tls' | 'http2', connections: number, active: number, size: number, content: import('../payloads.mjs').Content }} params
 * @returns {Promise<import('../load/host.mjs').Session>}
 */
export async function open({ port, wire, connections, active, size, content }) {
  const clients = await openSecureClients(wire, port, connections);
  const busy = clients.slice(0, active).map((client, index) => {
    const bytes = payload(content, size, index);
    const echo = frame(content, bytes);
    const batch = frame(content, bytes, true);
    client.expect(echo);
    return { client, send: () => client.send(batch, echo.length) };
  });
  return drive(busy, 1);
}

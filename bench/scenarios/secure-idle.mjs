// As idle, over TLS: a thousand connections, because each TLS socket takes long to open.
import { openSecureClients } from '../load/secure-client.mjs';

const FIRST = 200;
const HELD = 1200;

/** In run.mjs. */
export async function measure({ server, load }, { wire }) {
  const port = await server.call('serve', { kind: 'echo' });
  await load.call('open', { port, wire, connections: FIRST });
  const before = await server.call('memory');
  await load.call('more', HELD - FIRST);
  const after = await server.call('memory');
  return { value: (after - before) / (HELD - FIRST) / 1024 };
}

/**
 * In the load generator.
 *
 * @param {{ port: number, wire: 'tls' | 'http2', connections: number }} params
 * @returns {Promise<import('../load/host.mjs').Session>}
 */
export async function open({ port, wire, connections }) {
  const clients = await openSecureClients(wire, port, connections);
  return {
    more: async (count) => {
      clients.push(...(await openSecureClients(wire, port, count)));
    },
    run: async () => ({}),
  };
}

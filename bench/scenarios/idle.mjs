// Connections that say nothing. What they cost is the growth of the server's resident memory, both
// times after garbage collection, from the first few (which pay for compiled code and pools) to all.
import { openClients } from '../load/client.mjs';

const FIRST = 500;

/** In run.mjs. */
export async function measure({ server, load }, { wire }, { held }) {
  const port = await server.call('serve', { kind: 'echo' });
  await load.call('open', { port, wire, connections: FIRST });
  const before = await server.call('memory');
  await load.call('more', held - FIRST);
  const after = await server.call('memory');
  return { value: (after - before) / (held - FIRST) / 1024 };
}

/** In the load generator. */
export async function open({ port, connections }) {
  const clients = await openClients(port, connections);
  return {
    more: async (/** @type {number} */ count) => {
      clients.push(...(await openClients(port, count)));
    },
    run: async () => ({}),
  };
}

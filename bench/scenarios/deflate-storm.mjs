// Every connection sends a compressed message of 64 KiB at the same moment, and gets it back. What
// counts is the server's memory: the highest while it works, and what is left five seconds later.
import {
  agreedBy,
  check,
  compressedFrames,
  openDeflatingClients,
} from '../load/deflating-client.mjs';
import { jsonMessages } from '../payloads.mjs';

const MiB = 1024 * 1024;
const LATER = 5000;

/** In run.mjs. */
export async function measure({ server, load }, { connections, size, deflate }) {
  const port = await server.call('serve', { kind: 'echo', deflate });
  const extensions = await load.call('open', { port, connections, size });
  const before = await server.call('memory');
  await server.call('watchMemory');
  await load.call('run', {});
  await new Promise((resolve) => setTimeout(resolve, LATER));
  const { highest, now } = await server.call('watchedMemory');
  const effort = await server.call('effort', deflate);
  return { value: highest / MiB, settled: (now - before) / MiB, extensions, effort };
}

/** In the load generator. */
export async function open({ port, connections, size }) {
  const clients = await openDeflatingClients(
    port,
    connections,
    'permessage-deflate; client_max_window_bits',
  );
  const agreed = agreedBy(clients);
  const messages = jsonMessages(16, size);
  const frames = messages.flatMap((message) => compressedFrames([message], agreed));
  return {
    told: agreed.extensions,
    run: () =>
      Promise.all(
        clients.map(
          (client, index) =>
            new Promise((resolve) => {
              client.onMessage = (message) => {
                check(message, messages[index % 16]);
                resolve(undefined);
              };
              client.send(frames[index % 16]);
            }),
        ),
      ).then(() => ({ messages: clients.length })),
  };
}

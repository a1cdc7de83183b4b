// One connection asks, the server sends the same compressed JSON to all; per message delivered.
import { performance } from 'node:perf_hooks';
import { agreedBy, check, openDeflatingClients } from '../load/deflating-client.mjs';
import { frame, jsonMessages } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

const OFFER = 'permessage-deflate; client_max_window_bits';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, size, deflate, least } = params;
  const { server, load } = processes;
  const port = await server.call('serve', { kind: 'broadcast', deflate, json: { count: 1, size } });
  const extensions = await load.call('open', { port, connections, size });
  const { cpu, perSecond, done } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  const effort = await server.call('effort', deflate);
  return { value: cpu, cpu, perSecond, bytes: done.bytes, extensions, effort };
}

/** In the load generator. */
export async function open({ port, connections, size }) {
  const clients = await openDeflatingClients(port, connections, OFFER);
  const agreed = agreedBy(clients);
  const [expected] = jsonMessages(1, size);
  const request = frame('binary', Buffer.alloc(4), true);

  return {
    told: agreed.extensions,
    run: ({ milliseconds, least = 0 }) =>
      new Promise((resolve) => {
        const began = performance.now();
        let rounds = 0;
        let missing = 0;
        let bytes = 0;
        const ask = () => {
          missing = clients.length;
          clients[0]?.send(request);
        };
        for (const client of clients) {
          client.received = 0;
          client.onMessage = (message) => {
            check(message, expected);
            if (--missing > 0) return;
            rounds++;
            const now = performance.now();
            const messages = rounds * clients.length;
            if (now < began + milliseconds || messages < least) {
              ask();
              return;
            }
            for (const each of clients) bytes += each.received;
            resolve({ messages, seconds: (now - began) / 1000, bytes: bytes / messages });
          };
        }
        ask();
      }),
  };
}

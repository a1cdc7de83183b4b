// One connection asks, the server sends `perTick` messages to all, and when the last has them the next
// request follows. A message counts once for every connection it reaches.
import { performance } from 'node:perf_hooks';
import { openClients } from '../load/client.mjs';
import { frame, serverMessages } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, perTick, size, select, least, wire } = params;
  const work = { kind: 'broadcast', select, count: perTick, size };
  const port = await processes.server.call('serve', work);
  await processes.load.call('open', { port, wire, connections, perTick, size, select });
  const { cpu, perSecond } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  return { value: cpu, cpu, perSecond };
}

/** In the load generator. */
export async function open({ port, wire, connections, perTick, size, select }) {
  const clients = await openClients(port, connections);
  const expected = Buffer.concat(
    serverMessages(perTick, size).map((message) => frame('binary', message)),
  );
  const request = frame('binary', Buffer.alloc(4), wire === 'websocket');
  const [asker] = clients;
  const receivers = select === undefined ? clients : clients.slice(1);
  for (const client of clients) client.expect(expected);

  return {
    run: ({ milliseconds, least = 0 }) =>
      new Promise((resolve) => {
        const began = performance.now();
        let rounds = 0;
        let missing = 0;
        const ask = () => {
          missing = receivers.length;
          for (const client of receivers) client.owe(expected.length);
          asker?.send(request, 0);
        };
        for (const client of receivers) {
          client.onComplete = () => {
            if (--missing > 0) return;
            rounds++;
            const now = performance.now();
            const messages = rounds * perTick * receivers.length;
            if (now < began + milliseconds || messages < least) {
              ask();
            } else {
              resolve({ messages, seconds: (now - began) / 1000 });
            }
          };
        }
        ask();
      }),
  };
}

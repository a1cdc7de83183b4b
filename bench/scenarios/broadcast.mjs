// One connection asks, the server sends `perTick` messages to all, and when the last has them the next
// request follows. A message counts once for every connection it reaches. With `each`, every connection has
// subscribed to so many of the `perTick` topics, and gets as many of the messages, which are all alike.
import { performance } from 'node:perf_hooks';
import { openClients } from '../load/client.mjs';
import { frame, serverMessages } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, perTick, each, size, select, least, wire } = params;
  const work = { kind: 'broadcast', select, count: perTick, each, size };
  const port = await processes.server.call('serve', work);
  await processes.load.call('open', {
    port,
    wire,
    connections,
    perTick: each ?? perTick,
    size,
    select,
    areAlike: each !== undefined,
  });
  const { cpu, perSecond } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  return { value: cpu, cpu, perSecond };
}

/** In the load generator. */
export async function open({ port, wire, connections, perTick, size, select, areAlike }) {
  const clients = await openClients(port, connections);
  const messages = serverMessages(perTick, size);
  const expected = Buffer.concat(
    messages.map((message) => frame('binary', (areAlike && messages[0]) || message)),
  );
  const request = frame('binary', Buffer.alloc(4), wire === 'websocket');
  const [asker] = clients;
  const receivers = select === 'except' || select === 'filter' ? clients.slice(1) : clients;
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

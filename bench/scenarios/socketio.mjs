// Socket.IO, with clients that speak just enough of its protocol. `perTick`: one of them asks, and the server emits
// so many events to all; when the last has them it asks again. Without `perTick` each sends an event, and sends it
// again when it has come back.
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import { cpuPerMessage } from './measure.mjs';

/** In run.mjs. */
export async function measure(processes, params, { warmUp, window }) {
  const { connections, perTick, size, select, least } = params;
  const kind = perTick === undefined ? 'echo' : 'broadcast';
  const port = await processes.server.call('serve', { kind, select, count: perTick ?? 1, size });
  await processes.load.call('open', { port, connections, perTick, size });
  const { cpu, perSecond } = await cpuPerMessage(
    processes,
    { milliseconds: warmUp, least },
    { milliseconds: window, least },
  );
  return { value: cpu, cpu, perSecond };
}

/** In the load generator. */
export async function open({ port, connections, perTick, size }) {
  const clients = await Promise.all(Array.from({ length: connections }, () => connect(port)));
  const [asker] = clients;
  const event = `42${JSON.stringify(['message', 'x'.repeat(size)])}`;
  return {
    run: ({ milliseconds, least = 0 }) =>
      new Promise((resolve) => {
        const end = performance.now() + milliseconds;
        const began = performance.now();
        let messages = 0;
        let missing = 0;
        let running = connections;
        const goesOn = () => performance.now() < end || messages < least;
        const finish = () => {
          for (const client of clients) client.removeAllListeners('message');
          resolve({ messages, seconds: (performance.now() - began) / 1000 });
        };
        const ask = () => {
          missing = connections * perTick;
          asker?.send(event);
        };
        for (const client of clients) {
          client.on('message', (data) => {
            if (!String(data).startsWith('42')) return;
            messages++;
            if (perTick === undefined) {
              if (goesOn()) client.send(event);
              else if (--running === 0) finish();
            } else if (--missing === 0) {
              if (goesOn()) ask();
              else finish();
            }
          });
          if (perTick === undefined) client.send(event);
        }
        if (perTick !== undefined) ask();
      }),
  };
}

/** Open a connection of Engine.IO, and one of Socket.IO on it. */
async function connect(/** @type {number} */ port) {
  const client = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, {
    perMessageDeflate: false,
  });
  client.on('close', () => {
    throw new Error('the server closed a connection');
  });
  await once(client, 'message'); // 0, the handshake of Engine.IO
  client.send('40');
  await once(client, 'message'); // 40, that of Socket.IO
  return client;
}

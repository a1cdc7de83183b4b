// Compressed echoes of JSON, one in flight on every connection. Ten thousand and more different
// messages; every reply is inflated and compared.
import { performance } from 'node:perf_hooks';
import {
  agreedBy,
  check,
  compressedFrames,
  openDeflatingClients,
} from '../load/deflating-client.mjs';
import { jsonMessages } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

const OFFER = 'permessage-deflate; client_max_window_bits';

/** In run.mjs. */
export async function measure(processes, params, { exchanged }) {
  const { connections, size, deflate } = params;
  const { server, load } = processes;
  const port = await server.call('serve', { kind: 'echo', deflate });
  const each = Math.max(2, Math.round((params.exchanged ?? exchanged) / connections));
  const warmUp = Math.round(each / 2);
  const count = warmUp + each;
  const extensions = await load.call('open', { port, connections, size, count });
  const { cpu, perSecond, done } = await cpuPerMessage(
    processes,
    { count: warmUp },
    { count: each },
  );
  return {
    value: params.figure === 'bytes' ? done.bytes : cpu,
    cpu,
    perSecond,
    bytes: done.bytes,
    extensions,
    effort: await server.call('effort', deflate),
  };
}

/** In the load generator. */
export async function open({ port, connections, size, count }) {
  const clients = await openDeflatingClients(port, connections, OFFER);
  const agreed = agreedBy(clients);
  const busy = clients.map((client, index) => {
    const messages = jsonMessages(count, size, index + 1);
    return { client, messages, frames: compressedFrames(messages, agreed), at: 0 };
  });

  return {
    told: agreed.extensions,
    run: ({ count: toSend }) =>
      new Promise((resolve) => {
        const began = performance.now();
        const bytesBefore = received(clients);
        let running = busy.length;
        for (const each of busy) {
          const end = each.at + toSend;
          const send = () => each.client.send(each.frames[each.at]);
          each.client.onMessage = (message) => {
            check(message, each.messages[each.at]);
            each.at++;
            if (each.at < end) {
              send();
            } else if (--running === 0) {
              const messages = toSend * busy.length;
              resolve({
                messages,
                seconds: (performance.now() - began) / 1000,
                bytes: (received(clients) - bytesBefore) / messages,
              });
            }
          };
          send();
        }
      }),
  };
}

const received = (/** @type {{ received: number }[]} */ clients) =>
  clients.reduce((sum, client) => sum + client.received, 0);

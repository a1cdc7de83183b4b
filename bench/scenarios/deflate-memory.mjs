// Connections that have exchanged a few compressed messages and say nothing more. With `beside`, the
// figure is what they take above connections that have exchanged the same messages as they are.
import {
  agreedBy,
  check,
  compressedFrames,
  openDeflatingClients,
} from '../load/deflating-client.mjs';
import { frame, jsonMessages } from '../payloads.mjs';

const FIRST = 300;
const EXCHANGED = 3;

/** In run.mjs. */
export async function measure({ server, load }, { size, deflate, share = 1 }, { held }) {
  const offer = deflate === undefined ? '' : 'permessage-deflate; client_max_window_bits';
  const count = FIRST + Math.round((held - FIRST) * share);
  const port = await server.call('serve', { kind: 'echo', deflate });
  const extensions = await load.call('open', { port, offer, size });
  await load.call('more', FIRST);
  const before = await server.call('memory');
  await load.call('more', count - FIRST);
  const after = await server.call('memory');
  const effort = await server.call('effort', deflate);
  return { value: (after - before) / (count - FIRST) / 1024, extensions, effort };
}

/** In the load generator. */
export async function open({ port, offer, size }) {
  const messages = jsonMessages(EXCHANGED, size);
  const clients = [];
  const compressed = offer !== '';
  const more = async (/** @type {number} */ count) => {
    const opened = await openDeflatingClients(port, count, offer);
    clients.push(...opened);
    const frames = compressed
      ? compressedFrames(messages, agreedBy(opened))
      : messages.map((message) => frame('ascii', message, true));
    await Promise.all(opened.map((client) => exchange(client, messages, frames)));
  };
  const [first] = await openDeflatingClients(port, 1, offer);
  return { told: first?.agreed.extensions, more, run: async () => ({}) };
}

function exchange(client, messages, frames) {
  return new Promise((resolve) => {
    let at = 0;
    client.onMessage = (/** @type {Buffer} */ message) => {
      check(message, messages[at]);
      at++;
      if (at === messages.length) resolve(undefined);
      else client.send(frames[at]);
    };
    client.send(frames[0]);
  });
}

// What the chaos peers do where the limits are low (`/limits`), so that each limit ends some of them; as in deeds.mjs.
import { BINARY, CONTINUATION, frame, PING, TEXT } from './frames.mjs';
import { upgradeRequest } from './transport.mjs';

/** @typedef {import('./deeds.mjs').Visit} Visit */

/** The causes of ends that these deeds bring about, each by a limit of its own. */
export const LIMITS = [
  'ERR_SLOW_CONSUMER',
  'ERR_HEARTBEAT_TIMEOUT',
  'ERR_MESSAGE_TIMEOUT',
  'ERR_MESSAGE_RATE',
];

/** @param {Visit} visit */
async function upgrade({ socket, wait }) {
  socket.write(upgradeRequest({ target: '/limits' }));
  await wait(0, 60);
}

/**
 * Stay until the server ends it. That takes as long as it takes: a server whose loop stands still does not count the time.
 *
 * @param {Visit} visit
 * @param {Buffer} [meanwhile] is sent again and again
 */
async function stay({ socket, wait }, meanwhile) {
  for (let count = 0; count < 600 && !socket.readableEnded; count++) {
    await wait(0, 200);
    if (meanwhile !== undefined) socket.write(meanwhile);
  }
}

/** @type {Record<string, (visit: Visit) => Promise<void>>} */
export const limitedDeeds = {
  async 'asking for more than may wait, and reading nothing'(visit) {
    await upgrade(visit);
    visit.socket.pause();
    const message = frame(BINARY, visit.random.bytes(256 * 1024));
    for (let count = 0; count < 40; count++) {
      visit.socket.write(message);
      await visit.wait(0, 30);
    }
    if (visit.random.next() < 0.5) {
      visit.socket.resume(); // perhaps in time for the Close
      await visit.wait(0, 2000);
    } else await stay(visit, frame(PING)); // which a socket that has been cut does not take
  },

  async 'silence, and no answer to a Ping'(visit) {
    await upgrade(visit);
    await stay(visit);
  },

  async 'a message that takes its time'(visit) {
    await upgrade(visit);
    visit.socket.write(frame(TEXT, Buffer.from('a'), { fin: false }));
    await stay(visit, frame(CONTINUATION, Buffer.from('a'), { fin: false }));
  },

  async 'more messages than it may send'(visit) {
    await upgrade(visit);
    const messages = Array.from({ length: 200 }, () => frame(TEXT, Buffer.from('once more')));
    visit.socket.write(Buffer.concat(messages));
    await visit.wait(0, 1000);
  },
};

// What the chaos peers do with permessage-deflate; as in deeds.mjs.
import { constants, deflateRawSync } from 'node:zlib';
import { BINARY, closeFrame, CONTINUATION, frame, PING, PONG, RSV1, TEXT } from './frames.mjs';
import { Random } from './random.mjs';
import { upgradeRequest } from './transport.mjs';

/** @typedef {import('./deeds.mjs').Visit} Visit */

const MIB = 1024 * 1024;

/** A message that refers to none before. */
const compressed = (/** @type {Buffer} */ message) =>
  deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

/**
 * 128 KiB of text as 96: the server inflates it, and deflates its answer, in steps. It is not longer because
 * deflating takes long: the chaos is not there to leave the others no time.
 */
const LONG = compressed(Buffer.from(new Random(2).bytes(96 * 1024).toString('base64')));
const MESSAGE = Buffer.from('the quick brown fox jumps over the lazy dog; '.repeat(60));
const SHORT = compressed(MESSAGE);

/** So many mebibytes of zeros, a kilobyte each: blocks that end with a byte can be repeated. */
function bomb(/** @type {number} */ mebibytes) {
  const one = deflateRawSync(Buffer.alloc(MIB), { finishFlush: constants.Z_SYNC_FLUSH });
  return Buffer.concat(Array(mebibytes).fill(one)).subarray(0, -4);
}
const BOMBS = [1, 2, 4].map(bomb);
const BOMB_ABOVE_THE_LIMIT = bomb(256);

/** @param {Visit} visit */
async function upgrade({ socket, random, wait }, offer = 'permessage-deflate') {
  const target = random.of(['/', '/later', '/takeover', '/takeover/later']);
  const headers = { 'Sec-WebSocket-Extensions': offer };
  socket.write(upgradeRequest({ target, headers }));
  await wait(0, 60);
}

/** @type {Record<string, (visit: Visit) => Promise<void>>} */
export const compressedDeeds = {
  async 'offers that no server can accept'(visit) {
    const { random } = visit;
    const one = 'permessage-deflate; server_max_window_bits=99';
    const offer = random.of([
      one,
      Array(random.between(2, 150)).fill(one).join(', '),
      'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
      'permessage-deflate; client_max_window_bits="',
      'permessage-deflate; __proto__=8',
    ]);
    await upgrade(visit, offer);
    visit.socket.write(frame(TEXT, SHORT, { rsv: RSV1 }));
    await visit.wait(0, 1000);
  },

  async 'a bomb within the limit'(visit) {
    await upgrade(visit);
    visit.socket.write(frame(BINARY, visit.random.of(BOMBS), { rsv: RSV1 }));
    await visit.wait(0, 4000);
  },

  async 'a bomb above the limit'(visit) {
    await upgrade(visit);
    visit.socket.write(frame(BINARY, BOMB_ABOVE_THE_LIMIT, { rsv: RSV1 }));
    await visit.wait(500, 4000);
  },

  async 'garbage for DEFLATE'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    for (let round = 0; round < 5; round++) {
      const garbage = random.bytes(Math.floor(2 ** (random.next() * 17)));
      socket.write(frame(random.of([TEXT, BINARY]), garbage, { rsv: RSV1 }));
      await wait(0, 100);
    }
  },

  async 'a spoilt byte in DEFLATE'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    for (let round = 0; round < 5; round++) {
      const spoilt = Buffer.from(random.next() < 0.2 ? LONG : SHORT);
      spoilt[random.between(0, Math.min(spoilt.length, 200) - 1)] = random.between(0, 255);
      socket.write(frame(TEXT, spoilt, { rsv: RSV1 }));
      await wait(0, 100);
    }
  },

  async 'DEFLATE that is cut'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    const payload = random.next() < 0.3 ? LONG : SHORT;
    const cut = payload.subarray(0, random.between(0, payload.length - 1));
    socket.write(frame(TEXT, cut, { rsv: RSV1 }));
    socket.write(frame(TEXT, SHORT, { rsv: RSV1 }));
    await wait(0, 500);
    socket.write(closeFrame(1000));
    await wait(0, 100);
  },

  async 'RSV1 where it means nothing'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(
      random.of([
        () => frame(PING, SHORT.subarray(0, 100), { rsv: RSV1 }),
        () => frame(PONG, SHORT.subarray(0, 100), { rsv: RSV1 }),
        () =>
          Buffer.concat([
            frame(TEXT, SHORT.subarray(0, 20), { rsv: RSV1, fin: false }),
            frame(CONTINUATION, SHORT.subarray(20), { rsv: RSV1 }),
          ]),
        () => frame(TEXT, SHORT, { rsv: RSV1 | 1 }),
      ])(),
    );
    socket.write(frame(TEXT, SHORT, { rsv: RSV1 }));
    await wait(0, 1000);
  },

  async 'compressed fragments without an end'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(frame(TEXT, undefined, { rsv: RSV1, fin: false }));
    for (let at = 0; at < LONG.length / 2;) {
      const size = random.between(1, 4000);
      socket.write(frame(CONTINUATION, LONG.subarray(at, at + size), { fin: false }));
      if (random.next() < 0.2) socket.write(frame(PING, undefined));
      at += size;
      await wait(0, 40);
    }
  },

  async 'reset while long messages are in progress'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    const long = frame(TEXT, LONG, { rsv: RSV1 });
    for (let count = random.between(1, 6); count > 0; count--) socket.write(long);
    await wait(0, 150);
    socket.resetAndDestroy();
    await wait(0, 3000);
  },

  async 'a Close after a long compressed message'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(frame(TEXT, LONG, { rsv: RSV1 }));
    socket.write(closeFrame(1000));
    if (random.next() < 0.5) socket.end();
    await wait(0, 2000);
  },

  async 'asking for much that is compressed, and reading nothing'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.pause();
    const message = frame(BINARY, SHORT, { rsv: RSV1 });
    for (let count = random.between(1, 200); count > 0; count--) socket.write(message);
    await wait(1000, 4000);
    if (random.next() < 0.5) socket.resume();
    await wait(0, 500);
  },
};

// What the chaos peers do: each a visit that lasts a few seconds at most. The caller destroys the connection
// afterwards, so a deed that simply ends is a reset of its own.
import { BINARY, CLOSE, closeFrame, CONTINUATION, frame, PING, PONG, TEXT } from './frames.mjs';
import { upgradeRequest } from './transport.mjs';

/**
 * @typedef {object} Visit
 * @property {import('node:net').Socket} socket connected; what comes in is thrown away as long as it flows
 * @property {import('./random.mjs').Random} random
 * @property {(from: number, to: number) => Promise<void>} wait milliseconds; throws once the socket is gone
 */

/** @param {Visit} visit */
async function upgrade({ socket, random, wait }) {
  socket.write(upgradeRequest({ target: random.of(['/', '/later']) }));
  await wait(0, 60);
}

/** @param {Visit} visit a byte or a few at a time */
async function drip({ socket, random, wait }, /** @type {Buffer} */ bytes) {
  for (let at = 0; at < bytes.length;) {
    const count = random.between(1, 3);
    socket.write(bytes.subarray(at, at + count));
    at += count;
    await wait(0, 8);
  }
}

/** An ordinary frame of any kind and length. */
function anyFrame(/** @type {import('./random.mjs').Random} */ random) {
  const payload = random.bytes(Math.floor(2 ** (random.next() * 14)));
  return random.of([
    () => frame(BINARY, payload),
    () => frame(TEXT, Buffer.from(payload.toString('base64'))),
    () => frame(PING, payload.subarray(0, 125)),
    () => frame(PONG, payload.subarray(0, 125)),
  ])();
}

/** @type {Record<string, (visit: Visit) => Promise<void>>} */
export const deeds = {
  async 'reset before the headers end'({ socket, random, wait }) {
    const request = upgradeRequest();
    socket.write(request.slice(0, random.between(1, request.length - 1)));
    await wait(0, 50);
    socket.resetAndDestroy();
  },

  async 'stall in the handshake'({ socket, random, wait }) {
    const request = upgradeRequest();
    const cut = random.between(1, request.length - 1);
    socket.write(request.slice(0, cut));
    await wait(500, 4000);
    if (random.next() < 0.5) socket.write(request.slice(cut));
    await wait(0, 500);
  },

  async 'handshake byte by byte'(visit) {
    await drip(visit, Buffer.from(upgradeRequest()));
    visit.socket.write(anyFrame(visit.random));
    await visit.wait(0, 200);
  },

  async 'garbage for a request'({ socket, random, wait }) {
    socket.write(random.bytes(random.between(1, 4000)));
    await wait(0, 200);
  },

  async 'a handshake to be refused'({ socket, random, wait }) {
    const [name, value] = random.of([
      ['Sec-WebSocket-Version', '8'],
      ['Sec-WebSocket-Key', 'short'],
      ['Origin', 'http://evil.example'],
      ['Upgrade', 'h2c'],
      ['Connection', 'close'],
      ['Sec-WebSocket-Extensions', '"'],
    ]);
    socket.write(upgradeRequest({ headers: { [name]: value } }));
    await wait(0, 1000);
    if (random.next() < 0.5) socket.end();
    await wait(0, 1000);
  },

  async 'reset right after the request'({ socket }) {
    socket.write(upgradeRequest({ target: '/later' }));
    socket.resetAndDestroy();
  },

  async 'reset between the 101 and the first frame'(visit) {
    await upgrade(visit);
    visit.socket.resetAndDestroy();
  },

  async 'reset inside a frame'(visit) {
    await upgrade(visit);
    const bytes = anyFrame(visit.random);
    visit.socket.write(bytes.subarray(0, visit.random.between(1, bytes.length - 1)));
    await visit.wait(0, 50);
    visit.socket.resetAndDestroy();
  },

  async 'stall inside a frame'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    const bytes = anyFrame(random);
    const cut = random.between(1, bytes.length - 1);
    socket.write(bytes.subarray(0, cut));
    await wait(500, 4000);
    if (random.next() < 0.5) socket.write(bytes.subarray(cut));
    await wait(0, 500);
  },

  async 'frames byte by byte'(visit) {
    await upgrade(visit);
    const payload = visit.random.bytes(visit.random.between(0, 200));
    await drip(visit, frame(BINARY, payload));
    await drip(visit, closeFrame(1000));
    await visit.wait(0, 200);
  },

  async 'frames in the packet of the handshake'({ socket, random, wait }) {
    const frames = Array.from({ length: random.between(1, 20) }, () => anyFrame(random));
    const request = Buffer.from(upgradeRequest({ target: random.of(['/', '/later']) }));
    socket.write(Buffer.concat([request, ...frames]));
    await wait(0, 300);
  },

  async 'a flood of pings, and no reading'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.pause();
    const pings = Buffer.concat(
      Array.from({ length: 500 }, () => frame(PING, random.bytes(random.between(0, 125)))),
    );
    for (let round = random.between(1, 40); round > 0; round--) {
      socket.write(pings);
      await wait(0, 50);
    }
    if (random.next() < 0.5) socket.resume();
    await wait(0, 1000);
  },

  async 'pongs that answer no ping'(visit) {
    await upgrade(visit);
    for (let count = visit.random.between(1, 500); count > 0; count--) {
      visit.socket.write(frame(PONG, visit.random.bytes(visit.random.between(0, 125))));
    }
    await visit.wait(0, 500);
  },

  async 'garbage for frames'(visit) {
    await upgrade(visit);
    for (let round = 0; round < 5; round++) {
      visit.socket.write(visit.random.bytes(visit.random.between(1, 2000)));
      await visit.wait(0, 100);
    }
  },

  async 'a frame that breaks a rule'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(
      random.of([
        () => frame(random.of([3, 7, 11, 15])),
        () => frame(TEXT, Buffer.from('x'), { rsv: random.between(1, 7) }),
        () => frame(PING, Buffer.alloc(126)),
        () => frame(PING, Buffer.alloc(1), { fin: false }),
        () => frame(CONTINUATION, Buffer.from('of nothing')),
        () => frame(TEXT, Buffer.from([0xc0, 0xaf])),
        () => frame(BINARY, Buffer.alloc(10), { length: 2 ** 40 }),
        () => frame(CLOSE, Buffer.from([3])),
        () => closeFrame(random.of([0, 999, 1005, 1006, 2999, 5000])),
      ])(),
    );
    await wait(0, 100);
    if (random.next() < 0.7) socket.write(random.bytes(random.between(1, 100_000)));
    await wait(0, 2000);
  },

  async 'fragments without an end'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(frame(TEXT, undefined, { fin: false }));
    for (let round = random.between(1, 30); round > 0; round--) {
      const fragments = Array.from({ length: 200 }, () =>
        frame(CONTINUATION, Buffer.alloc(random.between(0, 2), 0x61), { fin: false }),
      );
      socket.write(Buffer.concat(fragments));
      await wait(0, 100);
    }
  },

  async 'a header that promises 4 MiB'(visit) {
    await upgrade(visit);
    visit.socket.write(frame(BINARY, visit.random.bytes(10), { length: 4 * 1024 * 1024 }));
    await visit.wait(0, 3000);
  },

  async 'asking for much and reading nothing'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.pause();
    const message = frame(BINARY, random.bytes(8192));
    for (let count = random.between(1, 100); count > 0; count--) socket.write(message);
    await wait(1000, 5000);
    if (random.next() < 0.5) socket.resume();
    await wait(0, 500);
  },

  async 'reading a little now and then'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    const message = frame(BINARY, random.bytes(8192));
    for (let count = random.between(1, 60); count > 0; count--) socket.write(message);
    for (let round = 0; round < 20; round++) {
      socket.pause();
      await wait(0, 300);
      socket.resume();
      await wait(0, 5);
    }
  },

  async 'come and go'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(anyFrame(random));
    socket.write(closeFrame(random.of([1000, 1001, 4000])));
    await wait(0, 100);
    socket.end();
    await wait(0, 100);
  },

  async 'an end without a Close'(visit) {
    await upgrade(visit);
    visit.socket.write(anyFrame(visit.random));
    visit.socket.end();
    await visit.wait(0, 1000);
  },

  async 'a Close, and then more'(visit) {
    const { socket, random, wait } = visit;
    await upgrade(visit);
    socket.write(closeFrame(1000));
    for (let round = 0; round < 5; round++) {
      socket.write(random.next() < 0.5 ? anyFrame(random) : random.bytes(500));
      await wait(0, 100);
    }
  },

  async 'a Close, and half open from then on'(visit) {
    await upgrade(visit);
    visit.socket.write(closeFrame(1000));
    await visit.wait(1000, 6000);
  },

  async 'silence, half open'(visit) {
    await upgrade(visit);
    await visit.wait(1000, 6000);
  },

  async 'reset after a Close'(visit) {
    await upgrade(visit);
    visit.socket.write(closeFrame(1000));
    visit.socket.resetAndDestroy();
  },
};

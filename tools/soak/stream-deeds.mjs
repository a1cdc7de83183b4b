// What the chaos peers do over HTTP/2; as in deeds.mjs, but each visit has a session in place of a socket.
import { setTimeout as delay } from 'node:timers/promises';
import { constants } from 'node:http2';
import { BINARY, closeFrame, frame, PING, TEXT } from './frames.mjs';
import { connectStream } from './streams.mjs';

/**
 * @typedef {object} SessionVisit
 * @property {import('node:http2').ClientHttp2Session} session
 * @property {import('./random.mjs').Random} random
 * @property {(from: number, to: number) => Promise<void>} wait milliseconds; throws once the session is gone
 */

const CODES = [
  constants.NGHTTP2_NO_ERROR,
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_CANCEL,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
];

/** So many streams on `/` or `/later`. What comes on them is thrown away as long as they flow. */
function streams(/** @type {SessionVisit} */ { session, random }, /** @type {number} */ count) {
  return Array.from({ length: count }, () =>
    connectStream(session, { ':path': random.of(['/', '/later']) }).resume(),
  );
}

const message = (/** @type {SessionVisit} */ { random }) =>
  frame(BINARY, random.bytes(random.between(0, 10_000)));

/** @type {Record<string, (visit: SessionVisit) => Promise<void>>} */
export const streamDeeds = {
  async 'streams that are reset at every moment'(visit) {
    const { random, wait } = visit;
    for (const stream of streams(visit, 20)) {
      if (random.next() < 0.7) await wait(0, 20);
      if (random.next() < 0.7) stream.write(message(visit));
      if (random.next() < 0.5) await wait(0, 20);
      stream.close(random.of(CODES));
    }
    await wait(0, 200);
  },

  async 'a session that vanishes with its streams'(visit) {
    for (const stream of streams(visit, visit.random.between(1, 20))) stream.write(message(visit));
    await visit.wait(0, 100);
  },

  async 'a session that says goodbye to open streams'(visit) {
    const { session, random } = visit;
    for (const stream of streams(visit, 5)) {
      stream.write(message(visit));
      void delay(random.between(0, 500)).then(
        () => stream.writable && stream.write(closeFrame(1000)),
      );
    }
    session.close();
    await delay(1000);
  },

  async 'frames right after an extended CONNECT'(visit) {
    for (const stream of streams(visit, 5)) {
      for (let count = visit.random.between(1, 20); count > 0; count--)
        stream.write(message(visit));
    }
    await visit.wait(0, 300);
  },

  async 'extended CONNECTs to be refused'(visit) {
    const { session, random, wait } = visit;
    for (let count = 0; count < 10; count++) {
      const [name, value] = random.of([
        [':protocol', 'webtransport'],
        [':path', '//'],
        ['sec-websocket-version', '8'],
        ['origin', 'http://evil.example'],
        ['sec-websocket-extensions', '"'],
      ]);
      const stream = connectStream(session, { [name]: value }).resume();
      if (random.next() < 0.5) stream.write(message(visit));
      await wait(0, 50);
    }
    await wait(0, 500);
  },

  async 'streams that end without a Close'(visit) {
    for (const stream of streams(visit, 5)) {
      stream.end(message(visit));
      await visit.wait(0, 50);
    }
    await visit.wait(0, 500);
  },

  async 'frames that break a rule on one of many streams'(visit) {
    const { random, wait } = visit;
    const all = streams(visit, 5);
    await wait(0, 60);
    for (const stream of all) stream.write(message(visit));
    all[0]?.write(
      random.of([
        () => frame(random.of([3, 7, 11, 15])),
        () => frame(TEXT, Buffer.from('x'), { rsv: random.between(1, 7) }),
        () => frame(TEXT, Buffer.from([0xc0, 0xaf])),
        () => random.bytes(random.between(100, 100_000)),
      ])(),
    );
    await wait(0, 1000);
  },

  async 'a stream that is never read beside others that are'(visit) {
    const { random, wait } = visit;
    const [unread, ...others] = streams(visit, 5);
    unread?.pause();
    const long = frame(BINARY, random.bytes(8192));
    for (let round = random.between(1, 60); round > 0; round--) {
      unread?.write(long);
      for (const stream of others) stream.write(frame(PING));
      await wait(0, 30);
    }
    if (random.next() < 0.5) unread?.resume();
    await wait(0, 500);
  },
};

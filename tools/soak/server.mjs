// The process of the server under test: `node --expose-gc server.mjs FILE`, where FILE is hawser's index.js. It
// sends every message back, and now and then some to everyone.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { createRequire } from 'node:module';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { answer } from '../../bench/rpc.mjs';
import { BINARY } from './frames.mjs';
import { broadcastMessage } from './messages.mjs';

/**
 * That often it looks whether it has let go of everything once there is no peer any more; each time it has looked at its
 * sockets, too. A clock would also count while it is not given the processor.
 */
const LOOKS = 100;
/** What is left outside the heap is at rest when it has not fallen any more for so many looks. */
const SAME_LOOKS = 10;
/** Milliseconds from one look to the next. */
const LOOK_EVERY = 50;
/** Milliseconds between broadcasts. */
const BROADCAST_EVERY = 250;

const hawser = createRequire(import.meta.url)(process.argv[2] ?? '');
const http = createServer();
const http2 = createHttp2Server({ settings: { maxConcurrentStreams: 256 } });
const options = {
  // Half of the upgrades are decided at once, half a little later.
  authorize: ({ url }) => (url.endsWith('/later') ? delay(5) : undefined),
  logger: { warn() {}, error() {} }, // there is a lot to be told of such peers
};
// Two on their defaults, but for compression: the one shares its contexts; the other has some for each connection, as long
// as there is memory for them, and gives them back to get them again after a second.
const takeover = { contextTakeover: 'both', memoryBudget: 1024 * 1024, idleRelease: 1000 };
/** So low that a peer that exceeds one is closed within a second or two. */
const limits = {
  maxBufferedAmount: 256 * 1024,
  maxTotalBuffered: 8 * 1024 * 1024,
  heartbeat: { interval: 500, timeout: 500 },
  messageTimeout: 1000,
  messageRate: { perSecond: 10, burst: 50, action: 'close' },
};
const limited = new hawser.WebSocketServer(http, { ...options, ...limits, path: '/limits' });
const servers = [
  limited,
  ...[http, http2].flatMap((server) => [
    new hawser.WebSocketServer(server, { ...options, perMessageDeflate: true }),
    new hawser.WebSocketServer(server, {
      ...options,
      path: /^\/takeover/,
      perMessageDeflate: takeover,
    }),
  ]),
];
/** Every socket there is, upgraded or not. */
const sockets = /** @type {Set<import('node:net').Socket>} */ (new Set());
/** From where there has ever been a connection: a bit for each address and port of dial(), so that nothing grows. */
const accepted = new Uint8Array((64 * 0x1_0000) / 8);
const bitOf = (/** @type {string | undefined} */ address, /** @type {number | undefined} */ port) =>
  ((Number(address?.split('.').at(-1)) - 1) % 64) * 0x1_0000 + (port ?? 0);
for (const server of [http, http2]) {
  server.on('connection', (socket) => {
    const bit = bitOf(socket.remoteAddress, socket.remotePort);
    accepted[bit >> 3] = (accepted[bit >> 3] ?? 0) | (1 << (bit & 7));
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
}
const connections = () => servers.reduce((sum, { connections: { size } }) => sum + size, 0);

let opened = 0;
/** How the connections have ended, by close code. */
const ends = /** @type {Record<string, number>} */ ({});
let nextBroadcast = 0;
let warnings = 0;
process.on('warning', () => warnings++);

for (const wss of servers) {
  wss.on('connection', (connection) => {
    opened++;
    // The first message says which broadcast will be the first: none may be missing from there on.
    connection.send(String(nextBroadcast));
    connection.on('message', (data) => connection.send(data)); // bytes as Binary, a string as Text
    connection.on('close', (code) => (ends[code] = (ends[code] ?? 0) + 1));
  });
}

const broadcasting = setInterval(() => {
  // Several in one tick take another way than one.
  for (let count = 1 + (nextBroadcast % 3); count > 0; count--) {
    const { opcode, payload } = broadcastMessage(nextBroadcast++);
    for (const wss of servers) wss.broadcast(payload, { binary: opcode === BINARY });
  }
}, BROADCAST_EVERY);

/** What is known of a socket that should be gone. */
const describe = (/** @type {import('node:net').Socket} */ socket) =>
  `${socket.readyState}, ${socket.bytesRead} bytes read, ${socket.bytesWritten} written, ` +
  `${socket.writableLength} waiting, ${socket.isPaused() ? 'paused' : 'reading'}`;

/** Bytes outside the heap once zlib has finished what it was at, and that is collected. */
async function restingExternal(/** @type {number} */ allowed) {
  let least = Infinity;
  for (let look = 0, same = 0; look < LOOKS && (same < SAME_LOOKS || least > allowed); look++) {
    await delay(LOOK_EVERY);
    globalThis.gc?.();
    const { external } = process.memoryUsage();
    same = external < least ? 0 : same + 1;
    least = Math.min(least, external);
  }
  return least;
}

answer({
  async listen() {
    const ports = [];
    for (const server of [http, http2]) {
      server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
      await once(server, 'listening');
      ports.push(/** @type {import('node:net').AddressInfo} */ (server.address()).port);
    }
    return { port: ports[0], streamPort: ports[1] };
  },

  /** What is alive after a garbage collection, and what has happened so far. */
  async sample() {
    await turn();
    globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    const limitedBy = limited.stats().closedByCause;
    return {
      heapUsed,
      external,
      rss,
      connections: connections(),
      opened,
      ends,
      limitedBy,
      warnings,
    };
  },

  /** Answers when it has looked at its sockets. */
  look: () => turn(),

  /** @returns the number that the next broadcast would have had */
  stopBroadcasting() {
    clearInterval(broadcasting);
    return nextBroadcast;
  },

  /** Those of these clients whom the kernel has never handed to us. */
  neverAccepted: (/** @type {{ address: string, port: number }[]} */ clients) =>
    clients.filter(({ address, port }) => {
      const bit = bitOf(address, port);
      return ((accepted[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0;
    }),

  /**
   * Wait until every peer is gone, and see what is left. A socket on which nothing has ever come was handed over after
   * its peer had gone, and the kernel may take a minute to say so: it is Node's, and has a deadline there.
   *
   * @param {number} allowed bytes outside the heap that may be left
   */
  async emptied(allowed) {
    const stuck = () => [...sockets].filter(({ bytesRead }) => bytesRead > 0);
    for (let look = 0; look < LOOKS && connections() + stuck().length > 0; look++) {
      await delay(LOOK_EVERY);
    }
    return {
      connections: connections(),
      sockets: stuck().length,
      which: stuck().map(describe),
      external: await restingExternal(allowed),
    };
  },
});

// A process of the measurements: a node with its broker, or the clients. Its parent tells it which by calls.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { Redis } from 'ioredis';
import redis from '../../dist/adapters/redis.js';
import hawser from '../../dist/index.js';
import { answer } from '../rpc.mjs';

const UPGRADE =
  'Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
const PAYLOAD = 'x'.repeat(128);

/** @type {import('../../dist/index.js').WebSocketServer} */
let wss;
/** Bytes that the clients of this process have received, without the answers to their upgrades. */
let received = 0;

const port = () => /** @type {import('node:net').AddressInfo} */ (wss.address()).port;

answer({
  /** Start a node. Its clients name their topics in the query. @returns its port */
  async serve({ redisPort }) {
    const client = () => new Redis(redisPort, '127.0.0.1');
    const broker = redisPort && redis.redisBroker({ publisher: client(), subscriber: client() });
    wss = new hawser.WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      heartbeat: false,
      ...(broker ? { broker } : {}),
    });
    wss.on('connection', (conn, { url = '' }) => {
      for (const topic of url.slice(2).split(',').filter(Boolean)) conn.subscribe(topic);
    });
    if (broker) await once(wss, 'brokerState');
    while (wss.address() === null) await wait(5);
    return port();
  },

  port,

  joined: () => Promise.all([...wss.topicNames()].map((topic) => wss.joined(topic))),

  /** Subscribe every connection to as many further topics. */
  subscribe(/** @type {number} */ count) {
    for (const conn of wss.connections) {
      for (let topic = 0; topic < count; topic++) conn.subscribe(`further/${topic}`);
    }
  },

  /**
   * Publish in `ticks` ticks, `every` ms apart (0: as fast as possible), `each` messages in a tick: all to one of
   * the topics, or with `spread` each to the next. It begins after `delay` ms.
   *
   * @returns by how many seconds a tick was late on average: a busy machine makes a process wait for a core
   */
  async publish({ topics, each = 1, spread = false, every, ticks, delay = 0 }) {
    await wait(delay);
    const start = performance.now();
    let late = 0;
    for (let tick = 0; tick < ticks; tick++) {
      for (let i = 0; i < each; i++) {
        wss.publish(topics[(spread ? tick * each + i : tick) % topics.length], PAYLOAD);
      }
      if (every === 0) await turn();
      else {
        const due = start + (tick + 1) * every;
        await wait(Math.max(1, due - performance.now()));
        late += Math.max(0, performance.now() - due);
      }
    }
    return late / ticks / 1000;
  },

  /** CPU seconds so far. */
  cpu() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  },

  async memory() {
    for (let i = 0; i < 4; i++) {
      globalThis.gc?.();
      await wait(25);
    }
    const { rss, heapUsed, external } = process.memoryUsage();
    return { rss, heap: heapUsed + external };
  },

  /** Open a connection for each list of topics. */
  async connect({ port, lists }) {
    for (const topics of lists) {
      const socket = connect(port, '127.0.0.1');
      socket.write(`GET /?${topics.join(',')} HTTP/1.1\r\n${UPGRADE}`);
      const [head] = await once(socket, 'data');
      if (!String(head).startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${head}`);
      socket.on('data', ({ length }) => (received += length));
    }
  },

  /** Messages since the last call; a frame of {@link PAYLOAD} has a header of 4 bytes. */
  delivered() {
    const messages = received / (4 + PAYLOAD.length);
    received = 0;
    return messages;
  },
});

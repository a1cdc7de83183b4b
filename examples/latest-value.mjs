// Prices: only the latest of each symbol matters. A fast client gets every price. A client that stops reading
// for a while gets the latest price of each symbol when it reads again, and none of those in between.
import { WebSocketServer } from 'hawser';

const SYMBOLS = ['ACME', 'GLOBEX', 'INITECH'];

const wss = new WebSocketServer({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' });

wss.on('connection', (conn) => conn.subscribe('prices')); // gets what was retained at once

/** @type {NodeJS.Timeout | undefined} */
let timer;
// Nothing is computed while the topic has no subscriber.
wss.on('topicActive', () => (timer = setInterval(tick, Number(process.env.TICK_MS ?? 100))));
wss.on('topicIdle', () => clearInterval(timer));

let count = 0;
function tick() {
  count++;
  for (const symbol of SYMBOLS) {
    const price = (100 + Math.random()).toFixed(2);
    const depth = 'x'.repeat(Number(process.env.DEPTH ?? 0)); // to make a client slow without much patience
    const message = JSON.stringify({ symbol, price, count, depth });
    wss.publish('prices', message, { key: symbol, retain: true });
  }
  const { published, delivered, conflated } = wss.stats().topics;
  if (count % 50 === 0) console.log({ published, delivered, conflated });
}

wss.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (wss.address());
  console.log(`latest-value: ws://127.0.0.1:${port}`);
});

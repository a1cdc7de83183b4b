// Two ways to send to slow peers. An export waits for its peer: nothing is lost, and little memory
// is used. A ticker does not wait: a slow peer misses prices, and is told how many.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'hawser';

const wss = new WebSocketServer({
  port: Number(process.env.PORT ?? 8080),
  host: '127.0.0.1',
  maxBufferedAmount: 256 * 1024, // memory that a slow peer may use
  slowConsumer: 'drop', // drops broadcasts, and messages sent with `droppable`
});

wss.on('connection', (conn) => {
  conn.on('message', (message) => {
    if (message === 'export') void exportRows(conn);
  });
  let missed = 0;
  conn.on('dropped', () => missed++);
  conn.on('drain', () => {
    if (missed > 0) conn.send(JSON.stringify({ missed })); // this one is not droppable
    missed = 0;
  });
});

async function exportRows(/** @type {import('hawser').WebSocketConnection} */ conn) {
  for (let row = 1; row <= 20_000; row++) {
    conn.send(JSON.stringify({ row, text: 'x'.repeat(1000) }));
    // Resolves at once while less than highWaterMark is waiting; false: the peer has left.
    if (!(await conn.drained())) return console.log(`export: the peer left at row ${row}`);
  }
  conn.send('that was all', (error) => {
    if (error === undefined) console.log('export: done');
  });
}

async function tick() {
  for (let price = 1; ; price++) {
    wss.broadcast(JSON.stringify({ price, depth: 'y'.repeat(16 * 1024) }));
    await sleep(Number(process.env.TICK_MS ?? 100));
  }
}

wss.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (wss.address());
  console.log(`backpressure: ws://127.0.0.1:${port}`);
  void tick();
});

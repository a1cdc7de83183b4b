// A download: a report of any number of rows, as one message that is made while it is sent. A slow client slows
// the making, and a client that leaves stops it.
import { WebSocketServer } from 'hawser';

const wss = new WebSocketServer({
  port: Number(process.env.PORT ?? 8080),
  host: '127.0.0.1',
  perMessageDeflate: true, // frame by frame
});

/** A query would be read here, as slowly or quickly as its rows are wanted. */
async function* report(/** @type {number} */ rows) {
  let made = 0;
  try {
    yield '[';
    while (made < rows) {
      made++;
      yield `${made === 1 ? '' : ',\n'}${JSON.stringify({ row: made, square: made * made })}`;
    }
    yield ']\n';
  } finally {
    console.log(`download: ${made} of ${rows} rows were made`); // also if the message was aborted
  }
}

wss.on('connection', (conn) => {
  conn.on('message', (message) => {
    const rows = Number(message);
    if (!Number.isSafeInteger(rows) || rows < 0)
      return void conn.close(1008, 'send a number of rows');
    conn.sendStream(report(rows)).then(
      () => console.log('download: sent'),
      (error) => console.log(`download: ${/** @type {Error} */ (error).message}`),
    );
    conn.send('that was all'); // waits for the end of the report
  });
});

wss.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (wss.address());
  console.log(`download: ws://127.0.0.1:${port}`);
});

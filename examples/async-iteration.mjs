// A conversation as a loop. While the loop is busy, hawser stops reading from the socket and TCP makes
// the peer wait, so slow work here never fills the memory.
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocketServer } from 'hawser';

const wss = new WebSocketServer({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' });

wss.on('connection', async (conn) => {
  conn.send('Send numbers, one a message, and "sum" for their sum.');
  let sum = 0;
  for await (const message of conn) {
    if (message === 'sum') {
      conn.send(`${sum}`);
      break; // leaving the loop leaves the connection open
    }
    sum += await slowly(Number(message));
  }
  // The loop ends after "sum", or because the peer has left. Closing is right in both cases.
  const { code, clean } = await conn.close(1000, 'That was all');
  console.log('closed', code, clean ? 'cleanly' : 'abruptly');
});

/** A stand-in for a query, a file, or a request to another service. */
async function slowly(/** @type {number} */ number) {
  await sleep(1);
  return Number.isFinite(number) ? number : 0;
}

wss.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (wss.address());
  console.log(`async-iteration: ws://127.0.0.1:${port}`);
});

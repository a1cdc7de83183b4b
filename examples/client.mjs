// A client: it connects, says what went wrong if it cannot, sends without filling the memory, and prints what comes
// back. Start echo.mjs beside it.
import process from 'node:process';
import { connect, HandshakeError } from 'hawser/client';

const url = process.env.URL ?? `ws://127.0.0.1:${process.env.PORT ?? 8080}`;
const count = Number(process.env.MESSAGES ?? 1000);

/** Why there is no connection, for a person. */
function explain(error) {
  if (!(error instanceof HandshakeError)) return String(error);
  const { code, message, status, body, cause } = error;
  if (status === 401 || status === 403) return `not allowed (${status}): ${body}`;
  if (/** @type {NodeJS.ErrnoException | undefined} */ (cause)?.code === 'ECONNREFUSED')
    return `nothing listens at ${error.url}`;
  return `${code}: ${message}`;
}

let conn;
try {
  conn = await connect(url, {
    headers: { 'User-Agent': 'example' },
    handshakeTimeout: 5000,
    // Ctrl-C during the handshake ends it at once.
    signal: interrupted(),
  });
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}
console.log(`connected to ${url} over ${conn.transport}, ${conn.response?.status}`);
process.once('SIGTERM', () => conn.close(1000, 'stopped'));

/** Sends all, and waits whenever the server is slower than this loop. */
async function sendAll() {
  for (let number = 1; number <= count; number++) {
    if (!conn.send(`message ${number}`)) await conn.drained();
  }
}

const sent = sendAll();
let echoed = 0;
for await (const message of conn) {
  echoed++;
  if (echoed === 1 || echoed === count) console.log('echoed', message);
  // The connection stays open after the loop.
  if (echoed === count) break;
}
await sent;
const { code, clean } = await conn.close(1000, 'done');
console.log(`closed with ${code}, ${clean ? 'clean' : 'not clean'}`);

/** Aborts at Ctrl-C. */
function interrupted() {
  const controller = new AbortController();
  process.once('SIGINT', () => controller.abort(new Error('interrupted')));
  return controller.signal;
}

// A client that stays connected: it sends a number now and then, and prints what comes back. Start
// echo.mjs beside it, stop it, and start it again.
import process from 'node:process';
import { reconnecting } from 'hawser/client';

const url = `ws://127.0.0.1:${process.env.PORT ?? 8080}`;
console.log(`client of ${url}`);

const link = reconnecting(url, {
  // Made for each attempt: the place for a fresh token.
  connect: (attempt) => ({ headers: { 'X-Attempt': `${attempt}` }, handshakeTimeout: 5000 }),
  // While there is no connection up to 100 messages are kept.
  outbox: { messages: 100, bytes: 10_000 },
});
link.on('open', (conn) => console.log('connected to', conn.remoteAddress));
link.on('down', (last, delay) => {
  // A HandshakeError has a message; the end of a connection has a code and a reason.
  const why = last instanceof Error ? last.message : `closed with ${last.code} ${last.reason}`;
  console.log(`${why}; again in ${Math.round(delay)} ms`);
});
link.on('giveUp', (last) => console.log('gave up:', last.code));

let count = 0;
const timer = setInterval(
  () => {
    link.send(`${++count}`, (error) => {
      // Too many were kept, or the connection broke on the way: the message is not sent again.
      if (error) console.log('not sent:', error.message);
    });
  },
  Number(process.env.TICK_MS ?? 1000),
);

process.once('SIGTERM', () => link.close());
process.once('SIGINT', () => link.close());
// The loop goes on across connections, until close() or a failure that is final.
for await (const message of link) console.log('echoed', String(message));
clearInterval(timer);
console.log('done');

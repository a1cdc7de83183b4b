// The chat as a command: `npm start`, or `PORT=3000 node examples/chat/server.mjs` after a build.
import cluster from 'node:cluster';
import { addresses } from './addresses.mjs';
import { chooseBroker } from './broker.mjs';
import { createChat } from './chat.mjs';

const { PORT = '8080', HOST = '127.0.0.1' } = process.env;
const port = Number(PORT);
if (!/^\d+$/.test(PORT) || port > 65535)
  fail(`PORT must be a number from 0 to 65535, not "${PORT}".`);

const { broker, close } = await chooseBroker(process.env).catch((error) =>
  fail(`Cannot connect to the broker: ${error.message}`),
);
const chat = createChat({ broker });
const actual = await chat.listen({ port, host: HOST }).catch((error) => {
  if (error.code === 'EADDRINUSE') {
    fail(
      `Port ${port} is already in use: choose another one, for example PORT=${port + 1} npm start`,
    );
  }
  fail(`Cannot listen on ${HOST}, port ${port}: ${error.message}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    // A second signal finds no listener and ends the process at once, as usual.
    const { total, clean, terminated } = await chat.close();
    await close();
    cluster.worker?.disconnect();
    console.log(`Stopped. ${total} connections: ${clean} closed, ${terminated} terminated.`);
  });
}

if (cluster.isPrimary) {
  const [here, ...others] = addresses(HOST, actual);
  console.log(`hawser chat: ${here}`);
  for (const address of others) console.log(`On your network: ${address}`);
  if (HOST === '127.0.0.1') console.log('To let others on your network in: HOST=0.0.0.0 npm start');
}

/** @param {string} reason @returns {never} */
function fail(reason) {
  console.error(reason);
  process.exit(1);
}

// The chat as a command: `npm start`, or `PORT=3000 node examples/chat/server.mjs` after a build. With `--http2`
// (`npm run start:http2`) it is on https, with a certificate that it makes itself.
import cluster from 'node:cluster';
import { addresses } from './addresses.mjs';
import { chooseBroker } from './broker.mjs';
import { selfSigned } from './certificate.mjs';
import { createChat } from './chat.mjs';

const isHttp2 = process.argv.includes('--http2');
const command = isHttp2 ? 'npm run start:http2' : 'npm start';
const { PORT = isHttp2 ? '8443' : '8080', HOST = '127.0.0.1' } = process.env;
const port = Number(PORT);
if (!/^\d+$/.test(PORT) || port > 65535)
  fail(`PORT must be a number from 0 to 65535, not "${PORT}".`);

const { broker, close } = await chooseBroker(process.env).catch((error) =>
  fail(`Cannot connect to the broker: ${error.message}`),
);
const chat = createChat({ broker, tls: isHttp2 ? selfSigned() : undefined });
const actual = await chat.listen({ port, host: HOST }).catch((error) => {
  if (error.code === 'EADDRINUSE') {
    fail(
      `Port ${port} is already in use: choose another one, for example PORT=${port + 1} ${command}`,
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
  const [here, ...others] = addresses(HOST, actual, isHttp2 ? 'https' : 'http');
  console.log(`hawser chat: ${here}`);
  for (const address of others) console.log(`On your network: ${address}`);
  if (HOST === '127.0.0.1')
    console.log(`To let others on your network in: HOST=0.0.0.0 ${command}`);
  if (isHttp2) console.log('The browser will warn once: no authority has signed the certificate.');
}

/** @param {string} reason @returns {never} */
function fail(reason) {
  console.error(reason);
  process.exit(1);
}

// Express and hawser on one port: Express serves pages, hawser serves WebSockets.
//
// Every framework that runs on Node's http.Server works like this: pass that server to hawser. It
// listens for 'upgrade', which frameworks do not use, and not for requests.
import { createServer } from 'node:http';
import express from 'express';
import { WebSocketServer } from 'hawser';

const app = express();
const server = createServer(app);
const wss = new WebSocketServer(server, { path: '/news' });

app.use(express.text());

app.get('/', (request, response) => {
  response.send(
    `${wss.connections.size} listening at /news. POST a line of text to /news to tell them.\n`,
  );
});

// A plain HTTP request becomes a message to all connections.
app.post('/news', (request, response) => {
  if (typeof request.body !== 'string')
    return void response.status(415).send('text/plain, please.\n');
  const told = wss.broadcast(request.body);
  response.status(202).send(`Told ${told}.\n`);
});

wss.on('connection', (conn) => {
  conn.send('Nothing new yet.');
});

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`express: http://127.0.0.1:${port}`);
});

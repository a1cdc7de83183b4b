// A service that is bundled before it runs. It echoes; when its client has left it says what it saw.
import { WebSocketConnection, WebSocketServer } from 'hawser';
import { metrics } from 'hawser/metrics';
import WebSocket, { WebSocketServer as WsServer } from 'hawser/ws';
import required from './required.cjs';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
wss.on('listening', () => console.log(JSON.stringify({ port: wss.address().port })));
wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
  conn.on('close', async (code) => {
    const { total } = await wss.close();
    const ws = await echoByWs();
    console.log(
      JSON.stringify({
        code,
        total,
        ws,
        metrics: metrics(wss).includes('hawser_messages_sent_total 2'),
        one: conn instanceof WebSocketConnection && required.WebSocketServer === WebSocketServer,
        names: [WebSocketConnection.name, wss.constructor.name],
      }),
    );
  });
});

/** What comes back from an echo by `hawser/ws`, on both ends. */
async function echoByWs() {
  const server = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  server.on('connection', (ws) => ws.on('message', (data) => ws.send(`${data}`)));
  await new Promise((resolve) => server.once('listening', resolve));
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`);
  client.on('open', () => client.send('hi'));
  const text = await new Promise((resolve) => client.on('message', (data) => resolve(`${data}`)));
  client.close();
  server.close();
  return `${text} ${server instanceof WsServer}`;
}

// A service that is bundled before it runs. It echoes; when its client has left it says what it saw.
import { WebSocketConnection, WebSocketServer } from 'hawser';
import { metrics } from 'hawser/metrics';
import required from './required.cjs';

const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true });
wss.on('listening', () => console.log(JSON.stringify({ port: wss.address().port })));
wss.on('connection', (conn) => {
  conn.on('message', (data) => conn.send(data));
  conn.on('close', async (code) => {
    const { total } = await wss.close();
    console.log(
      JSON.stringify({
        code,
        total,
        metrics: metrics(wss).includes('hawser_messages_sent_total 2'),
        one: conn instanceof WebSocketConnection && required.WebSocketServer === WebSocketServer,
        names: [WebSocketConnection.name, wss.constructor.name],
      }),
    );
  });
});

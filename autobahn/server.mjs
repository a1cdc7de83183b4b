// An echo server for the Autobahn testsuite. Its limits are far away, because the suite sends messages of
// 16 MiB and takes its time with some of them.
import { WebSocketServer } from 'hawser';

/** @param {number} port */
export async function listen(port) {
  const wss = new WebSocketServer({
    port,
    host: '127.0.0.1',
    origin: '*',
    maxPayload: 64 * 1024 * 1024,
    maxBufferedAmount: 256 * 1024 * 1024,
    messageTimeout: Infinity,
    heartbeat: false,
    perMessageDeflate: { contextTakeover: 'both', threshold: 0 },
  });
  wss.on('connection', (conn) => {
    conn.on('message', (data, isBinary) => conn.send(data, { binary: isBinary }));
  });
  await new Promise((resolve, reject) => wss.once('listening', resolve).once('error', reject));
  return wss;
}

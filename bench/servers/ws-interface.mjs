// What a server does that has the interface of ws.
import { HIGH_WATER_MARK, listen, LONGEST_MESSAGE, requested } from './common.mjs';

/**
 * @param {any} WebSocketServer the class of ws, or another with its interface
 * @returns {import('./host.mjs').Peer['serve']}
 */
export const serveWith =
  (WebSocketServer) =>
  ({ kind, strings, deflate, messages }) =>
    listen((server) => {
      const wss = new WebSocketServer({
        server,
        maxPayload: LONGEST_MESSAGE,
        perMessageDeflate: deflate === undefined ? false : settingsOf(deflate),
      });
      wss.on('connection', (ws) => {
        if (kind === 'echo') {
          ws.on('message', (data, isBinary) => {
            if (strings) ws.send(data.toString());
            else ws.send(data, { binary: isBinary });
          });
        } else if (kind === 'stream') {
          ws.on('message', (data) => stream(ws, requested(data)));
        } else {
          ws.on('message', () => {
            for (const message of messages) for (const client of wss.clients) client.send(message);
          });
        }
      });

      function stream(ws, count) {
        let sent = 0;
        const go = () => {
          while (sent < count) {
            const message = messages[sent++ % messages.length];
            if (ws.bufferedAmount >= HIGH_WATER_MARK) {
              ws.send(message, go); // the callback comes when it is written
              return;
            }
            ws.send(message);
          }
        };
        go();
      }
    });

/** @param {import('./host.mjs').Deflate} deflate */
function settingsOf({ takeover, windowBits, level, memLevel }) {
  return {
    threshold: 0,
    serverNoContextTakeover: !takeover,
    clientNoContextTakeover: !takeover,
    ...(windowBits && { serverMaxWindowBits: windowBits, clientMaxWindowBits: windowBits }),
    zlibDeflateOptions: { ...(level && { level }), ...(memLevel && { memLevel }) },
  };
}

/** @type {import('./host.mjs').Peer['effort']} */
export const effort = ({ level = 6, memLevel = 8 }) => `level ${level}, memLevel ${memLevel}`;

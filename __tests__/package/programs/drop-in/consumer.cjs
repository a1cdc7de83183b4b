// A package of another author: it requires ws.
const WebSocket = require('ws');

/** Echoes on a free port. */
exports.serve = () => {
  const wss = new WebSocket.Server({ port: 0, host: '127.0.0.1' });
  wss.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
    ws.on('close', () => wss.close());
  });
  return wss;
};
exports.WebSocket = WebSocket;

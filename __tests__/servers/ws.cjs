// An echo server of ws, which prints its port.
'use strict';

const { WebSocketServer } = require('ws');

const wss = new WebSocketServer({
  port: 0,
  host: '127.0.0.1',
  perMessageDeflate: { threshold: 0 },
  handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false),
});
wss.on('listening', () => console.log(wss.address().port));
wss.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => {
    if (!isBinary && data.toString() === 'close') socket.close(4001, 'bye');
    else socket.send(data, { binary: isBinary });
  });
});

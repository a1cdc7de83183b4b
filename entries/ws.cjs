'use strict';
// The door into `hawser/ws` for require(): as with ws, the module is the class, and the rest is on it.
const {
  WebSocket,
  WebSocketServer,
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
} = require('../dist/ws/index.js');

module.exports = Object.assign(WebSocket, {
  WebSocket,
  WebSocketServer,
  Server: WebSocketServer,
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
});

// The ES module's names for browser.js.
import WebSocket from './browser.js';

export {
  WebSocket as createWebSocketStream,
  WebSocket as default,
  WebSocket as Sender,
  WebSocket as Server,
  WebSocket,
  WebSocket as WebSocketServer,
};

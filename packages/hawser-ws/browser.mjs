// The ES module's names for browser.js.
import WebSocket from './browser.js';

export {
  WebSocket as createWebSocketStream,
  WebSocket as default,
  WebSocket as extension,
  WebSocket as PerMessageDeflate,
  WebSocket as Receiver,
  WebSocket as Sender,
  WebSocket as Server,
  WebSocket as subprotocol,
  WebSocket,
  WebSocket as WebSocketServer,
};

// The ES module's door into `hawser/ws`, beside index.mjs. A test compares these names too.
import WebSocket from './ws.cjs';

export const {
  WebSocketServer,
  Server,
  createWebSocketStream,
  extension,
  PerMessageDeflate,
  Receiver,
  Sender,
  subprotocol,
} = WebSocket;
export { WebSocket, WebSocket as default };

// The ES module's names for what index.js exports, so that `import` and `require` share every class.
import WebSocket from './index.js';

export const { createWebSocketStream, Sender, Server, WebSocketServer } = WebSocket;
export { WebSocket };
export default WebSocket;

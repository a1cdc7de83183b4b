// The ES module's door into `hawser/ws`, beside wrapper.mjs. A test compares these names too.
import WebSocket from './ws.cjs';

export const { WebSocketServer, Server, createWebSocketStream, Sender } = WebSocket;
export { WebSocket, WebSocket as default };

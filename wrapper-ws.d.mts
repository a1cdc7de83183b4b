import WebSocket from './ws.cjs';

export { WebSocket, WebSocket as default };
export {
  createWebSocketStream,
  Sender,
  WebSocketServer,
  WebSocketServer as Server,
  type BinaryType,
  type ClientInfo,
  type ClientOptions,
  type CloseEvent,
  type ErrorEvent,
  type Event,
  type EventHandler,
  type FrameOptions,
  type HawserOptions,
  type MessageEvent,
  type PerMessageDeflateOptions,
  type RawData,
  type SendOptions,
  type Sendable,
  type ServerEvents,
  type ServerOptions,
  type UpgradeCallback,
  type VerifyClient,
  type WebSocketEvents,
} from './dist/ws/index.js';

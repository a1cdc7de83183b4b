/// <reference types="node" preserve="true" />

/** The exports of `hawser/ws`. See `docs/ws.md`. */
export { WebSocket, WebSocket as default } from './web-socket.js';
export { type SendOptions, type WebSocketEvents } from './web-socket-events.js';
export { type BinaryType, type Data, type RawData, type Sendable } from './data.js';
export {
  WebSocketServer,
  WebSocketServer as Server,
  type ServerEvents,
  type UpgradeCallback,
} from './server.js';
export { type ClientInfo, type ServerOptions, type VerifyClient } from './server-options.js';
export { type PerMessageDeflateOptions } from './deflate-options.js';
export { type HawserOptions } from './hawser-options.js';
export { type ClientOptions } from './connect.js';
export { createWebSocketStream } from './stream.js';
export { Sender, type FrameOptions } from './sender.js';
export { Receiver, type ReceiverOptions } from './receiver.js';
export {
  type NegotiatedParameters,
  PerMessageDeflate,
  type PerMessageDeflateCallback,
  type PerMessageDeflateSide,
} from './per-message-deflate.js';
export {
  extension,
  type Extension,
  type ExtensionParameters,
  type FormattedParameters,
} from './extension.js';
export { subprotocol } from './subprotocol.js';
export {
  type AttributeHandler,
  CloseEvent,
  ErrorEvent,
  Event,
  type EventHandler,
  MessageEvent,
  type WebSocketEventMap,
} from './event-target.js';

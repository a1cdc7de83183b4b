export { type CloseInfo, ConnectionError, type ConnectionErrorCode } from './close-info.js';
export {
  createConnectionPair,
  type ConnectionPair,
  type ConnectionPairOptions,
} from './connection-pair.js';
export { type CloseReply, type ConnectionEvents } from './connection-events.js';
export { WebSocketConnection } from './connection.js';
export { type Clock } from './deadlines.js';
export { type Message } from './inbox.js';
export { type Logger } from './logger.js';
export {
  type Authorization,
  type AuthorizeResult,
  type DeflateOptions,
  type ServerOptions,
} from './options.js';
export { type SendCallback } from './outbox.js';
export { CloseCode, type ClosePayload } from './protocol/close.js';
export { ProtocolError, type ProtocolErrorCode } from './protocol/errors.js';
export { FrameDecoder, type FrameDecoderOptions } from './protocol/frame-decoder.js';
export {
  FrameEncoder,
  type FrameEncoderOptions,
  type FrameFlags,
} from './protocol/frame-encoder.js';
export { type FrameHeader, Opcode, type Role } from './protocol/frame.js';
export { type Payload, type PreparedMessage } from './protocol/prepared-message.js';
export { type UpgradeHeaders, UpgradeRejection } from './protocol/upgrade-rejection.js';
export { type Data, type SendFrameOptions, type SendOptions } from './sender.js';
export { type BroadcastOptions, type RejectedUpgrade, type ServerEvents } from './server-events.js';
export { WebSocketServer } from './server.js';
export { type CloseReport, type ServerCloseOptions } from './shutdown.js';

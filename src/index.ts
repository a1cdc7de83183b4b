/// <reference types="node" preserve="true" />
export {
  type CloseInfo,
  ConnectionError,
  type ConnectionErrorCode,
} from './connection/close-info.js';
export {
  createConnectionPair,
  type ConnectionPair,
  type ConnectionPairOptions,
} from './server/connection-pair.js';
export { type CloseReply, type ConnectionEvents } from './connection/events.js';
export { WebSocketConnection } from './connection/connection.js';
export { type Clock } from './connection/deadlines.js';
export { type AnyMessage, type Message } from './connection/inbox.js';
export { type OwnServerOptions, type OwnServerParts } from './server/attachment.js';
export { type DiagnosticsChannels } from './server/diagnostics.js';
export { type Logger } from './server/logger.js';
export {
  type Authorization,
  type AuthorizeOptions,
  type AuthorizeResult,
  type DeflateOptions,
  type ServerOptions,
  type TrustProxy,
} from './server/options.js';
export { type SendCallback } from './connection/send-callbacks.js';
export { CloseCode, type ClosePayload } from './protocol/close.js';
export { ProtocolError, type ProtocolErrorCode } from './protocol/errors.js';
export { FrameDecoder, type FrameDecoderOptions } from './protocol/frame-decoder.js';
export {
  FrameEncoder,
  type FrameEncoderOptions,
  type FrameFlags,
} from './protocol/frame-encoder.js';
export { type FrameHeader, Opcode, type Role } from './protocol/frame.js';
export { type Payload } from './protocol/payload.js';
export { type Data, type PreparedMessage } from './protocol/prepared-message.js';
export { type HeaderFields, type UpgradeHeaders } from './protocol/upgrade-headers.js';
export { UpgradeRejection } from './protocol/upgrade-rejection.js';
export { type RoundTripOptions } from './connection/round-trip.js';
export { type SendFrameOptions, type SendOptions } from './connection/send-options.js';
export { type BroadcastOptions, type PrepareOptions } from './server/broadcast.js';
export { type RejectedUpgrade, type ServerEvents } from './server/events.js';
export { WebSocketServer } from './server/server.js';
export { SharedLimits, type SharedLimitsOptions } from './server/shared-limits.js';
export { type ServerStats } from './server/stats.js';
export { type CloseReport, type ServerCloseOptions } from './server/shutdown.js';

/// <reference types="node" preserve="true" />

// Servers.
export { WebSocketServer } from './server/server.js';
export {
  type AttachedParts,
  type OwnServerOptions,
  type OwnServerParts,
} from './server/options/attachment.js';
export {
  type AnyRequest,
  type Authorization,
  type AuthorizeOptions,
  type AuthorizeResult,
  type DeflateOptions,
  type ServerOptions,
  type TrustProxy,
} from './server/options/options.js';
export { type BrokerLoss, type RejectedUpgrade, type ServerEvents } from './server/events.js';
export { type BroadcastOptions, type PrepareOptions } from './server/broadcast.js';
export { type PublishOptions } from './server/topics/publish.js';
export { type TopicStats } from './server/topics/topic-stats.js';
export { type JoinedOptions } from './server/topics/joined-options.js';
export { type Broker, type BrokerNode, type Outgoing } from './server/topics/broker.js';
export { type BrokerStats } from './server/topics/broker-stats.js';
export { type LagStats } from './server/topics/lag.js';
export { type CloseReport, type ServerCloseOptions } from './server/shutdown.js';
export { type ServerStats } from './server/stats.js';
export { type Logger } from './server/logger.js';
export { shardBroker } from './server/topics/shard-broker.js';
export { SharedLimits, type SharedLimitsOptions } from './server/admission/shared-limits.js';
export { type HeaderFields, type UpgradeHeaders } from './protocol/handshake/response-headers.js';
export { UpgradeRejection } from './protocol/handshake/upgrade-rejection.js';

// Connections.
export { WebSocketConnection } from './connection/connection.js';
export { type HandshakeResponse } from './connection/settings.js';
export { type CloseReply, type ConnectionEvents } from './connection/events.js';
export { type AnyMessage, type Message } from './connection/receive/receive-queue.js';
export { type SendCallback } from './connection/send/send-callbacks.js';
export { type SendFrameOptions, type SendOptions } from './connection/send/send-options.js';
export {
  type Chunk,
  type ReadableStreamLike,
  type StreamSource,
} from './connection/stream/chunk-source.js';
export { type MessageStream } from './connection/stream/message-stream.js';
export { type IncomingOptions, type StreamOptions } from './connection/stream/stream-options.js';
export { type RoundTripOptions } from './connection/limits/round-trip.js';
export { type TransportKind } from './connection/transport.js';
export { type CloseInfo } from './connection/close/close-info.js';
export { type BlobLike, type Payload } from './protocol/framing/payload.js';
export { type Data, type PreparedMessage } from './protocol/framing/prepared-message.js';
export { CloseCode, type ClosePayload } from './protocol/framing/close-frame.js';

// Errors.
export { ConnectionError, type ConnectionErrorCode } from './connection/close/connection-error.js';
export {
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorDetail,
} from './protocol/framing/protocol-error.js';

// Tests and diagnostics.
export {
  createConnectionPair,
  type ConnectionPair,
  type ConnectionPairOptions,
} from './server/connection-pair.js';
export { type Clock } from './connection/limits/clock.js';
export { type DiagnosticsChannels } from './diagnostics-channels.js';

// The protocol alone, for a transport of your own.
export { FrameDecoder, type FrameDecoderOptions } from './protocol/framing/frame-decoder.js';
export {
  FrameEncoder,
  type FrameEncoderOptions,
  type FrameFlags,
} from './protocol/framing/frame-encoder.js';
export { type FrameHeader, Opcode, type Role } from './protocol/framing/frame.js';

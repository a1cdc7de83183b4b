/// <reference types="node" preserve="true" />

export { connect } from './connect.js';
export { type ConnectOptions } from './connect-options.js';
export {
  reconnecting,
  type ReconnectingConnection,
  type ReconnectingEvents,
} from './reconnecting.js';
export { type ReconnectingOptions } from './reconnecting-options.js';
export { type ReconnectFailure } from './retry.js';
export { HandshakeError, type HandshakeErrorCode } from './handshake-error.js';

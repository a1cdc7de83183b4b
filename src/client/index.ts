/// <reference types="node" preserve="true" />

export { connect } from './connect.js';
export { type ConnectOptions } from './connect-options.js';
export { HandshakeError, type HandshakeErrorCode } from './handshake-error.js';

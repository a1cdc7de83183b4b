// The ES module's door into the one CommonJS build, so that `import` and `require` share every class.
// A test compares these names with what dist/index.js exports.
import hawser from '../dist/index.js';

export const {
  CloseCode,
  ConnectionError,
  FrameDecoder,
  FrameEncoder,
  Opcode,
  ProtocolError,
  SharedLimits,
  UpgradeRejection,
  WebSocketConnection,
  WebSocketServer,
  createConnectionPair,
  shardBroker,
} = hawser;

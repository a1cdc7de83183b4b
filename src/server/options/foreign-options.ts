import type { Advice } from '../../protocol/option-checks.js';

/**
 * Advice for option names of other libraries. A name that is an option of hawser is never looked up
 * here.
 */

const OWN_SERVER =
  'it goes with a server of its own, new WebSocketServer({ port }); give it to the listen() of your http.Server';
const FIRST_ARGUMENT =
  'pass the http.Server as the first argument: new WebSocketServer(server, options)';
const HTTPS_SERVER =
  'pass an https.Server as the first argument: new WebSocketServer(server, options)';

/** For the options of a `WebSocketServer`. */
export const FOREIGN_OPTIONS: Advice = {
  // hawser's own options, in the wrong place.
  port: OWN_SERVER,
  host: OWN_SERVER,
  socketPath: OWN_SERVER,
  tls: HTTPS_SERVER,
  signal: 'call close() when it aborts; only a server of its own takes a signal',
  noServer: 'leave it out beside a server or a port',
  interval: 'use heartbeat: { interval }',
  windowBits: 'use perMessageDeflate: { windowBits }',
  threshold: 'use perMessageDeflate: { threshold }',
  compress: 'use perMessageDeflate',
  rateLimit: 'use messageRate: { perSecond, burst, action }',
  context: 'let authorize return { context }',
  headers: 'let authorize return { headers }',
  // ws.
  server: FIRST_ARGUMENT,
  backlog: OWN_SERVER,
  verifyClient: 'use authorize: return to accept, throw new UpgradeRejection(401) to reject',
  handleProtocols:
    'use subprotocols: an array, or a function (offered, request) => string | undefined',
  clientTracking: 'leave it out: wss.connections is always kept',
  skipUTF8Validation: 'leave it out: Text is always validated (RFC 6455 section 8.1)',
  autoPong: 'leave it out: every Ping is answered',
  allowSynchronousEvents: 'leave it out: the messages of one read are delivered one after another',
  WebSocket: 'leave it out: connections are WebSocketConnections; what is yours goes into context',
  // Socket.IO and engine.io.
  httpServer: FIRST_ARGUMENT,
  cors: 'use origin: an array of origins',
  allowRequest: 'use authorize: return to accept, throw new UpgradeRejection(401) to reject',
  maxHttpBufferSize: 'use maxPayload',
  pingInterval: 'use heartbeat: { interval }',
  pingTimeout: 'use heartbeat: { timeout }',
  transports: 'leave it out: WebSocket is the only transport',
  // µWebSockets.js.
  maxPayloadLength: 'use maxPayload',
  maxBackpressure: 'use maxBufferedAmount',
  closeOnBackpressureLimit: "use slowConsumer: 'close' or 'drop'",
  compression: 'use perMessageDeflate',
  sendPingsAutomatically: 'use heartbeat: false to send none',
  upgrade: 'use authorize',
  // websocket.
  maxReceivedMessageSize: 'use maxPayload',
  maxReceivedFrameSize: 'use maxPayload',
  autoAcceptConnections:
    'use authorize: return to accept, throw new UpgradeRejection(401) to reject',
  keepalive: 'use heartbeat',
  keepaliveInterval: 'use heartbeat: { interval }',
  keepaliveGracePeriod: 'use heartbeat: { timeout }',
  // Of node:https.
  key: HTTPS_SERVER,
  cert: HTTPS_SERVER,
  pfx: HTTPS_SERVER,
};

/** For `heartbeat`. */
export const FOREIGN_HEARTBEAT: Advice = {
  pingInterval: 'use heartbeat.interval',
  pingTimeout: 'use heartbeat.timeout',
  every: 'use heartbeat.interval',
};

const TAKEOVER = "use perMessageDeflate.contextTakeover: 'none', 'server', 'client' or 'both'";
const ZLIB = 'use level, memLevel and windowBits of perMessageDeflate itself';

/** For `perMessageDeflate`. */
export const FOREIGN_DEFLATE: Advice = {
  filter: 'decide at the call: send and broadcast take compress: true or false',
  serverNoContextTakeover: TAKEOVER,
  clientNoContextTakeover: TAKEOVER,
  serverMaxWindowBits: 'use perMessageDeflate.windowBits, which holds for both directions',
  clientMaxWindowBits: 'use perMessageDeflate.windowBits, which holds for both directions',
  zlibDeflateOptions: ZLIB,
  zlibInflateOptions: ZLIB,
  concurrencyLimit:
    'leave it out: the number of long messages compressed at a time is always limited',
  maxPayload: 'use maxPayload of the server: it holds after inflation',
};

// The libraries that are measured. The name is that of the file in servers/, unless `file` names another.

/**
 * @typedef {object} PeerSettings
 * @property {string} title
 * @property {'websocket' | 'raw' | 'tls' | 'http2'} wire `raw`: a server that sends the bytes back as they come;
 *   `tls` and `http2`: WebSockets on TLS sockets of their own, and on streams of sessions over TLS
 * @property {Record<string, string | undefined>} env of its process
 * @property {string} [file] in servers/
 * @property {boolean} [special] only in the scenarios that name it
 * @property {string} [execPath] the program that runs its server; without it the Node that runs the benchmark
 */

/** @type {Record<string, PeerSettings>} */
export const peers = {
  hawser: { title: 'hawser', wire: 'websocket', env: {} },
  'hawser-transfer': {
    title: 'hawser, transfer',
    wire: 'websocket',
    env: { HAWSER_TRANSFER: '1' },
    file: 'hawser',
    special: true,
  },
  net: { title: 'bare net', wire: 'raw', env: {} },
  'net-gather': {
    title: 'bare net, gathering',
    wire: 'raw',
    env: { NET_GATHER: '1' },
    file: 'net',
    special: true,
  },
  // ws silently uses bufferutil as soon as it can be resolved.
  ws: { title: 'ws', wire: 'websocket', env: { WS_NO_BUFFER_UTIL: '1' } },
  'ws-bufferutil': {
    title: 'ws + bufferutil',
    wire: 'websocket',
    env: { WS_NO_BUFFER_UTIL: undefined },
  },
  uws: { title: 'uWebSockets.js', wire: 'websocket', env: { UWS_USE_FALLBACK: undefined } },
  websocket: { title: 'websocket', wire: 'websocket', env: {} },
  faye: { title: 'faye-websocket', wire: 'websocket', env: {} },
  'hawser-ws': { title: 'hawser/ws', wire: 'websocket', env: {}, special: true },
  'hawser-tls': {
    title: 'hawser on TLS sockets',
    wire: 'tls',
    env: { SECURE: 'tls' },
    file: 'secure',
    special: true,
  },
  'hawser-http2': {
    title: 'hawser on HTTP/2',
    wire: 'http2',
    env: { SECURE: 'http2' },
    file: 'secure',
    special: true,
  },
  socketio: {
    title: 'Socket.IO on ws',
    wire: 'websocket',
    env: { WS_NO_BUFFER_UTIL: '1', SOCKETIO_ENGINE: 'ws' },
    special: true,
  },
  'socketio-hawser': {
    title: 'Socket.IO on hawser/ws',
    wire: 'websocket',
    env: { WS_NO_BUFFER_UTIL: '1', SOCKETIO_ENGINE: 'hawser-ws' },
    file: 'socketio',
    special: true,
  },
};

/** The peer of a contestant: `hawser@24` is hawser on Node 24. */
export const baseOf = (/** @type {string} */ name) => name.replace(/@.*/, '');

/** The line of Node that a contestant names, such as `@24`; `''` for the Node that runs the benchmark. */
export const lineOf = (/** @type {string} */ name) => name.slice(baseOf(name).length);

/**
 * Add each peer once more, on another line of Node.
 *
 * @param {string} line
 * @param {string} execPath
 */
export function addLine(line, execPath) {
  for (const [name, settings] of Object.entries(peers)) {
    if (lineOf(name) !== '') continue;
    const title = `${settings.title}, Node ${line}`;
    peers[`${name}@${line}`] = { ...settings, title, file: settings.file ?? name, execPath };
  }
}

/**
 * Make another build of hawser a peer.
 *
 * @param {string} name
 * @param {import('./build.mjs').Build} build
 */
export function addBuild(name, build) {
  const env = { HAWSER_DIST: build.dist, HAWSER_BUILD: build.name };
  peers[name] = { title: build.name, wire: 'websocket', env, file: 'hawser' };
}

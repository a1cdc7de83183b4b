// uWebSockets.js, from the package that a registry has. It is C++ on Node 20 only; elsewhere it turns
// into an imitation in JavaScript, which does not export getString.
import { load, LONGEST_MESSAGE, HIGH_WATER_MARK, requested, versionOf } from './common.mjs';

const NAME = '@trufflesuite/uws-js-unofficial';
const uWS = load(NAME);

export function claim() {
  if (typeof uWS.getString !== 'function') {
    throw new Error(`uWebSockets.js is not native on Node ${process.version} (needs Node 20)`);
  }
  return { version: versionOf(NAME), mode: 'native (C++)' };
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, strings, deflate, messages }) {
  const app = uWS.App();
  const compress = deflate !== undefined;
  app.ws('/*', {
    compression: modeOf(deflate),
    maxPayloadLength: LONGEST_MESSAGE,
    maxBackpressure: 2 * LONGEST_MESSAGE,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    open(ws) {
      if (kind === 'broadcast') ws.subscribe('all');
    },
    message(ws, data, isBinary) {
      if (kind === 'echo') {
        if (strings) ws.send(Buffer.from(data).toString(), false);
        else ws.send(data, isBinary, compress);
      } else if (kind === 'stream') {
        stream(ws, requested(new Uint8Array(data)));
      } else {
        for (const message of messages)
          app.publish('all', message, typeof message !== 'string', compress);
      }
    },
    drain(ws) {
      ws.getUserData().goOn?.();
    },
  });

  function stream(ws, count) {
    let sent = 0;
    const send = () => {
      while (sent < count && ws.getBufferedAmount() < HIGH_WATER_MARK) {
        ws.send(messages[sent++ % messages.length], true);
      }
    };
    ws.getUserData().goOn = () => ws.cork(send);
    send(); // inside 'message' it is corked already
  }

  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (token) => {
      if (token) resolve(uWS.us_socket_local_port(token));
      else reject(new Error('uWebSockets.js cannot listen'));
    });
  });
}

/** @param {import('./host.mjs').Deflate | undefined} deflate */
function modeOf(deflate) {
  if (deflate === undefined) return uWS.DISABLED;
  return deflate.takeover
    ? uWS.DEDICATED_COMPRESSOR | uWS.DEDICATED_DECOMPRESSOR
    : uWS.SHARED_COMPRESSOR | uWS.SHARED_DECOMPRESSOR;
}

/** @type {import('./host.mjs').Peer['effort']} */
export const effort = ({ takeover }) =>
  takeover ? 'dedicated contexts, its default' : 'shared contexts (libdeflate)';

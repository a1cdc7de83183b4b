// No WebSocket at all: the bare socket of an upgraded request. It gets the same number of bytes, does
// the same work with them, and shows what any library on Node's sockets has to pay.
import { createHash } from 'node:crypto';
import { listen, requested } from './common.mjs';
import { frame } from '../payloads.mjs';

export function claim() {
  return { version: process.version, mode: 'bare upgraded socket of node:net' };
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, messages }) {
  const frames = messages.map((message) => frame('binary', Buffer.from(message)));
  const sockets = new Set();
  return listen((server) => {
    server.on('upgrade', (request, socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      socket.write(response(request.headers['sec-websocket-key']));
      if (kind === 'echo') {
        socket.on('data', (chunk) => socket.write(chunk));
      } else if (kind === 'stream') {
        socket.on('data', (chunk) => stream(socket, requested(chunk)));
      } else {
        socket.on('data', () => {
          for (const bytes of frames) for (const each of sockets) each.write(bytes);
        });
      }
    });
  });

  function stream(socket, count) {
    let sent = 0;
    const go = () => {
      while (sent < count) {
        if (!socket.write(frames[sent++ % frames.length])) {
          socket.once('drain', go);
          return;
        }
      }
    };
    go();
  }
}

/** The load generator treats everyone alike, so this too is a 101 with the right accept key. */
function response(/** @type {string | undefined} */ key) {
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

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
      if (kind === 'echo' && process.env.NET_GATHER === '1') {
        gather(socket);
      } else if (kind === 'echo') {
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

  /** Joins each frame in one Buffer, as any library must that delivers messages whole, and writes it back. */
  function gather(/** @type {import('node:stream').Duplex} */ socket) {
    let message = Buffer.alloc(0);
    let filled = 0;
    socket.on('data', (/** @type {Buffer} */ chunk) => {
      for (let at = 0; at < chunk.length;) {
        if (filled === 0) message = Buffer.allocUnsafe(frameLength(chunk, at));
        const count = chunk.copy(message, filled, at);
        filled += count;
        at += count;
        if (filled < message.length) continue;
        filled = 0;
        socket.write(message);
      }
    });
  }

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

/** The length of the frame, unmasked, whose header is at `at`; the load generator never cuts a header. */
function frameLength(/** @type {Buffer} */ bytes, /** @type {number} */ at) {
  const length = (bytes[at + 1] ?? 0) & 0x7f;
  if (length === 127) return 10 + Number(bytes.readBigUInt64BE(at + 2));
  return length === 126 ? 4 + bytes.readUInt16BE(at + 2) : 2 + length;
}

/** The load generator treats everyone alike, so this too is a 101 with the right accept key. */
function response(/** @type {string | undefined} */ key) {
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import { type Duplex, PassThrough } from 'node:stream';

/** An upgrade request with an empty chunked body. */
const REQUEST =
  'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: a\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n';

let answer: boolean | undefined;

/**
 * Whether Node's HTTP parser reads the bodies of upgrade requests. Node 26 does; up to 24 they stay
 * on the socket. The parser is tried once, because the version alone is not reliable.
 */
export function nodeReadsBodies(): boolean {
  return (answer ??= ask());
}

function ask(): boolean {
  let reads = false;
  const server = createServer().on('upgrade', (_request, _socket, head: Buffer) => {
    reads = head.length === 0;
  });
  const socket: Duplex = new PassThrough();
  server.emit('connection', socket);
  socket.emit('data', Buffer.from(REQUEST));
  socket.destroy();
  return reads;
}

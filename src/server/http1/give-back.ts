import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { earlierResponses } from './earlier-responses.js';
import { rawSocketOf } from './raw-socket.js';
import { replay } from './request-replay.js';
import { stopIgnoringErrors } from './socket-errors.js';

/**
 * Give a request whose `Upgrade` is not for us back to Node's HTTP parser, without its upgrade: the
 * application gets it by `'request'`, as RFC 9110 section 7.8 allows a server that ignores `Upgrade`.
 * Its body, keep-alive and the requests after it are the parser's again.
 */
export function giveBack(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const earlier = earlierResponses(rawSocketOf(request, socket));
  // A response of the parser before would not tell the next parser's that it is their turn.
  if (earlier === undefined) parseAgain(server, request, socket, head);
  else {
    void earlier.then(() => {
      if (!socket.writable) return; // the response before was the connection's last
      parseAgain(server, request, socket, head);
    });
  }
}

function parseAgain(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  stopIgnoringErrors(socket); // the parser listens again
  parse(server, replay(request, socket, head));
}

/** What http.Server does with a socket: one function for every server of this process. */
const [parseWithNode] = createServer().listeners('connection');

/** Whether a parser can have a socket again. Where each server has a function of its own, as on Bun, none can. */
export const canGiveBack: boolean = createServer().listeners('connection')[0] === parseWithNode;

/** Let the server's parser have a transport. The application has seen its `'connection'` before. */
function parse(server: Server, transport: Duplex): void {
  const event = 'encrypted' in transport ? 'secureConnection' : 'connection';
  if (server.listeners(event).includes(parseWithNode!)) {
    Reflect.apply(parseWithNode!, server, [transport]);
  } else {
    server.emit(event, transport);
  }
}

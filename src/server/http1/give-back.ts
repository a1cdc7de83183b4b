import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { earlierResponses } from './earlier-responses.js';
import { rawSocketOf } from './raw-socket.js';
import { replay } from './request-replay.js';
import { stopIgnoringErrors } from './socket-errors.js';

/**
 * Give a request that asks for another protocol back to Node's HTTP parser, without its upgrade. The
 * application gets it by `'request'`; RFC 9110 section 7.8 allows a server to ignore `Upgrade`. The
 * parser handles its body, keep-alive and the requests after it again.
 */
export function giveBack(
  server: Server,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): void {
  const earlier = earlierResponses(rawSocketOf(request, socket));
  // A response of the old parser does not start the responses of the new parser.
  if (earlier === undefined) parseAgain(server, request, socket, head);
  else {
    void earlier.then(() => {
      if (!socket.writable) return; // the earlier response was the connection's last
      parseAgain(server, request, socket, head);
    });
  }
}

function parseAgain(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  stopIgnoringErrors(socket); // the parser listens again
  parse(server, replay(request, socket, head));
}

/** The function with which every http.Server of this process begins to parse a socket. */
const [parseWithNode] = createServer().listeners('connection');

/** Whether a parser can get a socket again. It cannot where each server has its own function, as on Bun. */
export const canGiveBack: boolean = createServer().listeners('connection')[0] === parseWithNode;

/** Give a transport to the server's parser, without a second `'connection'` event for the application. */
function parse(server: Server, transport: Duplex): void {
  const event = 'encrypted' in transport ? 'secureConnection' : 'connection';
  if (server.listeners(event).includes(parseWithNode!)) {
    Reflect.apply(parseWithNode!, server, [transport]);
  } else {
    server.emit(event, transport);
  }
}

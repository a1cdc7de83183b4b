import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { earlierResponses } from './earlier-responses.js';
import { rawSocketOf } from './raw-socket.js';
import { replay } from './request-replay.js';
import { isHttp2Server } from '../options/kinds-of-server.js';
import { stopIgnoringErrors } from '../socket-errors.js';

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

/** How many entries Node keeps in `rawHeaders`, where the server has no `maxHeadersCount`. */
const MAX_RAW_HEADERS = 2000;

/**
 * Whether Node kept all headers of a request. It drops those beyond `maxHeadersCount`. A request that is
 * written again without them, a `Content-Length` for example, would end at another byte: that is how
 * requests are smuggled past a proxy (RFC 9112 section 11.2).
 */
export function hasAllHeaders(
  { maxHeadersCount }: Server,
  { rawHeaders }: IncomingMessage,
): boolean {
  const limit = typeof maxHeadersCount === 'number' ? maxHeadersCount * 2 : MAX_RAW_HEADERS;
  return limit === 0 || rawHeaders.length < limit;
}

/** Give a transport to the server's parser, without a second `'connection'` event for the application. */
function parse(server: Server, transport: Duplex): void {
  const event = 'encrypted' in transport ? 'secureConnection' : 'connection';
  // The listener of an HTTP/2 server with `allowHTTP1` ends in the same function.
  if (server.listeners(event).includes(parseWithNode!) || isHttp2Server(server)) {
    Reflect.apply(parseWithNode!, server, [transport]);
  } else {
    server.emit(event, transport);
  }
}

import type { ServerResponse } from 'node:http';
import { type RawSocket, restartReading } from './raw-socket.js';

/**
 * Wait for the responses to requests that came earlier on the same connection. Node emits
 * `'upgrade'` as soon as the request has been parsed, even while such a response is still being
 * written. Bytes written then would get between the bytes of that response (RFC 9112 section 9.3.2:
 * responses are sent in the order of the requests).
 *
 * @returns `undefined` if there are none. The promise stays pending if a response is never finished.
 */
export function earlierResponses(socket: RawSocket): Promise<void> | undefined {
  const response = currentResponse(socket);
  return response === undefined ? undefined : finished(socket, response);
}

/** The response that is being written. The field is private to Node, so anything may be in it. */
function currentResponse({ _httpMessage }: RawSocket): ServerResponse | undefined {
  return typeof _httpMessage?.once === 'function' ? _httpMessage : undefined;
}

async function finished(socket: RawSocket, first: ServerResponse): Promise<void> {
  // Node does not pass 'drain' to the responses any more.
  const drain = (): void => {
    const response = currentResponse(socket);
    if (response?.writableNeedDrain === true) response.emit('drain');
  };
  socket.on('drain', drain);
  let response: ServerResponse | undefined = first;
  while (response !== undefined) {
    const waitFor: ServerResponse = response;
    // Node's own listener was added before this one, so the next response has the socket by then.
    await new Promise<void>((resolve) => {
      waitFor.once('finish', resolve).once('close', resolve);
    });
    const next = currentResponse(socket);
    response = next === waitFor ? undefined : next;
  }
  socket.off('drain', drain);
  restartReading(socket);
}

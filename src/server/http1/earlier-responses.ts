import type { ServerResponse } from 'node:http';
import type { RawSocket } from './raw-socket.js';

/**
 * Wait for the responses to requests that came earlier on the same connection. Node emits
 * `'upgrade'` as soon as the request has been parsed, also while such a response is still being
 * written; what is written then would get between its bytes (RFC 9112 section 9.3.2: responses are
 * sent in the order of the requests).
 *
 * @returns `undefined` if there is none. It stays pending if one of them is never finished.
 */
export function earlierResponses(socket: RawSocket): Promise<void> | undefined {
  const response = socket._httpMessage ?? undefined;
  return response === undefined ? undefined : finished(socket, response);
}

async function finished(socket: RawSocket, first: ServerResponse): Promise<void> {
  // Node has stopped telling the responses that the socket can take more.
  const drain = (): void => {
    const response = socket._httpMessage;
    if (response?.writableNeedDrain === true) response.emit('drain');
  };
  socket.on('drain', drain);
  let response: ServerResponse | undefined = first;
  while (response !== undefined) {
    const waitFor: ServerResponse = response;
    // Node's own listener was there before this one: the next response has the socket then.
    await new Promise<void>((resolve) => {
      waitFor.once('finish', resolve).once('close', resolve);
    });
    const next = socket._httpMessage ?? undefined;
    response = next === waitFor ? undefined : next;
  }
  socket.off('drain', drain);
}

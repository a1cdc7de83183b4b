import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import { formatHead } from '../../protocol/handshake/opening-handshake.js';
import type { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';

/**
 * Answer an upgrade request with a rejection and end the transport. What the client still sends is
 * read and discarded, or the kernel would reset the connection and the client might never see
 * the answer.
 *
 * @param lingerMs milliseconds that the client has to end its side.
 * @param earlier resolves when the responses to earlier requests have been written.
 */
export function reject(
  socket: Duplex,
  rejection: UpgradeRejection,
  deadlines: Deadlines,
  lingerMs: number,
  earlier?: Promise<void>,
): void {
  if (!socket.writable) return;
  const answer = format(rejection);
  lingerUntilEnd(socket, deadlines, lingerMs);
  if (earlier === undefined) {
    socket.end(answer);
    return;
  }
  void earlier.then(() => {
    if (socket.writable) socket.end(answer);
  });
}

/**
 * Wait until a client ends its side of a transport that has no other use. What it still sends is
 * discarded.
 *
 * @param lingerMs milliseconds after which the transport is destroyed.
 */
export function lingerUntilEnd(socket: Duplex, deadlines: Deadlines, lingerMs: number): void {
  const deadline = deadlines.start(lingerMs, () => {
    socket.destroy();
  });
  socket.once('close', () => {
    deadline.cancel();
  });
  socket.resume();
}

function format({ status, headers, body }: UpgradeRejection): Buffer {
  const phrase = STATUS_CODES[status] ?? '';
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  // Plain text ends with a line end. A body with another Content-Type stays as it is.
  const plain = body ?? phrase;
  const text = plain.endsWith('\n') || given.has('content-type') ? plain : `${plain}\n`;
  const defaults = Object.entries({
    Date: new Date().toUTCString(),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  });
  const head = formatHead(status, phrase, {
    ...Object.fromEntries(defaults.filter(([name]) => !given.has(name.toLowerCase()))),
    ...headers,
    'Content-Length': String(Buffer.byteLength(text, 'utf8')),
    Connection: given.has('upgrade') ? 'Upgrade, close' : 'close',
  });
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(text, 'utf8')]);
}

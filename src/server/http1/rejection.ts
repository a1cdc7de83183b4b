import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import { formatHead } from '../../protocol/handshake/opening-handshake.js';
import type { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { rejectionContent } from '../rejection-content.js';

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

function format(rejection: UpgradeRejection): Buffer {
  const { headers, text } = rejectionContent(rejection);
  const asksForUpgrade = Object.keys(headers).some((name) => name.toLowerCase() === 'upgrade');
  const head = formatHead(rejection.status, STATUS_CODES[rejection.status] ?? '', {
    ...headers,
    'Content-Length': String(Buffer.byteLength(text, 'utf8')),
    Connection: asksForUpgrade ? 'Upgrade, close' : 'close',
  });
  return Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(text, 'utf8')]);
}

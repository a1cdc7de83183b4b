import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Deadlines } from '../connection/deadlines.js';
import { formatHead } from '../protocol/handshake.js';
import type { UpgradeRejection } from '../protocol/upgrade-rejection.js';

/**
 * Answer an upgrade request with a refusal and end the transport. What the client still sends is
 * read and thrown away, or the kernel would reset the connection and the client might never see
 * the answer.
 *
 * @param patience milliseconds that the client has to end its side.
 */
export function refuse(
  socket: Duplex,
  { status, headers, body }: UpgradeRejection,
  deadlines: Deadlines,
  patience: number,
): void {
  if (!socket.writable) return;
  const phrase = STATUS_CODES[status] ?? '';
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  // Plain text ends with a line end; a body that the application calls something else stays as it is.
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
  const deadline = deadlines.start(patience, () => {
    socket.destroy();
  });
  socket.once('close', () => {
    deadline.cancel();
  });
  socket.end(Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(text, 'utf8')]));
  socket.resume();
}

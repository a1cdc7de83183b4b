import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { joinLines } from '../protocol/handshake/opening-handshake.js';

/** Answer an upgrade request with this status, and close its socket. */
export function refuseUpgrade(
  socket: Duplex,
  status: number,
  message: string | undefined,
  headers: Readonly<Record<string, unknown>> = {},
): void {
  const phrase = STATUS_CODES[status] ?? '';
  const body = message === '' ? phrase : (message ?? phrase);
  const fields: Record<string, unknown> = {
    Connection: 'close',
    'Content-Type': 'text/html',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${String(value)}`);
  socket.once('finish', () => socket.destroy());
  socket.end(joinLines([`HTTP/1.1 ${status} ${phrase}`, ...lines]) + body);
}

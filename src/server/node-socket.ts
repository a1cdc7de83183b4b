import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { NodeSocket } from '../connection/transport.js';

/** Which of Node's own sockets a transport is; `undefined` for any other Duplex, and for a socket whose methods were replaced. */
export function nodeSocketOf(transport: Duplex): NodeSocket | undefined {
  if (Object.hasOwn(transport, 'emit') || Object.hasOwn(transport, 'push')) return undefined;
  const prototype: unknown = Object.getPrototypeOf(transport);
  if (prototype === Socket.prototype) return 'tcp';
  return prototype === TLSSocket.prototype ? 'tls' : undefined;
}

import type { Duplex } from 'node:stream';
import { hasOwnEnds, isAloneWith, type NodeSocket, ownChunk } from './transport.js';

/** What reads a transport. */
export interface TransportReader {
  /** @param owned see `FrameDecoder.pushOwned`. */
  onData(chunk: Buffer, owned?: boolean): void;
  onTransportEnd(): void;
  onTransportError(error: Error): void;
  onTransportClosed(): void;
}

/** The property of a transport that refers to its reader. */
const READER = Symbol('hawser reader');
type Carrier = Duplex & { [READER]: TransportReader };

/** Tell a reader how its transport ends. Nothing is read yet. */
export function listenTo(transport: Duplex, reader: TransportReader): void {
  (transport as Carrier)[READER] = reader;
  transport.on('error', onError).on('end', onEnd).on('close', onClose);
}

/** Begin to read. It takes effect in the next tick. */
export function startReading(transport: Duplex, nodeSocket: NodeSocket | undefined): void {
  transport.on('data', dataListener(transport, nodeSocket)).resume();
}

type DataListener = (this: Carrier, chunk: Buffer) => void;

function dataListener(transport: Duplex, nodeSocket: NodeSocket | undefined): DataListener {
  if (hasOwnEnds(transport)) return onSharedData;
  // What is already there may be the application's: it can give bytes back with `unshift`.
  return nodeSocket !== undefined && transport.readableLength === 0 ? onSocketData : onData;
}

// Functions that all transports share: closures would cost each idle connection four of them.

function onData(this: Carrier, chunk: Buffer): void {
  this[READER].onData(chunk);
}

/** Of a socket of Node's own: a chunk is ours if nothing else listens. */
function onSocketData(this: Carrier, chunk: Buffer): void {
  this[READER].onData(chunk, isAloneWith(chunk, this));
}

/** Of a transport whose chunks are parts of a read that others share. */
function onSharedData(this: Carrier, chunk: Buffer): void {
  this[READER].onData(ownChunk(chunk));
}

function onEnd(this: Carrier): void {
  this[READER].onTransportEnd();
}

function onError(this: Carrier, error: Error): void {
  this[READER].onTransportError(error);
}

function onClose(this: Carrier): void {
  this[READER].onTransportClosed();
}

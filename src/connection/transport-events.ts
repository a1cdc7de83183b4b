import type { Duplex } from 'node:stream';
import { FREES_AT_ONCE } from '../protocol/framing/own-memory.js';
import { hasOwnEnds, isWorthFreeing, type NodeSocket, ownChunk } from './transport.js';

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
  const listener = dataListener(transport, nodeSocket);
  transport.on('data', listener).resume();
  if (listener === onSocketData) transport.on('newListener', onNewListener);
}

type DataListener = (this: Carrier, chunk: Buffer) => void;

function dataListener(transport: Duplex, nodeSocket: NodeSocket | undefined): DataListener {
  if (hasOwnEnds(transport)) return onSharedData;
  // What is already there may be the application's: it can give bytes back with `unshift`.
  const isOurs =
    nodeSocket !== undefined && transport.readableLength === 0 && !isReadByOthers(transport);
  // Where nothing can be freed at once, listening to `'newListener'` would cost each connection memory for nothing.
  return isOurs && FREES_AT_ONCE ? onSocketData : onData;
}

function isReadByOthers(transport: Duplex): boolean {
  return transport.listenerCount('data') > 0 || transport.listenerCount('readable') > 0;
}

// Functions that all transports share: closures would cost each idle connection four of them.

function onData(this: Carrier, chunk: Buffer): void {
  this[READER].onData(chunk);
}

/** Of a socket of Node's own that nothing else reads: its chunks are ours. */
function onSocketData(this: Carrier, chunk: Buffer): void {
  this[READER].onData(chunk, isWorthFreeing(chunk));
}

/**
 * Something else begins to read the socket, so no chunk is ours from now on. The number of listeners would not
 * tell: one that `prependOnceListener` added is gone when ours is called, and may have kept the chunk.
 */
function onNewListener(this: Carrier, event: string | symbol): void {
  if (event !== 'data' && event !== 'readable') return;
  this.off('newListener', onNewListener).on('data', onData).off('data', onSocketData);
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

import { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { CloseInfo } from './close/close-info.js';
import type { AnyMessage } from './receive/receive-queue.js';
import { Opcode } from '../protocol/framing/frame.js';
import type { BlobLike } from '../protocol/framing/payload.js';
import { type Data, PreparedMessage } from '../protocol/framing/prepared-message.js';
import type { TransportKind } from './transport.js';

/**
 * The channels on which connections publish. Their payloads are those of `DiagnosticsChannels`; each
 * is made only if its channel has a subscriber. `connection` is the WebSocketConnection.
 */
const received = channel('hawser.message.received');
const sent = channel('hawser.message.sent');
const dropped = channel('hawser.message.dropped');
const failed = channel('hawser.connection.failed');
const closed = channel('hawser.connection.closed');

export function publishReceived(connection: object, data: AnyMessage, isBinary: boolean): void {
  if (received.hasSubscribers) received.publish({ connection, data, isBinary });
}

export function publishSent(connection: object, data: Data, binary: boolean | undefined): void {
  if (!sent.hasSubscribers) return;
  sent.publish({ connection, data, isBinary: goesAsBinary(data, binary) });
}

/**
 * The async context of this call of `send`, for a message that waits: {@link publishSent} is called
 * in it later.
 *
 * @returns `undefined` without a subscriber: no context is made then.
 */
export function contextOfSent(): AsyncResource | undefined {
  return sent.hasSubscribers ? new AsyncResource('hawser.send') : undefined;
}

export function publishDropped(connection: object, data: Data | BlobLike): void {
  if (dropped.hasSubscribers) dropped.publish({ connection, data });
}

export function publishFailed(connection: object, error: Error): void {
  if (!failed.hasSubscribers) return;
  failed.publish({ connection, error, transport: transportOf(connection) });
}

export function publishClosed(connection: object, info: CloseInfo): void {
  if (!closed.hasSubscribers) return;
  closed.publish({ connection, info, transport: transportOf(connection) });
}

function goesAsBinary(data: Data, binary: boolean | undefined): boolean {
  if (data instanceof PreparedMessage) return data.opcode === Opcode.Binary;
  return binary ?? typeof data !== 'string';
}

/** The sockets of `hawser/ws` do not tell. */
function transportOf(connection: { readonly transport?: TransportKind }): TransportKind {
  return connection.transport ?? 'other';
}

import { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { CloseInfo } from './close/close-info.js';
import type { WebSocketConnection } from './connection.js';
import type { AnyMessage } from './receive/receive-queue.js';
import { Opcode } from '../protocol/framing/frame.js';
import { type Data, PreparedMessage } from '../protocol/framing/prepared-message.js';

/** The channels on which connections publish, with their payloads; see `DiagnosticsChannels`. */
export interface ConnectionChannels {
  /**
   * A whole message came, and is about to be delivered, held or discarded. A ping, a pong or a fragment is
   * none.
   */
  'hawser.message.received': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the listener gets. */
    readonly data: AnyMessage;
    readonly isBinary: boolean;
  };
  /**
   * `send` or `broadcast` has taken a message, which now waits to leave; a broadcast is published
   * for every connection that gets it. What `sendFrame` sends is not published.
   */
  'hawser.message.sent': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the caller gave; a PreparedMessage for a broadcast. */
    readonly data: Data;
    readonly isBinary: boolean;
  };
  /** A message was dropped because the peer is slow; see `slowConsumer`. */
  'hawser.message.dropped': {
    readonly connection: WebSocketConnection<unknown>;
    /** What the caller gave; a PreparedMessage for a broadcast. */
    readonly data: Data;
  };
  /** A peer broke a rule, was too slow or did not answer the heartbeat, or its transport failed; what `'connectionError'` tells. */
  'hawser.connection.failed': {
    readonly connection: WebSocketConnection<unknown>;
    readonly error: Error;
  };
  /** A connection has ended; `'close'` follows. Published exactly once for each that was opened. */
  'hawser.connection.closed': {
    readonly connection: WebSocketConnection<unknown>;
    /** Who closed and why. */
    readonly info: CloseInfo;
  };
}

const received = channel('hawser.message.received');
const sent = channel('hawser.message.sent');
const dropped = channel('hawser.message.dropped');
const failed = channel('hawser.connection.failed');
const closed = channel('hawser.connection.closed');

/**
 * What makes the payloads. It is called only where somebody listens: a test counts the calls.
 * `connection` is the WebSocketConnection; those who publish know it by a narrower type.
 */
export const connectionPayloads = {
  message<Kind>(
    connection: unknown,
    data: Kind,
    isBinary: boolean,
  ): { connection: WebSocketConnection<unknown>; data: Kind; isBinary: boolean } {
    return { connection: connection as WebSocketConnection<unknown>, data, isBinary };
  },
  dropped(connection: unknown, data: Data): ConnectionChannels['hawser.message.dropped'] {
    return { connection: connection as WebSocketConnection<unknown>, data };
  },
  failed(connection: unknown, error: Error): ConnectionChannels['hawser.connection.failed'] {
    return { connection: connection as WebSocketConnection<unknown>, error };
  },
  closed(connection: unknown, info: CloseInfo): ConnectionChannels['hawser.connection.closed'] {
    return { connection: connection as WebSocketConnection<unknown>, info };
  },
};

export function tellReceived(connection: unknown, data: AnyMessage, isBinary: boolean): void {
  if (!received.hasSubscribers) return;
  received.publish(connectionPayloads.message(connection, data, isBinary));
}

export function tellSent(connection: unknown, data: Data, binary: boolean | undefined): void {
  if (!sent.hasSubscribers) return;
  sent.publish(connectionPayloads.message(connection, data, goesAsBinary(data, binary)));
}

/**
 * The async context of this call of `send`, for a message that waits: {@link tellSent} is called in it.
 *
 * @returns `undefined` if there is no subscriber: nothing is made for one.
 */
export function contextOfSent(): AsyncResource | undefined {
  return sent.hasSubscribers ? new AsyncResource('hawser.send') : undefined;
}

export function tellDropped(connection: unknown, data: Data): void {
  if (dropped.hasSubscribers) dropped.publish(connectionPayloads.dropped(connection, data));
}

export function tellFailed(connection: unknown, error: Error): void {
  if (failed.hasSubscribers) failed.publish(connectionPayloads.failed(connection, error));
}

export function tellClosed(connection: unknown, info: CloseInfo): void {
  if (closed.hasSubscribers) closed.publish(connectionPayloads.closed(connection, info));
}

function goesAsBinary(data: Data, binary: boolean | undefined): boolean {
  if (data instanceof PreparedMessage) return data.opcode === Opcode.Binary;
  return binary ?? typeof data !== 'string';
}

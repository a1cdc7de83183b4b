import { CONNECTION_ERRORS, ConnectionError } from '../close/connection-error.js';
import { CloseCode } from '../../protocol/framing/close-frame.js';

/** How much may wait for one connection, and what happens above. */
export interface SlowConsumerSettings {
  /** Bytes. */
  readonly maxBufferedAmount: number;
  readonly slowConsumer: 'close' | 'drop';
}

/** Milliseconds that are left to a connection whose peer was too slow. */
export const SLOW_CLOSE_TIMEOUT = 1000;

/** What happens to a message because of what waits before it. */
export type Admission = 'queue' | 'drop' | 'close';

/**
 * Judge a message that is about to be queued.
 *
 * Droppable messages may fill the queue up to the limit, and the others up to twice the limit. With one limit
 * for both, the next message that must not be dropped would end the connection.
 *
 * @param amount bytes that wait already.
 */
export function admit(
  amount: number,
  droppable: boolean,
  { maxBufferedAmount, slowConsumer }: SlowConsumerSettings,
): Admission {
  if (amount < maxBufferedAmount) return 'queue';
  if (slowConsumer === 'close') return 'close';
  if (droppable) return 'drop';
  return amount < maxBufferedAmount * 2 ? 'queue' : 'close';
}

/**
 * Judge a message with a key. It is never dropped, since it may be the last of its key. It may use twice the
 * limit.
 */
export function admitKeyed(amount: number, { maxBufferedAmount }: SlowConsumerSettings): Admission {
  return amount < maxBufferedAmount * 2 ? 'queue' : 'close';
}

/** Whether a Ping or a Pong of the application may be queued. One that may not is not sent, and the connection stays open. */
export function admitsControl(
  amount: number,
  { maxBufferedAmount }: SlowConsumerSettings,
): boolean {
  return amount < maxBufferedAmount * 2;
}

/** Why the connection of a slow consumer is closed. */
export function tooSlow(
  amount: number,
  { maxBufferedAmount }: SlowConsumerSettings,
): ConnectionError {
  const detail = `${amount} bytes wait for it, with a maxBufferedAmount of ${maxBufferedAmount}`;
  return new ConnectionError('ERR_SLOW_CONSUMER', { detail });
}

/** What closing a slow consumer needs of its connection, the session. */
export interface SlowConsumer {
  readonly isOpen: boolean;
  readonly sender: {
    readonly bufferedAmount: number;
    discard(reason: Error): void;
  };
  readonly receiver: {
    stopDecoding(): void;
    discardAll(): void;
    scheduleRead(): void;
  };
  readonly closing: {
    fail(error: Error, code: number, reason: string, timeout: number): boolean;
    terminate(cause: Error): void;
  };
  /** Report that the connection has failed. */
  reportIsolated(error: Error): void;
}

/** Close a slow consumer: discard what waits, try to send a Close, and terminate the transport soon. */
export function failSlowConsumer(consumer: SlowConsumer, error: ConnectionError): void {
  consumer.receiver.stopDecoding();
  if (!consumer.isOpen) return;
  consumer.sender.discard(error);
  // The error has numbers for the operator; the peer gets the reason without them.
  const reason = CONNECTION_ERRORS[error.code];
  consumer.closing.fail(error, CloseCode.TryAgainLater, reason, SLOW_CLOSE_TIMEOUT);
  consumer.reportIsolated(error);
}

/** As {@link failSlowConsumer}. But if the peer does not take the Close at once, terminate: the server has no memory left for it. */
export function evict(consumer: SlowConsumer, error: ConnectionError): void {
  const { isOpen, receiver, sender, closing } = consumer;
  failSlowConsumer(consumer, error);
  receiver.discardAll();
  // A connection that was already closing has its Close queued, and has still not ended.
  if (!isOpen || sender.bufferedAmount > 0) closing.terminate(error);
  receiver.scheduleRead(); // reading may have stopped, but the peer's end must be seen
}

import { ConnectionError } from '../close/connection-error.js';

/** How much may wait for one connection, and what happens above. */
export interface SlowConsumerSettings {
  /** Bytes. */
  readonly maxBufferedAmount: number;
  readonly slowConsumer: 'close' | 'drop';
}

/** Milliseconds that are left to a connection whose peer was too slow. */
export const SLOW_CLOSE_TIMEOUT = 1000;

/** What happens to a message because of what waits before it. `session.ts` closes the slow consumer. */
export type Admission = 'queue' | 'drop' | 'close';

/**
 * Judge a message that is about to be queued.
 *
 * Droppable messages fill the room up to the limit. A message that must not be dropped would then end the
 * connection each time, so it may use as much room again.
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

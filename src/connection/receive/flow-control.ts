import type { Delivery } from './delivery.js';
import type { MessageReader } from './message-reader.js';
import type { ReceiverOwner } from './owner.js';

/**
 * Whether nothing more is read once no more can be held for the application. While the closing handshake runs,
 * the peer's Close must be seen.
 *
 * @param isGone the transport is gone, and no Close can come.
 */
export function mustHold(
  { state, settings }: Pick<ReceiverOwner, 'state' | 'settings'>,
  isGone: boolean,
): boolean {
  return state === 'open' || state === 'closed' || isGone || settings.holdsAfterClose;
}

/**
 * Whether to pause the socket.
 *
 * @param mayStop a slow application or the rate limit may pause it. Once the connection is closing they may
 * not, unless the settings have `holdsAfterClose`: the peer's Close and its end must be seen.
 * @param isInflating a message is being decompressed, and nothing after it can be read.
 * @param isRateLimited the peer has sent more messages than it may.
 * @param isFull no more can be held for the application.
 */
function shouldPause(
  mayStop: boolean,
  isInflating: boolean,
  isRateLimited: boolean,
  isFull: boolean,
): boolean {
  return isInflating || (mayStop && (isRateLimited || isFull));
}

/** Bytes that have arrived and are not delivered yet. A held message counts 64 more than its own. */
export function bytesHeld(
  reader: MessageReader | undefined,
  delivery: Delivery | undefined,
): number {
  return (reader?.bytesHeld ?? 0) + (delivery?.bytesHeld ?? 0);
}

/**
 * After a read: whether the socket must be paused, because enough is held. Once the connection is closed there is
 * no socket to pause, and what can still be delivered is settled.
 *
 * @returns `undefined` for a connection that is closed.
 */
export function mustStop(
  owner: ReceiverOwner,
  reader: MessageReader | undefined,
  delivery: Delivery | undefined,
): boolean | undefined {
  const { state, settings } = owner;
  const isInflating = reader?.isInflating === true;
  const isFull = delivery?.isFull === true;
  if (state === 'closed') {
    // Messages that are held or not yet decoded can still be taken. An incomplete message cannot.
    if (isInflating) {
      delivery?.reopen();
    } else {
      delivery?.end();
      if (!isFull) reader?.stop();
    }
    return undefined;
  }
  if (settings.budget !== undefined) owner.onHeld(bytesHeld(reader, delivery));
  delivery?.awaitConsumer();
  const mayStop = state === 'open' || (state === 'closing' && settings.holdsAfterClose);
  const stop = shouldPause(mayStop, isInflating, reader?.isRateLimited === true, isFull);
  if (delivery?.incoming === undefined) reader?.timeMessage();
  else reader?.timeParts(!stop);
  if (stop) reader!.releaseDelivered();
  return stop;
}

import { contextOfSent } from '../diagnostics.js';
import { MASKING_KEY_BYTES } from '../../protocol/framing/frame.js';
import type { PreparedMessage } from '../../protocol/framing/prepared-message.js';
import type { DeferredMessage } from './pending-calls.js';
import { rejectCallback, type SendCallback } from './send-callbacks.js';
import type { MessageOptions } from './send-options.js';

/**
 * A message that is sent later. It is encoded already, because the application may change its bytes.
 *
 * @param masks whether its frame will be masked.
 * @param queue sends it, when its turn comes.
 */
export function defer(
  message: PreparedMessage,
  options: MessageOptions | undefined,
  callback: SendCallback | undefined,
  masks: boolean,
  queue: () => void,
): DeferredMessage {
  const { key, topic } = options ?? {};
  if (key !== undefined) message.unpool(); // it may wait for long
  const context = contextOfSent();
  return {
    bytes: message.frame.length + (masks ? MASKING_KEY_BYTES : 0),
    buffer: message.frame,
    key,
    topic,
    call: (reason) => {
      if (reason !== undefined) {
        if (callback !== undefined) rejectCallback(callback, reason);
      } else if (context === undefined) {
        queue();
      } else {
        context.runInAsyncScope(queue);
      }
    },
  };
}

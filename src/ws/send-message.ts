import type { SendCallback } from '../connection/send/send-callbacks.js';
import type { Session } from '../connection/session.js';
import { Opcode } from '../protocol/framing/frame.js';
import { toBytes } from '../protocol/framing/payload.js';
import { type Sendable, toPayload } from './data.js';
import { endsMessage, goesAsBinary, messageOptions } from './message-options.js';
import type { SendOptions } from './web-socket-events.js';

/**
 * Send a message of ws on an open connection, or a part of one.
 *
 * @param isFragmented a part was sent, and this call continues it.
 * @returns whether the next call continues the message.
 * @throws TypeError for data that is not a message, for a Blob as a part of one, and for bytes as Text
 * that are not UTF-8.
 */
export function sendMessage(
  session: Session,
  data: Sendable,
  options: SendOptions | null | undefined,
  callback: SendCallback | undefined,
  isFragmented: boolean,
): boolean {
  const payload = typeof data === 'string' ? data : toPayload(data);
  const { sender, settings } = session;
  session.markMessageActivity();
  const fin = endsMessage(options);
  if (isFragmented || !fin) {
    const first = goesAsBinary(payload, options) ? Opcode.Binary : Opcode.Text;
    sender.frame(isFragmented ? Opcode.Continuation : first, toBytes(payload), { fin }, callback);
    return !fin;
  }
  const droppable = settings.slowConsumer === 'drop';
  sender.send(payload, messageOptions(payload, options, droppable), callback);
  return false;
}

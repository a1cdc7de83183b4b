import type { CloseInfo } from '../close/close-info.js';
import { parseSentClose } from '../close/sent-close.js';
import { checkFrame } from '../../protocol/framing/frame-encoder.js';
import { isControl, Opcode } from '../../protocol/framing/frame.js';
import { type Payload, toBytes } from '../../protocol/framing/payload.js';
import type { SendCallback } from './send-callbacks.js';
import { checkCallback, checkFrameOptions, type SendFrameOptions } from './send-options.js';
import type { Sender } from './sender.js';

/** What a call of `sendFrame` needs of its connection, the session. */
interface FrameSender {
  readonly sender: Pick<Sender, 'frame'>;
  /** A data frame is sent. */
  markMessageActivity(): void;
  close(code: number, reason: string): Promise<CloseInfo>;
}

/** See `WebSocketConnection.sendFrame`. @param more arguments after the callback: there must not be any. */
export function sendFrame(
  session: FrameSender,
  payload: Payload,
  options: SendFrameOptions,
  callback: SendCallback | undefined,
  more: readonly unknown[],
): boolean {
  checkFrameOptions(options);
  checkCallback('sendFrame', callback, more);
  const { opcode = typeof payload === 'string' ? Opcode.Text : Opcode.Binary } = options;
  const bytes = toBytes(payload);
  if (!isControl(opcode)) session.markMessageActivity();
  if (opcode !== Opcode.Close) return session.sender.frame(opcode, bytes, options, callback);
  if (callback !== undefined) {
    throw new TypeError('sendFrame: a Close frame takes no callback; close() returns a promise');
  }
  checkFrame(opcode, bytes.length, options);
  const { code, reason } = parseSentClose(bytes);
  void session.close(code, reason);
  return false;
}

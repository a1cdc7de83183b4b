import { Buffer } from 'node:buffer';
import { ConnectionError } from '../connection/close/connection-error.js';
import { bindToCall, type SendCallback } from '../connection/send/send-callbacks.js';
import type { Session } from '../connection/session.js';
import { FrameDecoder } from '../protocol/framing/frame-decoder.js';
import { FrameEncoder } from '../protocol/framing/frame-encoder.js';
import { FIN, isControl, Opcode, RSV1 } from '../protocol/framing/frame.js';
import { LONGEST_MESSAGE } from '../protocol/framing/message-buffer.js';
import { type Payload, toBytes } from '../protocol/framing/payload.js';
import { type PreparedMessage, prepareMessage } from '../protocol/framing/prepared-message.js';

/** The header of a frame for `Sender.frame`. */
export interface FrameOptions {
  readonly opcode: number;
  /** @default false */
  readonly fin?: boolean | undefined;
  /** @default false */
  readonly rsv1?: boolean | undefined;
  /** As clients must. @default false */
  readonly mask?: boolean | undefined;
  /** `data` is left unchanged in any case. */
  readonly readOnly?: boolean | undefined;
}

const unmasked = new FrameEncoder({ role: 'server' });
const masking = new FrameEncoder({ role: 'client' });

/** Messages that were made from frames of {@link Sender.frame}; `false` for a list that is not one whole message. */
const prepared = new WeakMap<readonly Buffer[], PreparedMessage | false>();

/** Sends frames that were encoded before: what Socket.IO does with a broadcast. */
export class Sender {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** The buffers of one frame. The same list can be sent to many connections. */
  static frame(data: Payload, options: FrameOptions): Buffer[] {
    const { opcode, fin = false, rsv1 = false, mask = false } = options;
    const byte0 = (fin ? FIN : 0) | (rsv1 ? RSV1 : 0) | opcode;
    return [(mask ? masking : unmasked).encodeFrame(byte0, toBytes(data))];
  }

  /**
   * Send the buffers of one frame. One that is a whole message is encoded and, where that was negotiated,
   * compressed once for all connections that it is sent to; any other leaves as it is.
   */
  sendFrame(list: readonly Buffer[], callback?: SendCallback): void {
    let message = prepared.get(list);
    if (message === undefined) prepared.set(list, (message = messageIn(list) ?? false));
    const { sender, outbox, isOpen } = this.#session;
    if (message !== false) {
      sender.send(message, undefined, callback);
    } else if (isOpen) {
      outbox.frame(Buffer.concat(list));
      if (callback !== undefined) outbox.whenWritten(bindToCall(callback));
    } else if (callback !== undefined) {
      process.nextTick(callback, new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
    }
  }
}

/** The message of a frame that is unmasked, whole, and has no reserved bits; `undefined` for any other. */
function messageIn(list: readonly Buffer[]): PreparedMessage | undefined {
  const frame = Buffer.concat(list);
  const decoder = new FrameDecoder({ role: 'client', maxPayload: LONGEST_MESSAGE });
  decoder.push(frame);
  try {
    if (!decoder.next() || isControl(decoder.opcode) || decoder.offset < frame.length) {
      return undefined;
    }
    return prepareMessage(decoder.payload, decoder.opcode === Opcode.Binary);
  } catch {
    return undefined; // a frame of an extension, or one that is wrong on purpose
  }
}

import type { CloseInfo } from './close/close-info.js';
import type { AnyMessage, Message } from './receive/receive-queue.js';
import type { FrameHeader } from '../protocol/framing/frame.js';
import type { BlobLike } from '../protocol/framing/payload.js';
import type { Data } from '../protocol/framing/prepared-message.js';
import type { TypedEmitter } from './typed-emitter.js';

/**
 * Answers a peer's Close with this code and reason; without them its own code is echoed.
 *
 * @throws RangeError for a code or reason that must not be sent.
 */
export type CloseReply = (code?: number, reason?: string) => void;

/**
 * The events of a connection, with their listeners' arguments.
 *
 * @typeParam Received what a message is; see `WebSocketConnection`.
 */
export interface ConnectionEvents<Received extends AnyMessage = Message> {
  /** A message: a string for Text (a Buffer with `textAs: 'buffer'`), a Buffer for Binary (an ArrayBuffer with `binaryAs: 'arraybuffer'`). */
  message: [data: Received, isBinary: boolean];
  /** A Ping came. Its Pong is sent without your doing, unless a newer Ping replaces one that waits. */
  ping: [payload: Buffer];
  /** A Pong came, called for or not. */
  pong: [payload: Buffer];
  /** After `send` returned `false`: everything is with the kernel. */
  drain: [];
  /** A message was dropped, see `slowConsumer`; of a broadcast, the prepared message. */
  dropped: [data: Data | BlobLike];
  /** The end, exactly once, and after every message that the application has not held back. */
  close: [code: number, reason: string, info: CloseInfo];
  /** What went wrong; emitted only if someone listens. `'close'` follows. */
  error: [error: Error];
  /** The header of each frame received; costs nothing unless someone listens. */
  frame: [frame: FrameHeader];
  /** The peer's Close came. With a listener its answer waits for `reply()`, at most half of `closeTimeout`. */
  closing: [code: number, reason: string, reply: CloseReply];
}

/** The connection as its parts see it: they emit its events, and add no listeners. */
export type ConnectionEmitter = Pick<
  TypedEmitter<ConnectionEvents<AnyMessage>>,
  'emit' | 'listenerCount'
>;

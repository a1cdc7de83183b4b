import { Buffer } from 'node:buffer';
import { FrameEncoder } from '../../protocol/framing/frame-encoder.js';
import { FIN, RSV1 } from '../../protocol/framing/frame.js';
import type { PreparedMessage } from '../../protocol/framing/prepared-message.js';
import type { PermessageDeflate } from './permessage-deflate.js';

/** What compresses for connections without a context of their own. */
type Compression = Pick<PermessageDeflate, 'windowBits' | 'deflate' | 'deflateAsync'>;

/** Called with the compressed frame of a prepared message. */
type FrameCallback = (frame: Buffer) => void;

/**
 * The compressed frames of one prepared message, by the size of the window: a frame, or, while it is
 * being made, the callbacks that wait for it.
 */
type CompressedFrames = Map<number, Buffer | FrameCallback[]>;

/** Keeps the frames as long as the message, so that a broadcast is compressed once for each size of the window. */
const cache = new WeakMap<PreparedMessage, CompressedFrames>();

const encoder = new FrameEncoder({ role: 'server' });

/**
 * Compress a prepared message once for all connections that get it.
 *
 * @returns its frame; `undefined` if it is too long for that, see {@link compressBroadcastAsync}.
 */
export function compressBroadcast(
  message: PreparedMessage,
  compression: Compression,
): Buffer | undefined {
  const frames = framesOf(message);
  const made = frames.get(compression.windowBits);
  if (made instanceof Buffer) return made;
  const payload = compression.deflate(message.payload);
  if (payload === undefined) return undefined;
  const frame = frameOf(message, payload);
  frames.set(compression.windowBits, frame);
  return frame;
}

/** Compress a long prepared message, once for all connections that ask meanwhile. */
export function compressBroadcastAsync(
  message: PreparedMessage,
  compression: Compression,
  callback: FrameCallback,
): void {
  const { windowBits } = compression;
  const frames = framesOf(message);
  const waiting = frames.get(windowBits);
  if (Array.isArray(waiting)) {
    waiting.push(callback);
    return;
  }
  const callbacks = [callback];
  frames.set(windowBits, callbacks);
  // A copy: if the application detached the memory while zlib reads it, the process would crash.
  compression.deflateAsync(Buffer.from(message.payload), (payload) => {
    const frame = frameOf(message, payload);
    frames.set(windowBits, frame);
    for (const each of callbacks) each(frame);
  });
}

/** The compressed frames of a prepared message so far. */
export function framesOf(message: PreparedMessage): CompressedFrames {
  let frames = cache.get(message);
  if (frames === undefined) cache.set(message, (frames = new Map() as CompressedFrames));
  return frames;
}

/** The compressed frame, or the uncompressed one if that is shorter. */
function frameOf(message: PreparedMessage, payload: Buffer | undefined): Buffer {
  return payload === undefined || payload.length >= message.payloadLength
    ? message.frame
    : encoder.encodeFrame(FIN | RSV1 | message.opcode, payload);
}

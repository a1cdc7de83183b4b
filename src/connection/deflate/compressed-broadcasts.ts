import type { Buffer } from 'node:buffer';
import type { PreparedMessage } from '../../protocol/framing/prepared-message.js';

/** Called with the compressed frame of a prepared message. */
type FrameCallback = (frame: Buffer) => void;

/**
 * The compressed frames of one prepared message, by the size of the window: a frame, or, while it is
 * being made, the callbacks that wait for it.
 */
export type CompressedFrames = Map<number, Buffer | FrameCallback[]>;

/** Keeps the frames as long as the message, so that a broadcast is compressed once. */
const cache = new WeakMap<PreparedMessage, CompressedFrames>();

/** The compressed frames of a prepared message so far. */
export function compressedFrames(message: PreparedMessage): CompressedFrames {
  let frames = cache.get(message);
  if (frames === undefined)
    cache.set(message, (frames = new Map<number, Buffer | FrameCallback[]>()));
  return frames;
}

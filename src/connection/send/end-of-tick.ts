import { Buffer } from 'node:buffer';
import { neutral } from '../neutral-context.js';

/** What has something to write at the end of the tick. */
interface Flushable {
  flush(): void;
}

let pending: Flushable[] = [];

/** Flush before anything else happens: one tick callback for all the connections that ask. */
export function flushAtEndOfTick(outbox: Flushable): void {
  if (pending.push(outbox) > 1) return;
  neutral.runInAsyncScope(schedule);
}

function schedule(): void {
  process.nextTick(flushAll);
}

function flushAll(): void {
  const due = pending;
  pending = [];
  for (const each of due) each.flush();
  joined = NOTHING;
}

const NOTHING: { readonly pieces: readonly Buffer[]; readonly bytes: Buffer } = {
  pieces: [],
  bytes: Buffer.alloc(0),
};
/** What {@link join} made last, until the end of the tick. */
let joined = NOTHING;

/**
 * Small pieces as one, which is one write and no writev. After several broadcasts in a tick every
 * connection has the same pieces to send, and all of them get the same bytes.
 */
export function join(pieces: readonly Buffer[]): Buffer {
  const same =
    pieces.length === joined.pieces.length &&
    pieces.every((piece, index) => piece === joined.pieces[index]);
  if (!same) joined = { pieces, bytes: Buffer.concat(pieces) };
  return joined.bytes;
}

/** Bytes of all the pieces. */
export function lengthOf(pieces: readonly Buffer[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

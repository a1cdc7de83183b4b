import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { FrameEncoder, headerSize, writeHeader } from '../protocol/frame-encoder.js';
import { FIN, Opcode } from '../protocol/frame.js';
import { flushAtEndOfTick, join } from './end-of-tick.js';
import { sharedSlab, Slab } from './slab.js';

/** Called once the bytes are with the kernel, or with the reason why they never will be. */
export type SendCallback = (error?: Error) => void;

/** Who sends through an outbox. */
export interface OutboxOwner {
  /** So many bytes are handed to the socket. */
  handed(count: number): void;
  /**
   * The kernel has taken a write.
   *
   * @returns whether the owner wants to hear of the next one too.
   */
  written(): boolean;
}

/** Up to this many bytes a payload is copied behind its header; a longer one goes out as it is. */
const COPY_UP_TO = 16 * 1024;
/** A tick that sends more than this does not wait for its end. */
const FLUSH_FROM = 64 * 1024;
/** Bytes of the slab of a connection whose socket is behind. */
const OWN_SLAB_SIZE = COPY_UP_TO + 16;
/** Longest header of a frame that is not masked. */
const MAX_BARE_HEADER = 10;
const PONG: number = FIN | Opcode.Pong;
const EMPTY: Buffer = Buffer.alloc(0);
const bareEncoder = new FrameEncoder();

/**
 * What one connection has to send. The frames of a tick leave in one write: at the end of the read
 * event that caused them, or on `process.nextTick`.
 *
 * The socket is handed nothing while it still has something to write. What waits is therefore
 * still ours, and only the newest of the pongs that wait is kept (RFC 6455 section 5.5.3).
 */
export class Outbox {
  readonly #socket: Duplex;
  /** Only a client has one: its frames are masked, each in a buffer of its own. */
  readonly #masking: FrameEncoder | undefined;
  readonly #owner: OutboxOwner;
  /** A write that is done has been copied: nobody looks at its bytes any more. */
  readonly #copies: boolean;
  /** The callback of writes and the listener of `'drain'`; most connections never need it. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  /** Somebody waits for the kernel to take something: writes call back. */
  #watched = false;

  // Whole frames, or pieces of frames, that wait. Mostly it is one, which needs no array.
  #first: Buffer | undefined;
  #others: Buffer[] | undefined;
  /** Bytes in the queue and in the growing piece. */
  #queued = 0;
  /** All the bytes ever handed to the socket. */
  #handed = 0;
  /** The socket has not written yet what an earlier tick gave it. */
  #blocked = false;
  /** Somebody will call `flush()` in this tick. */
  #flushing = false;
  /** A whole frame; its payload must not keep the chunk that the Ping came in. */
  #waitingPong: Buffer | undefined;
  /** Callbacks, with the position in the stream that the kernel must have reached. */
  #callbacks: { readonly at: number; readonly callback: SendCallback }[] | undefined;

  // The piece that is still growing: the bytes from #pieceStart to #pieceEnd of #piece. Frames can
  // be added to it as long as nobody else has written behind it in the same slab.
  #piece: Buffer | undefined;
  #pieceStart = 0;
  #pieceEnd = 0;
  /** While the socket is behind, a slab of its own: a waiting frame must not keep the shared one. */
  #ownSlab: Slab | undefined;

  /**
   * @param copies whether a write that the socket calls done has been copied, as by the kernel; a
   * Duplex made of anything else may have passed the very bytes on.
   */
  constructor(
    socket: Duplex,
    masking: FrameEncoder | undefined,
    owner: OutboxOwner,
    copies = false,
  ) {
    this.#socket = socket;
    this.#masking = masking;
    this.#owner = owner;
    this.#copies = copies;
  }

  /** Bytes that are not with the kernel yet. */
  get bufferedAmount(): number {
    return this.#queued + (this.#waitingPong?.length ?? 0) + this.#socket.writableLength;
  }

  /** Position in the stream behind everything sent so far. */
  get position(): number {
    return this.#handed + this.#queued;
  }

  /** Position in the stream up to which the kernel has everything. */
  get left(): number {
    return this.#handed - this.#socket.writableLength;
  }

  /**
   * Send a frame whose payload is text.
   *
   * @param byte0 the header's first byte: opcode and flags.
   */
  text(byte0: number, text: string): void {
    if (this.#masking !== undefined) {
      this.frame(this.#masking.encodeFrame(byte0, text));
      return;
    }
    // A character is at most three bytes (a surrogate pair, two characters, is four). Where that
    // leaves no doubt about the header's size the bytes are counted by writing them.
    const most = text.length * 3;
    if (most > COPY_UP_TO) {
      this.bytes(byte0, Buffer.from(text, 'utf8'));
      return;
    }
    const slab = this.#grow(MAX_BARE_HEADER + most);
    const start = slab.at;
    let header = headerSize(most);
    if (header !== headerSize(text.length)) header = headerSize(Buffer.byteLength(text, 'utf8'));
    const length = slab.bytes.write(text, start + header, 'utf8');
    writeHeader(slab.bytes, start, byte0, length);
    this.#grown(slab, start + header + length);
  }

  /** Send a frame whose payload is bytes. A long payload is not copied. */
  bytes(byte0: number, payload: Uint8Array): void {
    if (this.#masking !== undefined) {
      this.frame(this.#masking.encodeFrame(byte0, payload));
      return;
    }
    const { length } = payload;
    const copied = length <= COPY_UP_TO;
    const slab = this.#grow(MAX_BARE_HEADER + (copied ? length : 0));
    const end = writeHeader(slab.bytes, slab.at, byte0, length);
    if (copied) {
      slab.bytes.set(payload, end);
      this.#grown(slab, end + length);
    } else {
      this.#grown(slab, end);
      this.frame(asBuffer(payload));
    }
  }

  /** Send a frame that is encoded already; its bytes may be shared with other connections. */
  frame(frame: Buffer): void {
    this.#closePiece();
    this.#enqueue(frame);
    this.#queued += frame.length;
    this.#schedule();
  }

  /** Answer a ping: at once if the socket keeps up, else only the newest of those that wait. */
  pong(payload: Uint8Array): void {
    if (!this.#blocked) this.bytes(PONG, payload);
    else this.#waitingPong = (this.#masking ?? bareEncoder).encodeFrame(PONG, payload);
  }

  /** Call back when everything sent so far is with the kernel. */
  whenWritten(callback: SendCallback): void {
    (this.#callbacks ??= []).push({ at: this.position, callback });
    this.watch();
  }

  /** From now on tell the owner when the kernel has taken a write. */
  watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    // What is handed over already was written without a callback: one behind it does as well.
    if (this.#queued === 0 && !this.#blocked) this.#socket.write(EMPTY, this.#callback());
  }

  /**
   * Wait with writing until {@link flush}: more is coming in this same call.
   *
   * @returns `false` if somebody else will flush at the end of this tick anyway.
   */
  cork(): boolean {
    const corked = !this.#flushing;
    this.#flushing = true;
    return corked;
  }

  /** Hand the socket what waits, unless it is behind. */
  flush(): void {
    this.#flushing = false;
    if (this.#blocked || this.#queued === 0) return;
    this.#closePiece();
    this.#write();
  }

  /** Hand the socket everything, behind or not, and end it. */
  end(): void {
    this.#flushAll();
    // A socket that is ending emits no 'drain' any more.
    if (this.#watched) this.#socket.end(this.#callback());
    else this.#socket.end();
  }

  /** Hand the socket everything and cut it: the kernel still sends what it takes at once. */
  destroy(): void {
    this.#flushAll();
    this.#callBack(); // for what the kernel has taken; the rest is told by abandon()
    this.#socket.destroy();
  }

  /** The transport is gone: whatever still waits never leaves. */
  abandon(reason: Error): void {
    this.#first = undefined;
    this.#others = undefined;
    this.#queued = 0;
    this.#piece = undefined;
    this.#ownSlab = undefined;
    this.#waitingPong = undefined;
    const callbacks = this.#callbacks;
    this.#callbacks = undefined;
    for (const { callback } of callbacks ?? []) process.nextTick(callback, reason);
  }

  /** A slab with room for `count` bytes, from which the growing piece goes on. */
  #grow(count: number): Slab {
    const slab = this.#blocked ? (this.#ownSlab ??= new Slab(OWN_SLAB_SIZE)) : sharedSlab;
    slab.reserve(count);
    if (this.#piece !== slab.bytes || this.#pieceEnd !== slab.at) {
      this.#closePiece();
      this.#piece = slab.bytes;
      this.#pieceStart = this.#pieceEnd = slab.at;
    }
    return slab;
  }

  #grown(slab: Slab, end: number): void {
    this.#queued += end - slab.at;
    this.#pieceEnd = slab.at = end;
    this.#schedule();
  }

  #closePiece(): void {
    if (this.#piece === undefined) return;
    this.#enqueue(this.#piece.subarray(this.#pieceStart, this.#pieceEnd));
    this.#piece = undefined;
  }

  #enqueue(piece: Buffer): void {
    if (this.#first === undefined) this.#first = piece;
    else (this.#others ??= []).push(piece);
  }

  #schedule(): void {
    if (this.#queued >= FLUSH_FROM && !this.#blocked) {
      const corked = this.#flushing;
      this.flush();
      this.#flushing = corked;
    } else if (!this.#flushing) {
      this.#flushing = true;
      flushAtEndOfTick(this);
    }
  }

  /** Write from the queue's front until the socket says that it is behind. */
  #write(): void {
    const first = this.#first!;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    if (others === undefined) {
      this.#hand(first);
      if (this.#copies && this.#socket.writableLength === 0) {
        sharedSlab.takeBack(first, this.#pieceStart, this.#pieceEnd);
      }
    } else if (this.#queued <= COPY_UP_TO) {
      others.unshift(first);
      this.#hand(join(others));
    } else {
      others.unshift(first);
      this.#handUntilBehind(others);
    }
  }

  /** Hand over the pieces as one writev. */
  #handUntilBehind(pieces: Buffer[]): void {
    let count = 0;
    this.#socket.cork();
    while (count < pieces.length && !this.#blocked) this.#hand(pieces[count++]!);
    this.#socket.uncork();
    if (count === pieces.length) return;
    this.#first = pieces[count];
    if (count + 1 < pieces.length) this.#others = pieces.slice(count + 1);
  }

  #hand(piece: Buffer): void {
    const socket = this.#socket;
    this.#queued -= piece.length;
    this.#handed += piece.length;
    this.#owner.handed(piece.length);
    if (this.#watched ? socket.write(piece, this.#callback()) : socket.write(piece)) return;
    this.#blocked = true;
    this.#callback(); // listens for 'drain' from now on
  }

  #callback(): (error?: Error | null) => void {
    if (this.#onWritten === undefined) {
      this.#onWritten = (error) => {
        this.#written(error ?? undefined);
      };
      this.#socket.on('drain', this.#onWritten);
    }
    return this.#onWritten;
  }

  #flushAll(): void {
    this.#flushing = true;
    this.#releasePong();
    this.#flushing = false;
    this.#closePiece();
    this.#socket.cork();
    if (this.#first !== undefined) this.#hand(this.#first);
    for (const piece of this.#others ?? []) this.#hand(piece);
    this.#socket.uncork();
    this.#first = undefined;
    this.#others = undefined;
  }

  #releasePong(): void {
    const pong = this.#waitingPong;
    if (pong === undefined) return;
    this.#waitingPong = undefined;
    this.frame(pong);
  }

  #written(error: Error | undefined): void {
    // The socket closes, and abandon() is called. (Node reports a write that was under way when
    // the socket was destroyed as done.)
    if (error !== undefined || this.#socket.destroyed) return;
    if (this.#blocked && !this.#socket.writableNeedDrain) {
      this.#blocked = false;
      this.#ownSlab = undefined;
      this.#releasePong();
      this.flush();
    }
    this.#callBack();
    const waiting = this.#owner.written();
    this.#watched = waiting || this.#callbacks !== undefined;
  }

  #callBack(): void {
    const callbacks = this.#callbacks;
    if (callbacks === undefined) return;
    const { left } = this;
    const due = callbacks.findIndex(({ at }) => at > left);
    const done = due < 0 ? callbacks.splice(0) : callbacks.splice(0, due);
    if (callbacks.length === 0) this.#callbacks = undefined;
    // Each in a call of its own, so that one that throws does not cost the others theirs.
    for (const { callback } of done) process.nextTick(callback);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

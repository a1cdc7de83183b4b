import type { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { FrameEncoder } from '../../protocol/framing/frame-encoder.js';
import { FIN, Opcode } from '../../protocol/framing/frame.js';
import { SMALL_FRAME } from '../../protocol/framing/prepared-message.js';
import { encodeText } from '../../protocol/text/utf8-codec.js';
import type { Account } from '../limits/buffer-budget.js';
import { ConnectionError } from '../close/connection-error.js';
import { flushAtEndOfTick, join } from './end-of-tick.js';
import { LongFrame, LongFrames } from './long-frame.js';
import { type SendCallback, SendCallbacks } from './send-callbacks.js';
import { COPY_UP_TO, type Piece, Backlog } from './backlog.js';
import { sharedSlab, type Slab } from './slab.js';

/** The owner of an outbox. */
export interface OutboxOwner {
  /** So many bytes are handed to the socket. */
  onWritten(count: number): void;
  /** The account that waiting bytes are charged to; `undefined` without a budget. */
  readonly account: Account | undefined;
  /** In this async context `written` is called, and what has waited is written. */
  readonly context?: AsyncResource;
  /**
   * The kernel has taken a write.
   *
   * @returns whether the owner wants to hear of the next one too.
   */
  written(): boolean;
  /** The application took a payload away. What was sent before it has left; what came after it is discarded. */
  unsendable(error: ConnectionError): void;
}

/** A tick that sends more than this does not wait for its end. */
const FLUSH_FROM = 64 * 1024;
/** Longest header of a frame that is not masked. */
const MAX_UNMASKED_HEADER = 10;
const PONG: number = FIN | Opcode.Pong;
const EMPTY: Buffer = Buffer.alloc(0);
const unmaskedEncoder = new FrameEncoder();

/**
 * What one connection has to send. The frames of a tick leave in one write: at the end of the read
 * event that caused them, or on `process.nextTick`.
 *
 * The socket is handed nothing while it still has something to write. What waits is therefore
 * still ours: it can be discarded, and only the newest of the pongs that wait is kept (RFC 6455
 * section 5.5.3). What the socket has been handed ends where a frame ends.
 */
export class Outbox {
  readonly #socket: Duplex;
  /** Only a client has one: its frames are masked, each in a buffer of its own. */
  readonly #masking: FrameEncoder | undefined;
  readonly #owner: OutboxOwner;
  /** The transport has copied the bytes of a write that is done, and does not read them again. */
  readonly #transportCopies: boolean;
  /** The callback of writes and the listener of `'drain'`; most connections never need it. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  /** Something waits for the kernel to take a write: writes have a callback. */
  #watched = false;

  // What this tick sends. Mostly it is one piece, which needs no array.
  #first: Piece | undefined;
  #others: Piece[] | undefined;
  /** What waits while the socket is backpressured. */
  #queue: Backlog | undefined;
  /** Bytes in all of these and in the growing piece. */
  #queued = 0;
  /** All the bytes ever handed to the socket. */
  #writtenOffset = 0;
  /** The socket has not written yet what an earlier tick gave it. */
  #blocked = false;
  /** `flush()` will be called in this tick. */
  #flushing = false;
  #callbacks: SendCallbacks | undefined;
  /** Made with the first long frame. */
  #long: LongFrames | undefined;
  /** An empty write is under way, of which the socket's `writableLength` says nothing. */
  #probing = false;

  // The piece that is still growing: the bytes from #pieceStart to #pieceEnd of #piece. Frames can
  // be added to it as long as no other outbox has written after it in the same slab.
  #piece: Buffer | undefined;
  #pieceStart = 0;
  #pieceEnd = 0;

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
    this.#transportCopies = copies;
  }

  /** Bytes that are not with the kernel yet. */
  get bufferedAmount(): number {
    return this.#queued + (this.#queue?.pong?.length ?? 0) + this.#socket.writableLength;
  }

  /** Position in the stream after everything sent so far. */
  get endOffset(): number {
    return this.#writtenOffset + this.#queued;
  }

  /** Position in the stream up to which the kernel has everything. */
  get flushedOffset(): number {
    return this.#writtenOffset - this.#socket.writableLength;
  }

  /**
   * Send a frame whose payload is text.
   *
   * @param byte0 the header's first byte: opcode and flags.
   */
  text(byte0: number, text: string): void {
    if (this.#masking !== undefined) {
      this.frame(this.#masking.encodeFrame(byte0, encodeText(text)));
      return;
    }
    const most = text.length * 3; // bytes of UTF-8
    if (most > COPY_UP_TO) {
      this.bytes(byte0, encodeText(text));
      return;
    }
    const slab = this.#grow(MAX_UNMASKED_HEADER + most);
    this.#grown(slab, slab.text(byte0, text));
    this.#schedule();
  }

  /** Send a frame whose payload is bytes. A long payload is not copied. */
  bytes(byte0: number, payload: Uint8Array): void {
    if (this.#masking !== undefined) {
      this.frame(this.#masking.encodeFrame(byte0, payload));
      return;
    }
    if (payload.length <= COPY_UP_TO) {
      const slab = this.#grow(MAX_UNMASKED_HEADER + payload.length);
      this.#grown(slab, slab.frame(byte0, payload));
    } else if (writesTogether(this.#socket)) {
      const slab = this.#grow(MAX_UNMASKED_HEADER);
      this.#grown(slab, slab.header(byte0, payload.length));
      this.#long ??= new LongFrames();
      this.#add(new LongFrame(this.#takePiece()!, payload), payload.length);
    } else {
      this.frame(unmaskedEncoder.encodeFrame(byte0, payload));
      return;
    }
    this.#schedule();
  }

  /** Send a frame that is encoded already; its bytes may be shared with other connections. */
  frame(frame: Buffer): void {
    if (this.#blocked && frame.length <= SMALL_FRAME) {
      // A list of millions of small buffers would cost many times their bytes.
      const slab = this.#grow(frame.length);
      slab.bytes.set(frame, slab.at);
      this.#grown(slab, slab.at + frame.length);
    } else {
      this.#closePiece();
      this.#add(frame, frame.length);
    }
    this.#schedule();
  }

  /** Answer a ping: at once if the socket keeps up, else only the newest of those that wait. */
  pong(payload: Uint8Array): void {
    if (!this.#blocked) this.bytes(PONG, payload);
    else this.#waiting().pong = (this.#masking ?? unmaskedEncoder).encodeFrame(PONG, payload);
  }

  /** Call back when everything sent so far is with the kernel. */
  whenWritten(callback: SendCallback): void {
    (this.#callbacks ??= new SendCallbacks()).add(this.endOffset, callback);
    this.watch();
  }

  /** From now on tell the owner when the kernel has taken a write. */
  watch(): void {
    if (this.#watched) return;
    this.#watched = true;
    // Everything is written already, without a callback: an empty write after it has one.
    if (this.#queued === 0 && !this.#blocked) this.#probe();
  }

  /**
   * Wait with writing until {@link flush}: more is coming in this same call.
   *
   * @returns `false` if `flush()` will be called at the end of this tick anyway.
   */
  cork(): boolean {
    const corked = !this.#flushing;
    this.#flushing = true;
    return corked;
  }

  /** Write what waits, unless the socket is backpressured. */
  flush(): void {
    this.#flushing = false;
    if (this.#blocked || this.#queued === 0) return;
    this.#closePiece();
    this.#write();
    this.#tellBroken();
  }

  /** Write everything, backpressured or not, and end the socket. A long frame still waits for its turn. */
  end(): void {
    if (this.#long !== undefined) {
      this.flush();
      this.#long.ending = this.#queue?.hasLongFrame === true;
      if (this.#long.ending) return;
    }
    do this.#flushAll();
    while (this.#queued > 0); // what the owner had to say of a payload that was taken away
    // A socket that is ending emits no 'drain' any more.
    if (this.#watched) this.#socket.end(this.#writeCallback());
    else this.#socket.end();
  }

  /** Hand the socket everything and cut it: the kernel still sends what it takes at once. */
  destroy(): void {
    this.#flushAll();
    this.#runCallbacks(); // for what the kernel has taken; onTransportClosed() tells the rest
    this.#socket.destroy();
    this.#queue?.settled();
  }

  /** Forget what the socket has not been handed. */
  discard(reason: Error): void {
    this.#first = undefined;
    this.#others = undefined;
    this.#queued = 0;
    this.#piece = undefined;
    this.#queue?.clear();
    this.#callbacks?.rejectAfter(this.#writtenOffset, reason);
  }

  /** The transport is gone: what still waits never leaves. */
  onTransportClosed(reason: Error): void {
    this.#callbacks?.rejectAfter(-1, reason);
    this.#callbacks = undefined;
    this.discard(reason);
    this.#queue?.settled();
    this.#queue = undefined;
  }

  #waiting(): Backlog {
    return (this.#queue ??= new Backlog(this.#owner.account));
  }

  /** A slab with room for `count` bytes, from which the growing piece goes on. */
  #grow(count: number): Slab {
    const slab = this.#blocked ? this.#waiting().slab : sharedSlab;
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
  }

  #closePiece(): void {
    const piece = this.#takePiece();
    if (piece !== undefined) this.#enqueue(piece);
  }

  /** The piece that has grown so far. */
  #takePiece(): Buffer | undefined {
    const piece = this.#piece?.subarray(this.#pieceStart, this.#pieceEnd);
    this.#piece = undefined;
    return piece;
  }

  /** @param more bytes of it that were not counted yet. */
  #add(piece: Piece, more: number): void {
    this.#enqueue(piece);
    this.#queued += more;
  }

  #enqueue(piece: Piece): void {
    if (this.#blocked) this.#waiting().push(piece);
    else if (this.#first === undefined) this.#first = piece;
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

  /** Write from the front of the queue until the socket is backpressured. */
  #write(): void {
    const first = this.#first!;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    if (others !== undefined) others.unshift(first);
    if (this.#queued > COPY_UP_TO && (others !== undefined || first instanceof LongFrame)) {
      this.#writeUntilBackpressured(others ?? [first]);
    } else if (others !== undefined) {
      const pieces = others as Buffer[]; // a long frame is more than that
      if (lengthOf(pieces) === this.#queued) this.#writePiece(join(pieces));
      else this.#giveUpAll();
    } else {
      this.#writePiece(first);
      if (this.#transportCopies && this.#socket.writableLength === 0) {
        sharedSlab.reclaim(first as Buffer, this.#pieceStart, this.#pieceEnd);
      }
    }
  }

  /** Hand over the pieces as one writev; what is too much for the socket waits. */
  #writeUntilBackpressured(pieces: readonly Piece[]): void {
    const idle = this.#isIdle();
    let count = 0;
    this.#socket.cork();
    while (count < pieces.length && !this.#blocked) {
      const piece = pieces[count]!;
      if (piece instanceof LongFrame && !idle) {
        // The socket would keep the payload in a list of its own, where it can still be detached.
        this.#blocked = true;
        this.#probe();
      } else if (this.#writePiece(piece)) {
        count++;
      } else {
        count = pieces.length;
      }
    }
    this.#socket.uncork();
    this.#forgetTaken();
    while (count < pieces.length) this.#waiting().push(pieces[count++]!);
  }

  /** @returns `false` if it is broken: then nothing is left to be handed over. */
  #writePiece(piece: Piece): boolean {
    if (piece instanceof LongFrame) {
      if (piece.isBroken) {
        this.#giveUp(piece);
        return false;
      }
      this.#count(piece.length);
      this.#socket.write(piece.head);
      piece.end = this.#writtenOffset;
      this.#long!.taken.push(piece);
      this.#put(piece.payload);
    } else if (piece.length > 0) {
      this.#count(piece.length);
      this.#put(piece);
    } else {
      this.#giveUpAll();
      return false;
    }
    return true;
  }

  #count(length: number): void {
    this.#queued -= length;
    this.#writtenOffset += length;
    this.#owner.onWritten(length);
  }

  #put(bytes: Buffer): void {
    const socket = this.#socket;
    if (this.#watched ? socket.write(bytes, this.#writeCallback()) : socket.write(bytes)) return;
    this.#blocked = true;
    this.#writeCallback(); // listens for 'drain' from now on
    if (this.#owner.account !== undefined) this.#waiting().handed(bytes);
  }

  /** What the socket is handed now goes to the kernel before anything else can happen. */
  #isIdle(): boolean {
    return this.#socket.writableLength === 0 && !this.#probing;
  }

  /** Hear of it when everything that the socket was handed is written. */
  #probe(): void {
    this.#probing = true;
    const written = this.#writeCallback();
    this.#socket.write(EMPTY, (error) => {
      this.#probing = false;
      written(error);
    });
  }

  /** The payload of a long frame is gone: everything before it is sent, and nothing after it. */
  #giveUp(frame: LongFrame): void {
    const { before } = frame;
    if (before.length > 0) this.#writePiece(before);
    frame.end = this.#writtenOffset + frame.frameLength;
    this.#discardAfter(frame);
  }

  /** @param frame where in the stream it stands is known. */
  #discardAfter(frame: LongFrame): void {
    const { payload, payloadLength, frameLength, end } = frame;
    const detail = `it had ${payloadLength} bytes when it was sent, and has ${payload.length}`;
    const error = new ConnectionError('ERR_PAYLOAD_DETACHED', { detail });
    this.#callbacks?.rejectAfter(end - frameLength, error, end);
    this.discard(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: error }));
    this.#long!.broken = error;
  }

  /** The memory of a prepared message is gone, and how much of the stream that was is not known. */
  #giveUpAll(): void {
    const error = new ConnectionError('ERR_PAYLOAD_DETACHED');
    this.discard(error);
    (this.#long ??= new LongFrames()).broken = error;
  }

  #tellBroken(): void {
    const error = this.#long?.broken;
    if (error === undefined) return;
    this.#long!.broken = undefined;
    this.#owner.unsendable(error);
  }

  /** Look no more at what was handed over: the kernel has it, or nothing will tell when it does. */
  #forgetTaken(): void {
    const long = this.#long;
    if (long === undefined || long.taken.length === 0) return;
    // The array is kept. Where each frame gets a new one, V8 comes to allocate them in its old space, and
    // a dead one keeps its payload until a full garbage collection.
    if (this.#isIdle() || !(this.#watched || this.#blocked)) long.taken.length = 0;
  }

  #flushAll(): void {
    this.#flushing = true;
    this.#releasePong();
    this.#flushing = false;
    this.#closePiece();
    this.#socket.cork();
    for (let piece; (piece = this.#next()) !== undefined;) this.#writePiece(piece);
    this.#socket.uncork();
    this.#forgetTaken();
    this.#tellBroken();
  }

  /** Take out the piece that has waited longest. */
  #next(): Piece | undefined {
    const first = this.#first;
    if (first === undefined) return this.#queue?.take();
    this.#first = this.#others?.shift();
    return first;
  }

  #writeCallback(): (error?: Error | null) => void {
    if (this.#onWritten === undefined) {
      const { context } = this.#owner;
      // The socket calls back in the context of the write, which is that of a `send` or neutral.
      this.#onWritten = (error) => {
        if (context === undefined) this.#written(error ?? undefined);
        else context.runInAsyncScope(this.#written, this, error ?? undefined);
      };
      this.#socket.on('drain', this.#onWritten);
    }
    return this.#onWritten;
  }

  /** The socket has written all it had: write what waits, until it is backpressured again. */
  #catchUp(): void {
    const queue = this.#queue;
    if (queue !== undefined) {
      queue.settled();
      this.#releasePong();
      this.#closePiece();
    }
    this.#blocked = false;
    if (queue !== undefined) this.#writeBacklog(queue);
  }

  #writeBacklog(queue: Backlog): void {
    this.#socket.cork();
    while (!this.#blocked) {
      const piece = queue.take();
      if (piece === undefined) break;
      this.#writePiece(piece);
    }
    this.#socket.uncork();
    this.#forgetTaken();
    if (!this.#blocked) this.#queue = undefined; // and its slab
  }

  #releasePong(): void {
    const queue = this.#queue;
    if (queue?.pong === undefined) return;
    const { pong } = queue;
    queue.pong = undefined;
    this.frame(pong);
  }

  #written(error: Error | undefined): void {
    // The socket closes, and onTransportClosed() is called. (Node reports a write that was under way when
    // the socket was destroyed as done.)
    if (error !== undefined || this.#socket.destroyed) return;
    const broken = this.#long?.nextBroken(this.flushedOffset);
    if (broken !== undefined) this.#discardAfter(broken);
    const { writableNeedDrain, writableEnded } = this.#socket;
    if (this.#blocked && !writableNeedDrain && !writableEnded && this.#isIdle()) this.#catchUp();
    this.#runCallbacks();
    this.#tellBroken();
    if (this.#long?.ending === true) this.end();
    const waiting = this.#owner.written();
    this.#watched = waiting || this.#callbacks !== undefined;
  }

  #runCallbacks(): void {
    this.#callbacks?.written(this.flushedOffset);
    if (this.#callbacks?.isEmpty === true) this.#callbacks = undefined;
  }
}

function lengthOf(pieces: readonly Buffer[]): number {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  return length;
}

/** Whether a socket writes together what it was handed while it was corked. */
function writesTogether({ _writev }: { _writev?: unknown }): boolean {
  return typeof _writev === 'function';
}

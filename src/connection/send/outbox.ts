import type { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { FrameEncoder } from '../../protocol/framing/frame-encoder.js';
import { FIN, MASKING_KEY_BYTES, MAX_HEADER_BYTES, Opcode } from '../../protocol/framing/frame.js';
import { SMALL_FRAME } from '../../protocol/framing/prepared-message.js';
import { encodeText } from '../../protocol/text/utf8-codec.js';
import { COPY_UP_TO, type Piece, Backlog } from './backlog.js';
import { flushAtEndOfTick, join, lengthOf } from './end-of-tick.js';
import { LongFrame, LongFrames } from './long-frame.js';
import { type NodeSocket, resetTransport } from '../transport.js';
import { sharedSlab, type Slab } from './slab.js';
import { type WriterOwner, SocketWriter } from './socket-writer.js';

/** Bytes queued in a tick that are written at once, without waiting for its end. */
const FLUSH_FROM = 64 * 1024;
const PONG: number = FIN | Opcode.Pong;
const unmaskedEncoder = new FrameEncoder();

/**
 * What one connection has to send. The frames of a tick leave in one write: at the end of the read
 * event that caused them, or on `process.nextTick`.
 *
 * Nothing is written while the socket still has something to write. So the backlog can be discarded, and only
 * the newest of the waiting Pongs is kept (RFC 6455 section 5.5.3). Writes end on frame boundaries.
 */
export class Outbox extends SocketWriter {
  /** Only a client has one: its frames are masked. */
  readonly #masking: FrameEncoder | undefined;

  // What this tick sends. Mostly it is one piece, which needs no array.
  #first: Piece | undefined;
  #others: Piece[] | undefined;
  /** What waits while the socket is backpressured. */
  #queue: Backlog | undefined;
  /** `flush()` will be called in this tick. */
  #flushing = false;

  // The piece that is still growing: the bytes from #pieceStart to #pieceEnd of #piece. Frames can
  // be added to it as long as no other outbox has written after it in the same slab.
  #piece: Buffer | undefined;
  #pieceStart = 0;
  #pieceEnd = 0;

  constructor(
    socket: Duplex,
    masking: FrameEncoder | undefined,
    owner: WriterOwner,
    nodeSocket?: NodeSocket,
  ) {
    super(socket, owner, nodeSocket);
    this.#masking = masking;
  }

  /** Bytes that are not with the kernel yet. */
  get bufferedAmount(): number {
    return this.queued + (this.#queue?.pong?.length ?? 0) + this.socket.writableLength;
  }

  /** Send a frame whose payload is text. @param byte0 the header's first byte: opcode and flags. */
  text(byte0: number, text: string): void {
    const most = text.length * 3; // bytes of UTF-8
    if (most > COPY_UP_TO) {
      this.bytes(byte0, encodeText(text), true);
      return;
    }
    const slab = this.grow(MAX_HEADER_BYTES + most);
    this.grown(slab, this.masked(slab, slab.text(byte0, text)));
    this.schedule();
  }

  /**
   * Send a frame whose payload is bytes. A long payload is not copied, unless it is masked.
   *
   * @param isOwned nothing else refers to the payload's memory: it can be freed when it is written.
   */
  bytes(byte0: number, payload: Uint8Array, isOwned = false): void {
    if (payload.length <= COPY_UP_TO) {
      const slab = this.grow(MAX_HEADER_BYTES + payload.length);
      this.grown(slab, this.masked(slab, slab.frame(byte0, payload)));
      this.schedule();
    } else if (this.writesTogether) {
      this.addLong(byte0, payload, isOwned);
    } else {
      this.frame((this.#masking ?? unmaskedEncoder).encodeFrame(byte0, payload));
    }
  }

  private addLong(byte0: number, given: Uint8Array, isOwned: boolean): void {
    const slab = this.grow(MAX_HEADER_BYTES);
    const { bytes, at } = slab;
    const masking = this.#masking;
    const unmaskedEnd = slab.header(byte0, given.length);
    const payload = masking?.maskApart(bytes, at, unmaskedEnd, given, isOwned) ?? given;
    const end = masking === undefined ? unmaskedEnd : unmaskedEnd + MASKING_KEY_BYTES;
    this.grown(slab, end);
    const isOurs = isOwned || masking !== undefined;
    this.long ??= new LongFrames(this.nodeSocket !== undefined);
    this.add(new LongFrame(this.takePiece()!, end - at, payload, isOurs), payload.length);
    this.schedule();
  }

  /** Mask the frame that was written to a slab up to `end`, if ours are masked. @returns its end. */
  private masked(slab: Slab, end: number): number {
    return this.#masking === undefined ? end : this.#masking.maskFrame(slab.bytes, slab.at, end);
  }

  /** Send a frame that is encoded already; its bytes may be shared with other connections. */
  frame(frame: Buffer): void {
    if (this.blocked && frame.length <= SMALL_FRAME) {
      // A list of millions of small buffers would cost many times their bytes.
      const slab = this.grow(frame.length);
      slab.bytes.set(frame, slab.at);
      this.grown(slab, slab.at + frame.length);
    } else {
      this.closePiece();
      this.add(frame, frame.length);
    }
    this.schedule();
  }

  /** Answer a Ping: at once if the socket keeps up, else only the newest of those that wait. */
  pong(payload: Uint8Array): void {
    if (!this.blocked) this.bytes(PONG, payload);
    else this.waiting().pong = (this.#masking ?? unmaskedEncoder).encodeFrame(PONG, payload);
  }

  /** Whether the socket accepts this many bytes more. If they cannot share a write with what waits, that is written first. */
  takes(bytes: number): boolean {
    if (!this.blocked && this.queued > 0 && this.queued + bytes > COPY_UP_TO) this.flushEarly();
    return !this.blocked;
  }

  /**
   * Delay writes until {@link flush}, because more frames follow in this call.
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
    if (this.blocked || this.queued === 0) return;
    this.closePiece();
    this.write();
    this.reportBroken();
  }

  /** Write everything, backpressured or not, and end the socket. A long frame still waits for its turn. */
  end(): void {
    if (this.long !== undefined) {
      this.flush();
      this.long.ending = this.#queue?.hasLongFrame === true;
      if (this.long.ending) return;
    }
    do this.flushAll();
    while (this.queued > 0); // the Close that the owner sends if a payload was detached
    // A socket that is ending emits no 'drain' any more.
    if (this.watched) this.socket.end(this.writeCallback());
    else this.socket.end();
  }

  /** Write everything and destroy the socket. The kernel still sends what it accepts at once. */
  destroy(): void {
    this.flushAll();
    // For the bytes that the kernel has accepted; onTransportClosed() rejects the others.
    if (!this.isGone) this.runCallbacks();
    resetTransport(this.socket);
    this.#queue?.settled();
  }

  /** Discard what has not been written to the socket. */
  discard(reason: Error): void {
    this.#first = undefined;
    this.#others = undefined;
    this.queued = 0;
    this.#piece = undefined;
    this.#queue?.clear();
    this.callbacks?.rejectAfter(this.writtenOffset, reason);
  }

  /** The transport has closed: what still waits is never sent. */
  onTransportClosed(reason: Error): void {
    this.callbacks?.rejectAfter(-1, reason);
    this.callbacks = undefined;
    this.discard(reason);
    this.#queue?.settled();
    this.#queue = undefined;
  }

  protected waiting(): Backlog {
    return (this.#queue ??= new Backlog(this.owner.account));
  }

  /** A slab with room for `count` bytes, from which the growing piece goes on. */
  private grow(count: number): Slab {
    const slab = this.blocked ? this.waiting().slab : sharedSlab;
    slab.reserve(count);
    if (this.#piece !== slab.bytes || this.#pieceEnd !== slab.at) {
      this.closePiece();
      this.#piece = slab.bytes;
      this.#pieceStart = this.#pieceEnd = slab.at;
    }
    return slab;
  }

  private grown(slab: Slab, end: number): void {
    this.queued += end - slab.at;
    this.#pieceEnd = slab.at = end;
  }

  private closePiece(): void {
    const piece = this.takePiece();
    if (piece !== undefined) this.enqueue(piece);
  }

  /** The piece that has grown so far. */
  private takePiece(): Buffer | undefined {
    const piece = this.#piece?.subarray(this.#pieceStart, this.#pieceEnd);
    this.#piece = undefined;
    return piece;
  }

  /** @param more the bytes of the piece that `queued` does not include yet. */
  private add(piece: Piece, more: number): void {
    this.enqueue(piece);
    this.queued += more;
  }

  private enqueue(piece: Piece): void {
    if (this.blocked) this.waiting().push(piece);
    else if (this.#first === undefined) this.#first = piece;
    else (this.#others ??= []).push(piece);
  }

  private schedule(): void {
    if (this.queued >= FLUSH_FROM && !this.blocked) {
      this.flushEarly();
    } else if (!this.#flushing) {
      this.#flushing = true;
      flushAtEndOfTick(this);
    }
  }

  /** {@link flush} before the end of the tick, or of the call that corked. */
  private flushEarly(): void {
    const corked = this.#flushing;
    this.flush();
    this.#flushing = corked;
  }

  /** Write from the front of the queue until the socket is backpressured. */
  private write(): void {
    const first = this.#first!;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    if (others !== undefined) others.unshift(first);
    if (this.queued > COPY_UP_TO && (others !== undefined || first instanceof LongFrame)) {
      this.writeUntilBackpressured(others ?? [first]);
    } else if (others !== undefined) {
      const pieces = others as Buffer[]; // a LongFrame is longer than COPY_UP_TO, so all pieces are Buffers
      if (lengthOf(pieces) === this.queued) this.writePiece(join(pieces));
      else this.giveUpAll();
    } else {
      this.writePiece(first);
      if (this.nodeSocket === 'tcp' && this.socket.writableLength === 0) {
        sharedSlab.reclaim(first as Buffer, this.#pieceStart, this.#pieceEnd);
      }
    }
  }

  /** Write the pieces as one writev. Pieces that the socket has no room for are queued. */
  private writeUntilBackpressured(pieces: readonly Piece[]): void {
    const idle = this.isIdle();
    let count = 0;
    this.socket.cork();
    while (count < pieces.length && !this.blocked) {
      const piece = pieces[count]!;
      if (piece instanceof LongFrame && !idle) {
        // The socket would keep the payload in a list of its own, where it can still be detached.
        this.blocked = true;
        this.probe();
      } else if (this.writePiece(piece)) {
        count++;
      } else {
        count = pieces.length;
      }
    }
    this.socket.uncork();
    this.clearInFlight();
    while (count < pieces.length) this.waiting().push(pieces[count++]!);
  }

  private flushAll(): void {
    this.#flushing = true;
    this.releasePong();
    this.#flushing = false;
    this.closePiece();
    this.socket.cork();
    for (let piece; (piece = this.next()) !== undefined;) this.writePiece(piece);
    this.socket.uncork();
    this.clearInFlight();
    this.reportBroken();
  }

  /** Take out the piece that has waited longest. */
  private next(): Piece | undefined {
    const first = this.#first;
    if (first === undefined) return this.#queue?.take();
    this.#first = this.#others?.shift();
    return first;
  }

  /** The socket has written all it had: write what waits, until it is backpressured again. */
  protected catchUp(): void {
    const queue = this.#queue;
    if (queue !== undefined) {
      queue.settled();
      this.releasePong();
      this.closePiece();
    }
    this.blocked = false;
    if (queue !== undefined) this.writeBacklog(queue);
  }

  private writeBacklog(queue: Backlog): void {
    this.socket.cork();
    while (!this.blocked) {
      const piece = queue.take();
      if (piece === undefined) break;
      this.writePiece(piece);
    }
    this.socket.uncork();
    this.clearInFlight();
    if (!this.blocked) this.#queue = undefined; // and its slab
  }

  private releasePong(): void {
    const queue = this.#queue;
    if (queue?.pong === undefined) return;
    const { pong } = queue;
    queue.pong = undefined;
    this.frame(pong);
  }
}

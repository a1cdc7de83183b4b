import type { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { Account } from '../limits/buffer-budget.js';
import { ConnectionError } from '../close/connection-error.js';
import type { Backlog, Piece } from './backlog.js';
import { LongFrame, LongFrames } from './long-frame.js';
import { type SendCallback, SendCallbacks } from './send-callbacks.js';
import type { NodeSocket } from '../transport.js';

/** What a socket writer needs of its owner, the sender. */
export interface WriterOwner {
  /** This many bytes are written to the socket. */
  onWritten(count: number): void;
  /** The account that waiting bytes are charged to; `undefined` without a budget. */
  readonly account: Account | undefined;
  /** The async context in which `written` is called and the backlog is written. */
  readonly context?: AsyncResource;
  /**
   * The kernel has taken a write.
   *
   * @returns whether the owner is to be told of the next one too.
   */
  written(): boolean;
  /** The application detached a payload. What was sent before it has left; what came after it is discarded. */
  unsendable(error: ConnectionError): void;
}

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Writes pieces to one connection's socket and tracks them: which bytes the kernel has accepted, which
 * callbacks are due, and whether a payload was detached meanwhile. A base class of the outbox, because an
 * object of its own would cost each connection 100 bytes.
 */
export abstract class SocketWriter {
  protected readonly socket: Duplex;
  protected readonly owner: WriterOwner;
  /** Of a socket of Node's own: bytes that were written can be used again, or freed. */
  readonly nodeSocket: NodeSocket | undefined;
  /** Bytes that have not been written to the socket. */
  protected queued = 0;
  /** All bytes ever written to the socket. */
  protected writtenOffset = 0;
  /** The socket has not written yet what an earlier tick gave it: what is sent now waits. */
  blocked = false;
  /** Something waits for the kernel to take a write: writes have a callback. */
  protected watched = false;
  protected callbacks: SendCallbacks | undefined;
  /** Made with the first long frame. */
  protected long: LongFrames | undefined;
  /** The callback of writes and the listener of `'drain'`; most connections never need it. */
  #onWritten: ((error?: Error | null) => void) | undefined;
  /** An empty write is in progress; `writableLength` does not show it. */
  #probing = false;

  constructor(socket: Duplex, owner: WriterOwner, nodeSocket: NodeSocket | undefined) {
    this.socket = socket;
    this.owner = owner;
    this.nodeSocket = nodeSocket;
  }

  /** Whether the socket writes together what it was handed while it was corked. */
  protected get writesTogether(): boolean {
    return typeof this.socket._writev === 'function';
  }

  /** The socket has been destroyed, or reset: what its writes report is not true any more. */
  protected get isGone(): boolean {
    return this.socket.destroyed || this.socket.closed;
  }

  /** Discard what has not been written to the socket. */
  abstract discard(reason: Error): void;

  /** Write everything, and end the socket. */
  abstract end(): void;

  /** What waits because the socket is backpressured. */
  protected abstract waiting(): Backlog;

  /** The socket has written all it had. */
  protected abstract catchUp(): void;

  /** Position in the stream after everything sent so far. */
  get endOffset(): number {
    return this.writtenOffset + this.queued;
  }

  /** Position in the stream up to which the kernel has everything. */
  get flushedOffset(): number {
    return this.writtenOffset - this.socket.writableLength;
  }

  /** Call back when everything sent so far is with the kernel. */
  whenWritten(callback: SendCallback): void {
    (this.callbacks ??= new SendCallbacks()).add(this.endOffset, callback);
    this.watch();
  }

  /** From now on tell the owner when the kernel has taken a write. */
  watch(): void {
    if (this.watched) return;
    this.watched = true;
    // Everything is written already, without a callback: an empty write after it has one.
    if (this.queued === 0 && !this.blocked) this.probe();
  }

  /** Write a piece to the socket. @returns `false` if its payload was detached; everything after it has then been discarded. */
  protected writePiece(piece: Piece): boolean {
    if (piece instanceof LongFrame) {
      if (piece.isBroken) {
        this.giveUp(piece);
        return false;
      }
      this.count(piece.length);
      this.socket.write(piece.head);
      piece.end = this.writtenOffset;
      this.long!.inFlight.push(piece);
      this.put(piece.payload);
    } else if (piece.length > 0) {
      this.count(piece.length);
      this.put(piece);
    } else {
      this.giveUpAll();
      return false;
    }
    return true;
  }

  private count(length: number): void {
    this.queued -= length;
    this.writtenOffset += length;
    this.owner.onWritten(length);
  }

  private put(bytes: Buffer): void {
    const socket = this.socket;
    if (this.watched ? socket.write(bytes, this.writeCallback()) : socket.write(bytes)) return;
    this.blocked = true;
    this.writeCallback(); // listens for 'drain' from now on
    if (this.owner.account !== undefined) this.waiting().addInFlight(bytes);
  }

  /** Whether the next write reaches the kernel before any other code runs. */
  protected isIdle(): boolean {
    return this.socket.writableLength === 0 && !this.#probing;
  }

  /** Add an empty write whose callback tells when everything before it is written. */
  protected probe(): void {
    this.#probing = true;
    const written = this.writeCallback();
    this.socket.write(EMPTY, (error) => {
      this.#probing = false;
      written(error);
    });
  }

  /** The payload of a long frame was detached: send everything before it, and nothing after it. */
  private giveUp(frame: LongFrame): void {
    const { before } = frame;
    if (before.length > 0) this.writePiece(before);
    frame.end = this.writtenOffset + frame.frameLength;
    this.discardAfter(frame);
  }

  /** @param frame its position in the stream is known. */
  private discardAfter(frame: LongFrame): void {
    const { payload, payloadLength, frameLength, end } = frame;
    const detail = `it had ${payloadLength} bytes when it was sent, and has ${payload.length}`;
    const error = new ConnectionError('ERR_PAYLOAD_DETACHED', { detail });
    this.callbacks?.rejectAfter(end - frameLength, error, end);
    this.discard(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: error }));
    this.long!.broken = error;
  }

  /** The memory of a prepared message was detached, so its length, and with it the position in the stream, is unknown. */
  protected giveUpAll(): void {
    const error = new ConnectionError('ERR_PAYLOAD_DETACHED');
    this.discard(error);
    (this.long ??= new LongFrames(this.nodeSocket !== undefined)).broken = error;
  }

  protected reportBroken(): void {
    const error = this.long?.broken;
    if (error === undefined) return;
    this.long!.broken = undefined;
    this.owner.unsendable(error);
  }

  /** Stop watching the written long frames: the kernel has them, or no callback will tell when it does. */
  protected clearInFlight(): void {
    const long = this.long;
    if (long === undefined || long.inFlight.length === 0) return;
    if (this.isIdle()) long.allLeft();
    else if (!(this.watched || this.blocked)) long.inFlight.length = 0;
  }

  protected writeCallback(): (error?: Error | null) => void {
    if (this.#onWritten === undefined) {
      // An arrow function, with a context of its own, would cost each connection 80 bytes more.
      this.#onWritten = this.writtenInContext.bind(this);
      this.socket.on('drain', this.#onWritten);
    }
    return this.#onWritten;
  }

  /** The socket calls back in the context of the write, which is that of a `send` or neutral. */
  private writtenInContext(error?: Error | null): void {
    const { context } = this.owner;
    if (context === undefined) this.written(error ?? undefined);
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this`
    else context.runInAsyncScope(this.written, this, error ?? undefined);
  }

  private written(error: Error | undefined): void {
    // The socket closes, and onTransportClosed() is called. (Node reports a write that was in progress when
    // the socket was destroyed as done, and those of a stream of HTTP/2 that was reset.)
    if (error !== undefined || this.isGone) return;
    const broken = this.long?.nextBroken(this.flushedOffset);
    if (broken !== undefined) this.discardAfter(broken);
    const { writableNeedDrain, writableEnded } = this.socket;
    if (this.blocked && !writableNeedDrain && !writableEnded && this.isIdle()) this.catchUp();
    this.runCallbacks();
    this.reportBroken();
    if (this.long?.ending === true) this.end();
    const waiting = this.owner.written();
    this.watched = waiting || this.callbacks !== undefined;
  }

  protected runCallbacks(): void {
    this.callbacks?.written(this.flushedOffset);
    if (this.callbacks?.isEmpty === true) this.callbacks = undefined;
  }
}

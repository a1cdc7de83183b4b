import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { abortReason, onAbort } from '../abort-signal.js';
import { ConnectionError } from '../close/connection-error.js';
import type { OutgoingDeflate } from '../deflate/outgoing.js';
import type { Deadline } from '../limits/deadlines.js';
import { neutral } from '../neutral-context.js';
import type { Outbox } from '../send/outbox.js';
import type { PendingCalls, StreamCall } from '../send/pending-calls.js';
import type { ConnectionSettings } from '../settings.js';
import type { Deflater } from '../../protocol/deflate/contexts.js';
import { TAIL } from '../../protocol/deflate/format.js';
import { FIN, Opcode, RSV1 } from '../../protocol/framing/frame.js';
import { ChunkEncoder } from './chunk-encoder.js';
import { type ChunkSource, openSource, type Step } from './chunk-source.js';
import { FrameCutter } from './frame-cutter.js';
import {
  checkStreamOptions,
  type CheckedStreamOptions,
  type StreamOptions,
} from './stream-options.js';

/** The sender, as far as it concerns a message that is sent in parts. */
interface StreamSender {
  readonly outbox: Outbox;
  /** Where the message takes its place, and where what is called after it waits. */
  readonly calls: PendingCalls;
  /** Only where permessage-deflate was negotiated. */
  readonly compressor: OutgoingDeflate | undefined;
  /** The message was begun and cannot be finished. */
  unsendable(error: ConnectionError): void;
}

/** What a message that is sent in parts needs of its connection, the session. */
export interface StreamOwner {
  readonly isOpen: boolean;
  readonly settings: ConnectionSettings;
  readonly sender: StreamSender;
  /** A part of the message is sent. */
  markMessageActivity(): void;
}

/** See `WebSocketConnection.sendStream`. */
export function sendStream(
  owner: StreamOwner,
  from: unknown,
  given: StreamOptions | undefined,
): Promise<void> {
  const options = checkStreamOptions(given ?? {});
  const source = openSource(from);
  const { signal } = options;
  if (owner.isOpen && signal?.aborted !== true) {
    return new OutgoingStream(owner, source, options).whenSent;
  }
  const reason = owner.isOpen
    ? abortReason(signal!)
    : new ConnectionError('ERR_CONNECTION_NOT_OPEN');
  source.cancel(reason);
  return Promise.reject(reason);
}

/** Bytes that are taken from a source that is always ready until other connections get their turn. */
const BYTES_PER_TURN = 1024 * 1024;
/** What a chunk counts in addition to its bytes. */
const CHUNK_OVERHEAD = 64;
const NOTHING: Uint8Array[] = [];
/** How many times the bytes of a frame its compression counts: one frame of 64 KiB takes a turn. */
const COMPRESSING_COSTS = 15;

/**
 * One message that is sent while it is made (RFC 6455 section 5.4): a call of `sendStream`. It takes its
 * place in the order of calls. In its turn it asks the source for one chunk after the other, as the transport
 * takes them. The message ends as a whole, or not at all.
 */
class OutgoingStream extends AsyncResource implements StreamCall {
  readonly #owner: StreamOwner;
  readonly #sender: StreamSender;
  readonly #source: ChunkSource;
  readonly #options: CheckedStreamOptions;
  readonly #encoder: ChunkEncoder;
  readonly #cutter = new FrameCutter();
  /** Of the chunk that is being sent: what is not cut into frames yet. */
  #pieces: Iterator<Uint8Array> = NOTHING.values();
  #deflater: Deflater | undefined;
  /** A part of the message was sent. */
  #isBegun = false;
  /** The source has ended, or is not read any more. */
  #isOver = false;
  #bytesThisTurn = 0;
  /** Runs while the source is awaited and others wait. */
  #stall: Deadline | undefined;
  #isAwaitingSource = false;
  #stalled: ConnectionError | undefined;
  #forgetSignal: (() => void) | undefined;
  #resolve!: () => void;
  #reject!: (reason: Error) => void;
  /** Settles when the last byte is with the kernel, or with the reason why it never will be. */
  readonly whenSent: Promise<void>;

  constructor(owner: StreamOwner, source: ChunkSource, options: CheckedStreamOptions) {
    super('hawser.sendStream');
    this.#owner = owner;
    this.#sender = owner.sender;
    this.#source = source;
    this.#options = options;
    this.#encoder = new ChunkEncoder(options.binary);
    this.whenSent = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal } = options;
    if (signal !== undefined) {
      this.#forgetSignal = onAbort(signal, () => {
        this.#abort(abortReason(signal));
      });
    }
    this.#sender.calls.addStream(this);
  }

  /** A part of the message was sent. */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** It is this message's turn. */
  begin(): void {
    // In a call of its own: thousands of messages in a row must not be as many calls inside one another.
    queueMicrotask(() => {
      if (!this.#isOver) void this.runInAsyncScope(this.#pump, this);
    });
  }

  /** Other messages wait for the end of this one. */
  othersWait(): void {
    if (this.#isAwaitingSource) this.#startStall();
  }

  /** The connection has ended, or is closing: the message is not sent, or not to its end. */
  end(reason: Error): void {
    if (this.#isOver) return;
    this.#stop();
    this.#source.cancel(reason);
    this.#reject(reason);
  }

  async #pump(): Promise<void> {
    try {
      for (;;) {
        let step = this.#source.next();
        if (isPromise(step)) step = await this.#await(step);
        if (this.#isOver) return;
        if (step.done === true) {
          this.#finish();
          return;
        }
        // No promise for a chunk that need not wait: there are thousands of them a second.
        this.#take(step.value);
        let sent = this.#sendPieces();
        for (; sent === 'in part'; sent = this.#sendPieces()) await this.#pause();
        if (sent === 'not') return;
      }
    } catch (error) {
      if (!this.#isOver) this.#fail(error as Error);
    }
  }

  async #await(step: Promise<Step>): Promise<Step> {
    this.#isAwaitingSource = true;
    if (this.#sender.calls.areHeld) this.#startStall();
    try {
      return await step;
    } finally {
      this.#isAwaitingSource = false;
      this.#stall?.stop();
    }
  }

  /** A chunk has come from the source. */
  #take(chunk: unknown): void {
    if (this.#cutter.isEmpty) this.#sealAtEndOfTick();
    this.#bytesThisTurn += CHUNK_OVERHEAD;
    try {
      this.#pieces = this.#encoder.encode(chunk)[Symbol.iterator]();
    } catch (error) {
      this.#abort(error as Error);
    }
  }

  /** Send the frames that the chunk completes, as long as no pause is due. @returns how much of it was sent. */
  #sendPieces(): 'whole' | 'in part' | 'not' {
    try {
      while (!this.#isOver && !this.#mustPause()) {
        const payload = this.#cutter.next();
        if (payload !== undefined) {
          this.#send(payload, false);
          continue;
        }
        const piece = this.#pieces.next();
        if (piece.done === true) return 'whole';
        this.#cutter.add(piece.value, this.#encoder.isText);
      }
    } catch (error) {
      this.#abort(error as Error);
    }
    return this.#isOver ? 'not' : 'in part';
  }

  #mustPause(): boolean {
    return this.#bytesThisTurn >= BYTES_PER_TURN || this.#isAboveMark();
  }

  /** Wait until the transport has taken enough, and let others have their turn. */
  async #pause(): Promise<void> {
    if (this.#bytesThisTurn >= BYTES_PER_TURN)
      await new Promise((resolve) => setImmediate(resolve));
    this.#bytesThisTurn = 0;
    while (!this.#isOver && this.#isAboveMark()) {
      await new Promise<unknown>((resolve) => {
        this.#sender.outbox.whenWritten(resolve);
      });
    }
  }

  /** What waits for the end of this message does not count: it would never be sent. */
  #isAboveMark(): boolean {
    return this.#sender.outbox.bufferedAmount >= this.#owner.settings.highWaterMark;
  }

  /** Send a frame. */
  #send(payload: Uint8Array, isLast: boolean): void {
    const { compressor, outbox } = this.#sender;
    const opcode = this.#encoder.isText ? Opcode.Text : Opcode.Binary;
    const byte0 = (this.#isBegun ? Opcode.Continuation : opcode) | (isLast ? FIN : 0);
    const isFirst = !this.#isBegun;
    this.#isBegun = true;
    this.#bytesThisTurn += payload.length;
    this.#owner.markMessageActivity();
    if (isFirst && isLast) {
      // A message of one frame is like any other.
      const isSent = compressor?.bytes(byte0, payload, this.#options.compress) === true;
      if (!isSent) outbox.bytes(byte0, payload);
      return;
    }
    let compressed: Buffer | undefined;
    if (isFirst) {
      const begun = compressor?.begin(payload, this.#options.compress);
      this.#deflater = begun?.deflater;
      compressed = begun?.payload;
    } else {
      compressed = this.#deflater?.deflate(payload);
    }
    if (compressed === undefined) {
      outbox.bytes(byte0, payload);
      return;
    }
    this.#bytesThisTurn += payload.length * COMPRESSING_COSTS;
    // Only the last frame of the message leaves the tail out (RFC 7692 section 7.2.1).
    const part = isLast ? compressed : Buffer.concat([compressed, TAIL]);
    outbox.bytes(isFirst ? byte0 | RSV1 : byte0, part, true);
  }

  /** The source has ended. */
  #finish(): void {
    const half = this.#encoder.end();
    if (half !== undefined) this.#cutter.add(half, true);
    for (let payload; (payload = this.#cutter.next()) !== undefined;) this.#send(payload, false);
    this.#send(this.#cutter.last(), true);
    this.#stop();
    const { calls, outbox } = this.#sender;
    this.#owner.settings.counters.messagesSent++;
    outbox.whenWritten((error) => {
      if (error === undefined) this.#resolve();
      else this.#reject(error);
    });
    // What is sent after it must not get this call's context.
    neutral.runInAsyncScope(() => {
      calls.endStream(this);
    });
  }

  /** Stop reading the source: the message is not wanted any more, or a chunk was wrong. */
  #abort(reason: Error): void {
    this.#source.cancel(reason);
    this.#fail(reason);
  }

  /** The message cannot be finished. It was not begun, or the connection has to be closed. */
  #fail(reason: Error): void {
    this.#stop();
    this.#reject(reason);
    const { calls } = this.#sender;
    const isStalled = reason === this.#stalled;
    if (this.#isBegun || isStalled) {
      // There is no way to take a part back, and an end would present it as the whole.
      this.#sender.unsendable(
        isStalled ? this.#stalled! : new ConnectionError('ERR_MESSAGE_ABORTED', { cause: reason }),
      );
      return;
    }
    neutral.runInAsyncScope(() => {
      calls.endStream(this);
    });
  }

  #stop(): void {
    this.#isOver = true;
    this.#forgetSignal?.();
    this.#stall?.cancel();
    this.#deflater?.release();
  }

  #startStall(): void {
    const { deadlines } = this.#owner.settings;
    const { stallTimeout } = this.#options;
    if (this.#stall?.isRunning === true) return;
    if (this.#stall !== undefined) {
      this.#stall.restart();
      return;
    }
    this.#stall = deadlines.start(stallTimeout, () => {
      const detail = `${stallTimeout} ms without a chunk`;
      this.#stalled = new ConnectionError('ERR_SOURCE_STALLED', { detail });
      this.#abort(this.#stalled);
    });
  }

  /** Chunks of a later tick are not joined with those of this one. */
  #sealAtEndOfTick(): void {
    process.nextTick(() => {
      this.#cutter.seal();
    });
  }
}

function isPromise(step: Step | PromiseLike<Step>): step is Promise<Step> {
  return typeof (step as Partial<PromiseLike<Step>>).then === 'function';
}

import { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { abortReason, checkSignal, onAbort } from '../abort-signal.js';
import type { Account } from '../limits/buffer-budget.js';
import { ConnectionError } from '../close/connection-error.js';
import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import { OutgoingDeflate } from '../deflate/outgoing.js';
import { contextOfSent, publishDropped, publishSent } from '../diagnostics.js';
import { Outbox, type OutboxOwner } from './outbox.js';
import type { SenderOwner } from './owner.js';
import {
  checkFrame,
  firstByte,
  FrameEncoder,
  type FrameFlags,
} from '../../protocol/framing/frame-encoder.js';
import { FIN, isControl, MASKING_KEY_BYTES, Opcode } from '../../protocol/framing/frame.js';
import {
  type BlobLike,
  bytesOf,
  checkText,
  isBlob,
  type Payload,
  toBytes,
} from '../../protocol/framing/payload.js';
import {
  asPrepared,
  checkPrepared,
  type Data,
  PreparedMessage,
  prepareMessage,
} from '../../protocol/framing/prepared-message.js';
import { RoundTrips } from '../limits/round-trip.js';
import { bindToCall, type SendCallback } from './send-callbacks.js';
import type { SendOptions } from './send-options.js';
import { readBlob, sizeOf } from './blob.js';
import { PendingCalls } from './pending-calls.js';
import { neutral } from '../neutral-context.js';
import { admitsControl, admit, tooSlow } from './admission.js';
import { callIsolated } from '../call-isolated.js';

const TEXT: number = FIN | Opcode.Text;
const BINARY: number = FIN | Opcode.Binary;
const PING: number = FIN | Opcode.Ping;
const clientEncoder = new FrameEncoder({ role: 'client' });

/**
 * The sending half of a connection: which frames an application's calls become, and when it should
 * slow down. How they reach the socket is the outbox's business.
 */
export class Sender implements OutboxOwner {
  readonly #owner: SenderOwner;
  readonly #outbox: Outbox;
  /** No Close has been sent or received. */
  #open = true;
  /** A call has returned `false` since everything was last with the kernel. */
  #needDrain = false;
  #drainWaiters: Set<(below: boolean) => void> | undefined;
  /** What waits; made for the first call that has to. */
  #calls: PendingCalls | undefined;
  /** Only where permessage-deflate was negotiated. */
  readonly #compressor: OutgoingDeflate | undefined;
  /** Made for the first. */
  #roundTrips: RoundTrips | undefined;

  /**
   * @param copies see `Outbox`.
   */
  constructor(owner: SenderOwner, socket: Duplex, copies = false, compression?: PermessageDeflate) {
    this.#owner = owner;
    this.#outbox = new Outbox(socket, this.#masks() ? clientEncoder : undefined, this, copies);
    this.#compressor =
      compression && new OutgoingDeflate(this, this.#outbox, compression, this.#masks());
  }

  /** For what needs time before it can be sent: it waits here, and what is called after it. */
  get calls(): PendingCalls {
    return (this.#calls ??= new PendingCalls());
  }

  /** For the outbox. */
  get account(): Account | undefined {
    return this.#owner.account;
  }

  /** For the outbox. */
  get context(): AsyncResource {
    return this.#owner.context;
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  /** We are a client: what we send is masked (RFC 6455 section 5.3). */
  #masks(): boolean {
    return this.#owner.settings.decoder.role === 'client';
  }

  /** See `WebSocketConnection.bufferedAmount`. */
  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount + (this.#calls?.bytes ?? 0);
  }

  /** See `WebSocketConnection.send`. */
  send(
    data: Data | BlobLike,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
  ): boolean {
    // What can throw comes first: a user's mistake is one on a closed connection too.
    const binary = options?.binary;
    let bytes: Uint8Array | undefined;
    if (data instanceof PreparedMessage) {
      checkPrepared(data, binary);
    } else if (typeof data !== 'string' || binary === true) {
      bytes = bytesOf(data);
      if (bytes === undefined) {
        if (isBlob(data)) return this.#sendBlob(data, options, callback);
        data = adoptPrepared(data, binary);
      } else if (binary === false) {
        checkText(bytes);
      }
    }
    const message = data as Data; // a Blob is sent elsewhere
    const bound = callback && bindToCall(callback);
    if (!this.#admits(message, bound, options?.droppable === true)) return false;
    if (this.#mustWait()) this.#wait(message, binary, options?.compress, bound);
    else this.#queue(message, bytes, binary, options?.compress, bound);
    return this.#belowMark();
  }

  /** A Ping or a Pong. */
  control(opcode: Opcode, data: Payload): boolean {
    const bytes = toBytes(data);
    checkFrame(opcode, bytes.length);
    if (!this.#admitsControl()) return false;
    this.#sendFrame(opcode, bytes, {});
    return this.#belowMark();
  }

  /** See `WebSocketConnection.roundTrip`. */
  roundTrip(signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (!this.#open) return Promise.reject(new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
    const amount = this.bufferedAmount;
    if (!admitsControl(amount, this.#owner.settings)) {
      return Promise.reject(tooSlow(amount, this.#owner.settings));
    }
    const roundTrips = (this.#roundTrips ??= new RoundTrips(this.#owner.settings.deadlines));
    const { id, payload, milliseconds } = roundTrips.start(signal);
    this.#sendTrip(roundTrips, id, payload);
    return milliseconds;
  }

  /**
   * A Pong came.
   *
   * @param beat see `RoundTrips.pong`.
   * @returns whether it answers a Ping of `roundTrip`.
   */
  hearPong(payload: Buffer, beat: number | undefined): boolean {
    return this.#roundTrips?.pong(payload, beat) === true;
  }

  /** See `WebSocketConnection.sendFrame`; not for Close frames. */
  frame(opcode: Opcode, bytes: Uint8Array, flags: FrameFlags): boolean {
    checkFrame(opcode, bytes.length, flags);
    if (!this.#open) return false;
    this.#calls?.hurry();
    const data = !isControl(opcode);
    if (data && (opcode === Opcode.Continuation) !== (this.#calls?.isUnfinished === true)) {
      throw new RangeError(
        opcode === Opcode.Continuation
          ? 'sendFrame: there is no unfinished message to continue'
          : 'sendFrame: the message that an earlier sendFrame left unfinished must be finished first',
      );
    }
    // A part of a message is never dropped.
    if (data ? !this.#admits(bytes, undefined, false) : !this.#admitsControl()) return false;
    this.#sendFrame(opcode, bytes, flags);
    if (data && flags.fin === false) this.calls.frameEnds(true);
    else if (data) this.#calls?.frameEnds(false);
    return this.#belowMark();
  }

  /** Send the Close frame; {@link stop} was called before. */
  close(payload: Buffer): void {
    this.#sendFrame(Opcode.Close, payload, {});
  }

  /** Hand the socket everything, and end it. */
  end(): void {
    const calls = this.#calls;
    if (calls?.job === undefined) {
      this.#outbox.end();
      return;
    }
    calls.ending = true;
    calls.wait(0, (reason) => {
      if (reason !== undefined) return; // see unsendable()
      calls.ending = false;
      this.#outbox.end();
    });
  }

  /** Accept nothing more from the application: the connection is not open any more. */
  stop(): void {
    this.#calls?.hurry();
    this.#open = false;
    this.#settleDrained(false);
    // The unfinished message is never finished.
    this.#calls?.refuseMessages(new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
  }

  /** Forget what has not been handed to the socket, for this reason. */
  discard(reason: Error): void {
    this.#calls?.discard(reason);
    this.#outbox.discard(reason);
  }

  /** For the outbox: bytes leave. */
  onWritten(count: number): void {
    this.#owner.settings.counters.bytesSent += count;
  }

  /** The transport is gone: what still waits never leaves. */
  onTransportClosed(reason: Error): void {
    this.#outbox.onTransportClosed(reason);
    this.#calls?.discard(reason);
    this.#roundTrips?.close(reason);
    this.#compressor?.close();
  }

  /** For the outbox: the kernel has taken a write. */
  written(): boolean {
    const amount = this.bufferedAmount;
    if (amount < this.#owner.settings.highWaterMark) this.#settleDrained(true);
    if (this.#needDrain && amount === 0 && this.#open) {
      this.#needDrain = false;
      this.#owner.emitter.emit('drain');
    }
    return this.#needDrain || this.#drainWaiters !== undefined;
  }

  /** A message that was accepted cannot be sent. What was sent before it leaves; the rest is discarded. */
  unsendable(error: ConnectionError): void {
    this.#calls?.discard(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: error }));
    this.#owner.unsendable(error);
    if (this.#calls?.ending === true) this.#outbox.end();
  }

  /** See `WebSocketConnection.drained`. */
  drained(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal !== undefined) checkSignal('drained', signal);
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (!this.#open) return Promise.resolve(false);
    if (this.bufferedAmount < this.#owner.settings.highWaterMark) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const waiters = (this.#drainWaiters ??= new Set());
      const settle = (below: boolean): void => {
        waiters.delete(settle);
        forget?.();
        resolve(below);
      };
      const forget =
        signal &&
        onAbort(signal, () => {
          waiters.delete(settle);
          reject(abortReason(signal));
        });
      waiters.add(settle);
      this.#outbox.watch();
    });
  }

  /** Whether a message may be queued: the connection is open, and not too much waits. */
  #admits(data: Data | BlobLike, callback: SendCallback | undefined, droppable: boolean): boolean {
    if (!this.#open) {
      if (callback !== undefined) refuse(callback, new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
      return false;
    }
    // If every call since the last drain returned true, less than the high-water mark is waiting.
    const { highWaterMark, maxBufferedAmount } = this.#owner.settings;
    if (!this.#needDrain && highWaterMark <= maxBufferedAmount) return true;
    const amount = this.bufferedAmount;
    const verdict = admit(amount, droppable, this.#owner.settings);
    if (verdict === 'queue') return true;
    if (verdict === 'drop') this.#drop(data, callback);
    else this.#tooSlow(amount, callback);
    return false;
  }

  /** A message has to wait for what was called before it. */
  #mustWait(): boolean {
    return this.#calls !== undefined && (this.#calls.job !== undefined || this.#calls.isUnfinished);
  }

  /** Send a frame that was admitted, now or after what waits. */
  #sendFrame(opcode: Opcode, bytes: Uint8Array, flags: FrameFlags): void {
    if (this.#calls?.job === undefined) {
      this.#outbox.bytes(firstByte(opcode, flags), bytes);
      if (opcode === Opcode.Ping) this.#roundTrips?.pinged(bytes, this.#outbox.endOffset);
      return;
    }
    const copy = Buffer.from(bytes); // the application may change its own
    this.#calls.wait(copy.length, (reason) => {
      if (reason === undefined) this.#sendFrame(opcode, copy, flags);
    });
  }

  /** Send the Ping of a round trip, which was admitted. */
  #sendTrip(roundTrips: RoundTrips, id: number, payload: Buffer): void {
    if (this.#calls?.job !== undefined) {
      this.#calls.wait(payload.length, (reason) => {
        if (reason === undefined) this.#sendTrip(roundTrips, id, payload);
      });
      return;
    }
    this.#outbox.bytes(PING, payload);
    roundTrips.sent(id, this.#outbox.endOffset);
  }

  /** Whether a Ping or Pong may be queued. */
  #admitsControl(): boolean {
    return this.#open && admitsControl(this.bufferedAmount, this.#owner.settings);
  }

  #drop(data: Data | BlobLike, callback: SendCallback | undefined): void {
    this.#setNeedDrain();
    // An error costs more than all the rest: it is made only for a callback.
    if (callback !== undefined) refuse(callback, new ConnectionError('ERR_MESSAGE_DROPPED'));
    this.#owner.settings.counters.messagesDropped++;
    publishDropped(this.#owner.emitter, data);
    this.context.runInAsyncScope(() => {
      // A listener must not interrupt a broadcast to all the others.
      callIsolated(() => this.#owner.emitter.emit('dropped', data));
    });
  }

  #tooSlow(amount: number, callback: SendCallback | undefined): void {
    const error = tooSlow(amount, this.#owner.settings);
    this.#owner.failSlowConsumer(error);
    if (callback !== undefined) refuse(callback, error);
  }

  /** See {@link send}. The Blob is read when everything before it is sent. */
  #sendBlob(
    blob: BlobLike,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
  ): boolean {
    const bound = callback && bindToCall(callback);
    if (!this.#admits(blob, bound, options?.droppable === true)) return false;
    const size = sizeOf(blob);
    const call = new AsyncResource('hawser.send');
    const read = (): void => {
      this.#readBlob(blob, size, options, bound, call);
    };
    if (this.#mustWait()) {
      this.calls.waitAsMessage(size, (reason) => {
        if (reason === undefined) read();
        else if (bound !== undefined) refuse(bound, reason);
      });
    } else {
      read();
    }
    return this.#belowMark();
  }

  #readBlob(
    blob: BlobLike,
    size: number,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
    call: AsyncResource,
  ): void {
    const { calls } = this;
    const { binary, compress } = options ?? {};
    const job = calls.begin(size);
    job.callback = callback;
    const content = call.runInAsyncScope(readBlob, undefined, blob, binary === false);
    const send = (bytes: Uint8Array): void => {
      calls.finish(job, () => {
        const queue = this.#queue;
        call.runInAsyncScope(queue, this, bytes, bytes, binary, compress, callback);
      });
    };
    const fail = (error: ConnectionError): void => {
      if (calls.job !== job) return; // it was discarded meanwhile
      job.callback = undefined;
      if (callback !== undefined) refuse(callback, error);
      this.unsendable(error);
    };
    // What is sent after it must not get this call's context.
    neutral.runInAsyncScope(() => void content.then(send, fail));
  }

  /** Queue a message that was admitted; compressed, if that is worth it. */
  #queue(
    data: Data,
    bytes: Uint8Array | undefined,
    binary: boolean | undefined,
    compress: boolean | undefined,
    callback: SendCallback | undefined,
  ): void {
    const compressor = this.#compressor;
    if (bytes !== undefined) {
      const byte0 = binary === false ? TEXT : BINARY;
      if (compressor?.bytes(byte0, bytes, compress) !== true) this.#outbox.bytes(byte0, bytes);
    } else if (typeof data === 'string') {
      if (compressor?.text(data, compress) !== true) this.#outbox.text(TEXT, data);
    } else {
      const message = data as PreparedMessage; // all else is bytes
      if (compressor?.prepared(message, compress) !== true) this.#sendPrepared(message);
    }
    if (callback !== undefined) this.#whenWritten(callback);
    this.#owner.settings.counters.messagesSent++;
    publishSent(this.#owner.emitter, data, binary);
  }

  /** Call back when the message that was queued last is with the kernel. */
  #whenWritten(callback: SendCallback): void {
    const job = this.#calls?.job;
    if (job === undefined) this.#outbox.whenWritten(callback);
    else job.callback = callback; // it is that message's
  }

  /** Let a message wait that was admitted. It is encoded now: the application may change a short payload. */
  #wait(
    data: Data,
    binary: boolean | undefined,
    compress: boolean | undefined,
    callback: SendCallback | undefined,
  ): void {
    const message = data instanceof PreparedMessage ? data : prepareMessage(data, binary);
    const bytes = message.frame.length + (this.#masks() ? MASKING_KEY_BYTES : 0);
    const call = contextOfSent();
    this.#calls!.waitAsMessage(bytes, (reason) => {
      if (reason !== undefined) {
        if (callback !== undefined) refuse(callback, reason);
      } else if (call === undefined) {
        this.#queue(message, undefined, undefined, compress, callback);
      } else {
        const queue = this.#queue;
        call.runInAsyncScope(queue, this, message, undefined, undefined, compress, callback);
      }
    });
  }

  #sendPrepared(message: PreparedMessage): void {
    if (this.#masks()) this.#outbox.bytes(FIN | message.opcode, message.payload);
    else this.#outbox.frame(message.frame);
  }

  #belowMark(): boolean {
    if (!this.#open) return false;
    return this.bufferedAmount < this.#owner.settings.highWaterMark || this.#setNeedDrain();
  }

  /** After a `false`, `'drain'` is emitted when everything is with the kernel. */
  #setNeedDrain(): false {
    this.#needDrain = true;
    this.#outbox.watch();
    return false;
  }

  #settleDrained(below: boolean): void {
    if (this.#drainWaiters === undefined) return;
    for (const settle of this.#drainWaiters) settle(below);
    this.#drainWaiters = undefined;
  }
}

function refuse(callback: SendCallback, reason: Error): void {
  process.nextTick(callback, reason);
}

/**
 * A message that another copy of the package has prepared.
 *
 * @throws TypeError for anything else, or if it cannot be sent so.
 */
function adoptPrepared(data: unknown, binary: boolean | undefined): PreparedMessage {
  const message = asPrepared(data);
  if (message === undefined) toBytes(data); // says what is wrong
  checkPrepared(message!, binary);
  return message!;
}

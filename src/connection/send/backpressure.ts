import type { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { abortReason, checkSignal } from '../abort-signal.js';
import { callIsolated } from '../call-isolated.js';
import { ConnectionError } from '../close/connection-error.js';
import { publishDropped } from '../diagnostics.js';
import type { Account } from '../limits/buffer-budget.js';
import type { FrameEncoder } from '../../protocol/framing/frame-encoder.js';
import type { BlobLike } from '../../protocol/framing/payload.js';
import type { Data } from '../../protocol/framing/prepared-message.js';
import { admit, admitKeyed, admitsControl, tooSlow } from './slow-consumer.js';
import { DrainWaiters } from './drain-waiters.js';
import { Outbox } from './outbox.js';
import type { SenderOwner } from './owner.js';
import { PendingCalls } from './pending-calls.js';
import { rejectCallback, type SendCallback } from './send-callbacks.js';
import type { MessageOptions } from './send-options.js';
import type { WriterOwner } from './socket-writer.js';
import type { NodeSocket } from '../transport.js';

/**
 * What waits to be sent on one connection: what is admitted, when the application should slow down,
 * and when it may go on. A base class of the sender, because an object of its own would cost each
 * connection 56 bytes.
 */
export abstract class Backpressure implements WriterOwner {
  /** How frames reach the socket. */
  readonly outbox: Outbox;
  protected readonly owner: SenderOwner;
  /** See {@link calls}. */
  protected pending: PendingCalls | undefined;
  /** No Close has been sent or received. */
  protected isOpen = true;
  /** A call has returned `false` since everything was last with the kernel. */
  #needDrain = false;
  #drainWaiters: DrainWaiters | undefined;

  /** @param nodeSocket see `SocketWriter`. */
  constructor(
    owner: SenderOwner,
    socket: Duplex,
    masking: FrameEncoder | undefined,
    nodeSocket: NodeSocket | undefined,
  ) {
    this.owner = owner;
    this.outbox = new Outbox(socket, masking, this, nodeSocket);
  }

  /** A message that was accepted cannot be sent. What was sent before it leaves; the rest is discarded. */
  abstract unsendable(error: ConnectionError): void;

  /** For what needs time before it can be sent: it waits here, and what is called after it. */
  get calls(): PendingCalls {
    return (this.pending ??= new PendingCalls(this));
  }

  /** For the calls that wait. */
  takes(bytes: number): boolean {
    return this.outbox.takes(bytes);
  }

  /** See `WebSocketConnection.bufferedAmount`. */
  get bufferedAmount(): number {
    return this.outbox.bufferedAmount + (this.pending?.bytes ?? 0);
  }

  /** For the outbox. */
  get account(): Account | undefined {
    return this.owner.account;
  }

  /** For the outbox. */
  get context(): AsyncResource {
    return this.owner.context;
  }

  /** For the outbox: bytes leave. */
  onWritten(count: number): void {
    this.owner.settings.counters.bytesSent += count;
  }

  /** For the outbox: the kernel has taken a write. */
  written(): boolean {
    this.pending?.makeCalls();
    const amount = this.bufferedAmount;
    if (amount < this.owner.settings.highWaterMark) this.settleDrained(true);
    if (this.#needDrain && amount === 0 && this.isOpen) {
      this.#needDrain = false;
      this.owner.emitter.emit('drain');
    }
    return this.#needDrain || this.#drainWaiters !== undefined;
  }

  /** See `WebSocketConnection.drained`. */
  drained(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal !== undefined) checkSignal('drained', signal);
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (!this.isOpen) return Promise.resolve(false);
    if (this.bufferedAmount < this.owner.settings.highWaterMark) return Promise.resolve(true);
    const drained = (this.#drainWaiters ??= new DrainWaiters()).wait(signal);
    this.outbox.watch();
    return drained;
  }

  /** Accept nothing more from the application: the connection is not open any more. */
  stop(): void {
    this.pending?.stopReplacing();
    this.pending?.flushUncompressed();
    this.pending?.endStreams(new ConnectionError('ERR_CONNECTION_CLOSED'));
    this.isOpen = false;
    this.settleDrained(false);
    // The unfinished message is never finished.
    this.pending?.rejectMessages(new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
  }

  /** Forget what has not been handed to the socket, for this reason. */
  discard(reason: Error): void {
    this.pending?.discard(reason);
    this.outbox.discard(reason);
  }

  /** Whether a message may be queued: the connection is open, and not too much waits. */
  protected admits(
    data: Data | BlobLike,
    callback: SendCallback | undefined,
    options: MessageOptions | undefined,
  ): boolean {
    if (!this.isOpen) {
      if (callback !== undefined)
        rejectCallback(callback, new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
      return false;
    }
    // If every call since the last drain returned true, less than the high-water mark is waiting.
    const { settings } = this.owner;
    if (!this.#needDrain && settings.highWaterMark <= settings.maxBufferedAmount) return true;
    const amount = this.bufferedAmount;
    const admission =
      options?.key === undefined
        ? admit(amount, options?.droppable === true, settings)
        : admitKeyed(amount, settings);
    if (admission === 'queue') return true;
    if (admission === 'drop') this.drop(data, callback, options?.topic);
    else this.tooSlow(amount, callback);
    return false;
  }

  /** Whether a Ping or Pong may be queued. */
  protected admitsControl(callback: SendCallback | undefined): boolean {
    const amount = this.bufferedAmount;
    const { settings } = this.owner;
    if (this.isOpen && admitsControl(amount, settings)) return true;
    if (callback !== undefined) {
      const reason = this.isOpen
        ? tooSlow(amount, settings)
        : new ConnectionError('ERR_CONNECTION_NOT_OPEN');
      rejectCallback(callback, reason);
    }
    return false;
  }

  /** What `send` returns. */
  protected belowMark(): boolean {
    if (!this.isOpen) return false;
    return this.bufferedAmount < this.owner.settings.highWaterMark || this.setNeedDrain();
  }

  private drop(
    data: Data | BlobLike,
    callback: SendCallback | undefined,
    topic: string | undefined,
  ): void {
    this.setNeedDrain();
    // An error costs more than all the rest: it is made only for a callback.
    if (callback !== undefined)
      rejectCallback(callback, new ConnectionError('ERR_MESSAGE_DROPPED'));
    const { emitter, settings, context } = this.owner;
    settings.counters.messagesDropped++;
    if (topic !== undefined) settings.counters.publishedDropped++;
    publishDropped(emitter, data);
    context.runInAsyncScope(() => {
      // A listener must not interrupt a broadcast to all the others.
      callIsolated(() => emitter.emit('dropped', data));
    });
  }

  private tooSlow(amount: number, callback: SendCallback | undefined): void {
    const error = tooSlow(amount, this.owner.settings);
    this.owner.failSlowConsumer(error);
    if (callback !== undefined) rejectCallback(callback, error);
  }

  /** After a `false`, `'drain'` is emitted when everything is with the kernel. */
  private setNeedDrain(): false {
    this.#needDrain = true;
    this.outbox.watch();
    return false;
  }

  private settleDrained(isBelow: boolean): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = undefined;
    waiters?.settle(isBelow);
  }
}

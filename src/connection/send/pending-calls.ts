import type { Buffer } from 'node:buffer';
import { ConnectionError } from '../close/connection-error.js';
import type { Account } from '../limits/buffer-budget.js';
import { Fifo } from './fifo.js';
import { ReplaceableCalls } from './replaceable-calls.js';
import { rejectCallback, type SendCallback } from './send-callbacks.js';

/** A call of the application that waits: make it now or, with a reason, reject it. */
export type DeferredCall = (reason?: Error) => void;

/** A message that waits. */
export interface DeferredMessage {
  readonly bytes: number;
  readonly call: DeferredCall;
  /** The memory that it keeps, for the budget. */
  readonly buffer?: Buffer | undefined;
  /** See `SendOptions`. */
  readonly key?: string | undefined;
  /** The topic that it was published to; `undefined` for one that was sent or broadcast. */
  readonly topic?: string | undefined;
}

/** What waits, at its place in the order. */
export interface WaitingCall extends DeferredMessage {
  bytes: number;
  call: DeferredCall;
  buffer: Buffer | undefined;
  /** A Ping, Pong or Close: it may go out between the frames of a message. */
  readonly isControl?: boolean;
}

/** A message that is sent in parts while it is made. */
export interface StreamCall {
  /** A part of it was sent. */
  readonly isBegun: boolean;
  /** It is its turn: what is called after it waits until {@link PendingCalls.endStream}. */
  begin(): void;
  /** Other messages wait for its end. */
  othersWait(): void;
  /** It is not sent, or not to its end. */
  end(reason: Error): void;
}

/** A message that is not ready to be sent: it is being compressed in steps, or read from a Blob. */
export interface Job {
  readonly bytes: number;
  /** Sends the message uncompressed; `undefined` if it cannot be sent before the job ends (a Blob). */
  readonly sendNow: (() => void) | undefined;
  /** The callback of the message. */
  callback: SendCallback | undefined;
}

/** What pending calls need of the sender that they belong to. */
interface CallsOwner {
  /** The account that the memory of waiting messages is charged to; `undefined` without a budget. */
  readonly account: Account | undefined;
  /** Whether the transport would take so many bytes more at once. */
  takes(bytes: number): boolean;
}

/**
 * The calls of one connection that wait, in the order in which their frames go out. They wait for a
 * {@link Job}. Messages also wait for the end of a message that `sendFrame` left unfinished, or that is a
 * {@link StreamCall}. Once a message with a key is among the calls, all of them wait until the transport takes
 * them, because a newer message may replace that one. A connection has no such object before the first call
 * that has to wait.
 */
export class PendingCalls {
  /** Bytes of the job's message and of all the calls that wait. */
  bytes = 0;
  /** The socket is to be ended as soon as the pending calls are done. */
  ending = false;
  readonly #owner: CallsOwner;
  #job: Job | undefined;
  #calls: Fifo<WaitingCall> | undefined;
  /** Messages that wait for the end of the unfinished message; all of `#calls` comes before them. */
  #messages: Fifo<WaitingCall> | undefined;
  /** The waiting messages that have a key. While this is set, calls are made only as the transport takes them. */
  #replaceable: ReplaceableCalls<WaitingCall> | undefined;
  /** The messages that are sent in parts and have not ended; those but {@link PendingCalls.#stream} wait. */
  #streams: Set<StreamCall> | undefined;
  /** The unfinished message, if it is one of these. */
  #stream: StreamCall | undefined;

  constructor(owner: CallsOwner) {
    this.#owner = owner;
  }

  /** The message that all calls wait for. */
  get job(): Job | undefined {
    return this.#job;
  }

  /** What is called now has to wait for what was called before it. */
  get areWaiting(): boolean {
    return this.#job !== undefined || this.#calls !== undefined;
  }

  /** A message is still unfinished after all pending calls: only its next frames may follow. */
  get isUnfinished(): boolean {
    return this.#messages !== undefined;
  }

  /** Messages wait for the end of the unfinished message. */
  get areHeld(): boolean {
    return this.#messages?.first !== undefined;
  }

  /** The message that a data frame would interrupt is one that is sent in parts. */
  get isStreaming(): boolean {
    return this.#stream !== undefined || (!this.isUnfinished && (this.#streams?.size ?? 0) > 0);
  }

  /** A message needs time. What is called meanwhile has to {@link wait}. */
  begin(bytes: number, sendNow?: () => void): Job {
    const job: Job = { bytes, sendNow, callback: undefined };
    this.#job = job;
    this.bytes += bytes;
    return job;
  }

  /**
   * Send the message that a job was about, and make the calls that waited for it.
   *
   * @param send sends it; not called if the job was finished or discarded before.
   */
  finish(job: Job, send: () => void): void {
    if (this.#job !== job) return;
    this.#job = undefined;
    this.bytes -= job.bytes;
    send();
    this.makeCalls();
  }

  /** Send the message of the current job uncompressed now, if that is possible. */
  flushUncompressed(): void {
    while (this.#job?.sendNow !== undefined) this.finish(this.#job, this.#job.sendNow);
  }

  /** No message that could replace another will come any more, so nothing has to wait for the transport. */
  stopReplacing(): void {
    this.#replaceable = undefined;
    this.makeCalls();
  }

  /** Let a frame wait. @param isControl it may go out between the frames of a message. */
  wait(bytes: number, call: DeferredCall, isControl = false): void {
    this.#push((this.#calls ??= new Fifo()), { bytes, call, buffer: undefined, isControl });
  }

  /** A message that is sent in parts takes its place in the order. */
  addStream(stream: StreamCall): void {
    (this.#streams ??= new Set()).add(stream);
    if (!this.areWaiting && !this.isUnfinished) {
      this.#beginStream(stream);
      return;
    }
    const call = (reason?: Error): void => {
      if (reason !== undefined) stream.end(reason);
      else if (this.#streams?.has(stream) === true) this.#beginStream(stream);
    };
    this.waitAsMessage({ bytes: 0, call });
  }

  /** The last part of a message was sent, or none will be. */
  endStream(stream: StreamCall): void {
    this.#streams?.delete(stream);
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.frameEnds(false);
  }

  /** No message is sent in parts any more. If one was begun, its end is not sent, nor anything after it. */
  endStreams(reason: Error): void {
    const current = this.#stream;
    const streams = this.#streams;
    this.#stream = this.#streams = undefined;
    for (const stream of streams ?? []) stream.end(reason);
    if (current?.isBegun === false) this.frameEnds(false);
  }

  /** The message with the same key that a newer one would replace. */
  olderThan(topic: string | undefined, key: string): WaitingCall | undefined {
    return this.#replaceable?.get(topic, key);
  }

  /**
   * Let a message wait, also for the end of an unfinished message. If it has a key, it takes the place of
   * an older one with the same topic and key.
   *
   * @returns whether it took the place of another.
   */
  waitAsMessage(message: DeferredMessage): boolean {
    const { topic, key } = message;
    const older = key === undefined ? undefined : this.olderThan(topic, key);
    if (older !== undefined) {
      this.#replace(older, message);
      return true;
    }
    const call: WaitingCall = { ...message, buffer: message.buffer };
    this.#push(this.#messages ?? (this.#calls ??= new Fifo()), call);
    this.#stream?.othersWait();
    if (key === undefined) this.fence(topic);
    else (this.#replaceable ??= new ReplaceableCalls<WaitingCall>()).add(topic, key, call);
    return false;
  }

  /** Later messages may not replace those that wait now: those of this topic or, without a topic, all of them. */
  fence(topic: string | undefined): void {
    this.#replaceable?.fence(topic);
  }

  /** A frame was sent or queued. `isUnfinished` tells whether its message needs further frames. */
  frameEnds(isUnfinished: boolean): void {
    if (isUnfinished) {
      this.#messages ??= new Fifo();
      return;
    }
    const messages = this.#messages;
    this.#messages = undefined;
    if (messages === undefined) return;
    for (let each; (each = messages.take()) !== undefined;) {
      (this.#calls ??= new Fifo()).push(each);
    }
    this.makeCalls();
  }

  /** Reject the messages that wait for the end of an unfinished one: it will not be finished. */
  rejectMessages(reason: Error): void {
    const messages = this.#messages;
    this.#messages = undefined;
    for (let each; (each = messages?.take()) !== undefined;) {
      this.#remove(each);
      each.call(reason);
    }
  }

  /** Reject the message and all the calls, for this reason. */
  discard(reason: Error): void {
    const job = this.#job;
    const calls = this.#calls;
    this.#job = this.#calls = this.#replaceable = undefined;
    if (job?.callback !== undefined) rejectCallback(job.callback, reason);
    for (let each; (each = calls?.take()) !== undefined;) {
      this.#remove(each);
      each.call(reason);
    }
    this.rejectMessages(reason);
    this.endStreams(reason);
    this.bytes = 0;
  }

  /** Make the calls that wait, up to one that begins a job, or for which the transport has no room. */
  makeCalls(): void {
    while (this.#job === undefined) {
      const next = this.#calls?.first;
      if (next === undefined) {
        this.#calls = undefined;
        if (this.#messages === undefined) this.#replaceable = undefined;
        return;
      }
      if (this.#replaceable !== undefined && !this.#owner.takes(next.bytes)) return;
      if (this.#calls?.first !== next) continue; // the write before it failed, and all was discarded
      this.#calls.take();
      this.#remove(next);
      next.call();
    }
  }

  /** Begin a message in parts. Of the calls that wait, only control frames go out before its end. */
  #beginStream(stream: StreamCall): void {
    const calls = this.#calls;
    this.#calls = undefined;
    this.#messages = new Fifo();
    this.#stream = stream;
    for (let each; (each = calls?.take()) !== undefined;) {
      if (each.isControl !== true) {
        this.#messages.push(each);
      } else {
        this.#remove(each);
        each.call();
      }
    }
    stream.begin();
  }

  #push(queue: Fifo<WaitingCall>, call: WaitingCall): void {
    queue.push(call);
    this.#count(call);
  }

  #replace(older: WaitingCall, { bytes, call, buffer }: DeferredMessage): void {
    const rejectOlder = older.call;
    this.#uncount(older);
    older.bytes = bytes;
    older.call = call;
    older.buffer = buffer;
    this.#count(older);
    rejectOlder(new ConnectionError('ERR_MESSAGE_REPLACED'));
  }

  #remove(call: WaitingCall): void {
    this.#uncount(call);
    if (call.key !== undefined) this.#replaceable?.delete(call.topic, call.key, call);
  }

  #count({ bytes, buffer }: WaitingCall): void {
    this.bytes += bytes;
    if (buffer !== undefined) this.#owner.account?.hold(buffer);
  }

  #uncount({ bytes, buffer }: WaitingCall): void {
    this.bytes -= bytes;
    if (buffer !== undefined) this.#owner.account?.release(buffer);
  }
}

/**
 * Check that a data frame of `sendFrame` may follow what was called before it.
 *
 * @throws RangeError if it would interrupt a message, or continue none.
 */
export function checkOrder(calls: PendingCalls | undefined, continues: boolean): void {
  if (calls?.isStreaming === true) {
    throw new RangeError(
      'sendFrame: a message of sendStream is not finished; wait for its promise',
    );
  }
  if (continues === (calls?.isUnfinished === true)) return;
  throw new RangeError(
    continues
      ? 'sendFrame: there is no unfinished message to continue'
      : 'sendFrame: the message that an earlier sendFrame left unfinished must be finished first',
  );
}

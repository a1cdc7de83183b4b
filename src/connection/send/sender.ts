import type { Duplex } from 'node:stream';
import { abortReason } from '../abort-signal.js';
import { ConnectionError } from '../close/connection-error.js';
import type { PermessageDeflate } from '../deflate/permessage-deflate.js';
import { OutgoingDeflate } from '../deflate/outgoing.js';
import { publishSent } from '../diagnostics.js';
import { RoundTrips } from '../limits/round-trip.js';
import type { ConnectionSettings } from '../settings.js';
import {
  checkFrame,
  firstByte,
  FrameEncoder,
  type FrameFlags,
} from '../../protocol/framing/frame-encoder.js';
import { FIN, isControl, Opcode } from '../../protocol/framing/frame.js';
import { takeMemory } from '../../protocol/framing/own-memory.js';
import {
  type BlobLike,
  bytesOf,
  checkText,
  checkTransfer,
  isBlob,
  type Payload,
  toBytes,
} from '../../protocol/framing/payload.js';
import {
  requirePrepared,
  checkPrepared,
  type Data,
  PreparedMessage,
  prepareMessage,
} from '../../protocol/framing/prepared-message.js';
import { admitsControl, tooSlow } from './slow-consumer.js';
import { Backpressure } from './backpressure.js';
import { BlobCall } from './blob-call.js';
import { defer } from './deferred-message.js';
import type { SenderOwner } from './owner.js';
import { checkOrder, type DeferredMessage } from './pending-calls.js';
import { bindToCall, freeing, rejectCallback, type SendCallback } from './send-callbacks.js';
import type { NodeSocket } from '../transport.js';
import type { MessageOptions } from './send-options.js';

const TEXT: number = FIN | Opcode.Text;
const BINARY: number = FIN | Opcode.Binary;
const clientEncoder = new FrameEncoder({ role: 'client' });

/**
 * The sending half of a connection: which frames an application's calls become, in which order. How
 * they reach the socket is the outbox's business.
 */
export class Sender extends Backpressure {
  /** Only where permessage-deflate was negotiated. */
  readonly compressor: OutgoingDeflate | undefined;
  /** Made for the first. */
  #roundTrips: RoundTrips | undefined;

  /** @param nodeSocket see `SocketWriter`. */
  constructor(
    owner: SenderOwner,
    socket: Duplex,
    nodeSocket: NodeSocket | undefined,
    compression?: PermessageDeflate,
  ) {
    const masking = masks(owner.settings) ? clientEncoder : undefined;
    super(owner, socket, masking, nodeSocket);
    this.compressor =
      compression && new OutgoingDeflate(this, this.outbox, compression, masking !== undefined);
  }

  /** See `WebSocketConnection.send`. */
  send(
    data: Data | BlobLike,
    options: MessageOptions | undefined,
    callback: SendCallback | undefined,
  ): boolean {
    // Checks that can throw come first, so that a wrong call throws on a closed connection too.
    const binary = options?.binary;
    const transfer = options?.transfer === true;
    if (transfer) checkTransfer('send', data);
    let bytes: Uint8Array | undefined;
    if (data instanceof PreparedMessage) {
      checkPrepared(data, binary);
    } else if (typeof data !== 'string' || binary === true) {
      bytes = bytesOf(data);
      if (bytes === undefined) {
        if (isBlob(data)) return this.sendBlob(data, options, callback);
        data = requirePrepared(data, binary);
      } else if (binary === false) {
        checkText(bytes);
      }
    }
    let message = data as Data; // a Blob is sent elsewhere
    if (transfer) {
      message = bytes = takeMemory(bytes!); // only bytes can be transferred
      if (this.outbox.nodeSocket !== undefined) callback = freeing(bytes, callback);
    }
    const bound = callback && bindToCall(callback);
    if (this.mustWait(options)) {
      const prepared = prepareMessage(message, binary);
      const queue = (): void => {
        this.queue(prepared, undefined, undefined, options?.compress, bound);
      };
      const deferred = defer(prepared, options, bound, masks(this.owner.settings), queue);
      return this.wait(message, deferred, options, bound);
    }
    if (!this.admits(message, bound, options)) return false;
    this.queue(message, bytes, binary, options?.compress, bound);
    return this.belowMark();
  }

  /** A Ping or a Pong. */
  control(opcode: Opcode, data: Payload, callback?: SendCallback): boolean {
    const bytes = toBytes(data);
    checkFrame(opcode, bytes.length);
    const bound = callback && bindToCall(callback);
    if (!this.admitsControl(bound)) return false;
    this.sendFrame(opcode, bytes, {}, bound);
    return this.belowMark();
  }

  /** See `WebSocketConnection.roundTrip`. */
  roundTrip(signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted === true) return Promise.reject(abortReason(signal));
    if (!this.isOpen) return Promise.reject(new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
    const amount = this.bufferedAmount;
    if (!admitsControl(amount, this.owner.settings)) {
      return Promise.reject(tooSlow(amount, this.owner.settings));
    }
    const roundTrips = (this.#roundTrips ??= new RoundTrips(this.owner.settings.deadlines));
    const { id, payload, milliseconds } = roundTrips.start(signal);
    this.sendFrame(Opcode.Ping, payload, {}, undefined, () => {
      roundTrips.sent(id, this.outbox.endOffset);
    });
    return milliseconds;
  }

  /**
   * A Pong came.
   *
   * @param beat see `RoundTrips.pong`.
   * @returns whether it answers a Ping of `roundTrip`.
   */
  onPong(payload: Buffer, beat: number | undefined): boolean {
    return this.#roundTrips?.pong(payload, beat) === true;
  }

  /** See `WebSocketConnection.sendFrame`; not for Close frames. */
  frame(opcode: Opcode, bytes: Uint8Array, flags: FrameFlags, callback?: SendCallback): boolean {
    checkFrame(opcode, bytes.length, flags);
    const bound = callback && bindToCall(callback);
    if (!this.isOpen) return this.admits(bytes, bound, undefined);
    this.pending?.flushUncompressed();
    const data = !isControl(opcode);
    if (data) checkOrder(this.pending, opcode === Opcode.Continuation);
    // A part of a message is never dropped.
    if (data ? !this.admits(bytes, bound, undefined) : !this.admitsControl(bound)) return false;
    this.sendFrame(opcode, bytes, flags, bound);
    if (data && flags.fin === false) this.calls.frameEnds(true);
    else if (data) this.pending?.frameEnds(false);
    return this.belowMark();
  }

  /** Send the Close frame; {@link stop} was called before. */
  close(payload: Buffer): void {
    this.sendFrame(Opcode.Close, payload, {}, undefined);
  }

  /** Write everything, and end the socket. */
  end(): void {
    const calls = this.pending;
    if (calls?.job === undefined) {
      this.outbox.end();
      return;
    }
    calls.ending = true;
    calls.wait(0, (reason) => {
      if (reason !== undefined) return; // see unsendable()
      calls.ending = false;
      this.outbox.end();
    });
  }

  /** The transport has closed: what still waits is never sent. */
  onTransportClosed(reason: Error): void {
    this.outbox.onTransportClosed(reason);
    this.pending?.discard(reason);
    this.#roundTrips?.close(reason);
    this.compressor?.close();
  }

  /** A message that was accepted cannot be sent. What was sent before it leaves; the rest is discarded. */
  unsendable(error: ConnectionError): void {
    this.pending?.discard(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: error }));
    this.owner.unsendable(error);
    if (this.pending?.ending === true) this.outbox.end();
  }

  /** A message has to wait for what was called before it or, with a key, for the transport. */
  private mustWait(options: MessageOptions | undefined): boolean {
    if (options?.key !== undefined && this.outbox.blocked) return true;
    return this.pending !== undefined && (this.pending.areWaiting || this.pending.isUnfinished);
  }

  /** Send an admitted frame now, or queue it after the pending calls; then call `sent`. A Ping without `sent` was sent by the application. */
  private sendFrame(
    opcode: Opcode,
    bytes: Uint8Array,
    flags: FrameFlags,
    callback: SendCallback | undefined,
    sent?: () => void,
  ): void {
    if (this.pending?.areWaiting !== true) {
      this.sendFrameNow(opcode, bytes, flags, callback, sent);
      return;
    }
    const copy = Buffer.from(bytes); // the application may change its own
    const call = (reason?: Error): void => {
      if (reason === undefined) this.sendFrameNow(opcode, copy, flags, callback, sent);
      else if (callback !== undefined) rejectCallback(callback, reason);
    };
    this.pending.wait(copy.length, call, isControl(opcode));
    if (!isControl(opcode)) this.pending.fence(undefined);
  }

  private sendFrameNow(
    opcode: Opcode,
    bytes: Uint8Array,
    flags: FrameFlags,
    callback: SendCallback | undefined,
    sent: (() => void) | undefined,
  ): void {
    this.outbox.bytes(firstByte(opcode, flags), bytes);
    if (callback !== undefined) this.outbox.whenWritten(callback);
    if (sent !== undefined) sent();
    else if (opcode === Opcode.Ping) this.#roundTrips?.pinged(bytes, this.outbox.endOffset);
  }

  /** See {@link send}. The Blob is read when everything before it is sent. */
  private sendBlob(
    blob: BlobLike,
    options: MessageOptions | undefined,
    callback: SendCallback | undefined,
  ): boolean {
    const bound = callback && bindToCall(callback);
    const call = new BlobCall(this, blob, options, bound);
    if (this.mustWait(options)) {
      const readOrReject = (reason?: Error): void => {
        if (reason === undefined) call.read();
        else call.reject(reason);
      };
      const { key } = options ?? {};
      return this.wait(blob, { bytes: call.size, call: readOrReject, key }, options, bound);
    }
    if (!this.admits(blob, bound, options)) return false;
    call.read();
    return this.belowMark();
  }

  /** Queue a message that was admitted; compressed, if that is worth it. */
  queue(
    data: Data,
    bytes: Uint8Array | undefined,
    binary: boolean | undefined,
    compress: boolean | undefined,
    callback: SendCallback | undefined,
  ): void {
    const compressor = this.compressor;
    if (bytes !== undefined) {
      const byte0 = binary === false ? TEXT : BINARY;
      if (compressor?.bytes(byte0, bytes, compress) !== true) this.outbox.bytes(byte0, bytes);
    } else if (typeof data === 'string') {
      if (compressor?.text(data, compress) !== true) this.outbox.text(TEXT, data);
    } else {
      const message = data as PreparedMessage; // all else is bytes
      if (compressor?.prepared(message, compress) !== true) this.sendPrepared(message);
    }
    if (callback !== undefined) this.whenWritten(callback);
    this.owner.settings.counters.messagesSent++;
    publishSent(this.owner.emitter, data, binary);
  }

  /** Call back when the message that was queued last is with the kernel. */
  private whenWritten(callback: SendCallback): void {
    const job = this.pending?.job;
    if (job === undefined) this.outbox.whenWritten(callback);
    else job.callback = callback; // it is that message's
  }

  /**
   * Queue a message, if it is admitted. A message with a key replaces an older one with the same key, and
   * has to be admitted only if it is longer.
   */
  private wait(
    data: Data | BlobLike,
    message: DeferredMessage,
    options: MessageOptions | undefined,
    callback: SendCallback | undefined,
  ): boolean {
    const { bytes, key, topic } = message;
    const older = key === undefined ? undefined : this.pending?.olderThan(topic, key);
    const grows = older === undefined || bytes > older.bytes;
    if ((grows || !this.isOpen) && !this.admits(data, callback, options)) return false;
    if (this.calls.waitAsMessage(message)) {
      const { counters } = this.owner.settings;
      counters.messagesConflated++;
      if (topic !== undefined) counters.publishedConflated++;
    }
    return this.belowMark();
  }

  private sendPrepared(message: PreparedMessage): void {
    if (masks(this.owner.settings)) this.outbox.bytes(FIN | message.opcode, message.payload);
    else this.outbox.frame(message.frame);
  }
}

/** Whether we are a client: what we send is masked (RFC 6455 section 5.3). */
function masks(settings: ConnectionSettings): boolean {
  return settings.decoder.role === 'client';
}

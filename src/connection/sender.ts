import type { Duplex } from 'node:stream';
import { ConnectionError } from './close-info.js';
import type { ConnectionEmitter } from './events.js';
import { Outbox, type OutboxOwner, type SendCallback } from './outbox.js';
import { checkFrame, firstByte, FrameEncoder, type FrameFlags } from '../protocol/frame-encoder.js';
import { FIN, isControl, MASKING_KEY_BYTES, Opcode, type Role } from '../protocol/frame.js';
import {
  checkText,
  type Data,
  type Payload,
  PreparedMessage,
  prepareMessage,
  toBytes,
} from '../protocol/prepared-message.js';

/** Options of `send`. */
export interface SendOptions {
  /** Send as Binary (`true`) or Text (`false`) whatever the data's type. Bytes sent as Text must be UTF-8. */
  readonly binary?: boolean;
  /** Compress, or not, whatever the threshold says. Accepted; takes effect in a later version. */
  readonly compress?: boolean;
  /** The message may be dropped when the peer is slow and `slowConsumer` is `'drop'`. Accepted; takes effect in a later version. @default false */
  readonly droppable?: boolean;
}

/** The bits of a frame for `sendFrame`. */
export interface SendFrameOptions extends FrameFlags {
  /** @default Opcode.Text for a string, Opcode.Binary for bytes */
  readonly opcode?: Opcode;
}

/** A message behind an unfinished one. */
interface Behind {
  readonly message: PreparedMessage;
  readonly callback: SendCallback | undefined;
}

const TEXT: number = FIN | Opcode.Text;
const BINARY: number = FIN | Opcode.Binary;
const CLOSE: number = FIN | Opcode.Close;
const clientEncoder = new FrameEncoder({ role: 'client' });

/**
 * The sending half of a connection: which frames an application's calls become, and when it should
 * slow down. How they reach the socket is the outbox's business.
 */
export class Sender implements OutboxOwner {
  readonly #connection: ConnectionEmitter;
  readonly #outbox: Outbox;
  readonly #role: Role;
  readonly #highWaterMark: number;
  /** No Close has been sent or received. */
  #open = true;
  /** A call has returned `false` since everything was last with the kernel. */
  #owesDrain = false;
  #drainWaiters: Set<(below: boolean) => void> | undefined;
  /** While `frame` has left a message unfinished: what has to wait for its end. */
  #behind: Behind[] | undefined;
  #behindBytes = 0;

  /**
   * @param connection where `'drain'` is emitted.
   * @param copies see `Outbox`.
   */
  constructor(
    connection: ConnectionEmitter,
    socket: Duplex,
    role: Role,
    highWaterMark: number,
    copies = false,
  ) {
    this.#connection = connection;
    this.#role = role;
    this.#highWaterMark = highWaterMark;
    this.#outbox = new Outbox(socket, role === 'client' ? clientEncoder : undefined, this, copies);
  }

  get outbox(): Outbox {
    return this.#outbox;
  }

  /** See `WebSocketConnection.bufferedAmount`. */
  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount + this.#behindBytes;
  }

  /** See `WebSocketConnection.send`. */
  send(data: Data, binary: boolean | undefined, callback: SendCallback | undefined): boolean {
    // What can throw comes first: a user's mistake is one on a closed connection too.
    if (typeof data === 'string' && binary !== true) {
      if (this.#waits(data, binary, callback)) return this.#belowMark();
      this.#outbox.text(TEXT, data);
    } else if (data instanceof PreparedMessage) {
      if (this.#waits(data, binary, callback)) return this.#belowMark();
      if (this.#role === 'server') this.#outbox.frame(data.frame);
      else this.#outbox.bytes(FIN | data.opcode, data.payload);
    } else {
      const bytes = toBytes(data);
      if (binary === false) checkText(bytes);
      if (this.#waits(data, binary, callback)) return this.#belowMark();
      this.#outbox.bytes(binary === false ? TEXT : BINARY, bytes);
    }
    if (callback !== undefined) this.#outbox.whenWritten(callback);
    return this.#belowMark();
  }

  /** A Ping or a Pong. */
  control(opcode: Opcode, data: Payload): boolean {
    const bytes = toBytes(data);
    checkFrame(opcode, bytes.length);
    if (!this.#open) return false;
    this.#outbox.bytes(FIN | opcode, bytes);
    return this.#belowMark();
  }

  /** See `WebSocketConnection.sendFrame`; not for Close frames. */
  frame(opcode: Opcode, bytes: Uint8Array, flags: FrameFlags): boolean {
    checkFrame(opcode, bytes.length, flags);
    if (!this.#open) return false;
    const data = !isControl(opcode);
    if (data && (opcode === Opcode.Continuation) !== (this.#behind !== undefined)) {
      throw new RangeError(
        opcode === Opcode.Continuation
          ? 'sendFrame: there is no unfinished message to continue'
          : 'sendFrame: the message that an earlier sendFrame left unfinished must be finished first',
      );
    }
    this.#outbox.bytes(firstByte(opcode, flags), bytes);
    if (data) {
      if (flags.fin === false) this.#behind ??= [];
      else this.#takeBehind().forEach((each) => this.send(each.message, undefined, each.callback));
    }
    return this.#belowMark();
  }

  /** The Close frame; nothing is sent after it. */
  close(payload: Buffer): void {
    this.stop();
    this.#outbox.bytes(CLOSE, payload);
  }

  /** Accept nothing more from the application: the connection is not open any more. */
  stop(): void {
    this.#open = false;
    this.#settleDrained(false);
    // A message behind an unfinished one cannot go out any more.
    for (const { callback } of this.#takeBehind()) refuse(callback);
  }

  /** For the outbox: the kernel has taken a write. */
  written(): boolean {
    const amount = this.bufferedAmount;
    if (amount < this.#highWaterMark) this.#settleDrained(true);
    if (this.#owesDrain && amount === 0 && this.#open) {
      this.#owesDrain = false;
      this.#connection.emit('drain');
    }
    return this.#owesDrain || this.#drainWaiters !== undefined;
  }

  /** See `WebSocketConnection.drained`. */
  drained(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (!this.#open) return Promise.resolve(false);
    if (this.bufferedAmount < this.#highWaterMark) return Promise.resolve(true);
    return new Promise((resolve, reject) => {
      const waiters = (this.#drainWaiters ??= new Set());
      const settle = (below: boolean): void => {
        waiters.delete(settle);
        signal?.removeEventListener('abort', abort);
        resolve(below);
      };
      const abort = (): void => {
        waiters.delete(settle);
        reject(signal?.reason as Error);
      };
      waiters.add(settle);
      this.#outbox.watch();
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Whether a message cannot go out now: the connection is not open, or another is unfinished. */
  #waits(data: Data, binary: boolean | undefined, callback: SendCallback | undefined): boolean {
    if (!this.#open) {
      refuse(callback);
      return true;
    }
    if (this.#behind === undefined) return false;
    // Encoded now: the application may change a short payload once `send` has returned.
    const message = data instanceof PreparedMessage ? data : prepareMessage(data, binary);
    this.#behind.push({ message, callback });
    this.#behindBytes += message.frame.length + (this.#role === 'client' ? MASKING_KEY_BYTES : 0);
    return true;
  }

  /** What waited for the end of an unfinished message. */
  #takeBehind(): Behind[] {
    const behind = this.#behind ?? [];
    this.#behind = undefined;
    this.#behindBytes = 0;
    return behind;
  }

  #belowMark(): boolean {
    if (!this.#open) return false;
    if (this.bufferedAmount < this.#highWaterMark) return true;
    this.#owesDrain = true;
    this.#outbox.watch();
    return false;
  }

  #settleDrained(below: boolean): void {
    if (this.#drainWaiters === undefined) return;
    for (const settle of this.#drainWaiters) settle(below);
    this.#drainWaiters = undefined;
  }
}

function refuse(callback: SendCallback | undefined): void {
  if (callback === undefined) return;
  process.nextTick(callback, new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
}

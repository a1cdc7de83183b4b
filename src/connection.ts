import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { type CloseInfo, ConnectionError } from './close-info.js';
import type { Deadline, Deadlines } from './deadlines.js';
import { Inbox, type Message } from './inbox.js';
import { Outbox, type SendCallback } from './outbox.js';
import {
  CLOSE_HANDSHAKE,
  type CloseAction,
  type CloseEvent,
  type CloseState,
} from './protocol/close-handshake.js';
import {
  CloseCode,
  type ClosePayload,
  formatClosePayload,
  MAX_REASON_BYTES,
  parseClosePayload,
} from './protocol/close.js';
import type { ProtocolError } from './protocol/errors.js';
import { FrameDecoder, type FrameDecoderOptions } from './protocol/frame-decoder.js';
import { checkFrame, firstByte, FrameEncoder, type FrameFlags } from './protocol/frame-encoder.js';
import { FIN, type FrameHeader, isControl, Opcode } from './protocol/frame.js';
import { checkText, type Payload, PreparedMessage, toBytes } from './protocol/prepared-message.js';
import { type Listener, TypedEmitter } from './typed-emitter.js';

/** What can be sent. A string goes out as Text, bytes as Binary. */
export type Data = Payload | PreparedMessage;

export interface SendOptions {
  /** Send as Binary (`true`) or Text (`false`) whatever the data's type. Bytes sent as Text must be UTF-8. */
  readonly binary?: boolean;
  /** Compress, or not, whatever the threshold says; without permessage-deflate it changes nothing. */
  readonly compress?: boolean;
  /** The message may be dropped when the peer is slow and `slowConsumer` is `'drop'`. @default false */
  readonly droppable?: boolean;
}

/** The bits of a frame for `sendFrame`. */
export interface SendFrameOptions extends FrameFlags {
  /** @default Opcode.Text for a string, Opcode.Binary for bytes */
  readonly opcode?: Opcode;
}

/** Answer a peer's Close with this code and reason; without them its own code is echoed. */
export type CloseReply = (code?: number, reason?: string) => void;

export interface ConnectionEvents {
  /** A message: a string for Text (a Buffer with `textAs: 'buffer'`), a Buffer for Binary. */
  message: [data: Message, isBinary: boolean];
  /** A Ping came; its Pong is already on the way. */
  ping: [payload: Buffer];
  pong: [payload: Buffer];
  /** After `send` returned `false`: everything is with the kernel. */
  drain: [];
  /** A message was dropped, see `slowConsumer`. */
  dropped: [data: Data];
  /** The end, exactly once. */
  close: [code: number, reason: string, info: CloseInfo];
  /** What went wrong; emitted only if someone listens. `'close'` follows. */
  error: [error: Error];
  /** The header of each frame received. */
  frame: [frame: FrameHeader];
  /** The peer's Close came. With a listener its answer waits for `reply()`, at most half of `closeTimeout`. */
  closing: [code: number, reason: string, reply: CloseReply];
}

/** What all the connections of a server have in common: one object for all. */
export interface ConnectionSettings {
  readonly decoder: FrameDecoderOptions;
  readonly textAs: 'string' | 'buffer';
  readonly highWaterMark: number;
  readonly closeTimeout: number;
  readonly deadlines: Deadlines;
  /** Who wants to know: the server. */
  readonly observer: ConnectionObserver | undefined;
}

export interface ConnectionObserver {
  failed(error: Error, connection: WebSocketConnection<never>): void;
  closed(connection: WebSocketConnection<never>): void;
}

/** What the opening handshake settled for one connection. */
export interface ConnectionDetails<Context> {
  readonly context: Context;
  readonly url: string;
  readonly subprotocol: string;
  readonly extensions: string;
  readonly remoteAddress: string | undefined;
  /** Differs from the settings' only if `authorize` said so. */
  readonly maxPayload?: number | undefined;
}

const READY_STATE = {
  open: 'open',
  closing: 'closing',
  replying: 'closing',
  ending: 'closing',
  closed: 'closed',
} as const;

const TEXT = FIN | Opcode.Text;
const BINARY = FIN | Opcode.Binary;
const EMPTY: Buffer = Buffer.alloc(0);
const maskingEncoder = new FrameEncoder({ role: 'client' });

/**
 * One WebSocket connection: a transport (any `Duplex`) and the protocol's machine.
 *
 * The order of calls is the order on the wire, across `send`, `ping`, `sendFrame` and `close`.
 * Nothing the peer does throws here; see `closeInfo` and the server's `'connectionError'`.
 */
export class WebSocketConnection<Context = undefined> extends TypedEmitter<ConnectionEvents> {
  /** What `authorize` made of the request. */
  readonly context: Context;
  /** Path and query as received. */
  readonly url: string;
  /** The negotiated subprotocol, or `''`. */
  readonly subprotocol: string;
  /** The negotiated extensions as in the response header, or `''`. */
  readonly extensions: string;
  /** The peer's address; `undefined` where there is none, as on a Unix socket. */
  readonly remoteAddress: string | undefined;

  readonly #settings: ConnectionSettings;
  readonly #socket: Duplex;
  readonly #decoder: FrameDecoder;
  readonly #outbox: Outbox;

  // Receiving.
  /** Messages nobody has taken; `undefined` while listeners take them as they come. */
  #inbox: Inbox | undefined;
  /** `resume()` was called without a consumer: messages are thrown away. */
  #discarding = false;
  /** The loop in #read runs: a listener that calls back must not start a second one. */
  #reading = false;
  /** The socket is paused. */
  #stopped = false;

  // Sending.
  /** `send` has returned `false` since everything was last with the kernel. */
  #owesDrain = false;
  #drainWaiters: Set<(below: boolean) => void> | undefined;
  /** While `sendFrame` has left a message unfinished: what has to wait for its end. */
  #behind: (() => void)[] | undefined;

  // Closing.
  #state: CloseState = 'open';
  #deadline: Deadline | undefined;
  #replyDeadline: Deadline | undefined;
  /** Payload of the Close to be sent. */
  #closePayload: Buffer = EMPTY;
  #received: ClosePayload | undefined;
  #sent: ClosePayload | undefined;
  #initiator: CloseInfo['initiator'] | undefined;
  #cause: Error | undefined;
  #closeInfo: CloseInfo | undefined;
  #closeWaiters: ((info: CloseInfo) => void)[] | undefined;

  /** Connections are made by a server, or by `createConnectionPair` for tests. */
  constructor(socket: Duplex, settings: ConnectionSettings, details: ConnectionDetails<Context>) {
    super();
    this.context = details.context;
    this.url = details.url;
    this.subprotocol = details.subprotocol;
    this.extensions = details.extensions;
    this.remoteAddress = details.remoteAddress;
    this.#settings = settings;
    this.#socket = socket;
    this.#decoder = new FrameDecoder(
      details.maxPayload === undefined
        ? settings.decoder
        : { ...settings.decoder, maxPayload: details.maxPayload },
    );
    const masking = settings.decoder.role === 'client' ? maskingEncoder : undefined;
    this.#outbox = new Outbox(socket, masking, () => {
      this.#onProgress();
    });
    socket.on('error', (error: Error) => {
      this.#onSocketError(error);
    });
    socket.on('close', () => {
      this.#step('transportClose');
    });
    socket.on('end', () => {
      this.#onSocketEnd();
    });
  }

  /** Begin to read. `head` is what came in the same packet as the handshake. For the server. */
  start(head: Buffer): void {
    const socket = this.#socket;
    if (head.length > 0) {
      this.#decoder.push(head);
      this.#read();
    }
    socket.on('data', (chunk: Buffer) => {
      this.#decoder.push(chunk);
      this.#read();
    });
    if (!this.#stopped) socket.resume();
  }

  get readyState(): 'open' | 'closing' | 'closed' {
    return READY_STATE[this.#state];
  }

  /** Who closed and why; `undefined` until `'close'`. */
  get closeInfo(): CloseInfo | undefined {
    return this.#closeInfo;
  }

  /** Bytes that are not with the kernel yet. */
  get bufferedAmount(): number {
    return this.#outbox.bufferedAmount;
  }

  /** Whether `pause()` is in force. */
  get isPaused(): boolean {
    return this.#inbox?.paused ?? false;
  }

  /**
   * Send a message. A payload above 16 KiB is not copied: leave it unchanged until the callback.
   *
   * @param callback called when the bytes are with the kernel, or with the reason why they never
   * will be.
   * @returns `true` below the high-water mark; `false` when queued but above it, or when the
   * connection is not open. Never a reason to send again.
   * @throws TypeError for data that is neither string nor bytes, or bytes that are sent as Text
   * and are not UTF-8.
   */
  send(data: Data, options?: SendOptions | SendCallback, callback?: SendCallback): boolean {
    if (typeof options === 'function') return this.send(data, undefined, options);
    // Whatever can throw comes first: a user's mistake is one on a closed connection too.
    const binary = options?.binary;
    if (typeof data === 'string' && binary !== true) {
      if (!this.#maySend(callback)) return false;
      if (this.#behind !== undefined) return this.#sendBehind(data, options, callback);
      this.#outbox.text(TEXT, data);
    } else if (data instanceof PreparedMessage) {
      if (!this.#maySend(callback)) return false;
      if (this.#behind !== undefined) return this.#sendBehind(data, options, callback);
      if (this.#settings.decoder.role === 'client') {
        this.#outbox.bytes(FIN | data.opcode, data.payload);
      } else {
        this.#outbox.frame(data.frame);
      }
    } else {
      const bytes = toBytes(data);
      if (binary === false) checkText(bytes);
      if (!this.#maySend(callback)) return false;
      if (this.#behind !== undefined) return this.#sendBehind(data, options, callback);
      this.#outbox.bytes(binary === false ? TEXT : BINARY, bytes);
    }
    if (callback !== undefined) this.#outbox.whenWritten(callback);
    return this.#belowMark();
  }

  /**
   * Send a Ping of at most 125 bytes.
   *
   * @returns as `send`.
   * @throws RangeError for more than 125 bytes.
   */
  ping(data: Payload = EMPTY): boolean {
    return this.#sendControl(Opcode.Ping, data);
  }

  /** Send a Pong that answers no Ping (section 5.5.3); Pings are answered without it. See `ping`. */
  pong(data: Payload = EMPTY): boolean {
    return this.#sendControl(Opcode.Pong, data);
  }

  /**
   * Send one frame as it is: for experts and tests. With `fin: false` the message stays unfinished,
   * and other messages queue behind it until a frame with `fin`.
   *
   * @returns as `send`.
   * @throws RangeError for a control frame that is fragmented or has more than 125 bytes, for a
   * continuation of nothing, and for a message that begins inside another.
   */
  sendFrame(payload: Payload, options: SendFrameOptions = {}): boolean {
    const opcode = options.opcode ?? (typeof payload === 'string' ? Opcode.Text : Opcode.Binary);
    const bytes = toBytes(payload);
    checkFrame(opcode, bytes.length, options);
    if (opcode === Opcode.Close) {
      const { code, reason } = parseClosePayload(asBuffer(bytes));
      void this.close(code, reason);
      return false;
    }
    if (!isControl(opcode) && (opcode === Opcode.Continuation) !== (this.#behind !== undefined)) {
      throw new RangeError(
        opcode === Opcode.Continuation
          ? 'sendFrame: there is no unfinished message to continue'
          : 'sendFrame: the message that an earlier sendFrame left unfinished must be finished first',
      );
    }
    if (!this.#maySend()) return false;
    this.#outbox.bytes(firstByte(opcode, options), bytes);
    if (!isControl(opcode)) {
      const behind = this.#behind ?? [];
      this.#behind = options.fin === false ? behind : undefined;
      if (options.fin !== false) for (const send of behind) send();
    }
    return this.#belowMark();
  }

  /**
   * Wait until less than `highWaterMark` is buffered.
   *
   * @returns `true` then; `false` once the connection is no longer open.
   * @throws the signal's reason, if it aborts.
   */
  drained(signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    if (this.#state !== 'open') return Promise.resolve(false);
    if (this.bufferedAmount < this.#settings.highWaterMark) return Promise.resolve(true);
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
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /**
   * Begin the closing handshake, behind everything sent so far.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; 1005 sends a Close without a payload.
   * @param reason at most 123 bytes of UTF-8.
   * @returns how the connection ended; never rejects.
   * @throws RangeError, TypeError for a code or reason that must not be sent.
   */
  close(code: number = CloseCode.NormalClosure, reason = ''): Promise<CloseInfo> {
    if (typeof reason !== 'string') {
      throw new TypeError(`close: expected reason to be a string, got ${typeof reason}`);
    }
    const payload = formatClosePayload(code, reason);
    if (this.#state === 'open' || this.#state === 'replying') {
      this.#closePayload = payload;
      this.#step('localClose');
      this.#read(); // reading may have stopped, but the peer's Close must be seen
    }
    if (this.#closeInfo !== undefined) return Promise.resolve(this.#closeInfo);
    return new Promise((resolve) => (this.#closeWaiters ??= []).push(resolve));
  }

  /** Cut the transport now, without a Close; what the kernel takes at once still leaves. */
  terminate(): void {
    if (this.#state === 'open') this.#cause = new ConnectionError('ERR_TERMINATED');
    this.#step('terminate');
  }

  /** Hold messages; control frames are still handled. Above 64 KiB held, reading stops. */
  pause(): void {
    (this.#inbox ??= new Inbox()).paused = true;
  }

  /** Deliver what is held and go on. Without a consumer messages are thrown away, as in Node's streams. */
  resume(): void {
    if (this.#inbox !== undefined) this.#inbox.paused = false;
    if (this.listenerCount('message') === 0 && this.#inbox?.iterating !== true) {
      this.#discarding = true;
      this.#inbox?.clear();
    }
    this.#readSoon();
  }

  /**
   * The messages, one after the other; a slow loop slows the peer. Leaving the loop leaves the
   * connection open. The loop ends when the connection closes and what was held is taken.
   *
   * @throws TypeError if there is a `'message'` listener or another iterator.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined, undefined> {
    if (this.#inbox?.iterating === true || this.listenerCount('message') > 0) {
      throw new TypeError(
        "a connection has either 'message' listeners or one iterator; remove the other consumer first",
      );
    }
    this.#discarding = false;
    const inbox = (this.#inbox ??= new Inbox());
    const iterator = inbox.iterate(() => {
      this.#read();
    });
    this.#read();
    return iterator;
  }

  override on<E extends keyof ConnectionEvents>(
    event: E,
    listener: Listener<ConnectionEvents, E>,
  ): this {
    this.#beforeListener(event);
    return super.on(event, listener);
  }

  override addListener<E extends keyof ConnectionEvents>(
    event: E,
    listener: Listener<ConnectionEvents, E>,
  ): this {
    return this.on(event, listener);
  }

  override prependListener<E extends keyof ConnectionEvents>(
    event: E,
    listener: Listener<ConnectionEvents, E>,
  ): this {
    this.#beforeListener(event);
    return super.prependListener(event, listener);
  }

  #beforeListener(event: keyof ConnectionEvents): void {
    if (event === 'frame') this.#decoder.headers ??= [];
    if (event !== 'message') return;
    if (this.#inbox?.iterating === true) {
      throw new TypeError(
        "an iterator is taking this connection's messages; leave its loop before adding a 'message' listener",
      );
    }
    this.#discarding = false;
    if (this.#inbox !== undefined) this.#readSoon();
  }

  // Receiving: socket 'data', decoder.push, decoder.next, emit('message').

  /** Deliver what is held, in a call of its own as Node's streams do. */
  #readSoon(): void {
    process.nextTick(() => {
      this.#read();
    });
  }

  #read(): void {
    if (this.#reading) return;
    this.#reading = true;
    let thrown = true;
    this.#outbox.cork();
    try {
      while (this.#readMessage());
      thrown = false;
    } finally {
      this.#reading = false;
      this.#outbox.uncork();
      // A listener's exception goes up to the application; the messages behind it are not lost.
      if (thrown) this.#readSoon();
    }
    const inbox = this.#inbox;
    if (this.#state === 'closed') {
      if (!this.#decoder.pending) inbox?.end();
      return;
    }
    const stop = this.#state === 'open' && inbox?.full === true;
    if (stop === this.#stopped) return;
    this.#stopped = stop;
    if (stop) this.#socket.pause();
    else this.#socket.resume();
  }

  /** One message or control frame; `false` when there is nothing to be done now. */
  #readMessage(): boolean {
    const inbox = this.#inbox;
    if (inbox !== undefined) {
      if (inbox.size > 0 && !inbox.paused && !inbox.iterating) {
        if (this.listenerCount('message') > 0) {
          const { data, isBinary } = inbox.take()!;
          this.emit('message', data, isBinary);
          return true;
        }
      } else if (inbox.idle) {
        this.#inbox = undefined;
      }
      if (inbox.full && (this.#state === 'open' || this.#state === 'closed')) return false;
    }
    const found = this.#decode();
    const decoder = this.#decoder;
    if (decoder.headers !== undefined) this.#emitHeaders(decoder.headers);
    if (!found) return false;
    switch (decoder.opcode) {
      case Opcode.Text:
        this.#deliver(this.#settings.textAs === 'string' ? decoder.text : decoder.payload, false);
        break;
      case Opcode.Binary:
        this.#deliver(decoder.payload, true);
        break;
      case Opcode.Ping: {
        // "unless it already received a Close frame" (section 5.5.2): then we do not get here
        const { payload } = decoder;
        if (this.#state === 'open' || this.#state === 'closing') this.#outbox.pong(payload);
        this.emit('ping', payload);
        break;
      }
      case Opcode.Pong:
        this.emit('pong', decoder.payload);
        break;
      default:
        this.#received = decoder.close;
        this.#initiator ??= 'peer';
        this.#step('peerClose');
    }
    return true;
  }

  #decode(): boolean {
    try {
      return this.#decoder.next();
    } catch (error) {
      this.#fail(error as ProtocolError);
      return false;
    }
  }

  #emitHeaders(headers: FrameHeader[]): void {
    this.#decoder.headers = [];
    for (const header of headers) this.emit('frame', header);
  }

  #deliver(data: Message, isBinary: boolean): void {
    if (this.#inbox === undefined && this.emit('message', data, isBinary)) return;
    if (this.#discarding) return;
    const inbox = (this.#inbox ??= new Inbox());
    // Once we have sent a Close, reading goes on whether or not anybody takes the messages.
    if (this.#state === 'closing' && (inbox.paused || inbox.full)) return;
    inbox.put(data, isBinary);
  }

  // Sending: outbox, socket.

  #maySend(callback?: SendCallback): boolean {
    if (this.#state === 'open') return true;
    if (callback !== undefined) {
      process.nextTick(callback, new ConnectionError('ERR_CONNECTION_NOT_OPEN'));
    }
    return false;
  }

  #belowMark(): boolean {
    if (this.#outbox.bufferedAmount < this.#settings.highWaterMark) return true;
    this.#owesDrain = true;
    return false;
  }

  #sendBehind(data: Data, options?: SendOptions, callback?: SendCallback): boolean {
    this.#behind!.push(() => {
      this.send(data, options, callback);
    });
    return this.#belowMark();
  }

  #sendControl(opcode: Opcode, data: Payload): boolean {
    const bytes = toBytes(data);
    checkFrame(opcode, bytes.length);
    if (!this.#maySend()) return false;
    this.#outbox.bytes(FIN | opcode, bytes);
    return this.#belowMark();
  }

  /** The kernel has taken a write. */
  #onProgress(): void {
    const amount = this.#outbox.bufferedAmount;
    if (this.#drainWaiters !== undefined && amount < this.#settings.highWaterMark) {
      this.#settleDrained(true);
    }
    if (this.#owesDrain && amount === 0 && this.#state === 'open') {
      this.#owesDrain = false;
      this.emit('drain');
    }
  }

  #settleDrained(below: boolean): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = undefined;
    waiters?.forEach((settle) => {
      settle(below);
    });
  }

  // Closing: events from here and from the socket, decisions in close-handshake.ts.

  #step(event: CloseEvent): void {
    const transition = CLOSE_HANDSHAKE[this.#state][event];
    if (transition === undefined) return;
    if (this.#state === 'open') {
      this.#initiator ??= event === 'transportClose' || event === 'peerEnd' ? 'transport' : 'local';
      this.#settleDrained(false);
    }
    this.#state = transition.next;
    for (const action of transition.actions) this.#obey(action);
  }

  #obey(action: CloseAction): void {
    switch (action) {
      case 'sendClose':
        this.#sent = parseClosePayload(this.#closePayload);
        this.#outbox.bytes(FIN | Opcode.Close, this.#closePayload);
        break;
      case 'ask':
        this.#askForReply();
        break;
      case 'startDeadline':
        this.#deadline = this.#settings.deadlines.start(this.#settings.closeTimeout, () => {
          this.#cause ??= new ConnectionError('ERR_CLOSE_TIMEOUT');
          this.#step('deadline');
        });
        break;
      case 'end':
        this.#outbox.end();
        break;
      case 'destroy':
        this.#outbox.destroy();
        break;
      case 'emitClose':
        this.#emitClose();
        break;
    }
  }

  /** The peer's Close came: echo its code (section 5.5.1), unless the application wants to answer. */
  #askForReply(): void {
    const { code, reason } = this.#received!;
    this.#closePayload = formatClosePayload(code);
    if (this.listenerCount('closing') === 0) {
      this.#step('reply');
      return;
    }
    const { deadlines, closeTimeout } = this.#settings;
    this.#replyDeadline = deadlines.start(closeTimeout / 2, () => {
      this.#step('reply');
    });
    this.emit('closing', code, reason, (replyCode = code, replyReason = '') => {
      const payload = formatClosePayload(replyCode, replyReason);
      if (this.#state !== 'replying') return;
      this.#closePayload = payload;
      this.#step('reply');
    });
  }

  /** Fail the WebSocket Connection (section 7.1.7). */
  #fail(error: ProtocolError): void {
    this.#cause = error;
    this.#closePayload = formatClosePayload(
      error.closeCode,
      error.message.slice(0, MAX_REASON_BYTES),
    );
    this.#step('failure');
    this.#report(error);
  }

  #onSocketError(error: Error): void {
    this.#cause ??= error;
    if (this.#state === 'open') this.#report(error);
  }

  #onSocketEnd(): void {
    if (this.#state === 'open' || this.#state === 'closing') {
      this.#cause ??= new ConnectionError('ERR_TRANSPORT_ENDED');
    }
    this.#step('peerEnd');
  }

  #report(error: Error): void {
    this.#settings.observer?.failed(error, this as unknown as WebSocketConnection<never>);
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }

  #emitClose(): void {
    this.#deadline?.cancel();
    this.#replyDeadline?.cancel();
    const info = this.#describeClose();
    this.#closeInfo = info;
    this.#behind = undefined;
    this.#outbox.abandon(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: this.#cause }));
    this.#settings.observer?.closed(this as unknown as WebSocketConnection<never>);
    this.#closeWaiters?.forEach((resolve) => {
      resolve(info);
    });
    this.#closeWaiters = undefined;
    this.#readSoon(); // what is held still belongs to a consumer, and an iterator has to end
    this.emit('close', info.code, info.reason, info);
  }

  #describeClose(): CloseInfo {
    const failed = this.#cause !== undefined && 'closeCode' in this.#cause;
    const { code, reason } = (failed ? this.#sent : this.#received) ?? {
      code: CloseCode.AbnormalClosure,
      reason: '',
    };
    return {
      code,
      reason,
      clean: !failed && this.#sent !== undefined && this.#received !== undefined,
      initiator: this.#initiator ?? 'transport',
      ...(this.#cause === undefined ? {} : { cause: this.#cause }),
    };
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { SendCallback } from '../connection/send/send-callbacks.js';
import type { Session } from '../connection/session.js';
import { CloseCode } from '../protocol/framing/close-frame.js';
import { Opcode } from '../protocol/framing/frame.js';
import { tune } from '../server/http1/raw-socket.js';
import { callbackOf, lastCallback } from './argument-checks.js';
import { closeArguments } from './close-arguments.js';
import { clientArguments, type ClientOptions, connect, type Connecting } from './connect.js';
import { type Compression, ConnectionParts } from './connection-parts.js';
import {
  BINARY_TYPES,
  type BinaryType,
  type RawData,
  type Sendable,
  sizeOf,
  toBinaryType,
  toControlPayload,
} from './data.js';
import { EventTargetEmitter } from './event-target.js';
import type { ConnectionOptions } from './hawser-options.js';
import { emitLong, FITS_ANY_STRING } from './message-strings.js';
import { notOpen, READY_STATES, type ReadyState } from './ready-state.js';
import { sendMessage } from './send-message.js';
import { Sender } from './sender.js';
import { type EventHandlers, SocketEvents } from './socket-events.js';
import type { SendOptions, WebSocketEvents } from './web-socket-events.js';

/** What a handshake settled. */
export interface Opened {
  readonly protocol?: string | undefined;
  readonly compression?: Compression | undefined;
}

const EMPTY = Buffer.alloc(0);
/** The properties that for-in finds, as in ws. */
const ENUMERABLE = 'binaryType bufferedAmount extensions isPaused protocol readyState url';

/**
 * Opens a WebSocket that was made for a server or a client, on the socket of its handshake.
 *
 * @internal
 */
export let openSocket: (
  webSocket: WebSocket,
  parts: ConnectionParts,
  socket: Duplex,
  head: Buffer,
  opened: Opened,
) => void;

/** A connection with the interface of ws. See `docs/ws.md` for what differs. */
export class WebSocket extends EventTargetEmitter<WebSocketEvents> {
  declare static readonly CONNECTING: 0;
  declare static readonly OPEN: 1;
  declare static readonly CLOSING: 2;
  declare static readonly CLOSED: 3;
  declare readonly CONNECTING: 0;
  declare readonly OPEN: 1;
  declare readonly CLOSING: 2;
  declare readonly CLOSED: 3;

  /** Whether it is the server's end. Programs that call {@link setSocket} themselves set it before. */
  _isServer: boolean;
  /** The socket; `null` before the connection is open. */
  _socket: Duplex | null = null;
  #autoPong: boolean;
  #session: Session | undefined;
  #sender: Sender | undefined;
  #connecting: Connecting | undefined;
  /** The state while there is no session. */
  #state: ReadyState = READY_STATES.CONNECTING;
  #binaryType: BinaryType = 'nodebuffer';
  #protocol = '';
  #compresses = false;
  /** The transport has closed while messages were held: `'close'` follows them. */
  #hasEnded = false;
  /** A part of a message was sent, and the next call continues it. */
  #isFragmented = false;
  /** Bytes that were sent when the connection was not open any more. */
  #unsent = 0;

  /**
   * @param address of the server; `null` for a WebSocket that {@link setSocket} opens.
   * @throws SyntaxError for a bad URL or subprotocol, TypeError or RangeError for bad options.
   */
  constructor(
    address: string | URL | null,
    protocols?: string | readonly string[] | ClientOptions | null,
    options?: ClientOptions,
  ) {
    super();
    this._isServer = address === null;
    if (address === null) {
      this.#autoPong = options?.autoPong !== false;
      return;
    }
    const [names, given] = clientArguments(protocols, options);
    this.#autoPong = given.autoPong !== false;
    this.#connecting = connect(address, names, given, {
      webSocket: this,
      emit: (event, ...args) => this.emit(event, ...(args as never)),
      opened: (parts, socket, head, opened) => {
        openSocket(this, parts, socket, head, opened);
      },
      failed: (error) => {
        this.#state = READY_STATES.CLOSING;
        this.emit('error', error);
        this.#state = READY_STATES.CLOSED;
        this.emit('close', CloseCode.AbnormalClosure, EMPTY);
      },
    });
    this.#connecting.start();
  }

  /** How Binary messages are delivered: `'nodebuffer'`, `'arraybuffer'`, `'fragments'` (a list of one Buffer) or `'blob'`. Another value is ignored. */
  get binaryType(): BinaryType {
    return this.#binaryType;
  }
  set binaryType(type: BinaryType) {
    if (BINARY_TYPES.includes(type)) this.#binaryType = type;
  }

  /** Bytes that are not with the kernel yet, headers included. */
  get bufferedAmount(): number {
    return this.#unsent + (this.#session?.sender.bufferedAmount ?? 0);
  }

  /** `'permessage-deflate'` or `''`. */
  get extensions(): string {
    return this.#compresses ? 'permessage-deflate' : '';
  }

  get isPaused(): boolean {
    return this.#session?.receiver.isPaused === true;
  }

  /** The subprotocol, or `''`. */
  get protocol(): string {
    return this.#protocol;
  }

  get readyState(): ReadyState {
    const session = this.#session;
    if (session === undefined || this.#state === READY_STATES.CLOSED) return this.#state;
    return session.isOpen ? READY_STATES.OPEN : READY_STATES.CLOSING;
  }

  /** Of a client: the URL. */
  get url(): string | undefined {
    return this.#connecting?.url;
  }

  /** Both sides have sent a Close. */
  get wasClean(): boolean {
    return this.#session?.closing.info?.clean === true;
  }

  /** Sends frames that were encoded before, as Socket.IO does. */
  get _sender(): Sender | null {
    if (this.#session === undefined) return null;
    return (this.#sender ??= new Sender(this.#session));
  }

  /** Open the connection on a socket whose handshake was done elsewhere. */
  setSocket(socket: Duplex, head: Buffer, options: ConnectionOptions = {}): void {
    const parts = new ConnectionParts(this._isServer ? 'server' : 'client', options);
    openSocket(this, parts, socket, head, {});
  }

  /**
   * Send a message. A payload above 16 KiB is not copied: leave it unchanged until the callback.
   *
   * @param callback called when the bytes are with the kernel, or with the reason why they never will be.
   * @throws Error while the connection is being opened; TypeError for bytes as Text that are not UTF-8.
   */
  send(data: Sendable, callback?: SendCallback): void;
  send(data: Sendable, options: SendOptions | undefined, callback?: SendCallback): void;
  send(
    data: Sendable,
    options?: SendOptions | SendCallback | null,
    callback?: SendCallback | null,
  ): void {
    const session = this.#session;
    if (typeof options === 'function') {
      callback = options;
      options = undefined;
    }
    callback = callbackOf('send', callback);
    if (session?.isOpen !== true) {
      this.#sendLate(data, callback);
      return;
    }
    this.#isFragmented = sendMessage(session, data, options, callback, this.#isFragmented);
  }

  ping(callback?: SendCallback): void;
  ping(data: Sendable, mask?: boolean | SendCallback, callback?: SendCallback): void;
  ping(
    data?: Sendable | SendCallback,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#control(Opcode.Ping, data, mask, callback);
  }

  /** Send a Pong. An automatic Pong is sent by this method where it is overridden. */
  pong(callback?: SendCallback): void;
  pong(data: Sendable, mask?: boolean | SendCallback, callback?: SendCallback): void;
  pong(
    data?: Sendable | SendCallback,
    mask?: boolean | SendCallback,
    callback?: SendCallback,
  ): void {
    this.#control(Opcode.Pong, data, mask, callback);
  }

  /**
   * Begin the closing handshake, after everything sent so far.
   *
   * @throws TypeError, RangeError for a code or reason that must not be sent.
   */
  close(code?: number, data?: string | Uint8Array): void {
    if (this.#session === undefined) {
      this.#abort();
      return;
    }
    // A second call does nothing, and so its arguments are not looked at.
    if (!this.#session.isOpen) return;
    const [status, reason] = closeArguments(code, data);
    void this.#session.close(status, reason);
  }

  /** Terminate the transport now, without a Close. */
  terminate(): void {
    if (this.#session === undefined) this.#abort();
    else this.#session.terminate();
    if (this.#hasEnded) this.#finish();
  }

  /** Hold messages; control frames are still handled. */
  pause(): void {
    if (this.readyState !== READY_STATES.CLOSED) this.#session?.receiver.pause();
  }

  resume(): void {
    if (this.readyState !== READY_STATES.CLOSED) this.#session?.receiver.resume();
    if (this.#hasEnded) this.#finish();
  }

  static {
    for (const [name, value] of Object.entries(READY_STATES)) {
      Object.defineProperty(this, name, { value, enumerable: true });
      Object.defineProperty(this.prototype, name, { value, enumerable: true });
    }
    for (const name of ENUMERABLE.split(' '))
      Object.defineProperty(this.prototype, name, { enumerable: true });
    const handlers: EventHandlers<WebSocket> = {
      message(ws, data, isBinary) {
        const plain = !isBinary || ws.#binaryType === 'nodebuffer';
        const given = plain ? data : (toBinaryType(data, ws.#binaryType) as RawData);
        if (data.length > FITS_ANY_STRING) emitLong(ws, ws.#session!, data, given, isBinary);
        else ws.emit('message', given, isBinary);
      },
      ping(ws, payload) {
        if (ws.#autoPong) {
          const session = ws.#session!;
          // Only the newest Pong waits for a peer that does not read: a flood of Pings must cost no memory.
          const answers = ws.pong === WebSocket.prototype.pong || session.outbox.blocked;
          if (answers) session.answerPing(payload);
          else if (ws.readyState === READY_STATES.OPEN) ws.pong(payload, !ws._isServer);
        }
        ws.emit('ping', payload);
      },
      pong: (ws, payload) => void ws.emit('pong', payload),
      error(ws, error) {
        // ws throws without a listener. What a peer does must not end the process.
        if (ws.listenerCount('error') > 0) ws.emit('error', error);
      },
      close(ws) {
        const { receiver } = ws.#session!;
        if (receiver.isPaused && receiver.bytesHeld > 0) ws.#hasEnded = true;
        else ws.#emitClose();
      },
    };
    openSocket = (ws, parts, socket, head, { protocol = '', compression }) => {
      tune(socket);
      // Read in a later tick, when the listeners of the caller are there.
      if (head.length > 0) socket.unshift(head);
      ws._socket = socket;
      ws.#protocol = protocol;
      ws.#compresses = compression !== undefined;
      ws.#session = parts.open(new SocketEvents(ws, handlers), socket, compression);
      ws.#session.start(EMPTY);
      ws.emit('open');
    };
  }

  /** Emit `'close'` after the messages that were held when the transport closed. */
  #finish(): void {
    // In a later turn: what was held is delivered in the next tick, and may have to be decompressed.
    setImmediate(() => {
      if (this.#state === READY_STATES.CLOSED) return;
      const { receiver } = this.#session!;
      if (receiver.bytesHeld === 0 || receiver.isTerminated) this.#emitClose();
      else if (!receiver.isPaused) this.#finish();
    });
  }

  #emitClose(): void {
    const { hasFailed, received } = this.#session!.closing;
    this.#state = READY_STATES.CLOSED;
    const code = hasFailed ? undefined : received?.code;
    const reason = hasFailed ? '' : (received?.reason ?? '');
    this.emit(
      'close',
      code ?? CloseCode.AbnormalClosure,
      reason === '' ? EMPTY : Buffer.from(reason),
    );
  }

  #abort(): void {
    if (this.#state !== READY_STATES.CONNECTING || this.#connecting === undefined) return;
    this.#state = READY_STATES.CLOSING;
    const reason = 'WebSocket was closed before the connection was established';
    this.#connecting.abort(new Error(reason));
  }

  /** A message is sent, and the connection is not open. */
  #sendLate(data: Sendable, callback: SendCallback | undefined): void {
    const state = this.readyState;
    if (state === READY_STATES.CONNECTING) throw notOpen(state);
    this.#unsent += sizeOf(data);
    if (callback !== undefined) process.nextTick(callback, notOpen(state));
  }

  #control(
    opcode: typeof Opcode.Ping | typeof Opcode.Pong,
    data: Sendable | SendCallback,
    mask: boolean | SendCallback | undefined,
    callback: SendCallback | undefined,
  ): void {
    const payload = typeof data === 'function' ? undefined : data;
    const last = lastCallback(opcode === Opcode.Ping ? 'ping' : 'pong', data, mask, callback);
    const session = this.#session;
    if (session?.isOpen !== true) this.#sendLate(payload, last);
    else session.sender.control(opcode, toControlPayload(payload), last);
  }
}

import type { Duplex } from 'node:stream';
import type { CloseInfo } from './close/close-info.js';
import type { ConnectionError } from './close/connection-error.js';
import type { ConnectionEvents } from './events.js';
import { checkName } from './names.js';
import { Session } from './session.js';
import type { ConnectionDetails, ConnectionSettings, HandshakeResponse } from './settings.js';
import type { AnyMessage, Message } from './receive/receive-queue.js';
import { CloseCode } from '../protocol/framing/close-frame.js';
import { Opcode } from '../protocol/framing/frame.js';
import type { BlobLike, Payload } from '../protocol/framing/payload.js';
import type { Data } from '../protocol/framing/prepared-message.js';
import { checkRoundTripOptions, type RoundTripOptions } from './limits/round-trip.js';
import type { SendCallback } from './send/send-callbacks.js';
import { sendFrame } from './send/send-frame.js';
import {
  checkCallback,
  checkNothingAfter,
  checkSendOptions,
  type SendFrameOptions,
  type SendOptions,
} from './send/send-options.js';
import type { StreamSource } from './stream/chunk-source.js';
import { sendStream } from './stream/outgoing-stream.js';
import type { MessageStream } from './stream/message-stream.js';
import {
  checkIncomingOptions,
  type IncomingOptions,
  type StreamOptions,
} from './stream/stream-options.js';
import type { TransportKind } from './transport.js';
import { type EventName, type Listener, TypedEmitter } from './typed-emitter.js';

/**
 * Makes a connection, for a server and for a pair. The constructor is private, so that users cannot.
 *
 * @internal
 */
export let createConnection: <Context>(
  socket: Duplex,
  settings: ConnectionSettings,
  details: ConnectionDetails<Context>,
) => WebSocketConnection<Context>;

/**
 * One WebSocket connection: a transport (any `Duplex`) and the protocol's machine.
 *
 * The order of calls is the order on the wire, across `send`, `ping`, `sendFrame` and `close`.
 * Nothing the peer does throws here: see `closeInfo`, and the server's `'connectionError'`.
 *
 * @typeParam Context what `authorize` returned as `context`.
 * @typeParam Received what a message is. Where `binaryAs` is `'arraybuffer'` it is `string | ArrayBuffer`,
 * and where `textAs` is `'buffer'` too, `Buffer | ArrayBuffer`.
 */
export class WebSocketConnection<
  Context = undefined,
  Received extends AnyMessage = Message,
> extends TypedEmitter<ConnectionEvents<Received>> {
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
  /** What carries the connection: a socket of HTTP/1.1, a stream of HTTP/2, memory, or anything else. */
  readonly transport: TransportKind;
  /** The server's answer to the handshake, of a connection that `connect` of `hawser/client` has made. */
  declare readonly response?: HandshakeResponse;

  readonly #session: Session;

  /** Connections are made by a server, or by `createConnectionPair` for tests. */
  private constructor(
    ...[socket, settings, details]: Parameters<typeof createConnection<Context>>
  ) {
    super();
    this.context = details.context;
    this.url = details.url;
    this.subprotocol = details.subprotocol;
    this.extensions = details.extensions;
    this.remoteAddress = details.remoteAddress;
    this.transport = details.transport ?? 'other';
    // A server's connections do not pay for it.
    if (details.response !== undefined) this.response = details.response;
    // What arrives depends on the settings; `Received` is the user's claim about them.
    this.#session = new Session(this, socket, settings, details);
  }

  /**
   * Begin to read. For the code that made the connection.
   *
   * @param head bytes that came in the same packet as the handshake.
   * @internal
   */
  start(head: Buffer): void {
    this.#session.start(head);
  }

  /** The socket, in the protocol's terms: `'closing'` from the first Close on, `'closed'` without it. */
  get readyState(): 'open' | 'closing' | 'closed' {
    return this.#session.closing.readyState;
  }

  /** Who closed and why; `undefined` until `'close'`. */
  get closeInfo(): CloseInfo | undefined {
    return this.#session.closing.info;
  }

  /** Bytes that are not with the kernel yet. */
  get bufferedAmount(): number {
    return this.#session.sender.bufferedAmount;
  }

  /** Milliseconds from the last Ping of the heartbeat to its Pong, including the time that the Ping waited for earlier messages; `undefined` before the first Pong. A peer that is never silent is never pinged. */
  get latency(): number | undefined {
    return this.#session.latency;
  }

  /** Whether `pause()` is in force. */
  get isPaused(): boolean {
    return this.#session.receiver.isPaused;
  }

  /** The topics that the connection has subscribed to; empty after `'close'`. */
  get topics(): ReadonlySet<string> {
    return this.#session.subscriptions.names;
  }

  /**
   * Subscribe to a topic, to get what `wss.publish` sends to it from now on, and first what was retained. A connection that ends leaves all its topics.
   *
   * @param topic its name, 1 to 255 bytes of UTF-8.
   * @returns whether that is new; `false` on a connection that is not open, where nothing happens.
   * @throws TypeError, RangeError for a bad name; RangeError above `maxTopicsPerConnection`.
   */
  subscribe(topic: string): boolean {
    checkName('subscribe', 'topic', topic);
    return this.#session.isOpen && this.#session.subscriptions.add(topic);
  }

  /** Leave a topic. @returns whether it was subscribed to. @throws TypeError, RangeError for a bad name. */
  unsubscribe(topic: string): boolean {
    checkName('unsubscribe', 'topic', topic);
    return this.#session.isOpen && this.#session.subscriptions.delete(topic);
  }

  /**
   * Send a message. A payload above 16 KiB is not copied: leave it unchanged until the callback. A Blob is read
   * first, and what is sent after it waits meanwhile. If that fails, or with `binary: false` its bytes are not UTF-8, the connection is closed with 1011 (`ERR_BLOB_UNREADABLE`).
   *
   * @param callback called when the bytes are with the kernel, or with the reason why they never will be.
   * @returns `true` below the high-water mark; `false` when queued but above it, when dropped, or when the connection
   * is not open, for example because this message exceeded `maxBufferedAmount`. Never a reason to send again.
   * @throws TypeError for data that is neither string, bytes nor Blob, for bytes that are sent as Text and are not UTF-8, and for options that are unknown or have a wrong type.
   */
  send(
    data: Data | BlobLike,
    options?: SendOptions | SendCallback,
    callback?: SendCallback,
  ): boolean {
    if (typeof options === 'function') {
      checkNothingAfter(callback);
      this.#session.markMessageActivity();
      return this.#session.sender.send(data, undefined, options);
    }
    if (options !== undefined || callback !== undefined) checkSendOptions(options, callback);
    this.#session.markMessageActivity();
    return this.#session.sender.send(data, options, callback);
  }

  /**
   * Send a Ping of at most 125 bytes, unless `bufferedAmount` is at least twice `maxBufferedAmount`.
   *
   * @param callback as that of `send`; it does not wait for the Pong, see `roundTrip`.
   * @returns as `send`.
   * @throws RangeError for more than 125 bytes, TypeError for data that is neither string nor bytes.
   */
  ping(data?: Payload, callback?: SendCallback): boolean;
  ping(data: Payload = '', callback?: SendCallback, ...more: unknown[]): boolean {
    checkCallback('ping', callback, more);
    return this.#session.sender.control(Opcode.Ping, data, callback);
  }

  /** Send a Pong that answers no Ping (section 5.5.3); Pings are answered without it. See `ping`. */
  pong(data?: Payload, callback?: SendCallback): boolean;
  pong(data: Payload = '', callback?: SendCallback, ...more: unknown[]): boolean {
    checkCallback('pong', callback, more);
    return this.#session.sender.control(Opcode.Pong, data, callback);
  }

  /**
   * Send a Ping and wait for its Pong, or for one that answers a later Ping (RFC 6455 section 5.5.3).
   * The Pong is not announced by `'pong'`. Several calls and the heartbeat may be in progress at once.
   *
   * @returns the milliseconds in between. The time that the Ping waits for earlier messages is part of it, and so is the time for which reading is stopped. Rejects with ConnectionError, whose `cause` is that of `closeInfo`,
   * if the connection ends first (`ERR_CONNECTION_CLOSED`), or is not open (`ERR_CONNECTION_NOT_OPEN`); while twice
   * `maxBufferedAmount` waits (`ERR_SLOW_CONSUMER`; no Ping is sent, and the connection goes on); with the signal's reason if it aborts.
   * @throws TypeError for options that are unknown or have a wrong type.
   */
  roundTrip(options: RoundTripOptions = {}): Promise<number> {
    return this.#session.sender.roundTrip(checkRoundTripOptions(options));
  }

  /**
   * Send one frame as it is: for experts and tests. With `fin: false` the message stays unfinished, and other messages
   * wait until a frame with `fin` ends it. A Close frame begins the closing handshake, as `close` does; it takes no callback.
   *
   * @param callback as that of `send`.
   * @returns as `send`.
   * @throws RangeError for a control frame that is fragmented or has more than 125 bytes, for a continuation of nothing,
   * for a message that begins inside another, and for a Close frame that must not be sent; TypeError for a payload that
   * is neither string nor bytes, and for options that are unknown or have a wrong type.
   */
  sendFrame(payload: Payload, options?: SendFrameOptions, callback?: SendCallback): boolean;
  sendFrame(
    payload: Payload,
    options: SendFrameOptions = {},
    callback?: SendCallback,
    ...more: unknown[]
  ): boolean {
    return sendFrame(this.#session, payload, options, callback, more);
  }

  /**
   * Send one message while it is made. It takes its place in the order of calls: what is sent after it waits, and only control frames go between its frames (RFC 6455 section 5.4).
   * The next chunk is taken from the source while less than `highWaterMark` is buffered. Leave a chunk above 16 KiB unchanged until the promise settles.
   *
   * @param source its chunks are all strings or all bytes.
   * @returns resolves when the last byte is with the kernel. Rejects with the error of the source or the signal's reason; if a part was sent by then, the connection is closed with 1011 (`ERR_MESSAGE_ABORTED`).
   * Rejects with ConnectionError if the connection is, or gets, closed: `close()` does not wait for it.
   * @throws TypeError for another source, a stream that is locked, and options that are unknown or have a wrong type.
   */
  sendStream(source: StreamSource, options?: StreamOptions): Promise<void> {
    return sendStream(this.#session, source, options);
  }

  /**
   * Wait until less than `highWaterMark` is buffered.
   *
   * @returns `true` then; `false` once the connection is no longer open.
   * @throws the signal's reason, if it aborts.
   */
  drained(signal?: AbortSignal): Promise<boolean> {
    return this.#session.sender.drained(signal);
  }

  /**
   * Begin the closing handshake, after everything sent so far.
   *
   * @param code 1000 to 1003, 1007 to 1014 or 3000 to 4999; 1005 sends a Close without a payload.
   * @param reason at most 123 bytes of UTF-8.
   * @returns how the connection ended; never rejects.
   * @throws RangeError, TypeError for a code or reason that must not be sent.
   */
  close(code: number = CloseCode.NormalClosure, reason = ''): Promise<CloseInfo> {
    return this.#session.close(code, reason);
  }

  /**
   * Terminate the transport now, without a Close. Bytes that the kernel accepts at once are still sent. No message,
   * Ping, Pong or frame is delivered after it, not even one that has already arrived; `'close'` follows.
   */
  terminate(): void {
    this.#session.terminate();
  }

  /** `terminate`, with this `cause` in `closeInfo`. For the code that made the connection. @internal */
  terminateWith(cause: ConnectionError): void {
    this.#session.closing.terminate(cause);
  }

  /** Let the process end although the connection is open, if nothing else keeps it running. */
  unref(): void {
    this.#session.unref();
  }

  /** `close()`, for `await using`: with 1000, until the connection has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Hold messages, for as long as you like; control frames are still handled. With 64 KiB held, reading stops. */
  pause(): void {
    this.#session.receiver.pause();
  }

  /** Deliver what is held and go on. Without a consumer messages are discarded, as in Node's streams. */
  resume(): void {
    this.#session.receiver.resume();
  }

  /**
   * The messages, one after the other; a slow loop slows the peer. Leaving the loop leaves the connection open. It ends when the connection closes and what was held is taken.
   *
   * @throws TypeError if there is a `'message'` listener or another iterator.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Received, undefined, undefined> {
    return this.#session.receiver.iterate() as never; // see the constructor
  }

  /**
   * The messages, each while it arrives, so that it may be longer than memory. The next begins when this one is taken or skipped. Meanwhile `messageTimeout` is the time without a byte of the peer.
   * Call it before the first `await` in `'connection'`: until then a message is held whole, and given as one chunk. Leaving the loop skips the rest of the message.
   *
   * @throws TypeError if there is a `'message'` listener or an iterator, and for options that are unknown or have a wrong type.
   */
  incoming(options: IncomingOptions = {}): AsyncIterable<MessageStream<Received>> {
    return this.#session.receiver.incoming(checkIncomingOptions(options)) as never; // see the constructor
  }

  /** As `EventEmitter.on`. A `'message'` listener gets what is held. @throws TypeError for one beside an iterator. */
  override on<E extends EventName<ConnectionEvents<Received>>>(
    event: E,
    listener: Listener<ConnectionEvents<Received>, E>,
  ): this {
    beforeListener(this.#session, event);
    return super.on(event, listener);
  }

  /** See `on`. */
  override addListener<E extends EventName<ConnectionEvents<Received>>>(
    event: E,
    listener: Listener<ConnectionEvents<Received>, E>,
  ): this {
    return this.on(event, listener);
  }

  /** See `on`; this listener is called before the others. */
  override prependListener<E extends EventName<ConnectionEvents<Received>>>(
    event: E,
    listener: Listener<ConnectionEvents<Received>, E>,
  ): this {
    beforeListener(this.#session, event);
    return super.prependListener(event, listener);
  }

  static {
    // `this` and not the name: some bundlers rename a class that refers to itself by name.
    createConnection = (socket, settings, details) => new this(socket, settings, details);
  }
}

function beforeListener({ receiver }: Session, event: EventName<ConnectionEvents>): void {
  if (event === 'message') receiver.assertListenable();
  if (event === 'frame') receiver.enableFrameEvents();
}

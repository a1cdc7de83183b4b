import { AsyncResource } from 'node:async_hooks';
import { abortWith } from '../connection/abort-signal.js';
import type { CloseInfo } from '../connection/close/close-info.js';
import { ConnectionError, type ConnectionErrorCode } from '../connection/close/connection-error.js';
import { callIsolated } from '../connection/call-isolated.js';
import type { WebSocketConnection } from '../connection/connection.js';
import { type Clock, systemClock } from '../connection/limits/clock.js';
import type { Message } from '../connection/receive/receive-queue.js';
import { rejectCallback, type SendCallback } from '../connection/send/send-callbacks.js';
import {
  checkNothingAfter,
  checkSendOptions,
  type SendOptions,
} from '../connection/send/send-options.js';
import { TypedEmitter } from '../connection/typed-emitter.js';
import { formatClosePayload } from '../protocol/framing/close-frame.js';
import type { BlobLike } from '../protocol/framing/payload.js';
import type { Data } from '../protocol/framing/prepared-message.js';
import { addressOf, connect } from './connect.js';
import { type ConnectOptions, resolveConnectOptions } from './connect-options.js';
import { HandshakeError } from './handshake-error.js';
import {
  type ReconnectingOptions,
  resolveReconnectingOptions,
  type ResolvedReconnectingOptions,
} from './reconnecting-options.js';
import { delayAfter, isWorthRetrying, type ReconnectFailure } from './retry.js';
import { WaitingMessages } from './waiting-messages.js';

/** The events of a {@link ReconnectingConnection}. */
export interface ReconnectingEvents {
  /** There is a connection. Its listeners are added here. What the outbox holds is sent after this. */
  open: [connection: WebSocketConnection];
  /** The client is disconnected. The next attempt begins after `delay` ms. */
  down: [last: ReconnectFailure, delay: number];
  /** There will be no other. */
  giveUp: [last: ReconnectFailure];
  /** A message was given to `send` while no connection was open, and will not be sent. Its callback gets the same error. */
  dropped: [data: Data | BlobLike, error: Error];
}

/** A connection that was open for this long, in ms, counts as a success. */
const STABLE = 10_000;

/** Node's timers, which keep the process running: it waits for a connection. */
const waitingClock: Pick<Clock, 'now' | 'setTimeout' | 'clearTimeout'> = {
  ...systemClock,
  setTimeout: (callback, wait) => setTimeout(callback, wait),
};

/**
 * Connect, and connect again whenever the connection is lost.
 *
 * @throws TypeError for a URL or options that are not valid.
 */
export function reconnecting(
  url: string | URL,
  options: ReconnectingOptions = {},
): ReconnectingConnection {
  return new ReconnectingConnection(url, options);
}

/** Made by {@link reconnecting}: one connection after another to the same server. */
export class ReconnectingConnection extends TypedEmitter<ReconnectingEvents> {
  readonly #url: URL;
  readonly #options: ResolvedReconnectingOptions;
  readonly #clock: typeof waitingClock;
  readonly #outbox: WaitingMessages;
  /** The context of this call: that of the events, of the attempts, and of the functions of the options. */
  readonly #context = new AsyncResource('hawser.reconnecting');
  /** Aborts the attempt in progress. */
  #aborter: AbortController | undefined;
  #connection: WebSocketConnection | undefined;
  #attempt = 0;
  #last: ReconnectFailure | undefined;
  #timer: unknown;
  /** There will be no other connection. */
  #isOver = false;
  /** The application has closed it: only `'dropped'` is emitted from now on. */
  #isClosed = false;
  /** What a loop over the messages throws at its end. */
  #fault: Error | undefined;
  /** The connections that a loop has not come to yet. Without a loop only the last one. */
  #unread: WebSocketConnection[] = [];
  #isIterating = false;
  /** Wakes the loop that waits for a connection. */
  #wake: (() => void) | undefined;

  /** @throws TypeError; see {@link reconnecting}. */
  constructor(url: string | URL, options: ReconnectingOptions) {
    super();
    addressOf(url);
    const { clock = waitingClock, outbox } = (this.#options = resolveReconnectingOptions(options));
    this.#url = new URL(url); // the application may change its own
    this.#clock = clock;
    this.#outbox = new WaitingMessages(outbox, this.#drop.bind(this));
    // After the caller has added its listeners.
    queueMicrotask(() => {
      if (!this.#isOver) void this.#open();
    });
  }

  /** The open connection; `undefined` while the client is disconnected. */
  get connection(): WebSocketConnection | undefined {
    return this.#connection;
  }

  /**
   * Send a message on the connection, or keep it in the outbox. What was handed to a connection is never sent again.
   *
   * @param callback as that of a connection's `send`; `ERR_CONNECTION_NOT_OPEN` without an outbox while there is no
   * connection, `ERR_OUTBOX_FULL` if it does not fit. `'dropped'` tells the same.
   * @returns as a connection's `send`; `false` while no connection is open.
   * @throws TypeError as a connection's `send`.
   */
  send(
    data: Data | BlobLike,
    options?: SendOptions | SendCallback,
    callback?: SendCallback,
  ): boolean {
    const connection = this.#connection;
    if (connection?.readyState === 'open') return connection.send(data, options, callback);
    const isShort = typeof options === 'function';
    if (isShort) checkNothingAfter(callback);
    const [given, call] = isShort ? [undefined, options] : [options, callback];
    checkSendOptions(given, call);
    this.#outbox.add(data, given, call);
    return false;
  }

  /**
   * Close for good: the connection, an attempt in progress, or the wait for the next. What the outbox holds is not sent.
   *
   * @returns how the connection ended; `undefined` if there was none. Never rejects.
   * @throws RangeError, TypeError for a code or reason that must not be sent.
   */
  close(code = 1000, reason = ''): Promise<CloseInfo | undefined> {
    formatClosePayload(code, reason);
    const connection = this.#connection;
    this.#isClosed = true;
    this.#end();
    this.#clock.clearTimeout(this.#timer);
    this.#aborter?.abort();
    return connection === undefined ? Promise.resolve(undefined) : connection.close(code, reason);
  }

  /** `close()`, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * The messages of one connection after another. The loop ends after `close()`, or after a final Close 1000 of the
   * peer; after another final failure it throws: the HandshakeError, or a ConnectionError with the code and reason.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, undefined, undefined> {
    this.#isIterating = true;
    try {
      for (;;) {
        const connection = this.#unread[0];
        if (connection !== undefined) {
          yield* connection;
          // Others may have come meanwhile.
          this.#unread = this.#unread.filter((each) => each !== connection);
        } else if (this.#isOver) {
          if (this.#fault !== undefined) throw this.#fault;
          return undefined;
        } else {
          await new Promise<void>((resolve) => (this.#wake = resolve));
        }
      }
    } finally {
      this.#isIterating = false;
    }
  }

  async #open(): Promise<void> {
    this.#attempt++;
    const aborter = (this.#aborter = new AbortController());
    let connection: WebSocketConnection;
    try {
      connection = await this.#connect(aborter);
    } catch (error) {
      // close() aborts the attempt.
      if (this.#isOver) return;
      if (error instanceof HandshakeError) this.#down(error);
      else this.#giveUp(this.#wrapped(error), error as Error);
      return;
    } finally {
      this.#aborter = undefined;
    }
    if (this.#isOver) connection.terminate();
    else this.#opened(connection);
  }

  async #connect(aborter: AbortController): Promise<WebSocketConnection> {
    const options = await this.#connectOptions();
    // Before they are copied: an object of a class would lose what it has.
    const { signal } = resolveConnectOptions(options);
    const stop = signal && abortWith(signal, aborter);
    try {
      return await connect(this.#url, { ...options, signal: aborter.signal });
    } finally {
      stop?.();
    }
  }

  /** The options of the next attempt. */
  async #connectOptions(): Promise<ConnectOptions | undefined> {
    const { connect: given = {} } = this.#options;
    if (typeof given !== 'function') return given;
    try {
      return await given(this.#attempt, this.#last);
    } catch (error) {
      throw this.#wrapped(error);
    }
  }

  #opened(connection: WebSocketConnection): void {
    const openedAt = this.#clock.now();
    this.#connection = connection;
    this.#unread = this.#isIterating ? [...this.#unread, connection] : [connection];
    this.#wake?.();
    connection.on('close', (_code, _reason, info) => {
      this.#connection = undefined;
      if (this.#isOver) return;
      if (this.#clock.now() - openedAt >= STABLE) this.#attempt = 0;
      this.#down(info);
    });
    this.#tell('open', connection);
    this.#outbox.flush(connection);
  }

  #down(last: ReconnectFailure): void {
    this.#last = last;
    const verdict = this.#ask(last);
    // The application's function may have closed it.
    if (this.#isOver) return;
    if (verdict !== true) {
      this.#giveUp(last, verdict === false ? faultOf(last) : verdict);
      return;
    }
    const failures = Math.max(this.#attempt, 1);
    const delay = delayAfter(last, failures, this.#options.delay, Math.random());
    // A clock of the application may call in any context.
    const open = (): void => void this.#context.runInAsyncScope(() => this.#open());
    this.#timer = this.#clock.setTimeout(open, delay);
    this.#tell('down', last, delay);
  }

  /** Whether to connect again; the error of the application's function, which is an uncaught exception too. */
  #ask(last: ReconnectFailure): boolean | Error {
    const { retry = isWorthRetrying } = this.#options;
    try {
      const answer: unknown = retry(last);
      if (typeof (answer as PromiseLike<unknown> | undefined)?.then !== 'function') {
        return Boolean(answer);
      }
      Promise.resolve(answer).catch(() => undefined); // or its rejection would end the process
      throw new TypeError('reconnecting: expected retry to answer at once, got a promise');
    } catch (error) {
      callIsolated(() => {
        throw error;
      });
      return error as Error;
    }
  }

  #giveUp(last: ReconnectFailure, fault: Error | undefined): void {
    this.#fault = fault;
    this.#end();
    // A listener of 'dropped' may have closed it.
    if (!this.#isClosed) this.#tell('giveUp', last);
  }

  #end(): void {
    this.#isOver = true;
    this.#outbox.discard();
    this.#wake?.();
  }

  #drop(
    data: Data | BlobLike,
    callback: SendCallback | undefined,
    reason: ConnectionErrorCode | Error,
  ): void {
    if (callback === undefined && this.listenerCount('dropped') === 0) return;
    const error = typeof reason === 'string' ? new ConnectionError(reason) : reason;
    if (callback !== undefined) rejectCallback(callback, error);
    this.#tell('dropped', data, error);
  }

  #tell<E extends keyof ReconnectingEvents>(event: E, ...args: ReconnectingEvents[E]): void {
    this.#context.runInAsyncScope(() => {
      callIsolated(() => this.emit(event, ...(args as never)));
    });
  }

  /** The application's own failure as that of an attempt. */
  #wrapped(cause: unknown): HandshakeError {
    const url = new URL(this.#url);
    return new HandshakeError('ERR_HANDSHAKE_UNREACHABLE', { url, detail: String(cause), cause });
  }
}

/** What a loop throws after a final failure; nothing after a normal end. */
function faultOf(last: ReconnectFailure): Error | undefined {
  if (last instanceof HandshakeError) return last;
  const { code, reason, cause } = last;
  if (code === 1000) return undefined;
  return new ConnectionError('ERR_CONNECTION_CLOSED', {
    cause,
    detail: `${code} ${reason}`.trim(),
  });
}

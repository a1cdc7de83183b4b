import { EventEmitter } from 'node:events';
import type { CloseInfo } from './close-info.js';
import { CONNECTION_ERRORS, ConnectionError } from './connection-error.js';
import type { ConnectionEmitter } from '../events.js';
import type { ConnectionSettings } from '../settings.js';
import type { Deadline } from '../limits/deadlines.js';
import { publishClosed, publishFailed } from '../diagnostics.js';
import {
  CLOSING_HANDSHAKE,
  type CloseAction,
  type CloseEvent,
  type CloseState,
} from '../../protocol/framing/closing-handshake.js';
import {
  CloseCode,
  type ClosePayload,
  formatClosePayload,
  MAX_REASON_BYTES,
  parseClosePayload,
} from '../../protocol/framing/close-frame.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import type { Sender } from '../send/sender.js';
import { SLOW_CLOSE_TIMEOUT } from '../send/admission.js';
import { callIsolated } from '../call-isolated.js';

/** What the end of a connection needs and the rest of its life does not. */
class CloseProgress {
  deadline: Deadline | undefined;
  replyDeadline: Deadline | undefined;
  /** Payload of the Close to be sent. */
  payload: Buffer | undefined;
  sent: ClosePayload | undefined;
  received: ClosePayload | undefined;
  initiator: CloseInfo['initiator'] = 'local';
  cause: Error | undefined;
  /** We failed the connection, with the Close that was sent. */
  failed = false;
  /** Milliseconds that it may take at most. */
  timeout = Infinity;
  waiters: ((info: CloseInfo) => void)[] = [];
}

/**
 * The end of a connection. What happens when is decided by the table in close-handshake.ts; this
 * carries it out, keeps the deadlines and remembers who closed and why.
 */
export class Closing {
  readonly #connection: ConnectionEmitter;
  readonly #settings: ConnectionSettings;
  readonly #sender: Sender;
  #state: CloseState = 'open';
  /** Made when something ends: an open connection pays for none. */
  #lazyProgress: CloseProgress | undefined;
  #info: CloseInfo | undefined;

  constructor(connection: ConnectionEmitter, settings: ConnectionSettings, sender: Sender) {
    this.#connection = connection;
    this.#settings = settings;
    this.#sender = sender;
  }

  get #progress(): CloseProgress {
    return (this.#lazyProgress ??= new CloseProgress());
  }

  get state(): CloseState {
    return this.#state;
  }

  /** `undefined` until the transport is gone. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /** The application closes. @throws RangeError, TypeError for what must not be sent. */
  close(code: number, reason: string): Promise<CloseInfo> {
    const payload = formatClosePayload(code, reason);
    if (this.#state === 'open' || this.#state === 'replying') {
      this.#progress.payload = payload;
      this.#step('localClose');
    }
    if (this.#info !== undefined) return Promise.resolve(this.#info);
    return new Promise((resolve) => this.#progress.waiters.push(resolve));
  }

  /** A limit of this side ends an open connection: tell the peer which. */
  closeGoingAway(cause: ConnectionError): void {
    this.#progress.cause = cause;
    this.#progress.payload = formatClosePayload(CloseCode.GoingAway, cause.message);
    this.#step('localClose');
  }

  /** The peer of an open connection is as good as gone: cut the transport. */
  terminateUnresponsive(cause: ConnectionError): void {
    this.#progress.cause = cause;
    this.#step('terminate');
    this.#report(cause);
  }

  terminate(): void {
    this.cut(new ConnectionError('ERR_TERMINATED'));
  }

  /** Cut the transport now, for this reason unless there is one already. */
  cut(reason: Error): void {
    if (this.#state !== 'closed') this.#progress.cause ??= reason;
    this.#step('terminate');
  }

  /** A Close frame came. */
  peerClose(received: ClosePayload): void {
    this.#progress.received = received;
    if (this.#state === 'open') this.#progress.initiator = 'peer';
    this.#step('peerClose');
  }

  /** The peer broke a rule: fail the WebSocket Connection (RFC 6455 section 7.1.7). */
  fail(error: ProtocolError): void {
    // What is read from bytes that came before terminate(), or a reset, changes nothing any more.
    if (CLOSING_HANDSHAKE[this.#state].failure === undefined) return;
    this.#settings.counters.countProtocolError(error);
    this.#fail(error, error.closeCode, error.message.slice(0, MAX_REASON_BYTES));
    this.#report(error);
  }

  /** The peer does not take what waits for it: that is discarded, a Close tried, and the transport soon cut. */
  tooSlow(error: ConnectionError): void {
    if (this.#state !== 'open') return;
    this.#sender.discard(error);
    this.#progress.timeout = SLOW_CLOSE_TIMEOUT;
    // The numbers are the operator's, not the peer's.
    this.#fail(error, CloseCode.TryAgainLater, CONNECTION_ERRORS[error.code]);
    // A listener must not interrupt the application's send(), or its broadcast to all the others.
    callIsolated(() => {
      this.#report(error);
    });
  }

  /** A message that was taken cannot be sent. What was sent before it leaves, and then a Close with 1011. */
  unsendable(error: Error): void {
    const ending = this.#progress;
    const told = error instanceof ConnectionError ? CONNECTION_ERRORS[error.code] : '';
    if (this.#state === 'open') {
      this.#fail(error, CloseCode.InternalError, told);
    } else if (this.#state === 'replying' || ending.sent !== undefined) {
      ending.cause ??= error;
      ending.failed = true;
      ending.payload = formatClosePayload(CloseCode.InternalError, told);
      // A Close that stood behind the message was discarded with the rest.
      if (this.#state === 'replying') this.#step('reply');
      else this.#perform('sendClose');
    } else {
      return; // the transport ends without a Close
    }
    // A listener must not interrupt the application's send(), nor the writes of other connections.
    callIsolated(() => {
      this.#report(error);
    });
  }

  /** The peer ended its half of the transport. */
  peerEnd(): void {
    if (this.#state === 'open') this.#progress.initiator = 'transport';
    if (this.#state === 'open' || this.#state === 'closing') {
      this.#progress.cause ??= new ConnectionError('ERR_TRANSPORT_ENDED');
    }
    this.#step('peerEnd');
  }

  /** The transport failed; its `'close'` follows. */
  transportError(error: Error): void {
    this.#progress.cause ??= error;
    if (this.#state !== 'open') return;
    this.#progress.initiator = 'transport';
    this.#report(error);
  }

  /** The transport is gone: nothing can be sent any more. `transportClose` follows when all has been read. */
  transportGone(): void {
    if (this.#state === 'open') this.#progress.initiator = 'transport';
    this.#step('transportClosed');
  }

  /** After `transportGone`: what came on the transport has been handled. */
  transportClose(): void {
    this.#step('inputDrained');
  }

  #fail(error: Error, code: number, reason: string): void {
    this.#progress.cause = error;
    this.#progress.failed = true;
    this.#progress.payload = formatClosePayload(code, reason);
    this.#step('failure');
  }

  #step(event: CloseEvent): void {
    const transition = CLOSING_HANDSHAKE[this.#state][event];
    if (transition === undefined) return;
    this.#state = transition.next;
    this.#sender.stop();
    for (const action of transition.actions) this.#perform(action);
  }

  #perform(action: CloseAction): void {
    switch (action) {
      case 'sendClose':
        this.#progress.sent = parseClosePayload(this.#progress.payload!);
        this.#sender.close(this.#progress.payload!);
        break;
      case 'requestReply':
        this.#requestReply();
        break;
      case 'startDeadline':
        this.#startDeadline();
        break;
      case 'end':
        this.#sender.end();
        break;
      case 'destroy':
        this.#sender.outbox.destroy();
        break;
      case 'emitClose':
        this.#emitClose();
        break;
    }
  }

  #startDeadline(): void {
    const { deadlines, closeTimeout } = this.#settings;
    const ending = this.#progress;
    ending.deadline = deadlines.start(Math.min(closeTimeout, ending.timeout), () => {
      ending.cause ??= new ConnectionError('ERR_CLOSE_TIMEOUT');
      this.#step('deadline');
    });
  }

  /** Echo the peer's code (section 5.5.1), unless the application wants to answer. */
  #requestReply(): void {
    const { code, reason } = this.#progress.received!;
    this.#progress.payload = formatClosePayload(code);
    if (this.#connection.listenerCount('closing') === 0) {
      this.#step('reply');
      return;
    }
    const { deadlines, closeTimeout } = this.#settings;
    this.#progress.replyDeadline = deadlines.start(closeTimeout / 2, () => {
      this.#step('reply');
    });
    this.#connection.emit('closing', code, reason, (replyCode = code, replyReason = '') => {
      const payload = formatClosePayload(replyCode, replyReason);
      this.#progress.payload = payload;
      this.#step('reply');
    });
  }

  /** Tell that the connection has failed, in its own async context. */
  #report(error: Error): void {
    this.#sender.context.runInAsyncScope(this.#tell, this, error);
  }

  #tell(error: Error): void {
    publishFailed(this.#connection, error);
    this.#settings.observer?.failed(error, this.#connection);
    // Without a listener `emit('error')` would throw, even where a monitor has heard it.
    const heard = this.#connection.listenerCount('error') > 0;
    this.#connection.emit(heard ? 'error' : EventEmitter.errorMonitor, error);
  }

  #emitClose(): void {
    const ending = this.#progress;
    ending.deadline?.cancel();
    ending.replyDeadline?.cancel();
    const info = toCloseInfo(ending);
    this.#info = info;
    this.#sender.onTransportClosed(
      new ConnectionError('ERR_CONNECTION_CLOSED', { cause: ending.cause }),
    );
    this.#settings.counters.countClose(info);
    publishClosed(this.#connection, info);
    this.#settings.observer?.closed(this.#connection);
    for (const resolve of ending.waiters) resolve(info);
    this.#connection.emit('close', info.code, info.reason, info);
  }
}

function toCloseInfo({ cause, failed, sent, received, initiator }: CloseProgress): CloseInfo {
  const { code, reason } = (failed ? sent : received) ?? {
    code: CloseCode.AbnormalClosure,
    reason: '',
  };
  return {
    code,
    reason,
    clean: sent !== undefined && received !== undefined,
    initiator,
    ...(cause === undefined ? {} : { cause }),
  };
}

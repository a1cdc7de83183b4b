import type { CloseInfo } from './close-info.js';
import { ConnectionError } from './connection-error.js';
import type { ClosingOwner } from './owner.js';
import type { Deadline } from '../limits/deadlines.js';
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
} from '../../protocol/framing/close-frame.js';

/** The states as applications see them. */
const READY_STATE = {
  open: 'open',
  closing: 'closing',
  replying: 'closing',
  ending: 'closing',
  closed: 'closed',
} as const;

/** The fields that only a connection that is ending needs. */
class CloseProgress {
  deadline: Deadline | undefined;
  replyDeadline: Deadline | undefined;
  /** The Close to be sent, and its payload. */
  close: ClosePayload | undefined;
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
 * The end of a connection. The table in closing-handshake.ts decides what happens when; this class
 * carries it out, keeps the deadlines and remembers which side closed and why.
 */
export class Closing {
  readonly #owner: ClosingOwner;
  #state: CloseState = 'open';
  /** Made when the end begins: an open connection does not pay for it. */
  #lazyProgress: CloseProgress | undefined;
  #info: CloseInfo | undefined;

  constructor(owner: ClosingOwner) {
    this.#owner = owner;
  }

  private progress(): CloseProgress {
    return (this.#lazyProgress ??= new CloseProgress());
  }

  get state(): CloseState {
    return this.#state;
  }

  get readyState(): 'open' | 'closing' | 'closed' {
    return READY_STATE[this.#state];
  }

  /** `undefined` until the connection has ended. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /** We have failed the connection (section 7.1.7), instead of closing it. */
  get hasFailed(): boolean {
    return this.#lazyProgress?.failed === true;
  }

  /** The peer's Close, if it has come. */
  get received(): ClosePayload | undefined {
    return this.#lazyProgress?.received;
  }

  /** Both Closes were exchanged and nothing failed, so the peer's end of the transport tells nothing new. */
  get isComplete(): boolean {
    const ending = this.#lazyProgress;
    return ending?.sent !== undefined && ending.received !== undefined && !ending.failed;
  }

  /** How the connection ended, once it has. */
  whenClosed(): Promise<CloseInfo> {
    if (this.#info !== undefined) return Promise.resolve(this.#info);
    return new Promise((resolve) => this.progress().waiters.push(resolve));
  }

  /**
   * Start the closing handshake (RFC 6455 section 7.1.2), or answer the peer's Close.
   *
   * @throws RangeError, TypeError for what must not be sent.
   */
  startClosing(code: number, reason: string, cause?: ConnectionError): void {
    const payload = formatClosePayload(code, reason);
    if (this.#state !== 'open' && this.#state !== 'replying') return;
    if (cause !== undefined) this.progress().cause = cause;
    this.progress().close = { code, reason };
    this.progress().payload = payload;
    this.step('localClose');
  }

  /**
   * Fail the WebSocket Connection (section 7.1.7).
   *
   * @param timeout milliseconds that the end may take at most, if that is less than `closeTimeout`.
   * @returns `false` if it has already ended: nothing changes.
   */
  fail(error: Error, code: number, reason: string, timeout: number = Infinity): boolean {
    // After terminate() or a reset, bytes that came before are still read. They change nothing any more.
    if (CLOSING_HANDSHAKE[this.#state].failure === undefined) return false;
    this.progress().cause = error;
    this.progress().failed = true;
    this.progress().timeout = timeout;
    this.setClose(code, reason);
    this.step('failure');
    return true;
  }

  /**
   * A message cannot be sent: send this Close in place of the one that is queued after it, or of the
   * application's answer. To replace a queued Close is the one thing that the table does not decide:
   * the state stays, and the peer still gets one Close.
   *
   * @returns `false` if the transport ends without a Close.
   */
  replaceClose(error: Error, code: number, reason: string): boolean {
    const ending = this.progress();
    if (this.#state !== 'replying' && ending.sent === undefined) return false;
    ending.cause ??= error;
    ending.failed = true;
    this.setClose(code, reason);
    if (this.#state === 'replying') this.step('reply');
    else this.perform('sendClose');
    return true;
  }

  /** Close the transport now (section 7.1.1), for this reason unless there is one already. */
  terminate(cause: Error): void {
    if (this.#state !== 'closed') this.progress().cause ??= cause;
    this.step('terminate');
  }

  onCloseFrame(received: ClosePayload): void {
    this.progress().received = received;
    if (this.#state === 'open') this.progress().initiator = 'peer';
    this.step('peerClose');
  }

  /** The peer ended its half of the transport. */
  onEnd(): void {
    if (this.#state === 'open') this.progress().initiator = 'transport';
    if (this.#state === 'open' || this.#state === 'closing') {
      this.progress().cause ??= new ConnectionError('ERR_TRANSPORT_ENDED');
    }
    this.step('peerEnd');
  }

  /** The transport failed; {@link onTransportClosed} follows. */
  onError(error: Error): void {
    const isFirst = this.progress().cause === undefined;
    this.progress().cause ??= error;
    if (this.#state !== 'open' || !isFirst) return;
    this.progress().initiator = 'transport';
    this.#owner.report(error);
  }

  /** The transport has closed: nothing can be sent any more. {@link onInputDrained} follows. */
  onTransportClosed(): void {
    if (this.#state === 'open') this.progress().initiator = 'transport';
    this.step('transportClosed');
  }

  /** After {@link onTransportClosed}: what came on the transport has been handled. */
  onInputDrained(): void {
    this.step('inputDrained');
  }

  private setClose(code: number, reason: string): void {
    this.progress().close = { code, reason };
    this.progress().payload = formatClosePayload(code, reason);
  }

  private step(event: CloseEvent): void {
    const transition = CLOSING_HANDSHAKE[this.#state][event];
    if (transition === undefined) return;
    this.#state = transition.next;
    this.#owner.stopSending();
    try {
      for (const action of transition.actions) this.perform(action);
    } finally {
      this.#owner.afterStep();
    }
  }

  private perform(action: CloseAction): void {
    switch (action) {
      case 'sendClose':
        this.progress().sent = this.progress().close;
        this.#owner.sendClose(this.progress().payload!);
        break;
      case 'requestReply':
        this.requestReply();
        break;
      case 'startDeadline':
        this.startDeadline();
        break;
      case 'end':
        this.#owner.endSocket();
        break;
      case 'destroy':
        this.#owner.destroySocket();
        break;
      case 'emitClose':
        this.emitClose();
        break;
    }
  }

  private startDeadline(): void {
    const { deadlines, closeTimeout } = this.#owner.settings;
    const ending = this.progress();
    ending.deadline = deadlines.start(Math.min(closeTimeout, ending.timeout), () => {
      ending.cause ??= new ConnectionError('ERR_CLOSE_TIMEOUT');
      this.step('deadline');
    });
  }

  /** Echo the peer's code (section 5.5.1), unless the application wants to answer. */
  private requestReply(): void {
    const { code, reason } = this.progress().received!;
    this.setClose(code, '');
    if (this.#owner.emitter.listenerCount('closing') === 0) {
      this.step('reply');
      return;
    }
    const { deadlines, closeTimeout } = this.#owner.settings;
    this.progress().replyDeadline = deadlines.start(closeTimeout / 2, () => {
      this.step('reply');
    });
    this.#owner.emitter.emit('closing', code, reason, (replyCode = code, replyReason = '') => {
      this.setClose(replyCode, replyReason);
      this.step('reply');
    });
  }

  private emitClose(): void {
    const ending = this.progress();
    ending.deadline?.cancel();
    ending.replyDeadline?.cancel();
    const info = toCloseInfo(ending);
    this.#info = info;
    this.#owner.onClosed(info);
    for (const resolve of ending.waiters) resolve(info);
    this.#owner.emitter.emit('close', info.code, info.reason, info);
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

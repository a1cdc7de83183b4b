import type { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { callIsolated } from './call-isolated.js';
import type { CloseInfo } from './close/close-info.js';
import { CONNECTION_ERRORS, ConnectionError } from './close/connection-error.js';
import { Closing } from './close/closing.js';
import type { ClosingOwner } from './close/owner.js';
import { publishClosed, publishFailed } from './diagnostics.js';
import type { ConnectionEmitter } from './events.js';
import type { Account, BudgetMember } from './limits/buffer-budget.js';
import { HeartbeatTarget } from './limits/keepalive.js';
import type { ReceiverOwner } from './receive/owner.js';
import { Receiver } from './receive/receiver.js';
import { evict, failSlowConsumer, type SlowConsumer } from './send/slow-consumer.js';
import type { Outbox } from './send/outbox.js';
import type { SenderOwner } from './send/owner.js';
import { Sender } from './send/sender.js';
import type { ConnectionDetails, ConnectionSettings } from './settings.js';
import { Subscriptions } from './subscriptions.js';
import { releaseWhenFinished } from './transport.js';
import { listenTo, startReading, type TransportReader } from './transport-events.js';
import { CloseCode, type ClosePayload, MAX_REASON_BYTES } from '../protocol/framing/close-frame.js';
import type { CloseState } from '../protocol/framing/closing-handshake.js';
import type { ProtocolError } from '../protocol/framing/protocol-error.js';

/**
 * The owner of one connection's parts: its socket, its sending half, its receiving half and its end.
 * They know only their owner, each by the interface in its folder. What happens between them happens
 * here: a Close of the peer reaches the end, a failure stops both halves, and sockets are paused
 * ({@link pauseSocket}). The heartbeat watches the session, and the budget charges it.
 */
export class Session
  extends HeartbeatTarget
  implements SenderOwner, ReceiverOwner, ClosingOwner, BudgetMember, SlowConsumer, TransportReader
{
  readonly emitter: ConnectionEmitter;
  readonly settings: ConnectionSettings;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly closing: Closing;
  readonly #socket: Duplex;
  /** See {@link subscriptions}. */
  #subscriptions: Subscriptions | undefined;

  constructor(
    emitter: ConnectionEmitter,
    socket: Duplex,
    settings: ConnectionSettings,
    details: Pick<ConnectionDetails<unknown>, 'nodeSocket' | 'compression' | 'decoder'> = {},
  ) {
    super();
    const { nodeSocket, compression, decoder = settings.decoder } = details;
    this.emitter = emitter;
    this.settings = settings;
    this.#socket = socket;
    this.sender = new Sender(this, socket, nodeSocket, compression);
    this.closing = new Closing(this);
    this.receiver = new Receiver(this, decoder, compression);
    settings.heartbeat.add(this);
    listenTo(socket, this);
  }

  /** Begin to read, with what came in the same packet as the handshake. */
  start(head: Buffer): void {
    const { nodeSocket } = this.outbox;
    if (nodeSocket !== undefined) this.receiver.adoptSocket(this.#socket);
    startReading(this.#socket, nodeSocket); // after `head`
    if (head.length > 0) this.onData(head);
    // If the peer has already ended its half, the socket does not emit 'end' again.
    if (this.#socket.readableEnded) this.receiver.end();
  }

  /** The async context in which the connection was made, which is that of its upgrade. */
  get context(): AsyncResource {
    return this.receiver;
  }

  get state(): CloseState {
    return this.closing.state;
  }

  get cause(): Error | undefined {
    return this.closing.info?.cause;
  }

  get isOpen(): boolean {
    return this.closing.state === 'open';
  }

  get isReadPaused(): boolean {
    return this.receiver.isStopped;
  }

  get outbox(): Outbox {
    return this.sender.outbox;
  }

  /** The connection's topics; made when they are first needed. */
  get subscriptions(): Subscriptions {
    return (this.#subscriptions ??= new Subscriptions(this.settings.topics, this.emitter));
  }

  get account(): Account | undefined {
    return this.settings.budget?.accountOf(this);
  }

  markMessageActivity(): void {
    this.lastMessageAt = this.settings.heartbeat.now;
  }

  // What comes from the transport.

  /** @param owned see `FrameDecoder.pushOwned`. */
  onData(chunk: Buffer, owned = false): void {
    if (this.receiver.isTerminated) return;
    this.settings.counters.bytesReceived += chunk.length;
    this.lastReceivedAt = this.settings.heartbeat.now;
    this.receiver.push(chunk, owned);
  }

  onTransportEnd(): void {
    this.receiver.end();
  }

  onTransportError(error: Error): void {
    this.closing.onError(error);
  }

  onTransportClosed(): void {
    this.closing.onTransportClosed();
    this.receiver.close();
  }

  /** Send the Pong that answers a Ping, unless the peer's Close has come. While the socket is backpressured, the newest Pong replaces the others. */
  answerPing(payload: Buffer): void {
    if (this.state === 'open' || this.state === 'closing') this.outbox.pong(payload);
  }

  takePong(payload: Buffer): boolean {
    const { ping } = this;
    const isBeat = this.settings.heartbeat.pong(this, payload);
    const beat = isBeat && this.ping === undefined ? ping?.end : undefined;
    return this.sender.onPong(payload, beat) || isBeat;
  }

  onCloseFrame(received: ClosePayload): void {
    this.closing.onCloseFrame(received);
  }

  onEnd(): void {
    this.closing.onEnd();
  }

  onInputDrained(): void {
    this.closing.onInputDrained();
  }

  // Our side of the end: start the closing handshake, fail the connection, terminate.

  /** See `WebSocketConnection.close`. */
  close(code: number, reason: string): Promise<CloseInfo> {
    this.closing.startClosing(code, reason);
    this.receiver.scheduleRead(); // reading may have stopped, but the peer's Close must be seen
    return this.closing.whenClosed();
  }

  /** A limit of this side has been reached. */
  closeGoingAway(cause: ConnectionError): void {
    this.closing.startClosing(CloseCode.GoingAway, cause.message, cause);
    this.receiver.scheduleRead(); // reading may have stopped, but the peer's Close must be seen
  }

  failProtocol(error: ProtocolError): void {
    const reason = error.message.slice(0, MAX_REASON_BYTES);
    if (!this.closing.fail(error, error.closeCode, reason)) return;
    this.settings.counters.countProtocolError(error);
    this.report(error);
  }

  failSlowConsumer(error: ConnectionError): void {
    failSlowConsumer(this, error);
  }

  unsendable(error: ConnectionError): void {
    const reason = CONNECTION_ERRORS[error.code];
    if (this.isOpen) {
      this.receiver.stopDecoding();
      this.closing.fail(error, CloseCode.InternalError, reason);
    } else if (!this.closing.replaceClose(error, CloseCode.InternalError, reason)) {
      return; // the transport ends without a Close
    }
    this.reportIsolated(error);
  }

  evict(error: ConnectionError): void {
    evict(this, error);
  }

  /** See `WebSocketConnection.terminate`. */
  terminate(): void {
    this.receiver.terminate();
    this.closing.terminate(new ConnectionError('ERR_TERMINATED'));
  }

  /** The peer does not answer the heartbeat. */
  terminateUnresponsive(cause: ConnectionError): void {
    this.closing.terminate(cause);
    this.report(cause);
  }

  /** See `WebSocketConnection.unref`. A transport in memory keeps no process running. */
  unref(): void {
    (this.#socket as { unref?(): unknown }).unref?.();
  }

  /** Report that the connection has failed, in its own async context. */
  report(error: Error): void {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with `this`
    this.context.runInAsyncScope(this.emitError, this, error);
  }

  /** Unregister the connection. This is the only list of what it was registered with. */
  onClosed(info: CloseInfo): void {
    const { budget, counters, heartbeat, observer } = this.settings;
    this.sender.onTransportClosed(
      new ConnectionError('ERR_CONNECTION_CLOSED', { cause: info.cause }),
    );
    this.receiver.cancelTimers();
    heartbeat.remove(this);
    budget?.leave(this);
    counters.countClose(info);
    publishClosed(this.emitter, info);
    observer?.closed(this.emitter);
  }

  // For the parts: calls that go to another part or to the socket.

  cork(): boolean {
    return this.outbox.cork();
  }

  flush(): void {
    this.outbox.flush();
  }

  stopSending(): void {
    this.sender.stop();
    this.#subscriptions?.leave();
  }

  afterStep(): void {
    this.#subscriptions?.announce();
    if (this.closing.info !== undefined) this.#subscriptions?.clear();
  }

  sendClose(payload: Buffer): void {
    this.sender.close(payload);
  }

  endSocket(): void {
    if (this.closing.isComplete) releaseWhenFinished(this.#socket);
    this.sender.end();
  }

  destroySocket(): void {
    this.outbox.destroy();
  }

  onHeld(bytes: number): void {
    this.settings.budget?.received(this, bytes);
  }

  pauseSocket(isShort: boolean): void {
    // A Pong that arrives while reading is paused cannot be used to measure the latency.
    if (!isShort && this.ping !== undefined) this.ping.sentAt = undefined;
    this.#socket.pause();
  }

  resumeSocket(): void {
    // What the peer has sent meanwhile is read now: the time of its silence begins again.
    this.lastReceivedAt = this.lastMessageAt = this.settings.heartbeat.now;
    this.#socket.resume();
  }

  /** {@link report}. A listener must not interrupt the application's `send`, nor what goes to other connections. */
  reportIsolated(error: Error): void {
    callIsolated(() => {
      this.report(error);
    });
  }

  private emitError(error: Error): void {
    publishFailed(this.emitter, error);
    this.settings.observer?.failed(error, this.emitter);
    // Without a listener `emit('error')` would throw, even if there is a monitor.
    const hasListener = this.emitter.listenerCount('error') > 0;
    this.emitter.emit(hasListener ? 'error' : EventEmitter.errorMonitor, error);
  }
}

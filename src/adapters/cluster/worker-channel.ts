import { isOurs, type Notice, type Operation, toPrimary, type ToPrimary } from './wire.js';

/** What is used of `process`. */
export interface WorkerProcess {
  readonly connected: boolean;
  send?(
    message: ToPrimary,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ): boolean;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  off(event: 'message', listener: (message: unknown) => void): unknown;
  off(event: 'disconnect', listener: () => void): unknown;
}

/** A broker, as its process sees it. */
export interface Member {
  readonly id: string;
  notice(notice: Notice): void;
  /** Bytes have left. */
  sent(): void;
  /** The primary is gone. */
  disconnected(): void;
}

/** The channel from a worker to the primary, which the brokers of the worker share: one message a tick. */
export class WorkerChannel {
  readonly #process: WorkerProcess;
  readonly #members = new Set<Member>();
  #operations: [string, Operation][] = [];
  #queuedBytes = 0;
  #sendingBytes = 0;

  constructor(process: WorkerProcess) {
    this.#process = process;
  }

  get isConnected(): boolean {
    return this.#process.connected;
  }

  /** Bytes of envelopes that wait, here and in the channel. */
  get backlog(): number {
    return this.#queuedBytes + this.#sendingBytes;
  }

  add(member: Member): void {
    if (this.#members.size === 0) {
      this.#process.on('message', this.#receive);
      this.#process.on('disconnect', this.#disconnected);
    }
    this.#members.add(member);
  }

  remove(member: Member): void {
    if (!this.#members.delete(member) || this.#members.size > 0) return;
    this.#process.off('message', this.#receive);
    this.#process.off('disconnect', this.#disconnected);
  }

  /** Send at the end of the tick. */
  post({ id }: Member, operation: Operation): void {
    if (this.#operations.push([id, operation]) === 1) process.nextTick(this.#flush);
    if (operation[0] === 'publish') this.#queuedBytes += operation[2].byteLength;
  }

  readonly #flush = (): void => {
    const operations = this.#operations;
    const bytes = this.#queuedBytes;
    this.#operations = [];
    this.#queuedBytes = 0;
    if (!this.#process.connected) return; // and #disconnected has told so, or will
    this.#sendingBytes += bytes;
    // With a callback an error is no event. A channel that fails is closed, which is an event of its own.
    this.#process.send?.(toPrimary(operations), undefined, undefined, () => {
      this.#sendingBytes -= bytes;
      for (const member of this.#members) member.sent();
    });
  };

  readonly #receive = (message: unknown): void => {
    if (!isOurs(message)) return;
    for (const notice of message.notices) {
      for (const member of this.#members) member.notice(notice);
    }
  };

  readonly #disconnected = (): void => {
    for (const member of this.#members) member.disconnected();
  };
}

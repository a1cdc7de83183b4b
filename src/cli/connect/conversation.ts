import type { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { HandshakeError, type ReconnectFailure } from '../../client/index.js';
import type { ReconnectingConnection } from '../../client/index.js';
import type { WebSocketConnection } from '../../index.js';
import { type BinaryEncoding, bytesOf } from '../binary-text.js';
import { ExitStatus } from '../command.js';
import { statusOfClose } from '../explain-close.js';
import { explainFailure } from '../explain-failure.js';
import type { Terminal } from '../terminal.js';
import { UsageError } from '../arguments.js';
import type { Transcript } from './transcript.js';

/** How a conversation goes. Durations are ms. */
export interface ConversationOptions {
  /** What lines stand for: bytes in this encoding; `undefined` for Text. */
  readonly encoding: BinaryEncoding | undefined;
  /** The time between two Pings; `undefined` for those of the heartbeat alone. */
  readonly pingInterval: number | undefined;
  /** The time for answers after the end of the input; Infinity to go on until the server closes. */
  readonly wait: number;
}

/** Lines of a terminal become messages, and messages become lines. */
export class Conversation {
  readonly #link: ReconnectingConnection;
  readonly #terminal: Terminal;
  readonly #transcript: Transcript;
  readonly #options: ConversationOptions;
  /** When the current attempt began, and later when the connection opened. */
  #since = performance.now();
  #isOver = false;
  /** Messages that did not leave. */
  #unsent = 0;
  #interrupts = 0;
  /** Wakes the line that waits for a connection. */
  #wake: (() => void) | undefined;
  #resolve!: (status: number) => void;
  #reject!: (reason: unknown) => void;

  constructor(
    link: ReconnectingConnection,
    terminal: Terminal,
    transcript: Transcript,
    options: ConversationOptions,
  ) {
    this.#link = link;
    this.#terminal = terminal;
    this.#transcript = transcript;
    this.#options = options;
  }

  /** Talk until one end closes. @returns the status to exit with. Rejects with UsageError for piped lines that are not in the encoding. */
  run(): Promise<number> {
    const link = this.#link;
    link.on('open', (connection) => {
      this.#open(connection);
    });
    link.on('down', (last, delay) => {
      this.#ended(last);
      this.#since += delay;
      this.#transcript.waits(delay);
    });
    link.on('giveUp', (last) => {
      this.#finish(this.#ended(last));
    });
    this.#terminal.onInterrupt(() => {
      this.#interrupt();
    });
    const done = new Promise<number>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#sendLines().catch((error: unknown) => {
      // The end of a conversation ends its input in the middle.
      if (this.#isOver) return;
      void link.close();
      this.#isOver = true;
      this.#reject(error);
    });
    return done;
  }

  #open(connection: WebSocketConnection): void {
    const transcript = this.#transcript;
    transcript.opened(connection, this.#elapsed());
    this.#since = performance.now();
    connection.on('message', (data) => {
      if (transcript.received(data)) return;
      // A slow reader of the output slows the server down.
      connection.pause();
      void this.#terminal.drained().then(() => {
        connection.resume();
      });
    });
    connection.on('ping', (payload) => {
      transcript.pinged(payload);
    });
    this.#pingRegularly(connection);
    this.#wake?.();
  }

  #pingRegularly(connection: WebSocketConnection): void {
    const { pingInterval } = this.#options;
    if (pingInterval === undefined) return;
    const timer = setInterval(() => {
      connection.roundTrip().then(
        (milliseconds) => {
          this.#transcript.ponged(milliseconds);
        },
        // The connection ended first, which is told.
        () => undefined,
      );
    }, pingInterval);
    connection.on('close', () => {
      clearInterval(timer);
    });
  }

  async #sendLines(): Promise<void> {
    for await (const line of this.#terminal.lines()) {
      const data = this.#read(line);
      if (data === undefined) continue;
      const connection = await this.#connection();
      this.#transcript.sent(data);
      const goesOn = connection.send(data, (error) => {
        if (error) this.#unsent++;
      });
      if (!goesOn) await connection.drained();
    }
    await this.#connection();
    const { wait } = this.#options;
    if (wait === Infinity) return;
    if (wait > 0) await sleep(wait, undefined, { ref: false });
    await this.#end();
  }

  /** The message that a line stands for; `undefined` for a line that a person typed wrongly. */
  #read(line: string): string | Buffer | undefined {
    const { encoding } = this.#options;
    if (encoding === undefined) return line;
    const bytes = bytesOf(line, encoding);
    if (bytes !== undefined) return bytes;
    if (!this.#terminal.isInteractive) {
      throw new UsageError(`--binary ${encoding}: this line is not ${encoding}: "${line}"`);
    }
    this.#terminal.note(`Not sent: this is not ${encoding}.`, 'red');
    return undefined;
  }

  /** The open connection, or the next one. */
  async #connection(): Promise<WebSocketConnection> {
    for (;;) {
      const { connection } = this.#link;
      if (connection?.readyState === 'open') return connection;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #interrupt(): void {
    this.#interrupts++;
    if (this.#interrupts === 1) {
      void this.#end();
      return;
    }
    this.#link.connection?.terminate();
    this.#finish(ExitStatus.Interrupted);
  }

  /** Close, and wait for the answer. */
  async #end(): Promise<void> {
    if (this.#isOver) return;
    const info = await this.#link.close();
    this.#finish(info === undefined ? ExitStatus.Interrupted : this.#ended(info));
  }

  /** Tell how a connection or an attempt ended. @returns the status that it stands for. */
  #ended(last: ReconnectFailure): number {
    const open = this.#elapsed();
    this.#since = performance.now();
    if (last instanceof HandshakeError) {
      this.#transcript.failed(last);
      return explainFailure(last).status;
    }
    if (this.#isOver) return ExitStatus.Interrupted;
    this.#transcript.closed(last, open);
    return statusOfClose(last);
  }

  #elapsed(): number {
    return performance.now() - this.#since;
  }

  #finish(status: number): void {
    this.#isOver = true;
    // The callbacks of what was not sent come after the end.
    setImmediate(() => {
      const unsent = this.#unsent;
      if (unsent > 0) {
        this.#terminal.note(`${unsent} messages were not sent: the connection ended first.`, 'red');
      }
      this.#resolve(status);
    });
  }
}

import { once, on } from 'node:events';
import { createInterface, clearLine, cursorTo, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { linesOf } from './lines.js';

/** A stream that may be a terminal's. */
type Out = Writable & { readonly isTTY?: boolean | undefined };

/** The process as the commands see it. */
export interface Surroundings {
  readonly input: Readable & { readonly isTTY?: boolean | undefined };
  readonly output: Out;
  readonly errors: Out;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where `'SIGINT'` and `'SIGTERM'` are emitted. */
  readonly signals: {
    on(signal: NodeJS.Signals, listener: () => void): unknown;
    off(signal: NodeJS.Signals, listener: () => void): unknown;
  };
}

const COLOURS = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
/** The colours that a line can have. */
export type Colour = keyof typeof COLOURS;

const PROMPT = '> ';

/**
 * Where lines come from and go to: with a terminal at both ends there is a prompt, with editing and history, that
 * stays below what is printed. With pipes, lines are lines.
 */
export class Terminal {
  /** Whether a person types and reads. */
  readonly isInteractive: boolean;
  /** Whether a person reads the messages: what a peer sent must be escaped. */
  readonly isShown: boolean;
  readonly #around: Surroundings;
  readonly #paintsOutput: boolean;
  readonly #paintsErrors: boolean;
  #interface: Interface | undefined;
  #interrupt: (() => void) | undefined;
  #status = '';
  readonly #onSignal = (): void => this.#interrupt?.();

  constructor(around: Surroundings) {
    const { input, output, errors, env, signals } = around;
    this.#around = around;
    this.isShown = output.isTTY === true;
    this.isInteractive = this.isShown && input.isTTY === true;
    // https://no-color.org: any value that is not empty.
    const mayPaint = !env['NO_COLOR'] && env['TERM'] !== 'dumb';
    this.#paintsOutput = mayPaint && this.isShown;
    this.#paintsErrors = mayPaint && errors.isTTY === true;
    // The reader has left, as `head` does: nothing is lost that anything waits for.
    output.once('error', this.#onSignal);
    for (const stream of [output, errors]) stream.on('error', () => undefined);
    signals.on('SIGINT', this.#onSignal);
    signals.on('SIGTERM', this.#onSignal);
  }

  /** Calls back on Ctrl-C and SIGTERM, and if the reader of the output leaves. There is one listener at a time. */
  onInterrupt(listener: () => void): void {
    this.#interrupt = listener;
  }

  /** The lines of the input, without their ends. Ends with the input, or with Ctrl-D. */
  lines(): AsyncIterable<string> {
    return this.isInteractive ? this.#typedLines() : linesOf(this.#around.input);
  }

  async *#typedLines(): AsyncGenerator<string> {
    const { input, output } = this.#around;
    const typed = createInterface({ input, output, prompt: PROMPT, terminal: true });
    this.#interface = typed;
    typed.on('SIGINT', this.#onSignal);
    typed.on('close', () => {
      this.#interface = undefined;
      // The prompt has no line to come.
      cursorTo(output, 0);
      clearLine(output, 0);
    });
    typed.prompt();
    for await (const [line] of on(typed, 'line', { close: ['close'] })) {
      this.#prompt();
      yield line as string;
    }
  }

  /** Prompt for a line, unless the input has ended: lines that were typed before still come. */
  #prompt(): void {
    this.#interface?.prompt();
  }

  /** Print a line of the result. @returns `false` if the output takes no more for now; see `drained`. */
  print(line: string, colour?: Colour): boolean {
    const { output } = this.#around;
    return this.#above(output, this.#paintsOutput ? painted(line, colour) : line);
  }

  /** Print a line about what happens. It goes to stderr, so that a pipe gets results alone. */
  note(line: string, colour: Colour = 'dim'): void {
    const { output, errors } = this.#around;
    const text = this.#paintsErrors ? painted(line, colour) : line;
    this.#above(this.isInteractive && errors.isTTY === true ? output : errors, text);
  }

  /** Resolves when the output takes more. */
  async drained(): Promise<void> {
    const { output } = this.#around;
    if (output.writableNeedDrain) await once(output, 'drain');
  }

  /** Show one line that the next one replaces, where a person can see it. */
  status(line: string): void {
    const { errors } = this.#around;
    if (errors.isTTY !== true) return;
    this.#status = line;
    cursorTo(errors, 0);
    errors.write(line);
    clearLine(errors, 1);
  }

  /** Let the input go, so that the process can end. */
  close(): void {
    const { input, signals } = this.#around;
    this.#clearStatus();
    this.#interface?.close();
    input.destroy();
    signals.off('SIGINT', this.#onSignal);
    signals.off('SIGTERM', this.#onSignal);
  }

  /** Write a line above the prompt and what is typed after it. */
  #above(stream: Out, text: string): boolean {
    this.#clearStatus();
    if (this.#interface === undefined || stream !== this.#around.output) {
      return stream.write(`${text}\n`);
    }
    cursorTo(stream, 0);
    clearLine(stream, 0);
    const goesOn = stream.write(`${text}\n`);
    this.#interface.prompt(true);
    return goesOn;
  }

  #clearStatus(): void {
    if (this.#status === '') return;
    this.#status = '';
    cursorTo(this.#around.errors, 0);
    clearLine(this.#around.errors, 0);
  }
}

const painted = (text: string, colour: Colour | undefined): string =>
  colour === undefined ? text : `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;

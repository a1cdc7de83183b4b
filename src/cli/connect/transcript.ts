import type { Buffer } from 'node:buffer';
import type { HandshakeError } from '../../client/index.js';
import type { CloseInfo, WebSocketConnection } from '../../index.js';
import type { BinaryEncoding } from '../binary-text.js';
import { onManyLines, onOneLine } from '../escape.js';
import { explainClose } from '../explain-close.js';
import { explainFailure } from '../explain-failure.js';
import type { Terminal } from '../terminal.js';
import { durationText } from '../time-text.js';

/** Tells what happens on a connection. */
export interface Transcript {
  opened(connection: WebSocketConnection, milliseconds: number): void;
  /** @returns `false` if the output takes no more for now. */
  received(data: string | Buffer): boolean;
  sent(data: string | Buffer): void;
  pinged(payload: Buffer): void;
  /** A Pong came, so many ms after its Ping. */
  ponged(milliseconds: number): void;
  closed(info: CloseInfo, open: number): void;
  failed(error: HandshakeError): void;
  /** The next attempt begins after so many ms. */
  waits(milliseconds: number): void;
}

/** The transcript for people and pipes: messages go to stdout, all else to stderr. */
export class TextTranscript implements Transcript {
  readonly #terminal: Terminal;
  readonly #url: string;
  readonly #encoding: BinaryEncoding;
  readonly #showsPings: boolean;

  constructor(terminal: Terminal, url: string, encoding: BinaryEncoding, showsPings: boolean) {
    this.#terminal = terminal;
    this.#url = url;
    this.#encoding = encoding;
    this.#showsPings = showsPings;
  }

  opened({ subprotocol, extensions }: WebSocketConnection, milliseconds: number): void {
    const agreed = [
      ...(subprotocol === '' ? [] : [`subprotocol ${onOneLine(subprotocol)}`]),
      ...(extensions === '' ? [] : [onOneLine(extensions)]),
    ];
    const with_ = agreed.length === 0 ? '' : `, ${agreed.join(', ')}`;
    const hint = this.#terminal.isInteractive ? ' Ctrl-D closes.' : '';
    this.#terminal.note(
      `Connected to ${onOneLine(this.#url)} after ${durationText(milliseconds)}${with_}.${hint}`,
      'green',
    );
  }

  received(data: string | Buffer): boolean {
    const terminal = this.#terminal;
    const text = typeof data === 'string' ? data : data.toString(this.#encoding);
    // A program that reads gets what was sent, byte for byte.
    if (!terminal.isShown) return terminal.print(text);
    const kind = typeof data === 'string' ? '' : `(binary, ${data.length} bytes) `;
    return terminal.print(`< ${kind}${onManyLines(text)}`, 'cyan');
  }

  /** The line is on the screen already, where it was typed. */
  sent(): void {
    // Nothing to tell.
  }

  pinged(payload: Buffer): void {
    if (!this.#showsPings) return;
    const what = payload.length === 0 ? '' : `: ${onOneLine(payload.toString('latin1'))}`;
    this.#terminal.note(`Ping from the server${what}`);
  }

  ponged(milliseconds: number): void {
    this.#terminal.note(`Pong after ${durationText(milliseconds)}`);
  }

  closed(info: CloseInfo, open: number): void {
    this.#terminal.note(explainClose(info, open), info.clean ? 'dim' : 'red');
  }

  failed(error: HandshakeError): void {
    const [fact, ...more] = explainFailure(error).lines;
    this.#terminal.note(fact!, 'red');
    for (const line of more) this.#terminal.note(line, 'yellow');
  }

  waits(milliseconds: number): void {
    this.#terminal.note(`The next attempt begins in ${durationText(milliseconds)}.`);
  }
}

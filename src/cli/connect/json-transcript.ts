import { Buffer } from 'node:buffer';
import type { HandshakeError } from '../../client/index.js';
import type { CloseInfo, WebSocketConnection } from '../../index.js';
import type { BinaryEncoding } from '../binary-text.js';
import { toJson } from '../escape.js';
import { rounded } from '../time-text.js';
import { explainFailure } from '../explain-failure.js';
import type { Terminal } from '../terminal.js';
import type { Transcript } from './transcript.js';

const TEXT = 1;
const BINARY = 2;

/** The transcript for programs: one JSON object for each event, all of them on stdout. */
export class JsonTranscript implements Transcript {
  readonly #terminal: Terminal;
  readonly #url: string;
  readonly #encoding: BinaryEncoding;
  readonly #now: () => Date;

  constructor(
    terminal: Terminal,
    url: string,
    encoding: BinaryEncoding,
    now = (): Date => new Date(),
  ) {
    this.#terminal = terminal;
    this.#url = url;
    this.#encoding = encoding;
    this.#now = now;
  }

  opened(connection: WebSocketConnection, milliseconds: number): void {
    const { subprotocol, extensions, response } = connection;
    this.#tell('open', {
      url: this.#url,
      milliseconds: rounded(milliseconds),
      subprotocol,
      extensions,
      status: response?.status,
      headers: response?.headers,
    });
  }

  received(data: string | Buffer): boolean {
    return this.#message('received', data);
  }

  sent(data: string | Buffer): void {
    this.#message('sent', data);
  }

  pinged(payload: Buffer): void {
    this.#tell('ping', { direction: 'received', length: payload.length });
  }

  ponged(milliseconds: number): void {
    this.#tell('pong', { direction: 'received', milliseconds: rounded(milliseconds) });
  }

  closed({ code, reason, clean, initiator, cause }: CloseInfo, open: number): void {
    this.#tell('close', {
      code,
      reason,
      clean,
      initiator,
      cause: cause?.message,
      milliseconds: rounded(open),
    });
  }

  failed(error: HandshakeError): void {
    const { code, message, url, status, headers, body } = error;
    this.#tell('error', {
      code,
      message,
      url,
      status,
      headers,
      body: body?.toString(),
      explanation: explainFailure(error).lines,
    });
  }

  waits(milliseconds: number): void {
    this.#tell('wait', { milliseconds: rounded(milliseconds) });
  }

  #message(direction: 'sent' | 'received', data: string | Buffer): boolean {
    return this.#tell('message', {
      direction,
      ...(typeof data === 'string'
        ? { opcode: TEXT, length: Buffer.byteLength(data), data }
        : {
            opcode: BINARY,
            length: data.length,
            encoding: this.#encoding,
            data: data.toString(this.#encoding),
          }),
    });
  }

  #tell(type: string, what: object): boolean {
    return this.#terminal.print(toJson({ time: this.#now().toISOString(), type, ...what }));
  }
}

import { Buffer, isUtf8 } from 'node:buffer';
import { Writable } from 'node:stream';
import { FrameDecoder } from '../protocol/framing/frame-decoder.js';
import { Opcode } from '../protocol/framing/frame.js';
import { LONGEST_MESSAGE } from '../protocol/framing/message-buffer.js';
import { ProtocolError } from '../protocol/framing/protocol-error.js';
import { type BinaryType, toBinaryType } from './data.js';
import { PerMessageDeflate } from './per-message-deflate.js';
import { toWsError } from './ws-error.js';

/** The options of a {@link Receiver}. Others of ws, such as `skipUTF8Validation`, are ignored. */
export interface ReceiverOptions {
  /** Whether the bytes come from a client, and so are masked. @default false */
  readonly isServer?: boolean | undefined;
  /** How Binary messages are delivered. @default 'nodebuffer' */
  readonly binaryType?: BinaryType | undefined;
  /** Most bytes of a message; 0 is for no limit. @default 0 */
  readonly maxPayload?: number | undefined;
  /** What was negotiated, by name: `permessage-deflate` with a `PerMessageDeflate` that has accepted it. */
  readonly extensions?: Readonly<Record<string, PerMessageDeflate>> | undefined;
}

const EMPTY = Buffer.alloc(0);

/**
 * A Writable that reads the frames of one end of a connection: for programs that watch bytes on their way. The server
 * and client of `hawser/ws` do not use it.
 *
 * It emits `'message'` (data, isBinary), `'ping'` and `'pong'` (data), and `'conclude'` (code, reason) with a Close,
 * after which it ends. What breaks the protocol is an `'error'` with the code of ws. A chunk is left unchanged.
 */
export class Receiver extends Writable {
  readonly #decoder: FrameDecoder;
  readonly #binaryType: BinaryType;
  readonly #deflate: PerMessageDeflate | undefined;
  readonly #isMasked: boolean;

  constructor(options: ReceiverOptions = {}) {
    super();
    const { isServer = false, binaryType = 'nodebuffer', maxPayload = 0, extensions } = options;
    this.#isMasked = isServer;
    this.#binaryType = binaryType;
    this.#deflate = extensions?.[PerMessageDeflate.extensionName];
    this.#decoder = new FrameDecoder({
      role: isServer ? 'server' : 'client',
      maxPayload: maxPayload === 0 ? LONGEST_MESSAGE : maxPayload,
      rsv1: this.#deflate !== undefined,
    });
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    const decoder = this.#decoder;
    // The decoder unmasks in place, and others may read the same chunk.
    decoder.push(this.#isMasked ? Buffer.from(chunk) : chunk);
    for (;;) {
      const error = this.#next(decoder);
      if (error === 'read') break;
      if (error === undefined) continue;
      decoder.stop();
      done(error);
      return;
    }
    done();
  }

  /** Emit what comes next. @returns what is wrong with it, or `'read'` if there is nothing more. */
  #next(decoder: FrameDecoder): Error | 'read' | undefined {
    try {
      if (!decoder.next()) return 'read';
    } catch (error) {
      return toWsError(error as ProtocolError);
    }
    const { opcode, payload, compressed } = decoder;
    switch (opcode) {
      case Opcode.Ping:
        this.emit('ping', payload);
        return undefined;
      case Opcode.Pong:
        this.emit('pong', payload);
        return undefined;
      case Opcode.Close: {
        const { code, reason } = decoder.close!;
        this.emit('conclude', code, reason === '' ? EMPTY : Buffer.from(reason));
        this.end();
        return undefined;
      }
      default:
        if (compressed) return this.#inflate(payload, opcode === Opcode.Binary);
        this.#message(payload, opcode === Opcode.Binary);
        return undefined;
    }
  }

  #message(data: Buffer, isBinary: boolean): void {
    this.emit('message', isBinary ? toBinaryType(data, this.#binaryType) : data, isBinary);
  }

  #inflate(payload: Buffer, isBinary: boolean): Error | undefined {
    let message: Buffer | Error | null | undefined;
    this.#deflate!.decompress(payload, true, (error, data) => (message = error ?? data));
    const outcome = message as unknown as Buffer | Error;
    if (outcome instanceof Error) return outcome;
    if (!isBinary && !isUtf8(outcome)) {
      return toWsError(new ProtocolError('ERR_INVALID_UTF8', 'the Text message is not UTF-8'));
    }
    this.#message(outcome, isBinary);
    return undefined;
  }
}

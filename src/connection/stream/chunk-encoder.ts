import { Buffer } from 'node:buffer';
import { bytesOf } from '../../protocol/framing/payload.js';
import { show } from '../../protocol/option-checks.js';
import { encodeText } from '../../protocol/text/utf8-codec.js';
import { Utf8Validator } from '../../protocol/text/utf8-validator.js';

/** Code units of a string that are encoded at once: a long chunk is not held a second time as bytes. */
const UNITS_PER_PIECE = 64 * 1024;
const NOTHING: readonly Uint8Array[] = [];

/**
 * Turns the chunks of one message into bytes. Strings are joined before they are encoded, so a pair of
 * surrogates may be split between two of them. Bytes that are sent as Text have to be UTF-8 when joined.
 */
export class ChunkEncoder {
  readonly #binary: boolean | undefined;
  /** What the first chunk was. */
  #kind: 'strings' | 'bytes' | undefined;
  /** The first half of a pair of surrogates, at the end of the last string. */
  #half = '';
  /** Only for bytes that are sent as Text. */
  #validator: Utf8Validator | undefined;

  /** @param binary see `StreamOptions`. */
  constructor(binary: boolean | undefined) {
    this.#binary = binary;
  }

  /** Whether the message is Text; known with the first chunk. */
  get isText(): boolean {
    return !(this.#binary ?? this.#kind === 'bytes');
  }

  /**
   * The bytes of the next chunk, in pieces.
   *
   * @throws TypeError for a chunk that is neither a string nor bytes, or not of the kind of the first, and for
   * bytes that are not UTF-8 in a Text message.
   */
  encode(chunk: unknown): Iterable<Uint8Array> {
    const bytes = typeof chunk === 'string' ? undefined : bytesOf(chunk);
    if (typeof chunk !== 'string' && bytes === undefined) {
      throw new TypeError(
        `sendStream: expected each chunk of the source to be a string or bytes, got ${show(chunk)}`,
      );
    }
    const kind = bytes === undefined ? 'strings' : 'bytes';
    this.#kind ??= kind;
    if (kind !== this.#kind) {
      throw new TypeError(
        `sendStream: the chunks of a message are all strings or all bytes; after ${this.#kind} came ${show(chunk)}`,
      );
    }
    if (bytes === undefined) return this.#encodeString(chunk as string);
    if (this.isText) this.#validate(bytes);
    return [bytes];
  }

  /**
   * What is left after the last chunk.
   *
   * @throws TypeError if the bytes of a Text message end inside a character.
   */
  end(): Uint8Array | undefined {
    if (this.#validator?.complete === false) throw notUtf8();
    return this.#half === '' ? undefined : encodeText(this.#half);
  }

  #encodeString(chunk: string): Iterable<Uint8Array> {
    const text = this.#half + chunk;
    const end = text.length - (isHighSurrogate(text, text.length - 1) ? 1 : 0);
    this.#half = text.slice(end);
    return end === 0 ? NOTHING : piecesOf(text, end);
  }

  #validate(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#validator ??= new Utf8Validator();
    if (!this.#validator.push(buffer, 0, buffer.length)) throw notUtf8();
  }
}

/** The UTF-8 of a string up to a position; a pair of surrogates stays together. */
function* piecesOf(text: string, end: number): Generator<Uint8Array> {
  for (let at = 0; at < end;) {
    let next = Math.min(at + UNITS_PER_PIECE, end);
    if (next < end && isHighSurrogate(text, next - 1)) next--;
    yield encodeText(text.slice(at, next));
    at = next;
  }
}

function isHighSurrogate(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800;
}

function notUtf8(): TypeError {
  return new TypeError(
    'sendStream: the bytes of the source were to be sent as Text but are not valid UTF-8; send them as Binary',
  );
}

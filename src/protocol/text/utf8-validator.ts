import { type Buffer, isUtf8 } from 'node:buffer';
import { ProtocolError } from '../framing/protocol-error.js';

/** Below this many bytes the loop costs less than the view that the native check needs. */
const NATIVE_CHECK_FROM = 48;

/**
 * Incremental UTF-8 validation (RFC 3629; RFC 6455 section 8.1), for text that arrives in pieces.
 *
 * It rejects a byte as soon as no valid text can begin with the bytes so far. The decoder can
 * therefore fail in the middle of a frame. Text that arrives whole does not need it: the native
 * `isUtf8` checks it at once.
 */
export class Utf8Validator {
  /** Continuation bytes still owed to the character in progress. */
  #owed = 0;
  // The range that the next continuation byte must be in. It is narrower than 80..BF only right after
  // E0, ED, F0 and F4, where it excludes overlong forms, surrogates and values past U+10FFFF.
  #low = 0x80;
  #high = 0xbf;
  /** Index of the byte at which `push` found that the text is invalid. */
  faultAt = -1;

  /** Whether the text so far ends at a character boundary, so that the message may end here. */
  get complete(): boolean {
    return this.#owed === 0;
  }

  /**
   * Take the next bytes `start` to `end` of the text.
   *
   * @returns `false` once the text is invalid, whatever follows.
   */
  push(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    // Finish a character that the last piece began. Then the native check takes everything up to the
    // last character boundary, and the loop begins the character that this piece cuts. Which of the
    // two looks at a byte only changes the speed: mutants of these conditions survive.
    while (this.#owed > 0 && at < end) if (!this.#step(bytes[at++]!)) return this.#fail(at);
    if (end - at >= NATIVE_CHECK_FROM) {
      const boundary = lastBoundary(bytes, end);
      // It does not report which byte is bad; the loop finds that byte.
      if (isUtf8(bytes.subarray(at, boundary))) at = boundary;
    }
    while (at < end) if (!this.#step(bytes[at++]!)) return this.#fail(at);
    return true;
  }

  /** @param next index after the invalid byte. */
  #fail(next: number): false {
    this.faultAt = next - 1;
    return false;
  }

  #step(byte: number): boolean {
    if (this.#owed > 0) {
      if (byte < this.#low || byte > this.#high) return false;
      this.#owed--;
      this.#low = 0x80;
      this.#high = 0xbf;
      return true;
    }
    if (byte < 0x80) return true;
    if (byte < 0xc2 || byte > 0xf4) return false; // a stray continuation, overlong C0 C1, past F4
    if (byte < 0xe0) {
      this.#owed = 1;
    } else if (byte < 0xf0) {
      this.#owed = 2;
      if (byte === 0xe0) this.#low = 0xa0; // below: overlong
      if (byte === 0xed) this.#high = 0x9f; // above: surrogates
    } else {
      this.#owed = 3;
      if (byte === 0xf0) this.#low = 0x90; // below: overlong
      if (byte === 0xf4) this.#high = 0x8f; // above: past U+10FFFF
    }
    return true;
  }
}

/**
 * The error for a Text message that lies whole in `bytes`, from `start` to `end`, and is not UTF-8.
 *
 * @param offset position of the first of `bytes` in the stream.
 */
export function invalidText(
  bytes: Buffer,
  start: number,
  end: number,
  offset: number,
): ProtocolError {
  const validator = new Utf8Validator();
  return validator.push(bytes, start, end)
    ? cutCharacter(offset + end)
    : invalidByte(bytes, validator.faultAt, offset);
}

/** The error for the byte of a Text message at which `Utf8Validator` failed; `offset` as above. */
export function invalidByte(bytes: Buffer, faultAt: number, offset: number): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_UTF8',
    `byte ${offset + faultAt}: a Text message has 0x${bytes.toString('hex', faultAt, faultAt + 1)} where UTF-8 cannot have it; send bytes as Binary (RFC 6455 section 8.1)`,
  );
}

/** The error for a Text message that ends inside a character, at the byte `offset` of the stream. */
export function cutCharacter(offset: number): ProtocolError {
  return new ProtocolError(
    'ERR_INVALID_UTF8',
    `byte ${offset}: a Text message ends inside a character of UTF-8; was it cut by bytes? (RFC 6455 section 8.1)`,
  );
}

/**
 * The beginning of the last character that could be incomplete: at most three bytes before the end.
 * To stop earlier than needed does no harm, nor does C0, which both checks reject: mutants of these
 * survive, too.
 */
function lastBoundary(bytes: Buffer, end: number): number {
  for (let at = end - 1; at >= end - 3; at--) {
    if (bytes[at]! >= 0xc0) return at; // a leading byte: leave it and its continuations to #step
    if (bytes[at]! < 0x80) return end;
  }
  return end;
}

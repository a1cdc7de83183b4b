import { type Buffer, isUtf8 } from 'node:buffer';

/** Below this many bytes the loop is cheaper than the view that the native check needs. */
const NATIVE_CHECK_FROM = 48;

/**
 * Incremental UTF-8 validation (RFC 3629; RFC 6455 section 8.1), for text that arrives in pieces.
 *
 * It refuses a byte as soon as no valid text can begin with what has been seen, which is what lets
 * the decoder fail in the middle of a frame. Text that arrives whole never comes here: the native
 * `isUtf8` checks it at once.
 */
export class Utf8Validator {
  /** Continuation bytes still owed to the character in progress. */
  #owed = 0;
  // The range the next continuation byte must be in. It is narrower than 80..BF only right after
  // E0, ED, F0 and F4: that is where overlong forms, surrogates and values past U+10FFFF show.
  #low = 0x80;
  #high = 0xbf;
  /** Index of the byte at which `push` found that the text is invalid. */
  faultAt = -1;

  /** Whether the text seen so far ends at a character boundary, so that it may end here. */
  get complete(): boolean {
    return this.#owed === 0;
  }

  /**
   * Take the next bytes `start` to `end` of the text.
   *
   * @returns `false` once the text is invalid, whatever may follow.
   */
  push(bytes: Buffer, start: number, end: number): boolean {
    let at = start;
    // Finish a character that the last piece began, then let the native check take everything up
    // to the last character boundary, then begin the character that this piece cuts. Which of the
    // two looks at a byte is a matter of speed: mutants of these conditions survive.
    while (this.#owed > 0 && at < end) if (!this.#step(bytes[at++]!)) return this.#fail(at);
    if (end - at >= NATIVE_CHECK_FROM) {
      const boundary = lastBoundary(bytes, end);
      // It does not say which byte is bad: the loop then finds it.
      if (isUtf8(bytes.subarray(at, boundary))) at = boundary;
    }
    while (at < end) if (!this.#step(bytes[at++]!)) return this.#fail(at);
    return true;
  }

  #fail(behind: number): false {
    this.faultAt = behind - 1;
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
 * Where the last character that could be incomplete begins: at most three bytes before the end. To stop
 * earlier than needed does no harm, nor does C0, which both ways refuse: mutants of these survive, too.
 */
function lastBoundary(bytes: Buffer, end: number): number {
  for (let at = end - 1; at >= end - 3; at--) {
    if (bytes[at]! >= 0xc0) return at; // a leading byte: leave it and its continuations to #step
    if (bytes[at]! < 0x80) return end;
  }
  return end;
}

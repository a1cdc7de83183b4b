import { Buffer } from 'node:buffer';
import { show } from '../option-checks.js';

/**
 * The pieces of HTTP's header grammar that the opening handshake needs (RFC 9110 section 5.6; RFC
 * 6455 section 9.1 refers to its predecessor). They read the text in one pass, without a regular
 * expression that could backtrack: the time is linear for all input.
 */

/** RFC 9110 section 5.6.2: the characters of a token. */
const TOKEN_CHARACTERS: ReadonlySet<number> = new Set(
  Buffer.from("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
);

/** A position in a header value, moved on by the readers below. */
export class HeaderCursor {
  readonly text: string;
  at = 0;

  constructor(text: string) {
    this.text = text;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  /** Optional white space: spaces and tabs. */
  skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at); // NaN after the end
      if (code !== 0x20 && code !== 0x09) return;
      this.at++;
    }
  }

  /** Take `character` if it is next. */
  take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** The token at the cursor, or `''` without one. */
  token(): string {
    const start = this.at;
    while (!this.done && TOKEN_CHARACTERS.has(this.text.charCodeAt(this.at))) this.at++;
    return this.text.slice(start, this.at);
  }

  /** The text up to one of these characters, or to the end. */
  until(characters: string): string {
    const start = this.at;
    while (!this.done && !characters.includes(this.text[this.at]!)) this.at++;
    return this.text.slice(start, this.at);
  }

  /** A quoted-string's content with its escapes resolved, or `undefined` if it is not closed. */
  quotedString(): string | undefined {
    if (!this.take('"')) return undefined;
    let content = '';
    while (!this.done) {
      const character = this.text[this.at++]!;
      if (character === '"') return content;
      content += character === '\\' ? this.text.charAt(this.at++) : character;
    }
    return undefined;
  }
}

/** Whether the whole text is one token. */
export function isToken(text: string): boolean {
  const cursor = new HeaderCursor(text);
  return cursor.token() !== '' && cursor.done;
}

/**
 * Read a comma-separated list; empty elements are skipped, as the list rule of HTTP asks
 * (RFC 9110 section 5.6.1.2).
 *
 * @param element reads one element at the cursor; `undefined` means it is malformed.
 * @returns the elements, or `undefined` if anything is malformed.
 */
export function parseList<T>(
  text: string,
  element: (cursor: HeaderCursor) => T | undefined,
): T[] | undefined {
  const cursor = new HeaderCursor(text);
  const elements: T[] = [];
  for (;;) {
    cursor.skipSpace();
    if (cursor.done) return elements;
    if (cursor.take(',')) continue;
    const parsed = element(cursor);
    if (parsed === undefined) return undefined;
    elements.push(parsed);
    cursor.skipSpace();
    if (!cursor.take(',') && cursor.at < text.length) return undefined;
  }
}

/** Read a list of tokens, such as `Connection` or `Sec-WebSocket-Protocol`. */
export function parseTokens(text: string): string[] | undefined {
  return parseList(text, (cursor) => cursor.token() || undefined);
}

/**
 * Reject a header with characters that would end it or begin another one.
 *
 * @throws TypeError that names the header.
 */
export function checkHeader(name: string, value: unknown): asserts value is string {
  if (!isToken(name)) {
    throw new TypeError(`${JSON.stringify(name)} is not a header name (RFC 9110 section 5.1)`);
  }
  if (typeof value !== 'string' || /[^\t\x20-\x7e\x80-\xff]/.test(value)) {
    const given = typeof value === 'string' ? JSON.stringify(value) : show(value);
    throw new TypeError(
      `header ${name}: expected a string without control characters or characters above U+00FF, got ${given}`,
    );
  }
}

import { type Buffer, isAscii } from 'node:buffer';
import type { EventEmitter } from 'node:events';
import type { ProtocolError } from '../protocol/framing/protocol-error.js';
import { LONGEST_STRING, stringTooLong, textOf } from '../protocol/text/utf8-codec.js';

/**
 * The strings that listeners make of messages. A string has less room than a Buffer, and a peer may send more than
 * fits: that fails the connection, before a listener could throw in the socket's callback.
 */

/** A `'message'` listener that makes a string of what it gets. */
export interface StringListener {
  /** What it makes of a message: its `'text'`, or what Node's decoder of an encoding makes; `undefined` for no string. */
  readonly stringAs: (isBinary: boolean) => 'text' | BufferEncoding | undefined;
}

/** What fails a connection. */
interface Failing {
  readonly receiver: { discardAll(): void; fail(error: ProtocolError): void };
}

/** Bytes that Node's decoder may have kept of the chunk before. */
const KEPT = 3;
/** A message of at most so many bytes fits into a string in every encoding: hex needs most, two characters a byte. */
export const FITS_ANY_STRING: number = Math.floor(LONGEST_STRING / 2) - KEPT;
/** Characters for each byte, where that is not one at most. Node refuses UTF-8 by its bytes. */
const CHARACTERS: Readonly<Record<string, number>> = { hex: 2, base64: 4 / 3, base64url: 4 / 3 };

/** The text of the long message whose listeners are being called. */
let prepared: { readonly data: unknown; readonly text: string } | undefined;

/** The string of a Text message; also of what the application has emitted itself. */
export function textOfMessage(data: unknown): string {
  return prepared?.data === data ? prepared!.text : String(data);
}

/**
 * Emit a message that may not fit into the strings that its listeners want.
 *
 * @param data its bytes.
 * @param given what the listeners get.
 */
export function emitLong(
  target: EventEmitter,
  { receiver }: Failing,
  data: Buffer,
  given: unknown,
  isBinary: boolean,
): void {
  const outer = prepared;
  try {
    prepared = prepare(target, data, isBinary);
  } catch (error) {
    receiver.discardAll(); // held messages come after it
    receiver.fail(error as ProtocolError);
    return;
  }
  try {
    target.emit('message', given, isBinary);
  } finally {
    prepared = outer;
  }
}

/** @throws ProtocolError for a message that is too long for one of its listeners. */
function prepare(target: EventEmitter, data: Buffer, isBinary: boolean): typeof prepared {
  let wantsText = false;
  for (const listener of target.listeners('message') as Partial<StringListener>[]) {
    const as = listener.stringAs?.(isBinary);
    if (as === 'text') wantsText = true;
    else if (as !== undefined) checkEncoded(data.length, as);
  }
  if (!wantsText) return undefined;
  try {
    return { data, text: textOf(data, 0, data.length, isAscii(data)) };
  } catch {
    throw tooLong(data.length);
  }
}

/** @throws ProtocolError if so many bytes may not fit into one string of Node's decoder. */
function checkEncoded(bytes: number, encoding: BufferEncoding): void {
  const characters = CHARACTERS[encoding.toLowerCase()] ?? 1;
  if ((bytes + KEPT) * characters > LONGEST_STRING) throw tooLong(bytes);
}

function tooLong(bytes: number): ProtocolError {
  return stringTooLong('a message', bytes, "take it as a Buffer (on('message'))");
}

import { Buffer } from 'node:buffer';
import { show } from '../protocol/option-checks.js';

/** Bytes of UTF-8 that the name of a topic, or a key, may have. */
const MAX_NAME_BYTES = 255;
/** So many UTF-16 code units have at most {@link MAX_NAME_BYTES} bytes of UTF-8. */
const SURELY_SHORT = 85;

/**
 * Check the name of a topic, or a key.
 *
 * @param what what it names, for the message.
 * @throws TypeError for what is not a string; RangeError for an empty one, one of more than 255 bytes
 * of UTF-8, and one with half of a surrogate pair.
 */
export function checkName(caller: string, what: 'topic' | 'key', name: unknown): void {
  if (typeof name !== 'string') {
    throw new TypeError(`${caller}: expected the ${what} to be a string, got ${show(name)}`);
  }
  const bytes = name.length <= SURELY_SHORT ? name.length : Buffer.byteLength(name);
  if (bytes === 0 || bytes > MAX_NAME_BYTES) {
    throw new RangeError(
      `${caller}: expected the ${what} to have 1 to ${MAX_NAME_BYTES} bytes of UTF-8, got ${bytes}`,
    );
  }
  if (/\p{Surrogate}/u.test(name)) {
    throw new RangeError(
      `${caller}: expected the ${what} to be well-formed Unicode, got half of a surrogate pair`,
    );
  }
}

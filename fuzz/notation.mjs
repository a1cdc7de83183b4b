// How seeds and dictionaries are written down, so that they stay readable in a diff.

/**
 * Bytes from text: pairs of hexadecimal digits, and `"text"` with JSON's escapes, each character one byte
 * as in HTTP. `61x125` and `"a;"x125` repeat what is before the x. Spaces are ignored.
 *
 * @param {string} text
 * @returns {Buffer}
 */
function bytesOf(text) {
  const token = /\s+|(?:([0-9a-f]{2})|("(?:[^"\\]|\\.)*"))(?:x(\d+))?/y;
  const parts = [];
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new Error(`neither hexadecimal nor quoted: ${text.slice(at)}`);
    const [, hex, quoted, count = '1'] = match;
    const once =
      quoted === undefined
        ? Buffer.from(hex ?? '', 'hex')
        : Buffer.from(JSON.parse(quoted), 'latin1');
    parts.push(Buffer.alloc(once.length * Number(count), once));
  }
  return Buffer.concat(parts);
}

/** One piece of bytes for each line that is neither empty nor a `#` comment. @param {string} text */
export function linesOf(text) {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(bytesOf);
}

/**
 * What a peer can hide in text: C0 and C1 control characters, of which escape sequences are made that repaint a
 * terminal, rename its window or write to its clipboard; characters that turn the direction of writing; and the
 * separators that some terminals take for a line's end.
 */
const UNSAFE = /[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu;

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  const named = NAMED[character];
  if (named !== undefined) return named;
  return code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`;
}

const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, '0');

/** A peer's text on one line: control characters are shown, not executed. */
export function onOneLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** A peer's text with its tabs and line ends. Further lines are indented, so that none looks like one of the tool's own. */
export function onManyLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(UNSAFE, (each) => (each === '\t' ? each : escaped(each))))
    .join('\n  ');
}

/** JSON that is safe in a terminal too: `JSON.stringify` leaves DEL, C1 and the like as they are. */
export function toJson(value: unknown): string {
  return JSON.stringify(value).replace(
    UNSAFE,
    (character) => `\\u${hex(character.codePointAt(0)!, 4)}`,
  );
}

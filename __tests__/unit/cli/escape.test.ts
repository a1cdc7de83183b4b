import { onManyLines, onOneLine, toJson } from '../../../src/cli/escape.js';

describe('text of a peer', () => {
  it.each([
    ['clears no screen', '\x1b[2J\x1b[1;1H', '\\x1b[2J\\x1b[1;1H'],
    ['renames no window', '\x1b]0;owned\x07', '\\x1b]0;owned\\x07'],
    [
      'writes to no clipboard, even with a C1 character',
      '\x9d52;c;aGk=\x9c',
      '\\x9d52;c;aGk=\\x9c',
    ],
    ['deletes nothing', 'safe\b\b\b\bevil\x7f', 'safe\\x08\\x08\\x08\\x08evil\\x7f'],
    ['does not overwrite its line', 'evil\rsafe', 'evil\\rsafe'],
    ['does not turn its direction', 'a\u202eb\u2066c\u061c', 'a\\u202eb\\u2066c\\u061c'],
    ['has no other ends of lines', 'a\u2028b\u2029c\u0085d', 'a\\u2028b\\u2029c\\x85d'],
    ['keeps all other characters', 'grüße 👩‍👩‍👧 ½ \\x1b', 'grüße 👩‍👩‍👧 ½ \\x1b'],
  ])('%s', (_what, text, shown) => {
    expect(onOneLine(text)).toBe(shown);
    expect(onManyLines(text)).toBe(shown);
    expect(JSON.parse(toJson(text))).toBe(text);
    // What may be in the output: printable characters alone.
    for (const safe of [onOneLine(text), onManyLines(text), toJson(text)]) {
      expect(safe).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
    }
  });

  it('stays on one line where it has to', () => {
    expect(onOneLine('a\n\tb\r\n')).toBe('a\\n\\tb\\r\\n');
  });

  it('keeps its lines and tabs where it may, and none of them looks like one of the tool', () => {
    expect(onManyLines('{\n\t"a": 1\r\n}\n< fake')).toBe('{\n  \t"a": 1\n  }\n  < fake');
  });
});

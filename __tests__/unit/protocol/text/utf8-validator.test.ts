import { isUtf8 } from 'node:buffer';
import {
  cutCharacter,
  invalidByte,
  invalidText,
  Utf8Validator,
} from '../../../../src/protocol/text/utf8-validator.js';
import { cutAt, hex, random } from '../../../support/bytes.js';

/** Where each byte of a character may lie (Unicode, table 3-7; RFC 3629 section 4). */
const WELL_FORMED: [number, number][][] = [
  [[0x00, 0x7f]],
  [
    [0xc2, 0xdf],
    [0x80, 0xbf],
  ],
  [
    [0xe0, 0xe0],
    [0xa0, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xe1, 0xec],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xed, 0xed],
    [0x80, 0x9f],
    [0x80, 0xbf],
  ],
  [
    [0xee, 0xef],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf0, 0xf0],
    [0x90, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf1, 0xf3],
    [0x80, 0xbf],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
  [
    [0xf4, 0xf4],
    [0x80, 0x8f],
    [0x80, 0xbf],
    [0x80, 0xbf],
  ],
];

/** What the table says of one character's bytes. */
function verdict(bytes: number[]): 'complete' | 'cut' | 'invalid' {
  const row = WELL_FORMED.find(([lead]) => bytes[0]! >= lead![0] && bytes[0]! <= lead![1]);
  if (!row || bytes.some((byte, i) => !(byte >= row[i]![0] && byte <= row[i]![1])))
    return 'invalid';
  return bytes.length === row.length ? 'complete' : 'cut';
}

/** What the validator says, given the bytes one by one. */
function judge(bytes: number[], before = 0): 'complete' | 'cut' | 'invalid' {
  const validator = new Utf8Validator();
  const padding = Buffer.alloc(before, 0x61);
  const whole = Buffer.concat([padding, Buffer.from(bytes)]);
  if (before > 0 && !validator.push(whole, 0, whole.length)) return 'invalid';
  for (const [at] of before > 0 ? [] : bytes.entries()) {
    if (!validator.push(whole, at, at + 1)) return 'invalid';
  }
  return validator.complete ? 'complete' : 'cut';
}

/** The index of the first byte that no valid text can have after the bytes before it; -1 for valid text. */
function firstBad(bytes: Buffer): number {
  let character: number[] = [];
  for (const [at, byte] of bytes.entries()) {
    character.push(byte);
    const found = verdict(character);
    if (found === 'invalid') return at;
    if (found === 'complete') character = [];
  }
  return -1;
}

const BOUNDARIES = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xe0, 0xf0, 0xff];
const BYTES = Array.from({ length: 256 }, (_, byte) => byte);

describe('Utf8Validator (RFC 3629)', () => {
  it('accepts empty text as complete', () => {
    const validator = new Utf8Validator();
    expect(validator.push(Buffer.alloc(0), 0, 0)).toBe(true);
    expect(validator.complete).toBe(true);
  });

  it.each([
    ['C1 BF, an overlong U+007F', 'c1', 0],
    ['E0 9F, an overlong U+07FF', 'e09f', 1],
    ['F0 8F, an overlong U+FFFF', 'f08f', 1],
    ['ED A0, a surrogate', 'eda0', 1],
    ['F4 90, past U+10FFFF', 'f490', 1],
    ['F5', 'f5', 0],
    ['a continuation byte that continues nothing', '6180', 1],
    ['a fourth byte for a character of three', 'e282ac80', 3],
    ['a character cut short by ASCII', 'e28261', 2],
    ['a character cut short by another', 'f09f98f0', 3],
  ])('refuses %s at once', (_what, bytes, at) => {
    const text = hex(bytes);
    const validator = new Utf8Validator();
    const answers = [...text.keys()].map((index) => validator.push(text, index, index + 1));
    expect(answers.slice(0, at + 1)).toEqual([...Array<boolean>(at).fill(true), false]);
  });

  it.each([
    ['a byte that continues nothing', '61x4 80 61x90', 4],
    ['the same after many bytes, in a piece for the native check', '61x90 80 61x9', 90],
    ['the byte that does not continue a character', 'e282ac c3 61', 4],
    ['the same after characters of three bytes', '(e282ac)x40 e2 61 61x60', 121],
  ])('reports the position of the fault: %s', (_what, bytes, at) => {
    const text = hex(`00x7 ${bytes}`);
    for (let cut = 7; cut <= text.length; cut++) {
      const validator = new Utf8Validator();
      expect(validator.push(text, 7, cut) && validator.push(text, cut, text.length)).toBe(false);
      expect(validator.faultAt).toBe(7 + at);
    }
  });

  it.each([
    ['U+007F', '7f'],
    ['U+0080', 'c280'],
    ['U+07FF', 'dfbf'],
    ['U+0800', 'e0a080'],
    ['U+D7FF', 'ed9fbf'],
    ['U+E000', 'ee8080'],
    ['U+FFFF', 'efbfbf'],
    ['U+10000', 'f0908080'],
    ['U+10FFFF', 'f48fbfbf'],
  ])('accepts %s, and is complete only with its last byte', (_what, bytes) => {
    const text = hex(bytes);
    for (let length = 1; length <= text.length; length++) {
      expect(judge([...text.subarray(0, length)])).toBe(length < text.length ? 'cut' : 'complete');
    }
  });

  // Each of the three ways through `push`: a step for each byte, and the native check with a tail.
  it.each([
    ['byte by byte', 0],
    ['at the end of a long piece', 60],
  ])('agrees with table 3-7 for every start of a character, %s', (_how, before) => {
    const wrong: number[][] = [];
    const expectAlike = (bytes: number[]): string => {
      const expected = verdict(bytes);
      if (judge(bytes, before) !== expected) wrong.push(bytes);
      return expected;
    };
    for (const first of BYTES) {
      if (expectAlike([first]) !== 'cut') continue;
      for (const second of BYTES) {
        if (expectAlike([first, second]) !== 'cut') continue;
        for (const third of BOUNDARIES) {
          if (expectAlike([first, second, third]) !== 'cut') continue;
          for (const fourth of BOUNDARIES) expectAlike([first, second, third, fourth]);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('looks only at the bytes it is given', () => {
    const validator = new Utf8Validator();
    const bytes = hex('ff 61 ff');
    expect(validator.push(bytes, 1, 2)).toBe(true);
    const long = Buffer.concat([hex('ff'), Buffer.alloc(60, 0x61), hex('ff')]);
    expect(validator.push(long, 1, 61)).toBe(true);
    expect(validator.push(long, 1, 62)).toBe(false);
  });

  it.each([47, 48, 49, 50, 51, 52])(
    'goes on after a piece of %i bytes that cuts a character',
    (n) => {
      for (let cut = 1; cut <= 3; cut++) {
        const text = Buffer.concat([
          Buffer.alloc(n - cut, 0x61),
          hex('f09f9880'),
          Buffer.alloc(60, 0x61),
        ]);
        const validator = new Utf8Validator();
        expect(validator.push(text, 0, n)).toBe(true);
        expect(validator.complete).toBe(false);
        expect(validator.push(text, n, text.length)).toBe(true);
        expect(validator.complete).toBe(true);
      }
    },
  );

  it('finds a fault in the middle of a long piece, and one just before its last character', () => {
    for (const at of [0, 30, 94, 95, 96]) {
      const text = Buffer.concat([Buffer.alloc(97, 0x61), hex('f09f98')]);
      text[at] = 0x80;
      expect(new Utf8Validator().push(text, 0, text.length)).toBe(false);
    }
  });

  it('refuses any text in the piece that holds its first bad byte, however it is cut', () => {
    const next = random(8);
    const below = (count: number): number => Math.floor(next() * count);
    const alphabet = ['a', 'é', '€', '😀', 'a'.repeat(40), '한'.repeat(20)];
    let refused = 0;
    for (let round = 0; round < 4000; round++) {
      const text = Buffer.from(
        Array.from({ length: 1 + below(12) }, () => alphabet[below(alphabet.length)]).join(''),
      );
      for (let changes = below(3); changes > 0; changes--) text[below(text.length)] = below(256);
      const cuts = Array.from({ length: below(4) }, () => below(text.length + 1));
      const pieces = cutAt(
        text,
        cuts.sort((one, other) => one - other),
      );
      const validator = new Utf8Validator();
      let pushed = 0;
      const bad = firstBad(text);
      let failed = false;
      for (const piece of pieces) {
        const good = validator.push(piece, 0, piece.length);
        pushed += piece.length;
        expect({ text, pieces, good }).toEqual({ text, pieces, good: bad < 0 || bad >= pushed });
        failed = !good;
        if (failed) break;
      }
      refused += Number(failed);
      if (!failed) expect(validator.complete).toBe(isUtf8(text));
    }
    expect(refused).toBeGreaterThan(1000);
    expect(refused).toBeLessThan(3000);
  });
});

describe('the error for a Text message that is not UTF-8', () => {
  const bytes = hex('0000 61c3 6162');

  it('names the byte at fault and its position in the stream', () => {
    expect(invalidText(bytes, 2, 6, 100)).toMatchObject({
      code: 'ERR_INVALID_UTF8',
      message:
        'byte 104: a Text message has 0x61 where UTF-8 cannot have it; send bytes as Binary (RFC 6455 section 8.1)',
    });
    expect(invalidByte(bytes, 4, 100).message).toBe(invalidText(bytes, 2, 6, 100).message);
  });

  it('names the end of a text that is cut inside a character', () => {
    expect(invalidText(bytes, 2, 4, 100).message).toBe(
      'byte 104: a Text message ends inside a character of UTF-8; was it cut by bytes? (RFC 6455 section 8.1)',
    );
    expect(cutCharacter(104).message).toBe(invalidText(bytes, 2, 4, 100).message);
  });
});

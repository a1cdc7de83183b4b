import {
  announcesChunks,
  EmptyChunkedBody,
} from '../../../../src/protocol/handshake/empty-body.js';
import type { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';

/** The body of the refusal, which is a 400. */
function refusal(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    expect(error).toMatchObject({ name: 'UpgradeRejection', status: 400 });
    return (error as UpgradeRejection).body;
  }
  throw new Error('nothing was thrown');
}

const NOT_EMPTY = 'a WebSocket handshake has no body, but this request has one that is not empty';

describe('announcesChunks', () => {
  it.each([
    [undefined, undefined, false],
    ['0', undefined, false],
    [' 00\t', undefined, false],
    [undefined, 'chunked', true],
    [undefined, ' Chunked\t', true],
  ])('reads Content-Length %p and Transfer-Encoding %p as %p', (length, encoding, expected) => {
    expect(announcesChunks(length, encoding)).toBe(expected);
  });

  it.each([
    ['5', undefined, NOT_EMPTY],
    [' 10 ', undefined, NOT_EMPTY],
    ['0, 0', undefined, 'Content-Length is not a number (RFC 9110 section 8.6)'],
    ['-1', undefined, 'Content-Length is not a number (RFC 9110 section 8.6)'],
    ['', undefined, 'Content-Length is not a number (RFC 9110 section 8.6)'],
    [
      '0',
      'chunked',
      'Content-Length and Transfer-Encoding contradict each other (RFC 9112 section 6.3)',
    ],
    [
      undefined,
      'gzip, chunked',
      'a WebSocket handshake has no body; the only supported Transfer-Encoding is chunked',
    ],
    [
      undefined,
      '',
      'a WebSocket handshake has no body; the only supported Transfer-Encoding is chunked',
    ],
  ])('refuses Content-Length %p and Transfer-Encoding %p', (length, encoding, expected) => {
    expect(refusal(() => announcesChunks(length, encoding))).toBe(expected);
  });
});

/** What follows the body, whole and byte by byte. */
function read(text: string): string | undefined {
  const whole = new EmptyChunkedBody().push(Buffer.from(text, 'latin1'));
  const body = new EmptyChunkedBody();
  let rest: string | undefined;
  for (const byte of Buffer.from(text, 'latin1')) {
    if (rest !== undefined) rest += String.fromCharCode(byte);
    else if (body.push(Buffer.of(byte)) !== undefined) rest = '';
  }
  const expected = whole && Buffer.from(whole).toString('latin1');
  expect(rest).toBe(expected);
  return expected;
}

describe('an empty chunked body', () => {
  it.each([
    ['0\r\n\r\n', ''],
    ['0\r\n\r\n\x81\x85frames', '\x81\x85frames'],
    ['000\r\n\r\nx', 'x'],
    ['0;name=value\r\n\r\nx', 'x'],
    ['0 ; a="b"\r\nTrailer: 1\r\nOther: 2\r\n\r\nx', 'x'],
    ['', undefined],
    ['0', undefined],
    ['0\r\n', undefined],
    ['0\r\n\r', undefined],
    ['0\r\nTrailer: 1\r\n', undefined],
  ])('%j is followed by %j', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    ['5\r\nhello\r\n0\r\n\r\n', NOT_EMPTY],
    ['a;x\r\n', NOT_EMPTY],
    ['010\r\n', NOT_EMPTY],
    ['0\n\n', 'a line of the chunked body does not end in CR LF'],
    ['\r\n', 'the body is not chunked, as Transfer-Encoding says it is'],
    ['0x0\r\n', 'the body is not chunked, as Transfer-Encoding says it is'],
    ['hello\r\n', 'the body is not chunked, as Transfer-Encoding says it is'],
    ['x0\r\n', 'the body is not chunked, as Transfer-Encoding says it is'],
    ['0\r\nTrailer: 1\n', 'a line of the chunked body does not end in CR LF'],
  ])('is not %j', (text, expected) => {
    expect(refusal(() => read(text))).toBe(expected);
  });

  it('has at most 16 KiB, its trailers included', () => {
    const start = '0\r\nA: ';
    const fits = `${start}${'x'.repeat(16_384 - start.length - 4)}\r\n\r\n`;
    expect(fits).toHaveLength(16_384);
    expect(read(fits)).toBe('');
    expect(refusal(() => read(fits.replace('A', 'AA')))).toBe(
      'the trailers are longer than 16384 bytes',
    );
  });
});

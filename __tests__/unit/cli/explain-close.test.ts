import { explainClose, meaningOf, statusOfClose } from '../../../src/cli/explain-close.js';

describe('the end of a connection', () => {
  it.each([
    [
      { code: 1008, reason: 'no \x1b[2J', clean: true, initiator: 'peer' },
      'Closed by the peer after 3.2 s with 1008 (policy violation), "no \\x1b[2J"',
      3,
    ],
    [
      { code: 1000, reason: '', clean: true, initiator: 'local' },
      'Closed after 3.2 s with 1000 (normal closure)',
      0,
    ],
    [
      {
        code: 1002,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: new Error('byte 3: \x07'),
      },
      'Closed by hawser after 3.2 s with 1002 (protocol error): byte 3: \\x07',
      3,
    ],
    [
      { code: 1006, reason: '', clean: false, initiator: 'transport' },
      'Connection lost after 3.2 s with 1006 (no Close was received)',
      3,
    ],
    [
      { code: 1005, reason: '', clean: true, initiator: 'peer' },
      'Closed by the peer after 3.2 s with 1005 (the Close had no code)',
      0,
    ],
  ] as const)('%j', (info, text, status) => {
    expect(explainClose(info, 3200)).toBe(text);
    expect(statusOfClose(info)).toBe(status);
  });

  it.each([
    [1001, 'going away: the server stops, or the page was left'],
    [3000, 'a code of a library'],
    [4999, "the application's own code"],
    [2000, 'not a registered code'],
  ])('with %d means %s', (code, meaning) => {
    expect(meaningOf(code)).toBe(meaning);
  });

  it('with 1000 and without the answer to it is abnormal', () => {
    expect(statusOfClose({ code: 1000, reason: '', clean: false, initiator: 'local' })).toBe(3);
  });
});

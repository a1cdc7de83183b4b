import { shouldPause } from '../../../../src/connection/receive/flow-control.js';

describe('shouldPause', () => {
  it('pauses for each reason', () => {
    expect(shouldPause(true, false, false, false)).toBe(false);
    expect(shouldPause(true, true, false, false)).toBe(true);
    expect(shouldPause(true, false, true, false)).toBe(true);
    expect(shouldPause(true, false, false, true)).toBe(true);
  });

  it('pauses what may not stop only while a message is being decompressed', () => {
    expect(shouldPause(false, false, true, true)).toBe(false);
    expect(shouldPause(false, true, false, false)).toBe(true);
  });
});

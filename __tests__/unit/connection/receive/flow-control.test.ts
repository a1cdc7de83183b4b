import { shouldPause } from '../../../../src/connection/receive/flow-control.js';

describe('shouldPause', () => {
  it('pauses an open connection for each reason', () => {
    expect(shouldPause('open', false, false, false)).toBe(false);
    expect(shouldPause('open', true, false, false)).toBe(true);
    expect(shouldPause('open', false, true, false)).toBe(true);
    expect(shouldPause('open', false, false, true)).toBe(true);
  });

  it.each(['closing', 'replying', 'ending'] as const)(
    'pauses one that is %s only while a message is being decompressed',
    (state) => {
      expect(shouldPause(state, false, true, true)).toBe(false);
      expect(shouldPause(state, true, false, false)).toBe(true);
    },
  );
});

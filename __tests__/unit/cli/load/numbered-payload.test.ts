import { numberedPayload, numberOf } from '../../../../src/cli/load/numbered-payload.js';

describe('a payload with a number', () => {
  it.each([
    [0, 8],
    [35, 9],
    [123_456_789, 128],
  ])('has the number %d in %d bytes', (message, size) => {
    const payload = numberedPayload(message, size);
    expect(payload).toHaveLength(size);
    expect(numberOf(payload)).toBe(message);
  });

  it.each(['', 'hello', 'Hello, you there'])('is not %j', (data) => {
    expect(numberOf(data)).toBeUndefined();
  });
});

import { messageOptions } from '../../../src/ws/message-options.js';

describe('messageOptions', () => {
  it('is nothing where the options change nothing', () => {
    expect(messageOptions('x', undefined, false)).toBeUndefined();
    expect(messageOptions('x', { binary: false, compress: true }, false)).toBeUndefined();
    expect(messageOptions(Buffer.alloc(1), { binary: true }, false)).toBeUndefined();
  });

  it('has what the options change, in one object for all calls', () => {
    expect(messageOptions('x', { binary: true }, false)).toEqual({
      binary: true,
      droppable: false,
    });
    expect(messageOptions(Buffer.alloc(1), { binary: false, compress: false }, true)).toEqual({
      binary: false,
      compress: false,
      droppable: true,
    });
    expect(messageOptions('x', { compress: false }, false)).toEqual({
      compress: false,
      droppable: false,
    });
    expect(messageOptions('x', undefined, true)).toBe(messageOptions('y', {}, true));
  });
});

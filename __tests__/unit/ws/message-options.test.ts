import { endsMessage, goesAsBinary, messageOptions } from '../../../src/ws/message-options.js';

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

  it('takes an option that is there and undefined for off, as ws does', () => {
    expect(messageOptions('x', null, false)).toBeUndefined();
    expect(messageOptions(Buffer.alloc(1), { binary: undefined }, false)).toMatchObject({
      binary: false,
    });
    expect(messageOptions('x', { compress: undefined }, false)).toMatchObject({ compress: false });
    expect([
      goesAsBinary('x', {}),
      goesAsBinary('x', null),
      goesAsBinary(1, { binary: undefined }),
    ]).toEqual([false, false, false]);
    expect([endsMessage({}), endsMessage(undefined), endsMessage({ fin: undefined })]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

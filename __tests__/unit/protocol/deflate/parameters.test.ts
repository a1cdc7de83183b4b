import {
  isAbsent,
  isWindowBits,
  readParameters,
  type ValidValues,
} from '../../../../src/protocol/deflate/parameters.js';

const VALID: ValidValues = new Map([
  ['flag', isAbsent],
  ['bits', isWindowBits],
]);
const param = (name: string, value?: string) => ({ name, value });

describe('readParameters (RFC 7692 section 7)', () => {
  it('reads parameters by their names', () => {
    const read = readParameters([param('bits', '9'), param('flag')], VALID);
    expect(read).toEqual(
      new Map([
        ['bits', '9'],
        ['flag', undefined],
      ]),
    );
    expect(readParameters([], VALID)).toEqual(new Map());
  });

  it.each([
    ['unknown-parameter', 'Flag', undefined, [param('Flag')]],
    ['unknown-parameter', 'toString', '1', [param('toString', '1')]],
    ['repeated-parameter', 'flag', undefined, [param('flag'), param('flag')]],
    ['repeated-parameter', 'bits', '10', [param('bits', '10'), param('bits', '10')]],
    ['invalid-value', 'flag', '1', [param('flag', '1')]],
    ['invalid-value', 'bits', undefined, [param('flag'), param('bits')]],
  ])('finds an %s: %s with the value %j', (code, name, value, params) => {
    expect(readParameters(params, VALID)).toEqual({ code, name, value });
  });

  it('looks at no more parameters than it has to', () => {
    let looked = 0;
    function* params() {
      for (;;) {
        looked++;
        yield param('flag');
      }
    }
    const endless = { [Symbol.iterator]: params } as unknown as ReturnType<typeof param>[];
    expect(readParameters(endless, VALID)).toMatchObject({ code: 'repeated-parameter' });
    expect(looked).toBe(2);
  });
});

describe('isWindowBits (RFC 7692 section 7.1.2)', () => {
  it.each(['8', '9', '10', '11', '12', '13', '14', '15'])('accepts %s', (value) => {
    expect(isWindowBits(value)).toBe(true);
  });

  it.each([undefined, '', '7', '16', '08', '8.0', ' 8', '+8', '8a', '1', '115', '10 ', '\u0668'])(
    'does not accept %j',
    (value) => {
      expect(isWindowBits(value)).toBe(false);
    },
  );
});

import {
  callbackOf,
  functionOf,
  lastCallback,
  numberOf,
  timeoutOf,
} from '../../../src/ws/argument-checks.js';

const call = (): void => undefined;
const FALSY = [undefined, null, 0, NaN, '', false, 0n];
const WRONG = [1, -1, 2 ** 31, 'x', {}, [], [call], Symbol('s'), 1n, true, new Map(), /x/];

describe('the last argument of a call', () => {
  it('is a callback, or nothing', () => {
    expect(callbackOf('send', call)).toBe(call);
    for (const given of FALSY) expect(callbackOf('send', given)).toBeUndefined();
  });

  it.each(WRONG.map((given) => [given]))('is refused where it is %p', (given) => {
    expect(() => callbackOf('send', given)).toThrow(TypeError);
    expect(() => callbackOf('send', given)).toThrow(
      /^send: expected the callback to be a function, got /,
    );
    expect(() => lastCallback('ping', 'data', true, given)).toThrow(/^ping: expected the callback/);
  });

  it('may be an earlier one, and then the others are not looked at', () => {
    expect(lastCallback('ping', call, undefined, undefined)).toBe(call);
    expect(lastCallback('ping', 'data', call, 'more')).toBe(call);
    expect(lastCallback('ping', 'data', true, call)).toBe(call);
    for (const given of FALSY) expect(lastCallback('ping', 'data', true, given)).toBeUndefined();
  });
});

describe('an option', () => {
  it('that is a function is one, or nothing', () => {
    expect(functionOf('verifyClient', call)).toBe(call);
    for (const given of FALSY) expect(functionOf('verifyClient', given)).toBeUndefined();
  });

  it.each(WRONG.map((given) => [given]))(
    'that is a function is refused where it is %p',
    (given) => {
      const check = () => functionOf('verifyClient', given);
      expect(check).toThrow(TypeError);
      expect(check).toThrow(/^hawser\/ws: expected option verifyClient to be a function, got /);
    },
  );

  it.each<[unknown, number]>([
    [7, 7],
    ['1000', 1000],
    [null, 0],
    [true, 1],
    [1n, 1],
    [new Number(7), 7],
    ['x', NaN],
    [{}, NaN],
  ])('that is a number is read from %p as JavaScript does', (given, expected) => {
    expect(numberOf('maxPayload', given)).toBe(expected);
  });

  it.each([[Symbol('s')], [Object.create(null) as object]])(
    'that is a number is refused where it is %p',
    (given) => {
      expect(() => numberOf('maxPayload', given)).toThrow(TypeError);
      expect(() => numberOf('maxPayload', given)).toThrow(
        /^hawser\/ws: expected option maxPayload to be a number, got /,
      );
    },
  );

  it('that is the time for a handshake is a number from 0', () => {
    expect([undefined, 0, 1.5, 2 ** 31, Infinity].map(timeoutOf)).toEqual([
      undefined,
      0,
      1.5,
      2 ** 31,
      Infinity,
    ]);
    for (const given of [NaN, -1, -Infinity]) expect(() => timeoutOf(given)).toThrow(RangeError);
    for (const given of [null, '1000', true, 1n, Symbol('s'), {}, [], call]) {
      expect(() => timeoutOf(given)).toThrow(TypeError);
      expect(() => timeoutOf(given)).toThrow(
        /^hawser\/ws: expected option handshakeTimeout to be a number of milliseconds, got /,
      );
    }
  });
});

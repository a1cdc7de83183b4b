import {
  CLOSE_TIMEOUT,
  type HawserOptions,
  MAX_PAYLOAD,
  resolveConnectionOptions,
} from '../../../src/ws/hawser-options.js';

describe('resolveConnectionOptions', () => {
  it('has no limits but those of ws', () => {
    expect(resolveConnectionOptions({})).toMatchObject({
      heartbeat: false,
      messageTimeout: Infinity,
      maxBufferedAmount: Infinity,
      maxPayload: MAX_PAYLOAD,
      closeTimeout: CLOSE_TIMEOUT,
      textAs: 'buffer',
    });
    expect([MAX_PAYLOAD, CLOSE_TIMEOUT]).toEqual([104_857_600, 30_000]);
  });

  it.each<[unknown, number]>([
    [Infinity, Number.MAX_SAFE_INTEGER],
    [2 ** 60, Number.MAX_SAFE_INTEGER],
    [NaN, Number.MAX_SAFE_INTEGER],
    [-1, Number.MAX_SAFE_INTEGER],
    [null, Number.MAX_SAFE_INTEGER],
    ['1000', 1000],
  ])('takes the maxPayload %p for what it is in ws', (maxPayload, expected) => {
    expect(resolveConnectionOptions({ maxPayload: maxPayload as never }).maxPayload).toBe(expected);
  });

  it.each<[unknown, number]>([
    ['1000', 1000],
    [true, 1],
    [Infinity, Infinity],
    ['x', Number.MIN_VALUE],
    [null, Number.MIN_VALUE],
  ])('takes the closeTimeout %p for what it is in ws', (closeTimeout, expected) => {
    expect(resolveConnectionOptions({ closeTimeout: closeTimeout as never }).closeTimeout).toBe(
      expected,
    );
  });

  it('takes maxPayload and closeTimeout; 0 is no limit, and no time', () => {
    const given = resolveConnectionOptions({ maxPayload: 10.5, closeTimeout: 5 });
    expect(given).toMatchObject({ maxPayload: 11, closeTimeout: 5 });
    const zero = resolveConnectionOptions({ maxPayload: 0, closeTimeout: 0 });
    expect(zero.maxPayload).toBe(Number.MAX_SAFE_INTEGER);
    expect(zero.closeTimeout).toBeGreaterThan(0);
    expect(zero.closeTimeout).toBeLessThan(1);
  });

  it('takes the limits of hawser, but not what ws decides', () => {
    const hawser = {
      maxBufferedAmount: 1_000_000,
      slowConsumer: 'drop',
      heartbeat: false,
    } as const;
    expect(resolveConnectionOptions({ hawser })).toMatchObject(hawser);
    const textAs = { textAs: 'string' } as HawserOptions;
    expect(() => resolveConnectionOptions({ hawser: textAs })).toThrow(/textAs/);
  });

  it.each<[string, object]>([
    ['hawser.heartbeet', { heartbeet: false }],
    ['maxBufferedAmount', { maxBufferedAmount: -1 }],
  ])('names %s where it is wrong', (name, hawser) => {
    expect(() => resolveConnectionOptions({ hawser })).toThrow(name);
  });

  it.each([
    'allowedHosts',
    'clock',
    'heartbeat',
    'highWaterMark',
    'idleTimeout',
    'limits',
    'logger',
    'maxBufferedAmount',
    'maxConnections',
    'maxConnectionsPerAddress',
    'maxLifetime',
    'maxTotalBuffered',
    'messageRate',
    'messageTimeout',
    'origin',
    'slowConsumer',
    'trustProxy',
  ])('knows %s, and its value may be undefined', (name) => {
    expect(() => resolveConnectionOptions({ hawser: { [name]: undefined } })).not.toThrow();
  });
});

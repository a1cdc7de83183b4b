import { Lag } from '../../../../src/server/topics/lag.js';

let lag: Lag;
beforeEach(() => {
  lag = new Lag();
});

describe('Lag', () => {
  it('is unknown before the first measurement', () => {
    expect(lag.stats()).toStrictEqual({ p50: undefined, p99: undefined });
  });

  it('has the median and the 99th percentile', () => {
    lag.add(7);
    expect(lag.stats()).toStrictEqual({ p50: 7, p99: 7 });
    lag.add(3);
    expect(lag.stats()).toStrictEqual({ p50: 3, p99: 7 });
    lag = new Lag();
    for (let i = 200; i > 0; i--) lag.add(i);
    expect(lag.stats()).toStrictEqual({ p50: 100, p99: 198 });
    expect(lag.stats()).toStrictEqual({ p50: 100, p99: 198 });
  });

  it('is never negative: the clock of the other machine may be ahead', () => {
    for (const milliseconds of [-5, -100, -1e12]) lag.add(milliseconds);
    expect(lag.stats()).toStrictEqual({ p50: 0, p99: 0 });
  });

  it('ignores what is no time at all: another node may say anything', () => {
    for (const milliseconds of [NaN, Infinity, -Infinity]) lag.add(milliseconds);
    expect(lag.stats()).toStrictEqual({ p50: undefined, p99: undefined });
  });

  it('forgets all but the last 512 measurements', () => {
    for (let i = 0; i < 1000; i++) lag.add(1e6);
    for (let i = 0; i < 512; i++) lag.add(i < 500 ? 10 : 20);
    expect(lag.stats()).toStrictEqual({ p50: 10, p99: 20 });
    for (let i = 0; i < 256; i++) lag.add(5);
    expect(lag.stats()).toStrictEqual({ p50: 5, p99: 20 });
  });
});

import { resolveReconnectingOptions } from '../../../src/client/reconnecting-options.js';
import { HandClock } from '../../support/clock.cjs';

const complaint = (options: unknown): string => {
  try {
    resolveReconnectingOptions(options as object);
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  return 'no complaint';
};

describe('resolveReconnectingOptions', () => {
  it('has defaults', () => {
    expect(resolveReconnectingOptions({})).toEqual({ delay: { min: 500, max: 30_000 } });
  });

  it('takes what it is given', () => {
    const options = {
      connect: { maxPayload: 7, textAs: 'buffer' },
      delay: { min: 1, max: Infinity },
      retry: () => true,
      outbox: { messages: 0, bytes: Infinity },
      clock: new HandClock(),
    } as const;
    expect(resolveReconnectingOptions(options)).toEqual(options);
    const connect = () => ({});
    expect(resolveReconnectingOptions({ connect }).connect).toBe(connect);
  });

  it('takes a small max alone: each wait is at most that', () => {
    expect(resolveReconnectingOptions({ delay: { max: 7 } }).delay).toEqual({ min: 500, max: 7 });
  });

  it.each<[unknown, RegExp]>([
    [null, /^reconnecting: expected options to be an object, got null/],
    [[], /^reconnecting: expected options to be an object/],
    ['x', /^reconnecting: expected options to be an object, got x/],
    [() => undefined, /^reconnecting: expected options to be an object, got a function/],
    [{ retries: 1 }, /^reconnecting: unknown option retries/],
    [{ connect: 7 }, /option connect to be an object with the options of connect, or a function/],
    [{ connect: [] }, /option connect to be an object/],
    [
      { connect: { maxpayload: 1 } },
      /^connect: unknown option maxpayload .*did you mean maxPayload/,
    ],
    // The options of a connection, which the handshake does not look at.
    [{ connect: { maxPayload: '1 MB' } }, /^connect: expected option maxPayload to be/],
    [{ connect: { heartbeat: { interval: -1 } } }, /^connect: expected option heartbeat.interval/],
    [{ connect: { perMessageDeflate: { level: 10 } } }, /option perMessageDeflate.level/],
    [{ connect: { logger: console.warn } }, /option logger to be an object with the methods/],
    [{ delay: 500 }, /option delay to be an object with min and max, got 500/],
    [
      { delay: { min: 0 } },
      /option delay.min to be a number of milliseconds above 0, or Infinity, got 0/,
    ],
    [{ delay: { max: NaN } }, /option delay.max .* got NaN/],
    [{ delay: { max: '1s' } }, /option delay.max .* got 1s \(string\)/],
    [{ delay: { maximum: 1 } }, /unknown option delay.maximum/],
    [{ delay: { min: 2, max: 1 } }, /^reconnecting: option delay.min is 2 ms, above .* of 1 ms/],
    [{ delay: { min: 60_000 } }, /min is 60000 ms, above delay.max of 30000 ms; give a larger max/],
    [{ retry: true }, /option retry to be a function, got true/],
    [{ outbox: 7 }, /option outbox to be an object with messages and bytes/],
    [{ outbox: { messages: 1 } }, /option outbox to be an object with messages and bytes/],
    [{ outbox: { messages: 1, bytes: 0 } }, /option outbox.bytes to be a number of bytes above 0/],
    [{ outbox: { messages: -1, bytes: 9 } }, /option outbox.messages/],
    [{ clock: {} }, /option clock to be an object with the methods now, setTimeout/],
    [{ clock: 7n }, /option clock .* got 7 \(bigint\)/],
  ])('rejects %p', (options, sentence) => {
    expect(complaint(options)).toMatch(sentence);
  });
});

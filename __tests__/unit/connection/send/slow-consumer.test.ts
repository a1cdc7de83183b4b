import {
  admitsControl,
  admit,
  admitKeyed,
  SLOW_CLOSE_TIMEOUT,
  tooSlow,
  type Admission,
} from '../../../../src/connection/send/slow-consumer.js';

const close = { maxBufferedAmount: 100, slowConsumer: 'close' } as const;
const drop = { maxBufferedAmount: 100, slowConsumer: 'drop' } as const;

describe('judge', () => {
  it.each<[number, boolean, typeof close | typeof drop, Admission]>([
    [0, false, close, 'queue'],
    [99, false, close, 'queue'],
    [100, false, close, 'close'],
    [0, true, close, 'queue'],
    [99, true, close, 'queue'],
    [100, true, close, 'close'], // nothing is dropped unless the options allow it
    [99, true, drop, 'queue'],
    [100, true, drop, 'drop'],
    [100_000, true, drop, 'drop'],
    [99, false, drop, 'queue'],
    [100, false, drop, 'queue'], // as much room again
    [199, false, drop, 'queue'],
    [200, false, drop, 'close'],
  ])(
    'with %i bytes waiting and droppable %s, under %o: %s',
    (amount, droppable, settings, verdict) => {
      expect(admit(amount, droppable, settings)).toBe(verdict);
    },
  );

  it('lets everything through without a limit', () => {
    const settings = { maxBufferedAmount: Infinity, slowConsumer: 'close' } as const;
    expect(admit(Number.MAX_SAFE_INTEGER, false, settings)).toBe('queue');
  });
});

describe('a message with a key', () => {
  it.each([close, drop])('finds as much room again under %o, and is never dropped', (settings) => {
    expect(admitKeyed(0, settings)).toBe('queue');
    expect(admitKeyed(199, settings)).toBe('queue');
    expect(admitKeyed(200, settings)).toBe('close');
  });
});

describe('a slow consumer', () => {
  it('gets pings up to twice the limit', () => {
    expect([0, 100, 199, 200].map((amount) => admitsControl(amount, close))).toStrictEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it('is told with the numbers, and has a second', () => {
    const error = tooSlow(123, close);
    expect(error.code).toBe('ERR_SLOW_CONSUMER');
    expect(error.message).toBe(
      'the peer does not take what is sent to it fast enough: 123 bytes wait for it, with a maxBufferedAmount of 100',
    );
    expect(SLOW_CLOSE_TIMEOUT).toBe(1000);
  });
});

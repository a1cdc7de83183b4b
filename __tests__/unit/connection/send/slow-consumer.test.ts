import {
  admitsControl,
  admit,
  admitKeyed,
  evict,
  failSlowConsumer,
  SLOW_CLOSE_TIMEOUT,
  tooSlow,
  type Admission,
  type SlowConsumer,
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

describe('the connection of a slow consumer', () => {
  const error = tooSlow(123, close);

  /** A connection that writes down what is done to it. */
  function connection({ isOpen = true, bufferedAmount = 0 } = {}): [SlowConsumer, string[]] {
    const log: string[] = [];
    const note =
      (what: string) =>
      (...args: unknown[]): void => {
        log.push([what, ...args.filter((each) => each !== error)].join(' '));
      };
    const consumer: SlowConsumer = {
      isOpen,
      sender: { bufferedAmount, discard: note('discard what waits') },
      receiver: {
        stopDecoding: note('stop decoding'),
        discardAll: note('discard what came'),
        scheduleRead: note('read'),
      },
      closing: {
        fail: (...args) => {
          note('fail')(...args);
          return true;
        },
        terminate: note('terminate'),
      },
      reportIsolated: note('report'),
    };
    return [consumer, log];
  }
  const FAILS = [
    'stop decoding',
    'discard what waits',
    'fail 1013 the peer does not take what is sent to it fast enough 1000',
    'report',
  ];

  it('is failed with 1013 and a reason without numbers, and has a second for its end', () => {
    const [consumer, log] = connection();
    failSlowConsumer(consumer, error);
    expect(log).toEqual(FAILS);
  });

  it('is not failed again if it is closing', () => {
    const [consumer, log] = connection({ isOpen: false });
    failSlowConsumer(consumer, error);
    expect(log).toEqual(['stop decoding']);
  });

  it('keeps nothing when it is evicted, and ends at once unless its Close has left', () => {
    const [taking, taken] = connection();
    evict(taking, error);
    expect(taken).toEqual([...FAILS, 'discard what came', 'read']);
    const [full, kept] = connection({ bufferedAmount: 30 });
    evict(full, error);
    expect(kept).toEqual([...FAILS, 'discard what came', 'terminate', 'read']);
    const [closing, rest] = connection({ isOpen: false });
    evict(closing, error);
    expect(rest).toEqual(['stop decoding', 'discard what came', 'terminate', 'read']);
  });
});

import type { Delivery } from '../../../../src/connection/receive/delivery.js';
import { bytesHeld, mustHold, mustStop } from '../../../../src/connection/receive/flow-control.js';
import type { MessageReader } from '../../../../src/connection/receive/message-reader.js';
import type { ReceiverOwner } from '../../../../src/connection/receive/owner.js';

type State = ReceiverOwner['state'];

let calls: string[];
const call =
  (name: string) =>
  (...given: unknown[]): void => {
    calls.push([name, ...given].join(' '));
  };

beforeEach(() => {
  calls = [];
});

const ownerOf = (state: State, { holdsAfterClose = false, budget = false } = {}): ReceiverOwner =>
  ({
    state,
    settings: { holdsAfterClose, budget: budget ? {} : undefined },
    onHeld: call('held'),
  }) as unknown as ReceiverOwner;

const readerOf = (isInflating = false, isRateLimited = false): MessageReader =>
  ({
    bytesHeld: 5,
    isInflating,
    isRateLimited,
    stop: call('stop'),
    timeMessage: call('timeMessage'),
    timeParts: call('timeParts'),
    releaseDelivered: call('release'),
  }) as unknown as MessageReader;

const deliveryOf = (isFull = false, takesParts = false): Delivery =>
  ({
    bytesHeld: 70,
    isFull,
    incoming: takesParts ? {} : undefined,
    reopen: call('reopen'),
    end: call('end'),
    awaitConsumer: call('await'),
  }) as unknown as Delivery;

describe('mustStop', () => {
  it('stops an open connection for each reason alone', () => {
    const open = ownerOf('open');
    expect(mustStop(open, undefined, undefined)).toBe(false);
    expect(mustStop(open, readerOf(), deliveryOf())).toBe(false);
    expect(mustStop(open, readerOf(true), undefined)).toBe(true);
    expect(mustStop(open, readerOf(false, true), undefined)).toBe(true);
    expect(mustStop(open, readerOf(), deliveryOf(true))).toBe(true);
  });

  it('stops a closing connection only to decompress, unless it holds after the Close', () => {
    for (const state of ['closing', 'replying', 'ending'] as State[]) {
      const holds = state === 'closing';
      for (const [owner, stops] of [
        [ownerOf(state), false],
        [ownerOf(state, { holdsAfterClose: true }), holds],
      ] as const) {
        expect(mustStop(owner, readerOf(false, true), deliveryOf(true))).toBe(stops);
        expect(mustStop(owner, readerOf(true), undefined)).toBe(true);
      }
    }
  });

  it('tells the budget what is held, if there is one', () => {
    mustStop(ownerOf('open'), readerOf(), undefined);
    expect(calls).toStrictEqual(['timeMessage']);
    mustStop(ownerOf('open', { budget: true }), readerOf(), deliveryOf());
    expect(calls).toStrictEqual(['timeMessage', 'held 75', 'await', 'timeMessage']);
  });

  it('times the parts of a message only while they are read', () => {
    mustStop(ownerOf('open'), readerOf(), deliveryOf(false, true));
    mustStop(ownerOf('open'), readerOf(), deliveryOf(true, true));
    expect(calls).toStrictEqual(['await', 'timeParts true', 'await', 'timeParts false', 'release']);
  });

  it.each<[string, boolean, boolean, string[]]>([
    ['ends the delivery, and decodes nothing more', false, false, ['end', 'stop']],
    ['decodes the rest later, if no more can be held now', false, true, ['end']],
    ['waits for the message that is being decompressed', true, false, ['reopen']],
  ])('once the connection is closed %s', (_, isInflating, isFull, done) => {
    expect(mustStop(ownerOf('closed'), readerOf(isInflating), deliveryOf(isFull))).toBeUndefined();
    expect(calls).toStrictEqual(done);
    expect(mustStop(ownerOf('closed'), undefined, undefined)).toBeUndefined();
  });
});

it('mustHold: nothing more is read once it is full, but for the Close of the peer', () => {
  const held = (state: State, holdsAfterClose: boolean, isGone: boolean): boolean =>
    mustHold(ownerOf(state, { holdsAfterClose }), isGone);
  for (const state of ['open', 'closed'] as State[]) expect(held(state, false, false)).toBe(true);
  for (const state of ['closing', 'replying', 'ending'] as State[]) {
    expect([held(state, false, false), held(state, true, false), held(state, false, true)]).toEqual(
      [false, true, true],
    );
  }
});

it('bytesHeld: those of both, as far as they were made', () => {
  expect(bytesHeld(undefined, undefined)).toBe(0);
  expect(bytesHeld(readerOf(), undefined)).toBe(5);
  expect(bytesHeld(readerOf(), deliveryOf())).toBe(75);
});

import { getEventListeners } from 'node:events';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import {
  checkRoundTripOptions,
  type RoundTripOptions,
  RoundTrips,
} from '../../../../src/connection/limits/round-trip.js';
import { HandClock } from '../../../support/connection.js';

let clock: HandClock;
let trips: RoundTrips;
let settled: string[];
/** Bytes sent so far. */
let position: number;

beforeEach(() => {
  clock = new HandClock();
  trips = new RoundTrips(new Deadlines(clock));
  settled = [];
  position = 0;
});

/** Starts a round trip; its Ping is queued at once. */
function begin(name: string, signal?: AbortSignal, queue = true): { payload: Buffer; id: number } {
  const { id, payload, milliseconds } = trips.start(signal);
  milliseconds.then(
    (passed) => settled.push(`${name} ${passed} ms`),
    (reason: unknown) => settled.push(`${name} ${(reason as Error).message}`),
  );
  if (queue) trips.sent(id, (position += 14));
  return { payload, id };
}
/** The application sends a Ping. */
const ping = (payload: string): void => {
  trips.pinged(Buffer.from(payload), (position += 2 + payload.length));
};
/** The promises that are settled by now. */
async function outcome(): Promise<string[]> {
  await Promise.resolve();
  await Promise.resolve();
  return settled.splice(0);
}

describe('RoundTrips', () => {
  it('measure from the call to the Pong with the same payload', async () => {
    const { payload } = begin('a');
    clock.advance(25);
    expect(await outcome()).toStrictEqual([]);
    expect(trips.pong(payload, undefined)).toBe(true);
    expect(await outcome()).toStrictEqual(['a 25 ms']);
  });

  it('use a different payload for each Ping, and for each connection', () => {
    const other = new RoundTrips(new Deadlines(clock));
    const payloads = [begin('a').payload, begin('b').payload, other.start(undefined).payload];
    expect(new Set(payloads.map(String)).size).toBe(3);
  });

  it('accept a Pong for a later Ping as the answer to all before it, and to none after it', async () => {
    begin('a');
    clock.advance(10);
    const { payload } = begin('b');
    begin('c');
    clock.advance(5);
    trips.pong(payload, undefined);
    expect(await outcome()).toStrictEqual(['a 15 ms', 'b 5 ms']);
  });

  it('accept a Pong for a later Ping of the application, which is announced to the application too', async () => {
    ping('before');
    begin('a');
    ping('after');
    begin('b');
    expect(trips.pong(Buffer.from('before'), undefined)).toBe(false);
    expect(await outcome()).toStrictEqual([]);
    expect(trips.pong(Buffer.from('after'), undefined)).toBe(false);
    expect(await outcome()).toStrictEqual(['a 0 ms']);
    trips.pong(Buffer.from('after'), undefined); // unsolicited: that Ping has been answered
    expect(await outcome()).toStrictEqual([]);
  });

  it('treat a Pong as the answer to the first of two Pings with the same payload', async () => {
    ping('same');
    begin('a');
    ping('same');
    trips.pong(Buffer.from('same'), undefined);
    expect(await outcome()).toStrictEqual([]);
    trips.pong(Buffer.from('same'), undefined);
    expect(await outcome()).toStrictEqual(['a 0 ms']);
  });

  it('remember the last sixteen Pings of the application', async () => {
    begin('a');
    for (let count = 1; count <= 17; count++) ping(`ping ${count}`);
    trips.pong(Buffer.from('ping 1'), undefined);
    expect(await outcome()).toStrictEqual([]);
    trips.pong(Buffer.from('ping 2'), undefined);
    expect(await outcome()).toStrictEqual(['a 0 ms']);
  });

  it('accept a Pong for a later Ping of the heartbeat, and not for an earlier one', async () => {
    const earlier = (position += 6);
    begin('a');
    const later = (position += 6);
    begin('b');
    expect(trips.pong(Buffer.alloc(4), earlier)).toBe(false);
    expect(await outcome()).toStrictEqual([]);
    trips.pong(Buffer.alloc(4), later);
    expect(await outcome()).toStrictEqual(['a 0 ms']);
  });

  it('accept no Pong as the answer to a Ping that is not queued', async () => {
    const { id, payload } = begin('a', undefined, false);
    ping('x');
    trips.pong(Buffer.from('x'), undefined);
    expect(await outcome()).toStrictEqual([]);
    trips.sent(id, (position += 14));
    trips.pong(payload, undefined);
    expect(await outcome()).toStrictEqual(['a 0 ms']);
  });

  it.each([
    ['empty', ''],
    ['of another length', '123456789'],
    ['of eight other bytes', '12345678'],
  ])('leave a Pong to the application that is %s', async (_what, payload) => {
    begin('a');
    expect(trips.pong(Buffer.from(payload), undefined)).toBe(false);
    expect(await outcome()).toStrictEqual([]);
  });

  it('leave a Pong to the application that has a number that was never sent', async () => {
    const { payload } = begin('a');
    for (const id of [0, 2]) {
      payload.writeUInt32BE(id, 4);
      expect(trips.pong(payload, undefined)).toBe(false);
    }
    expect(await outcome()).toStrictEqual([]);
  });

  it('recognize their own Pong when it comes twice, or after an abort', async () => {
    const controller = new AbortController();
    const { payload } = begin('a');
    const late = begin('b', controller.signal);
    controller.abort(new Error('no more'));
    trips.sent(late.id, position); // too late to matter
    for (const each of [payload, payload, late.payload]) {
      expect(trips.pong(each, undefined)).toBe(true);
    }
    expect((await outcome()).sort()).toStrictEqual(['a 0 ms', 'b no more']);
  });

  it('leave no listener on a signal, however they end, and add one for many', async () => {
    const { signal } = new AbortController();
    const { payload } = begin('a', signal);
    begin('b', signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    trips.pong(payload, undefined);
    trips.close(new ConnectionError('ERR_CONNECTION_CLOSED'));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    expect(await outcome()).toStrictEqual([
      'a 0 ms',
      'b the connection closed before the message was with the kernel or the Ping was answered',
    ]);
  });
});

describe('checkRoundTripOptions', () => {
  it('accepts a signal, or none', () => {
    const { signal } = new AbortController();
    expect(checkRoundTripOptions({ signal })).toBe(signal);
    expect(checkRoundTripOptions({})).toBeUndefined();
  });

  it.each<[unknown, RegExp]>([
    [null, /roundTrip: expected options to be an object, got null/],
    [{ timeout: 5 }, /roundTrip: unknown option timeout/],
    [{ signal: 5 }, /roundTrip: expected option signal to be an AbortSignal, got 5/],
    [new AbortController().signal, /got an AbortSignal; pass \{ signal \}/],
  ])('throws for %s', (options, message) => {
    expect(() => checkRoundTripOptions(options as RoundTripOptions)).toThrow(TypeError);
    expect(() => checkRoundTripOptions(options as RoundTripOptions)).toThrow(message);
  });
});

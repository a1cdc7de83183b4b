import { PendingCalls } from '../../../../src/connection/send/pending-calls.js';

let log: string[];
beforeEach(() => (log = []));
const call =
  (name: string): (() => void) =>
  () =>
    void log.push(name);
const none = (): undefined => undefined;

describe('DeflateLane', () => {
  it('counts the message and what waits behind it', () => {
    const lane = new PendingCalls(100, call('as it is'));
    expect(lane.bytes).toBe(100);
    lane.wait(7, call('a'));
    lane.wait(3, call('b'));
    expect(lane.bytes).toBe(110);
    expect(log).toStrictEqual([]);
  });

  it('makes the calls in order when the message has been sent', () => {
    const lane = new PendingCalls(100, call('as it is'));
    lane.resume(none);
    for (const name of 'abc') lane.wait(1, call(name));
    lane.resume(none);
    expect(log).toStrictEqual(['a', 'b', 'c']);
  });

  it('lets the rest wait in the lane of a long message among them', () => {
    const lane = new PendingCalls(100, call('as it is'));
    let next: PendingCalls | undefined;
    lane.wait(1, call('a'));
    lane.wait(200, () => {
      log.push('long');
      next = new PendingCalls(200, call('as it is'));
    });
    lane.wait(2, call('b'));
    lane.wait(3, call('c'));
    lane.resume(() => next);
    expect(log).toStrictEqual(['a', 'long']);
    expect(next!.bytes).toBe(205);
    next!.resume(none);
    expect(log).toStrictEqual(['a', 'long', 'b', 'c']);
  });

  it('lets nothing wait behind a long message that was the last', () => {
    const lane = new PendingCalls(100, call('as it is'));
    const next = new PendingCalls(200, call('as it is'));
    lane.wait(200, call('long'));
    lane.resume(() => next);
    expect(next.bytes).toBe(200);
    next.resume(none);
    expect(log).toStrictEqual(['long']);
  });

  it('sends the message as it is where there is no time, and keeps its callback', () => {
    const lane = new PendingCalls(100, call('as it is'));
    const callback = (): void => undefined;
    expect(lane.callback).toBeUndefined();
    lane.callback = callback;
    lane.sendAsItIs();
    expect(log).toStrictEqual(['as it is']);
    expect(lane.callback).toBe(callback);
  });

  it('refuses the message and the calls behind it when nothing can be sent any more', async () => {
    const reason = new Error('too slow');
    for (const callback of [
      undefined,
      (error?: Error): void => void log.push(`${error?.message}`),
    ]) {
      const lane = new PendingCalls(100, call('as it is'));
      lane.callback = callback;
      lane.wait(1, (error) => void log.push(`a ${error?.message}`));
      lane.wait(1, (error) => void log.push(`b ${error?.message}`));
      lane.discard(reason);
    }
    await new Promise(setImmediate);
    expect(log).toStrictEqual([
      ...['a too slow', 'b too slow', 'a too slow', 'b too slow'],
      'too slow', // in a call of its own, as always
    ]);
  });
});

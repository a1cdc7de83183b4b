import { getEventListeners } from 'node:events';
import { runInNewContext } from 'node:vm';
import {
  abortReason,
  abortWith,
  checkSignal,
  isAbortSignal,
  onAbort,
} from '../../../src/connection/abort-signal.js';
import { catchSurfacing } from '../../support/server.js';
import { turns } from '../../support/connection.js';

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

/** An AbortSignal as in the first polyfills: without `reason`, and not an EventTarget. */
function polyfill() {
  const heard = new Set<() => void>();
  const signal = {
    aborted: false,
    addEventListener: (_event: string, listener: () => void) => void heard.add(listener),
    removeEventListener: (_event: string, listener: () => void) => void heard.delete(listener),
  };
  const abort = () => {
    signal.aborted = true;
    for (const listener of heard) listener();
  };
  return { signal: signal as unknown as AbortSignal, abort, heard };
}

afterEach(() => jest.restoreAllMocks());

describe('onAbort', () => {
  it('adds one listener to a signal however many callbacks wait, and removes it after the last', () => {
    const controller = new AbortController();
    const { signal } = controller;
    const stops = Array.from({ length: 12 }, () => onAbort(signal, () => undefined));
    expect(listeners(signal)).toBe(1);
    stops.pop()!();
    expect(listeners(signal)).toBe(1);
    for (const stop of stops) stop();
    expect(listeners(signal)).toBe(0);
    for (const stop of stops) stop();
    onAbort(signal, () => undefined);
    for (const stop of stops) stop();
    expect(listeners(signal)).toBe(1);
  });

  it('calls all callbacks that still wait, in order, and leaves no listener on the signal', () => {
    const controller = new AbortController();
    const called: string[] = [];
    const note = () => void called.push('both');
    onAbort(controller.signal, () => void called.push('first'));
    onAbort(controller.signal, () => {
      stopLast();
    });
    onAbort(controller.signal, note);
    onAbort(controller.signal, note);
    const stopLast = onAbort(controller.signal, () => void called.push('last'));
    controller.abort();
    expect(called).toEqual(['first', 'both', 'both']);
    expect(listeners(controller.signal)).toBe(0);
    stopLast();
  });

  it('lets a callback stop waiting during its call', () => {
    const controller = new AbortController();
    let called = 0;
    const stop = onAbort(controller.signal, () => {
      called++;
      stop();
    });
    controller.abort();
    expect(called).toBe(1);
  });

  it('calls the others when one throws, whose error surfaces', async () => {
    const surfaced = catchSurfacing();
    const controller = new AbortController();
    const error = new Error('thrown by a callback');
    let called = 0;
    onAbort(controller.signal, () => {
      throw error;
    });
    onAbort(controller.signal, () => called++);
    controller.abort();
    await turns();
    expect(called).toBe(1);
    expect(surfaced).toEqual([error]);
  });

  it('accepts a polyfill', () => {
    const { signal, abort, heard } = polyfill();
    const called: string[] = [];
    onAbort(signal, () => void called.push('aborted'));
    abort();
    expect(called).toEqual(['aborted']);
    expect(heard.size).toBe(0);
  });
});

describe('isAbortSignal', () => {
  it('accepts Node’s own, one of another realm, and a polyfill', () => {
    const { signal } = new AbortController();
    const foreign = runInNewContext('Object.setPrototypeOf(signal, Object.prototype)', {
      signal: polyfill().signal,
    }) as unknown;
    for (const each of [signal, AbortSignal.abort(), polyfill().signal, foreign]) {
      expect(isAbortSignal(each)).toBe(true);
      expect(() => {
        checkSignal('drained', each);
      }).not.toThrow();
    }
  });

  it.each<[unknown, string]>([
    ['x', 'x (string)'],
    [null, 'null (object)'],
    [{}, 'an object'],
    [{ aborted: false, addEventListener: () => undefined }, 'an object'],
    [new EventTarget(), 'an object of a class'],
    [new AbortController(), 'an object of a class; pass its signal, not the object'],
    [{ signal: AbortSignal.abort() }, 'an object; pass its signal, not the object'],
  ])('rejects %p', (value, got) => {
    expect(isAbortSignal(value)).toBe(false);
    const attempt = () => {
      checkSignal('drained', value);
    };
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(
      new TypeError(`drained: expected signal to be an AbortSignal, got ${got}`),
    );
  });
});

describe('abortReason', () => {
  it('is the reason of the signal, or an AbortError if it has none', () => {
    const reason = new Error('enough');
    expect(abortReason(AbortSignal.abort(reason))).toBe(reason);
    expect(abortReason(AbortSignal.abort(null))).toBe(null);
    expect(abortReason(AbortSignal.abort())).toMatchObject({ name: 'AbortError' });
    expect(abortReason(polyfill().signal)).toMatchObject({ name: 'AbortError' });
  });
});

describe('abortWith', () => {
  it('aborts with the reason of a signal, and leaves no listener', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    abortWith(one.signal, other);
    expect(listeners(one.signal)).toBe(1);
    one.abort('reason');
    expect([other.signal.aborted, other.signal.reason]).toEqual([true, 'reason']);
    expect(listeners(one.signal)).toBe(0);
  });

  it('aborts at once with a signal that has aborted', () => {
    const controller = new AbortController();
    abortWith(AbortSignal.abort('before'), controller)();
    expect(controller.signal.reason).toBe('before');
  });

  it('aborts with a signal of a polyfill, until it is stopped', () => {
    const { signal, abort } = polyfill();
    const [followed, stopped] = [new AbortController(), new AbortController()];
    abortWith(signal, followed);
    abortWith(signal, stopped)();
    abort();
    expect(followed.signal.reason).toMatchObject({ name: 'AbortError' });
    expect(stopped.signal.aborted).toBe(false);
  });
});

import {
  CloseEvent,
  ErrorEvent,
  Event,
  EventTargetEmitter,
  MessageEvent,
} from '../../../src/ws/event-target.js';
import type { StringListener } from '../../../src/ws/message-strings.js';

interface Events {
  open: [];
  message: [data: unknown, isBinary: boolean];
  close: [code: number, reason: Buffer];
  error: [error: Error];
  ping: [payload: Buffer];
}

class Target extends EventTargetEmitter<Events> {
  isClean = false;
  get wasClean(): boolean {
    return this.isClean;
  }
}

/** A target, and the events that its listener gets. */
function listened(type: string): { target: Target; events: Event[] } {
  const target = new Target();
  const events: Event[] = [];
  target.addEventListener(type, (event: Event) => events.push(event));
  return { target, events };
}

describe('the events', () => {
  it('say that the connection is open', () => {
    const { target, events } = listened('open');
    target.emit('open');
    expect(events).toEqual([new Event('open', target)]);
    expect(events[0]).toMatchObject({ type: 'open', target });
  });

  it('have Text as a string, and Binary as it came', () => {
    const { target, events } = listened('message');
    const bytes = Buffer.from('bytes');
    target.emit('message', Buffer.from('grüße'), false);
    target.emit('message', bytes, true);
    expect(events).toEqual([new MessageEvent(target, 'grüße'), new MessageEvent(target, bytes)]);
    expect((events[1] as MessageEvent).data).toBe(bytes);
  });

  it('are made of a string only of Text, and their listeners say so', () => {
    const { target } = listened('message');
    const [listener] = target.listeners('message') as unknown as StringListener[];
    expect([listener!.stringAs(false), listener!.stringAs(true)]).toEqual(['text', undefined]);
  });

  it.each([true, false])('say how the connection was closed, clean: %p', (isClean) => {
    const { target, events } = listened('close');
    target.isClean = isClean;
    target.emit('close', 1000, Buffer.from('bye'));
    expect(events).toEqual([new CloseEvent(target, 1000, 'bye', isClean)]);
    expect(events[0]).toMatchObject({ type: 'close', target, code: 1000, reason: 'bye' });
  });

  it('have the error and its message', () => {
    const { target, events } = listened('error');
    const error = new Error('broken');
    target.emit('error', error);
    expect(events).toEqual([new ErrorEvent(target, error)]);
    expect(events[0]).toMatchObject({ type: 'error', target, error, message: 'broken' });
  });
});

describe('addEventListener', () => {
  it('calls a function with the target as this, and an object by handleEvent', () => {
    const target = new Target();
    const seen: unknown[] = [];
    const object = {
      handleEvent(this: unknown, event: Event): void {
        seen.push(this, event.type);
      },
    };
    target.addEventListener('open', function (this: unknown) {
      seen.push(this);
    });
    target.addEventListener('open', object);
    target.emit('open');
    expect(seen).toEqual([target, object, 'open']);
  });

  it('adds a listener once', () => {
    const target = new Target();
    const handler = jest.fn();
    target.addEventListener('open', handler);
    target.addEventListener('open', handler);
    target.addEventListener('open', handler, { once: true });
    target.emit('open');
    expect(handler).toHaveBeenCalledTimes(1);
  });

  it('removes a listener after its first event with once', () => {
    const target = new Target();
    const handler = jest.fn();
    target.addEventListener('open', handler, { once: true });
    target.addEventListener('open', handler, { once: true });
    target.emit('open');
    target.emit('open');
    expect(handler).toHaveBeenCalledTimes(1);
    expect(target.listenerCount('open')).toBe(0);
  });

  it('ignores an event that the WebSocket API does not have', () => {
    const target = new Target();
    target.addEventListener('ping', jest.fn());
    expect(target.listenerCount('ping')).toBe(0);
  });
});

describe('removeEventListener', () => {
  it('removes what addEventListener added, and nothing else', () => {
    const target = new Target();
    const [first, second, once, own] = [jest.fn(), jest.fn(), jest.fn(), jest.fn()];
    target.addEventListener('open', first);
    target.addEventListener('open', second);
    target.addEventListener('open', once, { once: true });
    target.on('open', own);
    target.removeEventListener('open', first);
    target.removeEventListener('open', once);
    target.removeEventListener('open', own);
    target.removeEventListener('open', jest.fn());
    target.emit('open');
    expect([first, second, once, own].map(({ mock }) => mock.calls.length)).toEqual([0, 1, 0, 1]);
  });
});

describe('a listener that is set as an attribute', () => {
  const attributes = ['onopen', 'onmessage', 'onclose', 'onerror'] as const;

  it.each(attributes)('%s is null, then what was set, then null again', (attribute) => {
    const target = new Target();
    expect(target[attribute]).toBeNull();
    const [first, second] = [jest.fn(), jest.fn()];
    target[attribute] = first;
    expect(target[attribute]).toBe(first);
    target[attribute] = second;
    expect(target[attribute]).toBe(second);
    expect(target.listenerCount(attribute.slice(2) as 'open')).toBe(1);
    target[attribute] = null;
    expect(target[attribute]).toBeNull();
    expect(target.listenerCount(attribute.slice(2) as 'open')).toBe(0);
  });

  it('is called with the event', () => {
    const target = new Target();
    const handler = jest.fn();
    target.onmessage = handler;
    target.emit('message', Buffer.from('a'), false);
    expect(handler).toHaveBeenCalledWith(new MessageEvent(target, 'a'));
  });

  it('must be a function: anything else removes the one before', () => {
    const target = new Target();
    target.onopen = jest.fn();
    target.onopen = { handleEvent: jest.fn() } as never; // the types refuse it
    expect(target.onopen).toBeNull();
  });

  it('is apart from the listeners of addEventListener', () => {
    const target = new Target();
    const handler = jest.fn();
    target.onopen = handler;
    target.addEventListener('open', handler);
    target.emit('open');
    expect(handler).toHaveBeenCalledTimes(2);
    target.removeEventListener('open', handler);
    expect(target.onopen).toBe(handler);
    target.onopen = null;
    expect(target.listenerCount('open')).toBe(0);
  });
});

describe('addEventListener, its arguments', () => {
  it.each([[undefined], [null], [7], ['x'], [{}], [[]], [Symbol('s')], [{ handleEvent: 7 }]])(
    'refuses the handler %p, which could not be called',
    (handler) => {
      const target = new Target();
      const add = () => {
        target.addEventListener('message', handler as never);
      };
      expect(add).toThrow(TypeError);
      expect(add).toThrow(/^addEventListener: expected the handler to be a function, or an object/);
      expect(target.listenerCount('message')).toBe(0);
      // As in ws, such a type is ignored, whatever its handler is.
      for (const type of ['ping', 'toString']) target.addEventListener(type, handler as never);
    },
  );

  it.each([[null], [true], [7], [{}]])('takes %p for no options', (options) => {
    const target = new Target();
    const handler = jest.fn();
    target.addEventListener('open', handler, options as never);
    target.emit('open');
    target.emit('open');
    expect(handler).toHaveBeenCalledTimes(2);
  });
});

it('has its members where for-in finds them', () => {
  const names = [];
  for (const name in new Target()) names.push(name);
  expect(names).toEqual(
    expect.arrayContaining([
      'onopen',
      'onmessage',
      'onclose',
      'onerror',
      'addEventListener',
      'removeEventListener',
    ]),
  );
});

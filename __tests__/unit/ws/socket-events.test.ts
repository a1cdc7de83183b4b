import { ConnectionError } from '../../../src/connection/close/connection-error.js';
import { ProtocolError } from '../../../src/protocol/framing/protocol-error.js';
import { type EventHandlers, SocketEvents } from '../../../src/ws/socket-events.js';

/** What the handlers of a WebSocket named `'socket'` are called with. */
function translated(...event: Parameters<SocketEvents<string>['emit']>): {
  calls: unknown[];
  isHandled: boolean;
} {
  const calls: unknown[] = [];
  const handler =
    (name: string) =>
    (...args: unknown[]): void => {
      calls.push([name, ...args]);
    };
  const handlers: EventHandlers<string> = {
    message: handler('message'),
    ping: handler('ping'),
    pong: handler('pong'),
    error: handler('error'),
    close: handler('close'),
  };
  const isHandled = new SocketEvents('socket', handlers).emit(...event);
  return { calls, isHandled };
}

describe('SocketEvents', () => {
  const bytes = Buffer.from('a');

  it.each<[Parameters<SocketEvents<string>['emit']>, unknown[]]>([
    [
      ['message', bytes, false],
      ['message', 'socket', bytes, false],
    ],
    [
      ['ping', bytes],
      ['ping', 'socket', bytes],
    ],
    [
      ['pong', bytes],
      ['pong', 'socket', bytes],
    ],
    [
      ['close', 1000, 'bye'],
      ['close', 'socket'],
    ],
  ])('passes on %j', (event, call) => {
    expect(translated(...event)).toEqual({ calls: [call], isHandled: true });
  });

  it('answers a Close with its own code and reason', () => {
    const reply = jest.fn();
    expect(translated('closing', 4000, 'bye', reply)).toEqual({ calls: [], isHandled: true });
    expect(reply.mock.calls).toEqual([[4000, 'bye']]);
  });

  it('passes on a fault of the peer as ws names it', () => {
    const fault = new ProtocolError('ERR_MASK_REQUIRED', 'not masked');
    const { calls } = translated('error', fault);
    expect(calls).toMatchObject([
      ['error', 'socket', { code: 'WS_ERR_EXPECTED_MASK', cause: fault }],
    ]);
  });

  it('passes on that a limit of hawser was reached', () => {
    const limit = new ConnectionError('ERR_TERMINATED');
    expect(translated('error', limit).calls).toEqual([['error', 'socket', limit]]);
  });

  it('is silent about errors of the transport, as ws is', () => {
    expect(translated('error', new Error('read ECONNRESET'))).toEqual({
      calls: [],
      isHandled: true,
    });
  });

  it.each(['drain', 'dropped', Symbol('other')])('does not have the event %p', (event) => {
    expect(translated(event)).toEqual({ calls: [], isHandled: false });
  });

  it('seems to have listeners, so that no message waits for one; for frames it has not', () => {
    const events = new SocketEvents('socket', {} as EventHandlers<string>);
    expect(['message', 'closing', 'error'].map((event) => events.listenerCount(event))).toEqual([
      1, 1, 1,
    ]);
    expect(events.listenerCount('frame')).toBe(0);
  });
});

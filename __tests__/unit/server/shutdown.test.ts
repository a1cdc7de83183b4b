import type { CloseInfo } from '../../../src/connection/close/close-info.js';
import { ConnectionError } from '../../../src/connection/close/connection-error.js';
import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import {
  checkCloseOptions,
  closeConnections,
  type ServerCloseOptions,
} from '../../../src/server/shutdown.js';
import { HandClock, settle } from '../../support/server.js';

/** A connection that ends when the test says so. */
class FakeConnection {
  readyState: 'open' | 'closing' | 'closed' = 'open';
  readonly calls: string[] = [];
  #resolve!: (info: CloseInfo) => void;

  close(code: number, reason: string): Promise<CloseInfo> {
    this.calls.push(`close ${String(code)} ${reason}`);
    this.readyState = 'closing';
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** Like a socket's, its end is told later. */
  terminateWith({ code }: ConnectionError): void {
    this.calls.push(`terminate ${code}`);
    setImmediate(() => {
      this.ended(false);
    });
  }

  ended(clean: boolean, cause?: ConnectionError): void {
    this.readyState = 'closed';
    const info = { code: 1001, reason: '', clean, initiator: 'local' } as const;
    this.#resolve(cause === undefined ? info : { ...info, cause });
  }
}

function start(count: number, options: ServerCloseOptions = {}) {
  const clock = new HandClock();
  const connections = Array.from({ length: count }, () => new FakeConnection());
  const companion = { calls: [] as string[], ended: Promise.resolve() };
  const report = closeConnections(connections, options, new Deadlines(clock), clock, {
    end: async () => {
      companion.calls.push('end');
      await companion.ended;
    },
    terminate: () => companion.calls.push('terminate'),
  });
  return { clock, connections, report, companion };
}

describe('closeConnections', () => {
  it('sends every connection a Close with 1001 and reports how they ended', async () => {
    const { clock, connections, report } = start(3);
    expect(connections.map(({ calls }) => calls)).toEqual(Array(3).fill(['close 1001 ']));
    clock.advance(25);
    connections[0]!.ended(true);
    connections[1]!.ended(true);
    connections[2]!.ended(false);
    await expect(report).resolves.toEqual({ total: 3, clean: 2, terminated: 0, milliseconds: 25 });
    expect(clock.timers.size).toBe(0);
  });

  it('sends the code and reason that were given', async () => {
    const { connections, report } = start(1, { code: 4000, reason: 'bye' });
    expect(connections[0]!.calls).toEqual(['close 4000 bye']);
    connections[0]!.ended(true);
    await report;
  });

  it('terminates connections that have not ended after ten seconds, and no others', async () => {
    const { clock, connections, report } = start(2);
    connections[0]!.ended(true);
    clock.advance(9_999);
    expect(connections[1]!.calls).toEqual(['close 1001 ']);
    clock.advance(1);
    expect(connections.map(({ calls }) => calls.at(-1))).toEqual([
      'close 1001 ',
      'terminate ERR_SERVER_CLOSED',
    ]);
    await expect(report).resolves.toEqual({
      total: 2,
      clean: 1,
      terminated: 1,
      milliseconds: 10_000,
    });
  });

  it('has the deadline that was given', () => {
    const { clock, connections } = start(1, { timeout: 50 });
    clock.advance(49);
    expect(connections[0]!.calls).not.toContain('terminate ERR_SERVER_CLOSED');
    clock.advance(1);
    expect(connections[0]!.calls).toContain('terminate ERR_SERVER_CLOSED');
  });

  it('terminates at once when the signal aborts, and removes its listener afterwards', async () => {
    const controller = new AbortController();
    const removed = jest.spyOn(controller.signal, 'removeEventListener');
    const { connections, report } = start(1, { signal: controller.signal });
    expect(connections[0]!.calls).not.toContain('terminate ERR_SERVER_CLOSED');
    controller.abort();
    expect(connections[0]!.calls).toContain('terminate ERR_SERVER_CLOSED');
    await expect(report).resolves.toMatchObject({ total: 1, terminated: 1 });
    expect(removed).toHaveBeenCalledTimes(1);
  });

  it('terminates at once when the signal has aborted before', async () => {
    const { connections, report } = start(1, { signal: AbortSignal.abort() });
    expect(connections[0]!.calls).toEqual(['close 1001 ', 'terminate ERR_SERVER_CLOSED']);
    await expect(report).resolves.toMatchObject({ total: 1, clean: 0, terminated: 1 });
  });

  it('counts a connection once when the signal and the deadline both terminate it', async () => {
    const controller = new AbortController();
    const { clock, report } = start(1, { signal: controller.signal });
    controller.abort();
    clock.advance(10_000);
    await expect(report).resolves.toMatchObject({ total: 1, terminated: 1 });
  });

  it('counts as terminated a connection whose closeTimeout passed, and no other', async () => {
    const { connections, report } = start(3);
    connections[0]!.ended(false, new ConnectionError('ERR_CLOSE_TIMEOUT'));
    connections[1]!.ended(false, new ConnectionError('ERR_TRANSPORT_ENDED'));
    connections[2]!.ended(true);
    await expect(report).resolves.toMatchObject({ total: 3, clean: 1, terminated: 1 });
  });

  it('has nothing to do without connections', async () => {
    const clock = new HandClock();
    await expect(closeConnections([], {}, new Deadlines(clock), clock)).resolves.toEqual({
      total: 0,
      clean: 0,
      terminated: 0,
      milliseconds: 0,
    });
  });

  it('terminates connections also where there is no http.Server to end', async () => {
    const clock = new HandClock();
    const connection = new FakeConnection();
    const report = closeConnections([connection], {}, new Deadlines(clock), clock);
    clock.advance(10_000);
    await expect(report).resolves.toMatchObject({ terminated: 1 });
  });

  it('ends the http.Server after the connections, and terminates it at the same deadline', async () => {
    const { clock, connections, report, companion } = start(1);
    let ended!: () => void;
    companion.ended = new Promise((resolve) => (ended = resolve));
    await settle();
    expect(companion.calls).toEqual([]);
    connections[0]!.ended(true);
    await settle();
    expect(companion.calls).toEqual(['end']);
    clock.advance(10_000);
    expect(companion.calls).toEqual(['end', 'terminate']);
    ended();
    await expect(report).resolves.toEqual({
      total: 1,
      clean: 1,
      terminated: 0,
      milliseconds: 10_000,
    });
  });
});

describe('checkCloseOptions', () => {
  it.each<[ServerCloseOptions]>([
    [{}],
    [{ code: 4000, reason: 'bye', timeout: 0, signal: new AbortController().signal }],
    [{ timeout: Infinity, signal: AbortSignal.abort() }],
  ])('has nothing against %j', (options) => {
    expect(() => {
      checkCloseOptions(options);
    }).not.toThrow();
  });

  it.each<[unknown, string]>([
    [
      { timeout: NaN },
      'timeout to be a number of milliseconds from 0, or Infinity, got NaN (number)',
    ],
    [
      { timeout: '5' },
      'timeout to be a number of milliseconds from 0, or Infinity, got 5 (string)',
    ],
    [
      { timeout: -1 },
      'timeout to be a number of milliseconds from 0, or Infinity, got -1 (number)',
    ],
    [{ signal: {} }, 'signal to be an AbortSignal, got an object'],
    [{ signal: { aborted: false } }, 'signal to be an AbortSignal, got an object'],
    [
      { signal: { addEventListener: () => undefined } },
      'signal to be an AbortSignal, got an object',
    ],
    [{ signal: null }, 'signal to be an AbortSignal, got null (object)'],
    [{ code: '1001' }, 'code to be a number, got 1001 (string)'],
    [{ reason: 5 }, 'reason to be a string, got 5 (number)'],
  ])('rejects %j', (options, message) => {
    expect(() => {
      checkCloseOptions(options as ServerCloseOptions);
    }).toThrow(new TypeError(`close: expected option ${message}`));
  });

  it.each<[unknown, string]>([
    [{ tiemout: 5 }, 'close: unknown option tiemout (got 5 (number)); did you mean timeout?'],
    [{ code: 1006 }, 'close code 1006 must not be sent'],
    [{ reason: 'x'.repeat(124) }, 'the close reason is 124 bytes'],
    [null, 'close: expected options to be an object, got null (object)'],
  ])('rejects %j too', (options, message) => {
    expect(() => {
      checkCloseOptions(options as ServerCloseOptions);
    }).toThrow(message);
  });
});

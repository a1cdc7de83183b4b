import type { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import { ServerAdmission } from '../../../src/ws/admission.js';
import { type HawserOptions, resolveConnectionOptions } from '../../../src/ws/hawser-options.js';
import { SharedLimits } from '../../../src/server/admission/shared-limits.js';
import {
  HandClock,
  fakeRequest,
  MemoryLogger,
  settle,
  transportPair,
} from '../../support/server.js';

function admissionOf(hawser?: HawserOptions): ServerAdmission | undefined {
  return ServerAdmission.of(resolveConnectionOptions({ hawser }), hawser);
}

/** The status of the answer to a request; 101 if it is admitted. */
function ask(
  admission: ServerAdmission | undefined,
  headers: Record<string, string> = {},
  [socket] = transportPair(),
): number {
  try {
    admission!.admit(fakeRequest(headers), socket);
    return 101;
  } catch (error) {
    return (error as UpgradeRejection).status;
  }
}

describe('ServerAdmission', () => {
  const logger = new MemoryLogger();

  it.each<[string, HawserOptions | undefined]>([
    ['no option of hawser', undefined],
    ['options that are about connections', { heartbeat: false, maxBufferedAmount: 1 }],
    ['an option that is undefined', { origin: undefined as never }],
  ])('is not needed with %s', (_name, hawser) => {
    expect(admissionOf(hawser)).toBeUndefined();
  });

  it('checks the origin', () => {
    const admission = admissionOf({ origin: ['https://a.example'], logger });
    expect(ask(admission, { origin: 'https://a.example' })).toBe(101);
    expect(ask(admission, { origin: 'https://b.example' })).toBe(403);
  });

  it('counts connections, until their sockets close', async () => {
    const admission = admissionOf({ maxConnections: 1, logger, clock: new HandClock() });
    const [socket, peer] = transportPair();
    expect(ask(admission, {}, [socket, peer])).toBe(101);
    expect(ask(admission)).toBe(503);
    socket.destroy();
    await settle();
    expect(ask(admission)).toBe(101);
  });

  it('counts the connections of an address over several servers', () => {
    const limits = new SharedLimits({ maxConnectionsPerAddress: 1 });
    const [one, other] = [admissionOf({ limits, logger }), admissionOf({ limits, logger })];
    const at = (address: string): ReturnType<typeof transportPair> => {
      const [socket, peer] = transportPair();
      Object.assign(socket, { remoteAddress: address });
      return [socket, peer];
    };
    expect(ask(one, {}, at('192.0.2.1'))).toBe(101);
    expect(ask(other, {}, at('192.0.2.1'))).toBe(429);
    expect(ask(other, {}, at('192.0.2.2'))).toBe(101);
  });
});

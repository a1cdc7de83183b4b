import type { Duplex } from 'node:stream';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import type { ServerOptions } from '../../../src/server/options/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import {
  deferred,
  fakeRequest,
  HandClock,
  MemoryLogger,
  settle,
  transportPair,
} from '../../support/server.js';

/** A handshake on a transport in memory, decided by these options. */
function decide(options: ServerOptions<unknown>, headers: Record<string, string> = {}) {
  const clock = new HandClock();
  const log = new MemoryLogger();
  const wss = new WebSocketServer<unknown>({
    noServer: true,
    clock,
    logger: log,
    upgradeTimeout: 1000,
    ...options,
  });
  const [socket, peer] = transportPair();
  const upgraded = wss.handleUpgrade(fakeRequest(headers), socket, Buffer.alloc(0));
  const status = async (): Promise<string> => {
    await settle();
    return (peer.read() as Buffer | null)?.toString().slice(9, 12) ?? 'none';
  };
  return { wss, socket, peer, clock, log, upgraded, status };
}

describe('a request that was admitted', () => {
  it('is upgraded at once without authorize, and with one that answers at once', async () => {
    for (const options of [{}, { authorize: () => ({ context: 1 }) }]) {
      const { wss, upgraded } = decide(options);
      expect(wss.connections.size).toBe(1);
      expect(wss.stats().upgradesPending).toBe(0);
      expect(await upgraded).toBe([...wss.connections][0]);
    }
  });

  it('waits for authorize, and counts meanwhile', async () => {
    const answer = deferred<{ context: string }>();
    const { wss, upgraded } = decide({
      authorize: () => answer.promise,
      maxConnectionsPerAddress: 1,
    });
    expect(wss.stats().upgradesPending).toBe(1);
    answer.resolve({ context: 'ann' });
    expect((await upgraded)?.context).toBe('ann');
    expect(wss.stats().upgradesPending).toBe(0);
  });

  it('runs a thenable that is not a promise once', async () => {
    const then = jest.fn((resolve: (value: undefined) => void) => {
      resolve(undefined);
    });
    const { upgraded } = decide({ authorize: () => ({ then }) as unknown as Promise<undefined> });
    expect(await upgraded).toBeDefined();
    expect(then).toHaveBeenCalledTimes(1);
  });

  it.each<[string, ServerOptions<unknown>['authorize'], string]>([
    [
      'throws a rejection',
      () => {
        throw new UpgradeRejection(401);
      },
      '401',
    ],
    ['rejects with one', () => Promise.reject(new UpgradeRejection(402)), '402'],
    ['fails', () => Promise.reject(new Error('no database')), '500'],
    ['answers what it must not', () => false as unknown as undefined, '500'],
    ['names a subprotocol that was not offered', () => ({ subprotocol: 'x' }), '500'],
  ])('is rejected if authorize %s', async (_how, authorize, expected) => {
    const { wss, upgraded, status } = decide({ authorize: authorize! });
    expect(await upgraded).toBeUndefined();
    expect(await status()).toBe(expected);
    expect(wss.stats().upgradesPending).toBe(0);
  });

  it('is rejected with 503 when authorize takes too long', async () => {
    const { clock, upgraded, status } = decide({ authorize: () => new Promise(() => undefined) });
    clock.advance(1000);
    expect(await upgraded).toBeUndefined();
    expect(await status()).toBe('503');
  });

  it('is rejected with 408 when it does not end before authorize is asked', async () => {
    const authorize = jest.fn();
    const { clock, upgraded, status } = decide({ authorize }, { 'transfer-encoding': 'chunked' });
    clock.advance(1000);
    expect(await upgraded).toBeUndefined();
    expect(await status()).toBe('408');
    expect(authorize).not.toHaveBeenCalled();
  });

  it('is asked about once it has ended', async () => {
    const authorize = jest.fn();
    const { peer, upgraded } = decide({ authorize }, { 'transfer-encoding': 'chunked' });
    peer.write('0\r\n\r\n');
    expect(await upgraded).toBeDefined();
    expect(authorize).toHaveBeenCalledTimes(1);
  });

  it('is rejected with 503 when the server closes', async () => {
    const { wss, upgraded, status } = decide({ authorize: () => new Promise(() => undefined) });
    void wss.close();
    expect(await upgraded).toBeUndefined();
    expect(await status()).toBe('503');
  });

  it.each<[string, (peer: Duplex, socket: Duplex) => unknown]>([
    ['leaves', (peer) => peer.end()],
    ['is gone', (_peer, socket) => socket.destroy()],
  ])('is abandoned when the client %s', async (_how, leave) => {
    const answer = deferred<undefined>();
    const { wss, socket, peer, upgraded } = decide({ authorize: () => answer.promise });
    leave(peer, socket);
    expect(await upgraded).toBeUndefined();
    expect(socket.destroyed).toBe(true);
    expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesPending: 1 });
    answer.resolve(undefined);
    await settle();
    expect(wss.stats().upgradesPending).toBe(0);
  });

  it('is abandoned when the application has ended the transport itself', async () => {
    for (const where of ['authorize', 'subprotocols'] as const) {
      const held: { socket?: Duplex } = {};
      const answer = deferred<undefined>();
      const end = (): undefined => void held.socket!.end();
      const { wss, ...decided } = decide(
        {
          authorize: () => answer.promise.then(where === 'authorize' ? end : undefined),
          ...(where === 'subprotocols' ? { subprotocols: end } : {}),
        },
        { 'sec-websocket-protocol': 'chat' },
      );
      held.socket = decided.socket;
      answer.resolve(undefined);
      expect(await decided.upgraded).toBeUndefined();
      expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesAccepted: 0 });
    }
  });
});

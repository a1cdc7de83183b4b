import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import type { ServerOptions } from '../../../src/server/options/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { SAMPLE_ACCEPT } from '../../support/raw-client.js';
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

describe('a request', () => {
  it('is abandoned where authorize rejects after another listener has answered', async () => {
    const answer = deferred<undefined>();
    const { wss, socket, upgraded, status } = decide({ authorize: () => answer.promise });
    Object.assign(socket, { bytesWritten: 200 }); // as a socket of Node counts them
    answer.reject(new UpgradeRejection(401));
    expect(await upgraded).toBeUndefined();
    expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesRejected: {} });
    expect(await status()).toBe('none');
  });

  it('is left alone, with a hint, if its transport was given to a server before', async () => {
    const { wss, socket, log, upgraded, status } = decide({});
    expect(await wss.handleUpgrade(fakeRequest(), socket, Buffer.alloc(0))).toBeUndefined();
    expect(await upgraded).toBeDefined();
    expect(log.lines).toEqual([
      expect.stringMatching(
        /handleUpgrade: the socket of "\/" was given .* let one 'upgrade' listener have it/,
      ),
    ]);
    expect(await status()).toBe('101');
  });

  it('that is not admitted is rejected and reported, even if its client is gone', async () => {
    for (const leave of [() => undefined, (socket: Duplex) => socket.destroy()]) {
      const wss = new WebSocketServer({ noServer: true, logger: new MemoryLogger() });
      const rejected = jest.fn();
      wss.on('rejected', rejected);
      const [socket] = transportPair();
      leave(socket);
      const request = fakeRequest({ 'sec-websocket-version': '12' });
      expect(await wss.handleUpgrade(request, socket, Buffer.alloc(0))).toBeUndefined();
      expect(rejected).toHaveBeenCalledTimes(1);
      expect(wss.stats()).toMatchObject({ upgradesRejected: { 426: 1 }, upgradesPending: 0 });
    }
  });

  it.each<[string, (socket: Duplex) => unknown, number]>([
    ['another listener has ended its transport, with a hint', (socket) => socket.end(), 1],
    ['its client has left, without one', (socket) => socket.destroy(), 0],
  ])('is abandoned if %s', async (_how, serve, hints) => {
    const log = new MemoryLogger();
    const wss = new WebSocketServer({ noServer: true, logger: log, clock: new HandClock() });
    const [socket] = transportPair();
    serve(socket);
    expect(await wss.handleUpgrade(fakeRequest(), socket, Buffer.alloc(0))).toBeUndefined();
    expect(wss.stats()).toMatchObject({ upgradesAbandoned: 1, upgradesPending: 0 });
    expect(log.lines).toHaveLength(hints);
  });

  it('that was rejected is terminated with its server, if its client has not ended', async () => {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', logger: new MemoryLogger() });
    const [[left], [stays]] = [transportPair(), transportPair()];
    for (const socket of [left, stays]) {
      await wss.handleUpgrade(fakeRequest({ upgrade: 'x' }), socket, Buffer.alloc(0));
    }
    left.destroy();
    await once(left, 'close');
    expect(stays.destroyed).toBe(false);
    await wss.close({ signal: AbortSignal.abort() });
    expect(stays.destroyed).toBe(true);
  });
});

describe('a request that accept gets', () => {
  const make = (): WebSocketServer<string> =>
    new WebSocketServer<string>({ noServer: true, logger: new MemoryLogger() });

  it('is upgraded at once, with what came early, and counted for its address', () => {
    const wss = make();
    const [socket, peer] = transportPair();
    const connection = wss.accept(fakeRequest(), socket, Buffer.alloc(0), { context: 'ann' });
    expect([...wss.connections]).toEqual([connection]);
    expect(connection.context).toBe('ann');
    expect(String(peer.read())).toMatch(/^HTTP\/1\.1 101 /);
  });

  it('throws before anything is written, and leaves the transport to the caller', () => {
    const wss = make();
    const [socket, peer] = transportPair();
    const accept = (headers: Record<string, string>, options: object): unknown =>
      wss.accept(fakeRequest(headers), socket, Buffer.alloc(0), options);
    expect(() => accept({}, { contxt: 'ann' })).toThrow(/contxt/);
    expect(() => accept({ upgrade: 'h2c' }, { context: 'ann' })).toThrow(/only upgrades/);
    expect(() => accept({}, { context: 'ann', subprotocol: 'x' })).toThrow(/"x" was chosen/);
    expect(peer.read()).toBeNull();
    expect(accept({}, { context: 'ann' })).toBeDefined();
    expect(() => accept({}, { context: 'ann' })).toThrow(
      "accept: this socket was given to a WebSocketServer before; let one 'upgrade' listener have it",
    );
    void wss.close();
    expect(() => accept({}, { context: 'ann' })).toThrow(/closed or closing/);
  });
});

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

  it('is answered as it was checked, whatever authorize does to it meanwhile', async () => {
    const { upgraded, peer } = decide(
      {
        subprotocols: ['chat'],
        perMessageDeflate: true,
        authorize: async (request) => {
          await settle();
          Object.assign(request, { url: undefined, httpVersion: '2.0', method: 'POST' });
          Object.assign(request, {
            headers: {
              'sec-websocket-key': 'no key',
              'sec-websocket-protocol': 'other',
              'sec-websocket-extensions': ';',
            },
          });
        },
      },
      { 'sec-websocket-protocol': 'chat', 'sec-websocket-extensions': 'permessage-deflate' },
    );
    const connection = await upgraded;
    expect([connection?.url, connection?.subprotocol]).toEqual(['/', 'chat']);
    expect(connection?.extensions).toMatch(/^permessage-deflate/);
    const response = String(peer.read());
    expect(response).toContain(`Sec-WebSocket-Accept: ${SAMPLE_ACCEPT}\r\n`);
    expect(response).toContain('Sec-WebSocket-Protocol: chat\r\n');
  });

  it('is rejected as it was checked, even if authorize has taken its headers away', async () => {
    const { wss, upgraded, status } = decide({
      authorize: async (request) => {
        await settle();
        Object.assign(request, { url: undefined, headers: {} });
        throw new UpgradeRejection(401);
      },
    });
    expect(await upgraded).toBeUndefined();
    expect(await status()).toBe('401');
    expect(wss.stats().upgradesRejected).toEqual({ 401: 1 });
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

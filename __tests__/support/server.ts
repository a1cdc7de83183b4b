/** What the tests of src/server/ have in common. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { Duplex } from 'node:stream';
import type { Logger } from '../../src/server/logger.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import type { OwnServerParts } from '../../src/server/options/attachment.js';
import type { Authorization, ServerOptions } from '../../src/server/options/options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { HandClock } from './clock.cjs';
import { RawClient, SAMPLE_KEY, upgradeRequest } from './raw-client.js';

export { HandClock };

/** A logger that remembers. */
export class MemoryLogger implements Logger {
  readonly lines: string[] = [];
  readonly causes: unknown[] = [];

  warn(message: string): void {
    this.lines.push(`warn ${message}`);
  }

  error(message: string, cause?: unknown): void {
    this.lines.push(`error ${message}`);
    this.causes.push(cause);
  }
}

const cleanups: (() => unknown)[] = [];

/** Undo something when the test is over. */
export function later(undo: () => unknown): void {
  cleanups.push(undo);
}

afterEach(async () => {
  for (const undo of cleanups.splice(0).reverse()) await undo();
  jest.restoreAllMocks();
});

/** Listen on a port of its own, and close after the test. */
export async function listen(server: Server | NetServer, path?: string): Promise<number> {
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  later(async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  });
  if (path === undefined) server.listen(0, '127.0.0.1');
  else server.listen(path);
  await once(server, 'listening');
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

/** A raw client that is let go of after the test. Nothing is sent yet. */
export async function connect(port: number | string): Promise<RawClient> {
  const client = await RawClient.connect(port);
  later(() => {
    client.destroy();
  });
  return client;
}

/** A raw client that has sent an upgrade request. */
export async function ask(
  port: number | string,
  ...parts: Parameters<typeof upgradeRequest>
): Promise<RawClient> {
  const client = await connect(port);
  client.send(upgradeRequest(...parts));
  return client;
}

export interface Served<Context> {
  readonly wss: WebSocketServer<Context>;
  readonly server: Server;
  readonly port: number;
  readonly log: MemoryLogger;
  readonly clock: HandClock;
}

/** A WebSocketServer on an http.Server that listens. Its clock stands still and its logger remembers. */
export async function serve<Context = undefined>(
  options: ServerOptions<Context> = {},
): Promise<Served<Context>> {
  const server = createServer();
  const log = new MemoryLogger();
  const clock = new HandClock();
  const wss = new WebSocketServer<Context>(server, { clock, logger: log, ...options });
  return { wss, server, port: await listen(server), log, clock };
}

/** Wait until something is so; a limit is only there so that a failure has a name. */
export async function eventually(what: string, probe: () => boolean): Promise<void> {
  const limit = Date.now() + 120_000;
  while (!probe()) {
    if (Date.now() > limit) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Let everything that is already on its way in this process happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * What surfaces as an uncaught exception from here on: hawser throws it on `process.nextTick`,
 * where it would end the process (and, inside Jest, fail the test).
 */
export function catchSurfacing(): unknown[] {
  const surfaced: unknown[] = [];
  const real = process.nextTick.bind(process);
  jest.spyOn(process, 'nextTick').mockImplementation((callback: unknown, ...args: unknown[]) => {
    real(() => {
      try {
        (callback as (...args: unknown[]) => unknown)(...args);
      } catch (error) {
        surfaced.push(error);
      }
    });
  });
  return surfaced;
}

/** A request as http.Server hands it over, without one. */
export function fakeRequest(
  headers: Record<string, string | string[]> = {},
  parts: { url?: string; method?: string } = {},
): IncomingMessage {
  return {
    method: 'GET',
    url: '/',
    httpVersion: '1.1',
    rawHeaders: [],
    ...parts,
    headers: {
      host: 'localhost',
      upgrade: 'websocket',
      connection: 'Upgrade',
      'sec-websocket-key': SAMPLE_KEY,
      'sec-websocket-version': '13',
      ...headers,
    },
  } as unknown as IncomingMessage;
}

/** A transport that is not a socket, and its other end. */
export function transportPair(): [Duplex, Duplex] {
  class End extends Duplex {
    other!: End;
    override _read(): void {}
    override _write(chunk: Buffer, _encoding: string, done: () => void): void {
      this.other.push(Buffer.from(chunk));
      done();
    }
    override _final(done: () => void): void {
      this.other.push(null);
      done();
    }
  }
  const [one, other] = [new End(), new End()];
  one.other = other;
  other.other = one;
  return [one, other];
}

/** A promise and what settles it. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

/** A server with an `authorize` that answers when the test does. */
export async function serveAsking<Context = undefined>(options: ServerOptions<Context> = {}) {
  const answer = deferred<Authorization<Context> | undefined>();
  const asked = deferred<AbortSignal>();
  const served = await serve<Context>({
    authorize: (_request, { signal }) => {
      asked.resolve(signal);
      return answer.promise;
    },
    ...options,
  });
  const connections: WebSocketConnection<Context>[] = [];
  served.wss.on('connection', (connection) => connections.push(connection));
  return { ...served, answer, asked: asked.promise, connections };
}

/** An own server, which is closed after the test. */
export async function serveOwn(options: ServerOptions & Partial<OwnServerParts> = {}) {
  const clock = new HandClock();
  const wss = new WebSocketServer({
    host: '127.0.0.1',
    clock,
    logger: new MemoryLogger(),
    ...options,
    port: 0,
    socketPath: undefined as never,
  });
  later(() => wss.close({ signal: AbortSignal.abort() }));
  await once(wss, 'listening');
  return { wss, clock, port: (wss.address() as AddressInfo).port };
}

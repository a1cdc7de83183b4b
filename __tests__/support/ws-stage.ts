/**
 * A stage for small programs that run on ws and on hawser/ws. Each writes down what it sees, and both must have seen
 * the same.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type * as ws from 'ws';
import { RawClient, type RequestParts, upgradeRequest } from './raw-client.js';

/** What both libraries have. */
type Library = Pick<typeof ws, 'WebSocket' | 'WebSocketServer' | 'createWebSocketStream'>;
/** The options of a server. */
export type Options = NonNullable<ConstructorParameters<typeof ws.WebSocketServer>[0]>;

/** Where a program runs. */
export class Stage {
  readonly library: Library;
  /** What the program has seen. */
  readonly log: unknown[] = [];
  readonly #undo: (() => void)[] = [];

  constructor(library: Library) {
    this.library = library;
  }

  /** Write down. */
  saw(...seen: unknown[]): void {
    this.log.push(seen.length === 1 ? seen[0] : seen);
  }

  later(undo: () => void): void {
    this.#undo.push(undo);
  }

  tearDown(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  async listen(server: HttpServer | TcpServer): Promise<number> {
    const sockets = new Set<Duplex>();
    server.on('connection', (socket: Duplex) => sockets.add(socket));
    this.later(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** A server of the library on an http.Server. */
  async serve(options: Options = {}): Promise<{ wss: ws.WebSocketServer; port: number }> {
    const server = createServer();
    const wss = new this.library.WebSocketServer({ server, ...options });
    return { wss, port: await this.listen(server) };
  }

  /** Bytes of a handshake, and what the server answers. */
  async ask(port: number, parts: RequestParts = {}): Promise<RawClient> {
    const client = await RawClient.connect(port);
    this.later(() => {
      client.destroy();
    });
    client.send(upgradeRequest(parts));
    return client;
  }

  /** The server's end of a connection, and a client that sends bytes. */
  async open(options: Options = {}, parts: RequestParts = {}): Promise<Opened> {
    const { wss, port } = await this.serve(options);
    const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
    const client = await this.ask(port, parts);
    const { status } = await client.response();
    if (status !== 101) throw new Error(`the handshake failed with ${status}`);
    const [socket] = await connected;
    return { wss, port, client, socket };
  }

  /** Write down all that a WebSocket emits, in order. @returns at its `'close'`. */
  watch(socket: ws.WebSocket, name = ''): Promise<void> {
    const saw = (...seen: unknown[]): void => {
      this.saw(...(name === '' ? seen : [name, ...seen]), `state ${socket.readyState}`);
    };
    socket.on('open', () => {
      saw('open');
    });
    socket.on('message', (data, isBinary) => {
      saw('message', words(data), isBinary);
    });
    socket.on('ping', (data) => {
      saw('ping', words(data));
    });
    socket.on('pong', (data) => {
      saw('pong', words(data));
    });
    socket.on('error', (error) => {
      saw('error', ...fault(error));
    });
    return new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        saw('close', code, words(reason));
        resolve();
      });
    });
  }
}

/** A connection to a server of the library. */
export interface Opened {
  wss: ws.WebSocketServer;
  port: number;
  client: RawClient;
  socket: ws.WebSocket;
}

/** A value as its kind and its bytes. */
export function words(data: unknown): string {
  if (Array.isArray(data)) return `list of ${data.map(words).join()}`;
  if (Buffer.isBuffer(data)) return `Buffer ${data.toString('latin1')}`;
  if (
    data instanceof ArrayBuffer ||
    Object.prototype.toString.call(data) === '[object ArrayBuffer]'
  )
    return `ArrayBuffer ${Buffer.from(data as ArrayBuffer).toString('latin1')}`;
  return `${Object.prototype.toString.call(data)} ${String(data)}`;
}

/** An error as what programs compare. */
export function fault(error: unknown): unknown[] {
  const { name, code, message } = error as Error & { code?: string };
  return [name, code, message];
}

/** What an action throws. */
export function thrown(action: () => unknown): unknown {
  try {
    action();
    return 'nothing thrown';
  } catch (error) {
    return fault(error);
  }
}

/** Let what is on its way in this process happen. */
export async function turns(count = 5): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Until `'close'`; `once` of Node would throw at an `'error'` before it. */
export function ended(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once('close', resolve));
}

/** What every emitter has. */
export const EMITTER: object = EventEmitter.prototype;

/** What runs on both. */
export type Program = (stage: Stage) => Promise<void>;
/** Run a program on one of the libraries. @returns what it has seen. */
export async function play(library: unknown, program: Program): Promise<unknown[]> {
  const stage = new Stage(library as Library);
  try {
    await program(stage);
    // Without what the end of the stage brings about.
    return [...stage.log];
  } finally {
    stage.tearDown();
  }
}

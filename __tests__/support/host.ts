import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import {
  type CloseInfo,
  type ServerOptions,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.js';
import type { RawClient, RequestParts } from './raw-client.js';
import { askOver, openOver, type Version } from './versions.js';

/** A message as it is sent and received. */
export type Message = string | Buffer;

/** What arrives, to be waited for. */
export class Inbox<T> {
  readonly #held: T[] = [];
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#held.push(item);
    this.#wake?.();
  }

  async take(count: number): Promise<T[]> {
    while (this.#held.length < count) {
      await new Promise<void>((wake) => (this.#wake = wake));
    }
    return this.#held.splice(0, count);
  }
}

/** Our end of a conversation. */
export class Ours {
  readonly #messages = new Inbox<Message>();
  readonly #pongs = new Inbox<string>();
  readonly connection: WebSocketConnection;
  readonly ended: Promise<CloseInfo>;

  constructor(connection: WebSocketConnection) {
    this.connection = connection;
    connection.on('message', (data, isBinary) => {
      if (isBinary !== Buffer.isBuffer(data)) throw new Error('a message of the wrong kind');
      this.#messages.put(data);
    });
    connection.on('pong', (payload) => this.#pongs.put(payload.toString()));
    this.ended = new Promise((done) => {
      connection.on('close', (_code, _reason, info) => {
        done(info);
      });
    });
  }

  receive(count: number): Promise<Message[]> {
    return this.#messages.take(count);
  }

  pongs(count: number): Promise<string[]> {
    return this.#pongs.take(count);
  }
}

/** A hawser server on an http.Server that also serves a page. */
export class Host {
  readonly server: WebSocketServer;
  readonly #http: Server;
  readonly #connections = new Inbox<Ours>();
  readonly #scheme: string;
  readonly #sockets = new Set<Socket>();

  readonly #version: Version;

  private constructor(
    http: Server,
    scheme: string,
    options: ServerOptions,
    version: Version = 'HTTP/1.1',
  ) {
    this.#http = http;
    this.#version = version;
    this.#scheme = scheme;
    http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.server = new WebSocketServer(http, options);
    this.server.on('connection', (connection) => this.#connections.put(new Ours(connection)));
  }

  static async start(options: ServerOptions = {}, page = ''): Promise<Host> {
    const http = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html; charset=utf-8').end(page);
    });
    return Host.#listen(new Host(http, 'ws', options));
  }

  /** {@link start} without a page, over a version of HTTP. */
  static async startOver(version: Version, options: ServerOptions = {}): Promise<Host> {
    if (version === 'HTTP/1.1') return Host.start(options);
    return Host.#listen(new Host(createHttp2Server() as unknown as Server, 'ws', options, version));
  }

  static async startTls(identity: { key: string; cert: string }): Promise<Host> {
    return Host.#listen(new Host(createTlsServer(identity), 'wss', {}));
  }

  static async #listen(host: Host): Promise<Host> {
    host.#http.listen(0, '127.0.0.1');
    await once(host.#http, 'listening');
    hosts.add(host);
    return host;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${String(this.port)}/`;
  }

  /** A raw client of this host, over its version of HTTP. */
  open(parts?: Pick<RequestParts, 'target' | 'headers'>): Promise<RawClient> {
    return openOver(this.#version, this.port, parts);
  }

  /** A raw client that has sent a handshake, and frames with it, over the version of HTTP of this host. */
  request(
    parts?: Pick<RequestParts, 'target' | 'headers'>,
    ...early: Buffer[]
  ): Promise<RawClient> {
    return askOver(this.#version, this.port, parts, ...early);
  }

  /** The next connection that a client has opened. */
  async connection(): Promise<Ours> {
    const [ours] = await this.#connections.take(1);
    return ours as Ours;
  }

  async stop(): Promise<void> {
    for (const connection of this.server.connections) connection.terminate();
    await this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#http.close(done));
  }
}

const hosts = new Set<Host>();

/** For `afterEach`. */
export async function stopHosts(): Promise<void> {
  for (const host of hosts) await host.stop();
  hosts.clear();
}

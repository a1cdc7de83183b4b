/** A server by hand: it answers handshakes on a bare socket, and then does to a client what a test says. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { acceptKey } from '../../src/protocol/handshake/opening-handshake.js';
import { type Frame, describeFrame, FrameReader } from './frames.js';
import { eventually } from './server.js';

/** One client, after the 101. */
export class RawPeer {
  readonly socket: Socket;
  /** The header fields of the request, as they came. */
  readonly request: string;
  /** Every frame that has arrived, in order. */
  readonly frames: Frame[] = [];
  /** How the client's half has ended. */
  ending: 'end' | 'reset' | undefined;
  readonly #reader = new FrameReader('client');
  #fault: Error | undefined;
  #taken = 0;

  constructor(socket: Socket, request: string) {
    this.socket = socket;
    this.request = request;
    socket.on('data', (chunk) => {
      try {
        this.frames.push(...this.#reader.push(chunk));
      } catch (error) {
        this.#fault = error as Error;
      }
    });
    socket.on('end', () => (this.ending ??= 'end'));
    socket.on('error', () => (this.ending ??= 'reset'));
    socket.on('close', () => (this.ending ??= 'reset'));
  }

  /** Sends each chunk in a write of its own. */
  async send(...chunks: Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      if (this.socket.destroyed) return;
      this.socket.write(chunk);
      if (chunks.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** The next frame that has not been taken. */
  async frame(): Promise<Frame> {
    await this.until('a frame', () => this.frames.length > this.#taken);
    return this.frames[this.#taken++]!;
  }

  /** All that was received, in words. */
  received(): string[] {
    return this.frames.map(describeFrame);
  }

  async ended(): Promise<'end' | 'reset'> {
    await this.until('the end', () => this.ending !== undefined);
    return this.ending!;
  }

  async until(what: string, probe: () => boolean): Promise<void> {
    await eventually(what, () => this.#fault !== undefined || probe());
    if (this.#fault !== undefined) throw this.#fault;
  }
}

export class RawServer {
  readonly #server: Server;
  readonly #peers: RawPeer[] = [];
  /** The value of Sec-WebSocket-Extensions in the next 101. */
  extensions = '';

  private constructor() {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (head) => {
        const request = head.toString('latin1');
        const key = /^sec-websocket-key: (.*)\r$/im.exec(request)![1]!;
        const { extensions } = this;
        const field = extensions === '' ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
        this.#peers.push(new RawPeer(socket, request));
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n${field}\r\n`,
        );
      });
    });
  }

  static async start(): Promise<RawServer> {
    const server = new RawServer();
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** The client that has been answered and not been taken. */
  async peer(): Promise<RawPeer> {
    await eventually('a client', () => this.#peers.length > 0);
    return this.#peers.shift()!;
  }

  close(): void {
    this.#server.close();
  }
}

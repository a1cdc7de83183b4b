import type { Buffer } from 'node:buffer';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { UpgradeRejection, type WebSocketConnection, WebSocketServer } from '../../index.js';
import { onManyLines, onOneLine } from '../escape.js';
import { explainClose } from '../explain-close.js';
import { ExitStatus } from '../command.js';
import { silentLogger } from '../silent-logger.js';
import type { Terminal } from '../terminal.js';
import { faultySocket, type SocketFaults } from './faulty-socket.js';
import { runProgram } from './program.js';

/** What a listener does. Durations are ms. */
export interface ListenOptions {
  readonly port: number;
  readonly host: string;
  readonly origins: readonly string[];
  readonly subprotocols: readonly string[];
  readonly compress: boolean;
  /** Whether messages are not shown. */
  readonly isQuiet: boolean;
  readonly maxConnections: number;
  /** To which connections a message goes back; with `program` to the input of a program of its own. */
  readonly answer: 'nothing' | 'echo' | 'relay';
  readonly program: string | undefined;
  /** Wait so long before each answer, and before a Close. */
  readonly delay: number;
  /** End each connection without a Close after so many messages. */
  readonly dropAfter: number | undefined;
  /** Close each connection with this code once it is open. */
  readonly closeCode: number | undefined;
  /** Refuse each handshake with this HTTP status. */
  readonly refuseStatus: number | undefined;
  readonly socketFaults: SocketFaults | undefined;
}

/** Names of this machine for itself. Any other in `Host` is a page's trick to get past the origin check (DNS rebinding). */
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

/** How long connections have to end after Ctrl-C, in ms. */
const SHUTDOWN = 2000;

/** A server that shows what it receives, answers, and has faults on request. */
export class Listener {
  readonly #options: ListenOptions;
  readonly #terminal: Terminal;
  readonly #wss: WebSocketServer;
  readonly #server: Server;
  readonly #connections = new Map<number, WebSocketConnection>();
  #count = 0;
  #interrupts = 0;

  constructor(options: ListenOptions, terminal: Terminal) {
    const { host, origins, subprotocols, compress, maxConnections, refuseStatus } = options;
    this.#options = options;
    this.#terminal = terminal;
    const { socketFaults } = options;
    const rejection = refuseStatus === undefined ? undefined : new UpgradeRejection(refuseStatus);
    this.#wss = new WebSocketServer({
      noServer: true,
      subprotocols,
      maxConnections,
      perMessageDeflate: compress,
      ...(origins.length === 0 ? {} : { origin: origins.includes('*') ? '*' : origins }),
      ...(isLoopback(host) ? { allowedHosts: LOOPBACK } : {}),
      // Slow on purpose is not dead.
      ...(socketFaults === undefined ? {} : { heartbeat: false, messageTimeout: Infinity }),
      authorize: () => {
        if (rejection !== undefined) throw rejection;
      },
      logger: silentLogger,
    });
    this.#wss.on('connection', (connection, request) => {
      this.#accept(connection, request);
    });
    this.#wss.on('rejected', ({ status, reason, request, remoteAddress }) => {
      const { origin } = request.headers;
      const from = origin === undefined ? '' : `, Origin ${origin}`;
      const refusal = `Refused ${String(remoteAddress)} ${String(request.url)}${from}: ${status} ${reason}`;
      this.#terminal.note(onOneLine(refusal), 'yellow');
      if (reason === 'this origin is not allowed') {
        this.#terminal.note(
          `  --origin ${onOneLine(origin!)} lets pages of this site in.`,
          'yellow',
        );
      }
    });
    this.#server = createServer((_request, response) => {
      response.writeHead(426, { 'Content-Type': 'text/plain', Upgrade: 'websocket' });
      response.end('This is a WebSocket server: npx hawser connect\n');
    });
    this.#server.on('upgrade', (request, socket, head) => {
      this.#upgrade(request, socket, head);
    });
  }

  /** Listen until interrupted. @returns the status to exit with. */
  run(): Promise<number> {
    const { port, host } = this.#options;
    const server = this.#server;
    return new Promise((resolve) => {
      server.on('error', (error: NodeJS.ErrnoException) => {
        this.#terminal.note(whyNot(error, host, port), 'red');
        resolve(ExitStatus.Unreachable);
      });
      this.#terminal.onInterrupt(() => {
        this.#interrupts++;
        void this.#shutDown().then(() => {
          resolve(this.#interrupts > 1 ? ExitStatus.Interrupted : ExitStatus.Clean);
        });
      });
      server.listen(port, host, () => {
        const { address, port: actual } = server.address() as AddressInfo;
        const name = address.includes(':') ? `[${address}]` : address;
        this.#terminal.note(`Listening on ws://${name}:${actual}/ (Ctrl-C ends)`, 'green');
        void this.#sendLines();
      });
    });
  }

  async #shutDown(): Promise<void> {
    const signal = this.#interrupts > 1 ? AbortSignal.abort() : undefined;
    this.#server.close();
    if (signal !== undefined) for (const each of this.#connections.values()) each.terminate();
    await this.#wss.close({ timeout: SHUTDOWN });
    this.#server.closeAllConnections();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { socketFaults } = this.#options;
    if (socketFaults === undefined) {
      void this.#wss.handleUpgrade(request, socket, head);
      return;
    }
    // What came with the handshake goes through the faults too.
    socket.unshift(head);
    void this.#wss.handleUpgrade(request, faultySocket(socket, socketFaults), head.subarray(0, 0));
  }

  #accept(connection: WebSocketConnection, request: IncomingMessage): void {
    const { program, closeCode, delay } = this.#options;
    const id = ++this.#count;
    const openedAt = performance.now();
    let messages = 0;
    this.#connections.set(id, connection);
    const { remoteAddress, remotePort } = request.socket;
    this.#note(
      id,
      `connected from ${String(remoteAddress)}:${String(remotePort)} to ${connection.url}`,
      'green',
    );
    connection.on('close', (_code, _reason, info) => {
      this.#connections.delete(id);
      this.#terminal.note(`#${id} ${explainClose(info, performance.now() - openedAt)}`);
    });
    connection.on('message', (data) => {
      messages++;
      if (!this.#options.isQuiet && !this.#show(id, data)) {
        connection.pause();
        void this.#terminal.drained().then(() => {
          connection.resume();
        });
      }
      this.#answer(connection, data);
      if (messages === this.#options.dropAfter) connection.terminate();
    });
    if (closeCode !== undefined) {
      this.#after(delay, () => void connection.close(closeCode));
    }
    if (program !== undefined) {
      runProgram(connection, program, (line) => {
        this.#note(id, `stderr: ${line}`, 'yellow');
      });
    }
  }

  #answer(from: WebSocketConnection, data: string | Buffer): void {
    const { answer, delay } = this.#options;
    if (answer === 'nothing') return;
    this.#after(delay, () => {
      if (answer === 'echo') from.send(data);
      else this.#wss.broadcast(data, { except: from });
    });
  }

  #after(delay: number, action: () => void): void {
    if (delay === 0) action();
    // A Close need not wait for the answers that are due.
    else setTimeout(action, delay).unref();
  }

  #show(id: number, data: string | Buffer): boolean {
    const text = typeof data === 'string' ? data : data.toString('hex');
    const kind = typeof data === 'string' ? '' : `(binary, ${data.length} bytes) `;
    const { isShown } = this.#terminal;
    return this.#terminal.print(`#${id} < ${kind}${isShown ? onManyLines(text) : text}`, 'cyan');
  }

  #note(id: number, text: string, colour: 'green' | 'yellow'): void {
    this.#terminal.note(`#${id} ${onOneLine(text)}`, colour);
  }

  /** What is typed goes to every connection. */
  async #sendLines(): Promise<void> {
    try {
      for await (const line of this.#terminal.lines()) this.#wss.broadcast(line);
    } catch {
      // The input is let go at the end.
    }
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function whyNot({ code, message }: NodeJS.ErrnoException, host: string, port: number): string {
  if (code === 'EADDRINUSE')
    return `Port ${port} of ${host} is in use. Give another, or 0 for any.`;
  if (code === 'EACCES') return `Port ${port} of ${host} needs privileges. Give one above 1023.`;
  return `Cannot listen on ${host}:${port}: ${message}`;
}

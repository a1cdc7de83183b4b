/** Clients of HTTP/2 for tests, written on Node's own `http2.connect`. */
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureClientSessionOptions,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { AnyRequest, ServerOptions } from '../../src/server/options/options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { clientFrame } from './frames.js';
import { eventually, HandClock, later, MemoryLogger } from './server.js';

type AnyHttp2Server = Http2Server | Http2SecureServer;

/** Listen on a port of its own, and close with all sockets after the test. */
export async function listenHttp2(server: AnyHttp2Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  later(async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A session that has seen the server's settings, and is gone after the test. */
export async function openSession(
  port: number,
  options: SecureClientSessionOptions & { readonly scheme?: 'http' | 'https' } = {},
): Promise<ClientHttp2Session> {
  const { scheme = 'http', host = '127.0.0.1', ...rest } = options;
  const session = connect(`${scheme}://${host}:${port}`, { rejectUnauthorized: false, ...rest });
  session.on('error', () => undefined);
  later(() => {
    session.destroy();
  });
  await once(session, 'remoteSettings');
  return session;
}

/** A WebSocket of a client: its stream, and what has come on it. */
export class StreamClient {
  readonly stream: ClientHttp2Stream;
  /** The names of the events of the stream, in order. */
  readonly events: string[] = [];
  received: Buffer = Buffer.alloc(0);
  headers: IncomingHttpHeaders | undefined;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on('response', (headers) => {
      this.headers = headers;
    });
    stream.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    for (const event of ['end', 'aborted', 'error', 'close']) {
      stream.on(event, () => {
        this.events.push(event);
      });
    }
  }

  /** The status of the response, once it is there. */
  async status(): Promise<number> {
    await eventually('a response or the end', () => this.headers !== undefined || this.isClosed);
    return Number(this.headers?.[':status'] ?? 0);
  }

  get isClosed(): boolean {
    return this.events.includes('close');
  }

  async closed(): Promise<void> {
    await eventually('the end of the stream', () => this.isClosed);
  }

  /** Wait until these bytes have come, and take them. */
  async take(bytes: number): Promise<Buffer> {
    await eventually(`${bytes} bytes`, () => this.received.length >= bytes || this.isClosed);
    const taken = this.received.subarray(0, bytes);
    this.received = this.received.subarray(bytes);
    return taken;
  }

  send(opcode: number, payload: string | Buffer = ''): void {
    this.stream.write(clientFrame({ opcode, payload }));
  }
}

/** Send an extended CONNECT. */
export function open(
  session: ClientHttp2Session,
  headers: Record<string, string> = {},
  options: { signal?: AbortSignal } = {},
): StreamClient {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':path': '/',
      ':authority': 'localhost',
      'sec-websocket-version': '13',
      ...headers,
    },
    { endStream: false, ...options },
  );
  stream.on('error', () => undefined);
  return new StreamClient(stream);
}

/** A WebSocketServer on an HTTP/2 server that listens, without TLS. Its clock stands still. */
export async function serveHttp2<Context = undefined>(
  options: ServerOptions<Context, AnyRequest> = {},
): Promise<{
  wss: WebSocketServer<Context, AnyRequest>;
  server: Http2Server;
  port: number;
  log: MemoryLogger;
  clock: HandClock;
}> {
  const server = createServer();
  const log = new MemoryLogger();
  const clock = new HandClock();
  const wss = new WebSocketServer<Context, AnyRequest>(server, { clock, logger: log, ...options });
  return { wss, server, port: await listenHttp2(server), log, clock };
}

/** A stream of a server, with its client's end. Nothing has been answered. */
export async function streamPair(
  headers: Record<string, string> = {},
  options: { signal?: AbortSignal } = {},
): Promise<{
  stream: ServerHttp2Stream;
  client: StreamClient;
  session: ClientHttp2Session;
}> {
  const server = createServer({ settings: { enableConnectProtocol: true } });
  const session = await openSession(await listenHttp2(server));
  const opened = once(server, 'stream') as Promise<[ServerHttp2Stream]>;
  const client = open(session, headers, options);
  const [stream] = await opened;
  return { stream, client, session };
}

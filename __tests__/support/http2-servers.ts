/** HTTP/2 servers for tests of the client, written by hand on Node's `node:http2`. */
import { connect, type ClientHttp2Session } from 'node:http2';
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import { CERTIFICATE } from './certificate.js';
import { listenHttp2 } from './http2.js';
import { later } from './server.js';

/** What a server does with each stream. */
type OnStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface HandServer {
  readonly port: number;
  readonly server: Http2Server | Http2SecureServer;
  /** All that have come. */
  readonly sessions: ServerHttp2Session[];
  /** The sessions that have not ended. */
  readonly open: Set<ServerHttp2Session>;
  /** The sockets below the sessions. */
  readonly sockets: Socket[];
  /** The requests, in order. */
  readonly requests: IncomingHttpHeaders[];
}

export interface HandServerOptions {
  readonly isSecure?: boolean;
  readonly settings?: ServerOptions['settings'];
}

/** Answer with 200, and leave the rest to the test. */
export const accept: OnStream = (stream) => {
  stream.respond({ ':status': 200 });
};

/** A server that takes WebSockets over HTTP/2, if `settings` do not say otherwise. */
export async function handServer(
  onStream: OnStream = accept,
  { isSecure = false, settings = {} }: HandServerOptions = {},
): Promise<HandServer> {
  const all = { settings: { enableConnectProtocol: true, ...settings } };
  const server = isSecure ? createSecureServer({ ...CERTIFICATE, ...all }) : createServer(all);
  const sessions: ServerHttp2Session[] = [];
  const open = new Set<ServerHttp2Session>();
  const sockets: Socket[] = [];
  const requests: IncomingHttpHeaders[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('session', (session: ServerHttp2Session) => {
    sessions.push(session);
    open.add(session);
    session.on('error', () => undefined).on('close', () => open.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    requests.push(headers);
    stream.on('error', () => undefined);
    onStream(stream, headers);
  });
  return { port: await listenHttp2(server), server, sessions, open, sockets, requests };
}

/** A client's session, connecting, which is destroyed after the test. */
export function clientSession(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  later(() => {
    session.destroy();
  });
  return session;
}

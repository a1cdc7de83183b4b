import type { Buffer } from 'node:buffer';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { RawData } from './data.js';

/** The options of `send`. */
export interface SendOptions {
  /** As Binary or as Text. @default true for anything but a string */
  readonly binary?: boolean | undefined;
  /** `false` sends uncompressed. */
  readonly compress?: boolean | undefined;
  /** `false` sends a part of a message; the next call continues it. @default true */
  readonly fin?: boolean | undefined;
  /** Ignored: clients mask, and servers must not (RFC 6455 section 5.1). */
  readonly mask?: boolean | undefined;
}

/** The events of a WebSocket, with their listeners' arguments. */
export interface WebSocketEvents {
  open: [];
  message: [data: RawData, isBinary: boolean];
  ping: [payload: Buffer];
  pong: [payload: Buffer];
  close: [code: number, reason: Buffer];
  error: [error: Error];
  /** Of a client: the server has answered 101. */
  upgrade: [response: IncomingMessage];
  /** Of a client: the server redirects. */
  redirect: [url: string, request: ClientRequest];
  /** Of a client: the server has refused. */
  'unexpected-response': [request: ClientRequest, response: IncomingMessage];
}

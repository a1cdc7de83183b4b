import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

/** The codes of `HandshakeError`, with their messages. `docs/errors.md` has a cause and a fix for each code. */
export const HANDSHAKE_ERRORS = {
  ERR_HANDSHAKE_UNREACHABLE: 'the server could not be reached',
  ERR_HANDSHAKE_TIMEOUT: 'the server did not answer within handshakeTimeout',
  ERR_HANDSHAKE_REFUSED: 'the server refused the handshake',
  ERR_HANDSHAKE_INVALID: 'the server accepted the handshake with an answer that is not valid',
  ERR_HANDSHAKE_REDIRECT: 'the server answered with a redirect that is not followed',
} as const;
/** The codes of `HandshakeError`. */
export type HandshakeErrorCode = keyof typeof HANDSHAKE_ERRORS;

/** What is known of a handshake that has failed. */
interface HandshakeFailure {
  /** The URL of the last request. */
  readonly url: URL;
  /** Added to the message. */
  readonly detail?: string;
  readonly status?: number | undefined;
  readonly headers?: IncomingHttpHeaders;
  readonly body?: Buffer;
  readonly cause?: unknown;
}

/** The error of `connect`: there is no connection, and `code` says why. The socket is destroyed. */
export class HandshakeError extends Error {
  /** The name of the class. */
  override readonly name = 'HandshakeError';
  /** Why; see `docs/errors.md`. */
  readonly code: HandshakeErrorCode;
  /** The URL of the last request, after redirects the one they led to; without user and password. */
  readonly url: string;
  /** The status of the response, or of the proxy's; `undefined` without one. */
  readonly status: number | undefined;
  /** The header fields of the response, or of the proxy's; `undefined` without one. */
  readonly headers: IncomingHttpHeaders | undefined;
  /** The first 64 KiB of the response's body; `undefined` without a response, and of a 101. */
  readonly body: Buffer | undefined;

  /** Made by `connect`. */
  constructor(code: HandshakeErrorCode, failure: HandshakeFailure) {
    const { detail, status, headers, body, cause } = failure;
    const url = new URL(failure.url);
    url.username = url.password = '';
    const more = detail === undefined ? '' : `: ${detail}`;
    super(`${url.href}: ${HANDSHAKE_ERRORS[code]}${more}`, cause === undefined ? {} : { cause });
    this.code = code;
    this.url = url.href;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

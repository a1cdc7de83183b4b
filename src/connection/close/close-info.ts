/** Who closed a connection, and why. */
export interface CloseInfo {
  /**
   * The peer's status code; 1005 if its Close had none. If hawser failed the connection, the code
   * that it sent. 1006 if no Close came from the peer (RFC 6455 section 7.1.5).
   */
  readonly code: number;
  /** The reason that came, or was sent, with the code; often `''`. */
  readonly reason: string;
  /** Both sides sent a Close before the transport ended. */
  readonly clean: boolean;
  /** Who began it: this process, the peer with its Close, or the transport that ended without one. */
  readonly initiator: 'local' | 'peer' | 'transport';
  /** What went wrong, if anything did. */
  readonly cause?: Error;
}

/**
 * Why a connection ended or a message did not leave, when neither side broke a rule.
 * `docs/errors.md` has a cause and a remedy for each code.
 */
export const CONNECTION_ERRORS = {
  ERR_CONNECTION_NOT_OPEN: 'the connection is not open any more; the message was not sent',
  ERR_CONNECTION_CLOSED:
    'the connection closed before the message was with the kernel or the Ping was answered',
  ERR_CLOSE_TIMEOUT: 'the peer did not end the connection within closeTimeout',
  ERR_TRANSPORT_ENDED: 'the peer ended the transport without a Close frame',
  ERR_TERMINATED: 'the application called terminate()',
  ERR_SERVER_CLOSED: 'wss.close() waited no longer for the connection to end',
  ERR_HEARTBEAT_TIMEOUT: 'the peer was silent and did not answer a Ping in time (heartbeat)',
  ERR_IDLE_TIMEOUT: 'no message came or went for too long (idleTimeout)',
  ERR_MAX_LIFETIME: 'the connection has been open for as long as it may (maxLifetime)',
  ERR_SLOW_CONSUMER: 'the peer does not take what is sent to it fast enough',
  ERR_PAYLOAD_DETACHED: 'the payload was detached or resized before it was sent',
  ERR_MESSAGE_DROPPED: 'the message was dropped: too much waits for this peer already',
} as const;
/** What `ConnectionError.code` can be. */
export type ConnectionErrorCode = keyof typeof CONNECTION_ERRORS;

/**
 * Neither side broke a rule, but the connection ended or a message did not leave; `code` says why.
 */
export class ConnectionError extends Error {
  /** The name of the class. */
  override readonly name = 'ConnectionError';
  /** Why; see `docs/errors.md`. */
  readonly code: ConnectionErrorCode;

  /** @param options `detail` goes into the message, behind what the code says. */
  constructor(
    code: ConnectionErrorCode,
    options: { readonly cause?: unknown; readonly detail?: string } = {},
  ) {
    const { detail, ...rest } = options;
    super(CONNECTION_ERRORS[code] + (detail === undefined ? '' : `: ${detail}`), rest);
    this.code = code;
  }
}

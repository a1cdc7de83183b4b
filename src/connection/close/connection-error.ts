/**
 * The codes of `ConnectionError`, with their messages: why a connection ended or a message was not
 * sent when neither side broke a rule. `docs/errors.md` has a cause and a fix for each code.
 */
export const CONNECTION_ERRORS = {
  ERR_CONNECTION_NOT_OPEN: 'the connection is not open any more; the message was not sent',
  ERR_CONNECTION_CLOSED:
    'the connection closed before the message was with the kernel or the Ping was answered',
  ERR_CLOSE_TIMEOUT: 'the peer did not end the connection within closeTimeout',
  ERR_TRANSPORT_ENDED: 'the peer ended the transport without a Close frame',
  ERR_STREAM_RESET: 'the peer reset the HTTP/2 stream without a Close frame',
  ERR_SESSION_LOST: 'the HTTP/2 session of the connection ended',
  ERR_TERMINATED: 'the application called terminate()',
  ERR_SERVER_CLOSED: 'wss.close() stopped waiting for the connection to end',
  ERR_HEARTBEAT_TIMEOUT: 'the peer was silent and did not answer a Ping in time (heartbeat)',
  ERR_IDLE_TIMEOUT: 'no message was sent or received for too long (idleTimeout)',
  ERR_MAX_LIFETIME: 'the connection has been open for as long as it may (maxLifetime)',
  ERR_SLOW_CONSUMER: 'the peer does not take what is sent to it fast enough',
  ERR_PAYLOAD_DETACHED: 'the payload was detached or resized before it was sent',
  ERR_BLOB_UNREADABLE: 'a Blob that was to be sent could not be read, or is not UTF-8',
  ERR_MESSAGE_ABORTED: 'a message of sendStream was begun and cannot be finished',
  ERR_SOURCE_STALLED: 'the source of sendStream gave nothing while other messages waited',
  ERR_MESSAGE_INCOMPLETE: 'the connection ended before the end of a message that is being read',
  ERR_OUTBOX_FULL: 'the outbox of a reconnecting client is full; the message was not sent',
  ERR_NOT_SUBSCRIBED: 'no connection of this process is subscribed to the topic',
  ERR_MESSAGE_REPLACED: 'a newer message with the same key took the place of this one',
  ERR_MESSAGE_DROPPED: 'the message was dropped: too much waits for this peer already',
} as const;
/** The codes of `ConnectionError`. */
export type ConnectionErrorCode = keyof typeof CONNECTION_ERRORS;

/**
 * The error for a connection that ended, or a message that was not sent, although neither side broke
 * a rule; `code` says why.
 */
export class ConnectionError extends Error {
  /** The name of the class. */
  override readonly name = 'ConnectionError';
  /** Why; see `docs/errors.md`. */
  readonly code: ConnectionErrorCode;

  /** @param options `detail` is added to the message, after the text of the code. */
  constructor(
    code: ConnectionErrorCode,
    options: { readonly cause?: unknown; readonly detail?: string } = {},
  ) {
    const { detail, ...rest } = options;
    super(CONNECTION_ERRORS[code] + (detail === undefined ? '' : `: ${detail}`), rest);
    this.code = code;
  }
}

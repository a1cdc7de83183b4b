/** How a connection ended: which side closed it, and why. */
export interface CloseInfo {
  /**
   * The peer's status code; 1005 if its Close had none. If hawser failed the connection, the code
   * that it sent. 1006 if no Close came from the peer (RFC 6455 section 7.1.5).
   */
  readonly code: number;
  /** The reason that was received, or sent, with the code; often `''`. */
  readonly reason: string;
  /** Whether both sides sent a Close before the transport ended. */
  readonly clean: boolean;
  /**
   * The side that began the end: this process, the peer with its Close, or the transport that ended
   * without one.
   */
  readonly initiator: 'local' | 'peer' | 'transport';
  /** What went wrong, if anything did. */
  readonly cause?: Error;
}

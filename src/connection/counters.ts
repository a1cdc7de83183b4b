import type { CloseInfo } from './close/close-info.js';
import type { ProtocolError, ProtocolErrorCode } from '../protocol/framing/protocol-error.js';

/**
 * What has happened on the connections of one server since it was made; `ServerStats` says what
 * each figure means. One object for all of them: a connection that is counted costs no memory, and
 * a message an addition or two.
 */
export class Counters {
  messagesReceived = 0;
  messagesDiscarded = 0;
  messagesSent = 0;
  messagesDropped = 0;
  bytesReceived = 0;
  bytesSent = 0;
  pingsReceived = 0;
  pongsReceived = 0;
  readonly protocolErrors: Map<ProtocolErrorCode, number> = new Map<ProtocolErrorCode, number>();
  /** A peer chooses its code, but only out of the two thousand that may be sent. */
  readonly closedByCode: Map<number, number> = new Map<number, number>();
  readonly closedByInitiator: Record<CloseInfo['initiator'], number> = {
    local: 0,
    peer: 0,
    transport: 0,
  };
  readonly closedByCause: Map<string, number> = new Map<string, number>();

  /** A peer broke a rule. */
  countProtocolError({ code }: ProtocolError): void {
    increment(this.protocolErrors, code);
  }

  /** A connection has ended. */
  countClose({ code, initiator, cause }: CloseInfo): void {
    increment(this.closedByCode, code);
    this.closedByInitiator[initiator]++;
    if (cause !== undefined) increment(this.closedByCause, codeOf(cause));
  }
}

/** Count one more of `key`. */
export function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** Ours and Node's errors have a code; what a Duplex of the application's fails with need not. */
function codeOf(cause: Error): string {
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'OTHER';
}

import type { CloseInfo } from './close/close-info.js';
import type { ProtocolError, ProtocolErrorCode } from '../protocol/framing/protocol-error.js';

/**
 * The counters of one server, over all its connections since it was made; `ServerStats` explains
 * each of them. One object counts for all connections: counting costs a connection no memory, and a
 * message one or two additions.
 */
export class Counters {
  messagesReceived = 0;
  messagesDiscarded = 0;
  messagesSent = 0;
  messagesDropped = 0;
  messagesConflated = 0;
  /** Of the messages that were dropped, those that were published to a topic. */
  publishedDropped = 0;
  /** Of the messages that were replaced, those that were published to a topic. */
  publishedConflated = 0;
  bytesReceived = 0;
  bytesSent = 0;
  pingsReceived = 0;
  pongsReceived = 0;
  readonly protocolErrors: Map<ProtocolErrorCode, number> = new Map<ProtocolErrorCode, number>();
  /** The peer chooses the code, but only from the two thousand that may be sent, so the map is bounded. */
  readonly closedByCode: Map<number, number> = new Map<number, number>();
  readonly closedByInitiator: Record<CloseInfo['initiator'], number> = {
    local: 0,
    peer: 0,
    transport: 0,
  };
  readonly closedByCause: Map<string, number> = new Map<string, number>();

  /** Count a rule of the protocol that a peer broke. */
  countProtocolError({ code }: ProtocolError): void {
    increment(this.protocolErrors, code);
  }

  /** Count a connection that has ended. */
  countClose({ code, initiator, cause }: CloseInfo): void {
    increment(this.closedByCode, code);
    this.closedByInitiator[initiator]++;
    if (cause !== undefined) increment(this.closedByCause, codeOf(cause));
  }
}

/** Add one to the count of `key`. */
export function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** @returns the code of an error. Errors of the application's own Duplex may have none. */
function codeOf(cause: Error): string {
  const { code } = cause as { code?: unknown };
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : 'OTHER';
}

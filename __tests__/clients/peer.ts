/** What the clients have in common, so that one set of conversations serves them all. */

import type { Message } from '../support/host.js';

/** How a connection ended, as the client tells it. */
export interface Ended {
  code: number;
  reason: string;
}

/** One connection of a client that others wrote. */
export interface Peer {
  readonly subprotocol: string;
  send(...messages: Message[]): Promise<void>;
  /** The next `count` messages. */
  receive(count: number): Promise<Message[]>;
  close(code?: number, reason?: string): Promise<void>;
  ended(): Promise<Ended>;
  /** Sends a Ping and waits for the Pong with the same payload. */
  ping?(payload: string): Promise<void>;
  /** Sends one message in fragments. */
  sendFragments?(fragments: Message[]): Promise<void>;
  /** Goes away without a closing handshake, as far as the client can be made to. */
  leave?(): Promise<void>;
}

/** What a client offers of permessage-deflate; what is left out is not in its offer (RFC 7692 section 7.1). */
export interface DeflateOffer {
  serverNoContextTakeover?: true;
  clientNoContextTakeover?: true;
  serverMaxWindowBits?: number;
  /** `true`: without a value. */
  clientMaxWindowBits?: number | true;
}

/**
 * Opens a connection; rejects if the client does not get one. Without `offer` the client offers what it always
 * does; not every client can be told.
 */
export type Open = (url: string, subprotocols?: string[], offer?: DeflateOffer) => Promise<Peer>;

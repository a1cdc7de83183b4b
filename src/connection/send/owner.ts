import type { AsyncResource } from 'node:async_hooks';
import type { ConnectionError } from '../close/connection-error.js';
import type { ConnectionEmitter } from '../events.js';
import type { Account } from '../limits/buffer-budget.js';
import type { ConnectionSettings } from '../settings.js';

/** What the sending half needs of its connection, the session: what happens between the parts is written there. */
export interface SenderOwner {
  /** Where `'drain'` and `'dropped'` are emitted. */
  readonly emitter: ConnectionEmitter;
  /** Those of all the server's connections. */
  readonly settings: ConnectionSettings;
  /** The async context of the connection, in which its events are emitted. */
  readonly context: AsyncResource;
  /** The budget's account for what waits; `undefined` without a budget. */
  readonly account: Account | undefined;
  /** Too much waits for the peer: the connection has to end. */
  failSlowConsumer(error: ConnectionError): void;
  /** A message that was accepted cannot be sent: what was sent before it leaves, and the connection ends. */
  unsendable(error: ConnectionError): void;
}

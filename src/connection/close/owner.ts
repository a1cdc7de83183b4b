import type { CloseInfo } from './close-info.js';
import type { ConnectionEmitter } from '../events.js';
import type { ConnectionSettings } from '../settings.js';

/** What the end of a connection needs of its connection, the session: what happens between the parts is written there. */
export interface ClosingOwner {
  /** Where `'closing'` and `'close'` are emitted. */
  readonly emitter: ConnectionEmitter;
  readonly settings: ConnectionSettings;
  /** Accept no more from the application: the connection is not open any more. */
  stopSending(): void;
  /** All actions of an event are done: the application can be told of it. */
  afterStep(): void;
  /** Send a Close frame after everything that was sent. */
  sendClose(payload: Buffer): void;
  /** End the socket after everything that was sent. */
  endSocket(): void;
  destroySocket(): void;
  /** Report that the connection has failed. */
  report(error: Error): void;
  /** The connection has ended; `'close'` is emitted after this. */
  onClosed(info: CloseInfo): void;
}

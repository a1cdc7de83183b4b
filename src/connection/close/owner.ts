import type { CloseInfo } from './close-info.js';
import type { ConnectionEmitter } from '../events.js';
import type { ConnectionSettings } from '../settings.js';

/** What the end of a connection needs of the connection that it belongs to. */
export interface ClosingOwner {
  /** Where `'closing'` and `'close'` are emitted. */
  readonly emitter: ConnectionEmitter;
  readonly settings: ConnectionSettings;
  /** Accept no more from the application: the connection is not open any more. */
  stopSending(): void;
  /** Everything that an event brought with it is done: the application can hear of it. */
  afterStep(): void;
  /** Send a Close frame after everything that was sent. */
  sendClose(payload: Buffer): void;
  /** End the socket after everything that was sent. */
  endSocket(): void;
  destroySocket(): void;
  /** Tell that the connection has failed. */
  report(error: Error): void;
  /** The connection has ended; `'close'` is emitted after this. */
  onClosed(info: CloseInfo): void;
}

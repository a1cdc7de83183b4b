import type { CloseState } from '../../protocol/framing/closing-handshake.js';
import type { ProtocolError } from '../../protocol/framing/protocol-error.js';
import type { ControlFrameOwner } from './control-frames.js';

/** What the receiving half needs of its connection, the session: what happens between the parts is written there. */
export interface ReceiverOwner extends ControlFrameOwner {
  /** How far the closing handshake is. */
  readonly state: CloseState;
  /** Why the connection has ended; `undefined` before that, and if nothing went wrong. */
  readonly cause: Error | undefined;
  /**
   * Listeners are about to be called: what they send leaves in one write.
   *
   * @returns whether {@link flush} has to be called after them.
   */
  cork(): boolean;
  flush(): void;
  /** A message was received. */
  markMessageActivity(): void;
  /** The peer broke a rule. */
  failProtocol(error: ProtocolError): void;
  /** The peer ended its half of the transport, and all that came before is handled. */
  onEnd(): void;
  /** The transport has closed, and everything that came on it is handled. */
  onInputDrained(): void;
  /** Report how many of the bytes received are held. */
  onHeld(bytes: number): void;
  /** @param isShort only until a message is decompressed. */
  pauseSocket(isShort: boolean): void;
  resumeSocket(): void;
}

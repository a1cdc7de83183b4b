import type { Buffer } from 'node:buffer';
import type { ConnectionEmitter } from '../events.js';
import type { ConnectionSettings } from '../settings.js';
import type { ClosePayload } from '../../protocol/framing/close-frame.js';
import type { FrameDecoder } from '../../protocol/framing/frame-decoder.js';
import { Opcode } from '../../protocol/framing/frame.js';

/** What the answers to control frames need of their connection, the session. */
export interface ControlFrameOwner {
  /** Where messages and frames are emitted. */
  readonly emitter: ConnectionEmitter;
  /** Shared by all connections of a server. */
  readonly settings: ConnectionSettings;
  /** Send a Pong, unless the peer's Close has come. */
  answerPing(payload: Buffer): void;
  /** @returns whether the Pong answers the heartbeat or `roundTrip()`. */
  takePong(payload: Buffer): boolean;
  /** The peer's Close has come: answer it, unless it is the answer to ours. */
  onCloseFrame(received: ClosePayload): void;
}

/** Answer a control frame of the peer (RFC 6455 section 5.5), which `decoder` has found. */
export function answerControlFrame(owner: ControlFrameOwner, decoder: FrameDecoder): void {
  const { emitter, settings } = owner;
  const { opcode, payload } = decoder;
  if (opcode === Opcode.Ping) {
    // "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it
    // already received a Close frame." (section 5.5.2)
    settings.counters.pingsReceived++;
    if (settings.answersPings) owner.answerPing(payload);
    emitter.emit('ping', payload);
  } else if (opcode === Opcode.Pong) {
    // "A Pong frame MAY be sent unsolicited." (section 5.5.3) One that answers the heartbeat or
    // roundTrip() is theirs; the application gets the others.
    settings.counters.pongsReceived++;
    if (!owner.takePong(payload)) emitter.emit('pong', payload);
  } else {
    // "If an endpoint receives a Close frame and did not previously send a Close frame, the
    // endpoint MUST send a Close frame in response." (section 5.5.1)
    owner.onCloseFrame(decoder.close!);
  }
}

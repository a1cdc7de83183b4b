import type { Deadline, Deadlines } from '../limits/deadlines.js';
import type { FrameDecoder } from '../../protocol/framing/frame-decoder.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';

/** The receiver of the error when a message took too long. */
interface MessageTimerOwner {
  onMessageTimeout(error: ProtocolError): void;
}

/** What a timer needs of the settings. */
interface MessageTimerSettings {
  readonly deadlines: Deadlines;
  /** Milliseconds. */
  readonly messageTimeout: number;
}

/**
 * Start or stop the timer of the incomplete message (`messageTimeout`). While reading is paused for the
 * application no timer runs: it is paused after a whole message, before the next one is looked at. Only
 * the rate limiter pauses inside a message. There the timer keeps running, because the peer itself causes
 * the pauses and could otherwise extend the message without limit.
 *
 * @param deadline what an earlier call returned.
 * @returns the deadline. It is made for the first message that arrives in several reads, and then kept, so
 * that later messages allocate nothing.
 */
export function timeMessage(
  deadline: Deadline | undefined,
  decoder: FrameDecoder | undefined,
  settings: MessageTimerSettings,
  owner: MessageTimerOwner,
): Deadline | undefined {
  if (decoder?.inProgress !== true) deadline?.stop();
  else if (deadline === undefined) return start(decoder, settings, owner);
  else if (!deadline.isRunning) deadline.restart();
  return deadline;
}

function start(
  decoder: FrameDecoder,
  { deadlines, messageTimeout }: MessageTimerSettings,
  owner: MessageTimerOwner,
): Deadline {
  return deadlines.start(messageTimeout, () => {
    owner.onMessageTimeout(
      new ProtocolError(
        'ERR_MESSAGE_TIMEOUT',
        `byte ${decoder.offset}: a message was not complete ${messageTimeout} ms after its first byte (messageTimeout)`,
      ),
    );
  });
}

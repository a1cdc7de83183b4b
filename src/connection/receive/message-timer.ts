import type { Deadline, Deadlines } from '../limits/deadlines.js';
import type { FrameDecoder } from '../../protocol/framing/frame-decoder.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';

/** What is told that a message took too long. */
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
 * Start or stop the time of the message that is unfinished (`messageTimeout`). Where reading is
 * stopped because of us there is none: we stop after a whole message, and have not looked at the
 * next. Only the rate limiter stops inside a message: its peer has sent more fragments and control
 * frames than it may, and could have as many pauses as it likes.
 *
 * @param deadline what an earlier call returned.
 * @returns the deadline, made for the first message that comes in several reads, and then kept: the
 * others cost nothing.
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

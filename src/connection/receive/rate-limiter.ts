import type { Clock } from '../limits/clock.js';
import type { Deadline, Deadlines } from '../limits/deadlines.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';
import type { FrameDecoder } from '../../protocol/framing/frame-decoder.js';
import { isControl, Opcode } from '../../protocol/framing/frame.js';

/** How much a peer may send; see `messageRate` of the server's options. */
export interface MessageRateOptions {
  readonly perSecond: number;
  /** At least 1. */
  readonly burst: number;
  readonly fragments?: number;
  readonly action: 'close' | 'pause';
}

/** Further frames for each message, where `fragments` does not say: 4 MiB in frames of 64 KiB. */
const FRAMES_PER_MESSAGE = 64;

/** A bucket that holds `size` tokens, and into which `rate` fall each millisecond. */
interface BucketSize {
  readonly size: number;
  readonly rate: number;
}

/** The rate that all connections of a server have in common: one object for all. */
export class MessageRate {
  readonly action: 'close' | 'pause';
  readonly messages: BucketSize;
  /** Frames that begin no message: fragments after the first, and control frames. */
  readonly frames: BucketSize;
  /** For an error's message. */
  readonly description: string;
  readonly deadlines: Deadlines;
  readonly clock: Clock;

  constructor(options: MessageRateOptions, deadlines: Deadlines, clock: Clock) {
    const { perSecond, burst, action } = options;
    const fragments = options.fragments ?? perSecond * FRAMES_PER_MESSAGE;
    // Both buckets fill in the same time; that for frames holds at least what one second brings, and one.
    const seconds = Math.max(1, burst / perSecond || 1);
    this.action = action;
    this.messages = { size: burst, rate: perSecond / 1000 };
    this.frames = { size: Math.max(1, fragments * seconds), rate: fragments / 1000 };
    this.description = `${burst} messages at once and ${perSecond} a second, with ${fragments} further frames a second`;
    this.deadlines = deadlines;
    this.clock = clock;
  }
}

/** Who reads what the peer sends. */
interface Reader {
  read(): void;
}

/** What one peer has left of the rate, counted in tokens. */
export class RateLimiter {
  readonly #rate: MessageRate;
  readonly #reader: Reader;
  #messages: number;
  #frames: number;
  /** When tokens were last added; milliseconds of the clock. */
  #filledAt: number;
  #pause: Deadline | undefined;

  constructor(rate: MessageRate, reader: Reader) {
    this.#rate = rate;
    this.#reader = reader;
    this.#messages = rate.messages.size;
    this.#frames = rate.frames.size;
    this.#filledAt = rate.clock.now();
  }

  /** Reading waits for tokens. */
  get isWaiting(): boolean {
    return this.#pause !== undefined;
  }

  /** Whether the reader has to wait; it is called when it may go on. Never where the action is to close. */
  mustWait(): boolean {
    const { action, deadlines, messages, frames } = this.#rate;
    if (this.isWaiting) return true;
    if (action === 'close' || (this.#messages >= 1 && this.#frames >= 0)) return false;
    this.#refill();
    const wait = Math.max((1 - this.#messages) / messages.rate, -this.#frames / frames.rate);
    if (wait <= 0) return false;
    this.#pause = deadlines.start(Math.ceil(wait), () => {
      this.#pause = undefined;
      this.#reader.read();
    });
    return true;
  }

  /**
   * Take tokens for what the decoder has read.
   *
   * @param found what its `next()` returned.
   * @throws ProtocolError if there were not enough, and the action is to close.
   */
  consume(decoder: FrameDecoder, found: boolean): void {
    const frames = decoder.nonInitialFrames;
    decoder.nonInitialFrames = 0;
    if (found && decoder.opcode === Opcode.Close) return; // it will send nothing more
    const messages = found && !isControl(decoder.opcode) ? 1 : 0;
    if (messages + frames === 0) return;
    this.#refill();
    this.#messages -= messages;
    this.#frames -= frames;
    if (this.#rate.action === 'pause' || (this.#messages >= 0 && this.#frames >= 0)) return;
    const { offset } = decoder;
    decoder.stop(); // as after an error of its own (RFC 6455 section 7.1.7)
    throw new ProtocolError(
      'ERR_MESSAGE_RATE',
      `byte ${offset}: the peer sent more than ${this.#rate.description} (messageRate)`,
    );
  }

  /** The connection is closed: do not call back. */
  end(): void {
    this.#pause?.cancel();
  }

  /** Add the tokens that have fallen since. */
  #refill(): void {
    const { messages, frames, clock } = this.#rate;
    const now = clock.now();
    const passed = now - this.#filledAt;
    if (passed <= 0) return;
    this.#filledAt = now;
    this.#messages = Math.min(messages.size, this.#messages + passed * messages.rate);
    this.#frames = Math.min(frames.size, this.#frames + passed * frames.rate);
  }
}

import type { Clock } from '../limits/clock.js';
import type { Deadline, Deadlines } from '../limits/deadlines.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';
import type { FrameDecoder } from '../../protocol/framing/frame-decoder.js';
import { isControl, Opcode } from '../../protocol/framing/frame.js';

/** How much a peer may send: `messageRate` of the server's options. */
export interface MessageRateOptions {
  readonly perSecond: number;
  /** At least 1. */
  readonly burst: number;
  readonly fragments?: number;
  readonly action: 'close' | 'pause';
}

/** The default of `fragments`, for each message a second: 4 MiB in frames of 64 KiB. */
const FRAMES_PER_MESSAGE = 64;

/** The measures of a token bucket: it holds up to `size` tokens, and `rate` are added each millisecond. */
interface BucketSize {
  readonly size: number;
  readonly rate: number;
}

/** The rate of a server: one object for all its connections. */
export class MessageRate {
  readonly action: 'close' | 'pause';
  readonly messages: BucketSize;
  /** For frames that do not begin a message: fragments after the first, and control frames. */
  readonly frames: BucketSize;
  /** The rate in words, for the message of an error. */
  readonly description: string;
  readonly deadlines: Deadlines;
  readonly clock: Clock;

  constructor(options: MessageRateOptions, deadlines: Deadlines, clock: Clock) {
    const { perSecond, burst, action } = options;
    const fragments = options.fragments ?? perSecond * FRAMES_PER_MESSAGE;
    // Both buckets fill in the same time. The one for frames holds at least the tokens of a second, and one.
    const seconds = Math.max(1, burst / perSecond || 1);
    this.action = action;
    this.messages = { size: burst, rate: perSecond / 1000 };
    this.frames = { size: Math.max(1, fragments * seconds), rate: fragments / 1000 };
    this.description = `${burst} messages at once and ${perSecond} a second, with ${fragments} further frames a second`;
    this.deadlines = deadlines;
    this.clock = clock;
  }
}

/** What a rate limiter needs of the receiver. */
interface Reader {
  /** Continue reading. */
  read(): void;
}

/** The rate limiter of one connection: two token buckets, one for messages and one for other frames. */
export class RateLimiter {
  readonly #rate: MessageRate;
  readonly #reader: Reader;
  #messages: number;
  #frames: number;
  /** When tokens were last added, in milliseconds of the clock. */
  #refilledAt: number;
  #pause: Deadline | undefined;

  constructor(rate: MessageRate, reader: Reader) {
    this.#rate = rate;
    this.#reader = reader;
    this.#messages = rate.messages.size;
    this.#frames = rate.frames.size;
    this.#refilledAt = rate.clock.now();
  }

  /** Whether reading is paused until there are tokens. */
  get isWaiting(): boolean {
    return this.#pause !== undefined;
  }

  /**
   * Whether the reader has to pause; its `read` is called when there are tokens again. Never if the
   * action is `'close'`.
   */
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
   * Take the tokens for what the decoder has read.
   *
   * @param found the result of its `next()`.
   * @throws ProtocolError if there are not enough tokens and the action is `'close'`.
   */
  consume(decoder: FrameDecoder, found: boolean): void {
    const frames = decoder.nonInitialFrames;
    decoder.nonInitialFrames = 0;
    if (found && decoder.opcode === Opcode.Close) return; // the peer sends nothing after it
    const isMessage = found && !isControl(decoder.opcode) && decoder.parts?.isLast !== false;
    const messages = isMessage ? 1 : 0;
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

  /** Stop waiting for tokens: the connection is closed. */
  end(): void {
    this.#pause?.cancel();
  }

  /** Add the tokens for the time since the last refill. */
  #refill(): void {
    const { messages, frames, clock } = this.#rate;
    const now = clock.now();
    const passed = now - this.#refilledAt;
    if (passed <= 0) return;
    this.#refilledAt = now;
    this.#messages = Math.min(messages.size, this.#messages + passed * messages.rate);
    this.#frames = Math.min(frames.size, this.#frames + passed * frames.rate);
  }
}

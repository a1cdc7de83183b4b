import { Buffer } from 'node:buffer';
import { abortReason, isAbortSignal, onAbort } from '../abort-signal.js';
import { checkOptions, type Rules } from '../../protocol/option-checks.js';

/** Options of `roundTrip`. */
export interface RoundTripOptions {
  /** Stops waiting when it aborts. The Ping is on its way by then. */
  readonly signal?: AbortSignal;
}

const OPTION_RULES: Rules<RoundTripOptions> = {
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
};

/** Bytes of the payload of our Pings: four that are the connection's, and four that count. */
const PAYLOAD_BYTES = 8;
/** Pings of the application that are remembered. A peer that answers none must not fill the memory. */
const MOST_OTHERS = 16;

/** A Ping that the application waits for. */
interface Trip {
  /** Milliseconds of the clock. */
  readonly startedAt: number;
  /** Position in the stream behind the Ping; Infinity until it is queued. */
  end: number;
  readonly resolve: (milliseconds: number) => void;
  readonly reject: (reason: Error) => void;
}

/** A Ping of the application. */
interface OtherPing {
  /** Its payload, a character for each byte. */
  readonly payload: string;
  readonly end: number;
}

/** A Ping that is to be sent. */
interface NewTrip {
  readonly id: number;
  readonly payload: Buffer;
  readonly milliseconds: Promise<number>;
}

/** What tells the time. */
interface Timekeeper {
  /** Milliseconds. */
  now(): number;
}

/**
 * The round trips of one connection. A Pong for a Ping answers the Pings before it too: a peer may
 * answer only the newest (RFC 6455 section 5.5.3), of ours, the heartbeat's or the application's.
 */
export class RoundTrips {
  readonly #time: Timekeeper;
  /** Tells our Pongs from those of the application and of the heartbeat. */
  readonly #tag = Math.floor(Math.random() * 2 ** 32);
  #lastId = 0;
  /** By their ids, in the order of their Pings. */
  readonly #open = new Map<number, Trip>();
  /** Pings of the application that may still be answered, in order. */
  #others: OtherPing[] = [];

  constructor(time: Timekeeper) {
    this.#time = time;
  }

  /** Begin one. The Ping is the caller's to send; {@link sent} is told when it is queued. */
  start(signal: AbortSignal | undefined): NewTrip {
    const id = ++this.#lastId;
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    payload.writeUInt32BE(this.#tag);
    payload.writeUInt32BE(id, 4);
    const milliseconds = new Promise<number>((resolve, reject) => {
      const forget =
        signal &&
        onAbort(signal, () => {
          this.#open.delete(id);
          reject(abortReason(signal));
        });
      this.#open.set(id, {
        startedAt: this.#time.now(),
        end: Infinity,
        resolve: (passed) => {
          forget?.();
          resolve(passed);
        },
        reject: (reason) => {
          forget?.();
          reject(reason);
        },
      });
    });
    return { id, payload, milliseconds };
  }

  /** The Ping of a round trip was queued; the stream is as long as `end` now. */
  sent(id: number, end: number): void {
    const trip = this.#open.get(id);
    if (trip !== undefined) trip.end = end;
  }

  /** The application has sent a Ping of its own. */
  pinged(payload: Uint8Array, end: number): void {
    this.#others.push({ payload: keyOf(payload), end });
    if (this.#others.length > MOST_OTHERS) this.#others.shift();
  }

  /**
   * A Pong came.
   *
   * @param beat position in the stream behind the heartbeat's Ping, if that is what it answers.
   * @returns whether it answers a Ping of a round trip, so that it is not the application's business.
   */
  pong(payload: Buffer, beat: number | undefined): boolean {
    const id = this.#idOf(payload);
    const end = id === undefined ? (beat ?? this.#endOf(payload)) : undefined;
    for (const [each, trip] of this.#open) {
      if (end === undefined ? each > id! : trip.end > end) break;
      this.#open.delete(each);
      trip.resolve(this.#time.now() - trip.startedAt);
    }
    return id !== undefined;
  }

  /** The connection has ended: none of them will be answered. */
  close(reason: Error): void {
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
  }

  /** @returns `undefined` if the payload is not one of ours. */
  #idOf(payload: Buffer): number | undefined {
    if (payload.length !== PAYLOAD_BYTES || payload.readUInt32BE(0) !== this.#tag) return undefined;
    const id = payload.readUInt32BE(4);
    return id > 0 && id <= this.#lastId ? id : undefined;
  }

  /** @returns the position behind the Ping of the application that has this payload; -1 if there is none. */
  #endOf(payload: Buffer): number {
    const key = keyOf(payload);
    const index = this.#others.findIndex((other) => other.payload === key);
    return this.#others.splice(0, index + 1).at(-1)?.end ?? -1;
  }
}

/** @throws TypeError for an option that is unknown or has a wrong type. */
export function checkRoundTripOptions(options: RoundTripOptions): AbortSignal | undefined {
  if (isAbortSignal(options)) {
    throw new TypeError(
      'roundTrip: expected options to be an object, got an AbortSignal; pass { signal }',
    );
  }
  checkOptions('roundTrip', options, OPTION_RULES);
  return options.signal;
}

function keyOf({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
}

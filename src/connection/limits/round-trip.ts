import { Buffer } from 'node:buffer';
import { abortReason, isAbortSignal, onAbort } from '../abort-signal.js';
import { checkOptions, type Rules } from '../../protocol/option-checks.js';

/** Options of `roundTrip`. */
export interface RoundTripOptions {
  /** Stops waiting when it aborts. The Ping has been queued by then. */
  readonly signal?: AbortSignal;
}

const OPTION_RULES: Rules<RoundTripOptions> = {
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
};

/** The length of a Ping's payload: four bytes for the connection, and four for the number of the Ping. */
const PAYLOAD_BYTES = 8;
/** How many Pings of the application are remembered: a peer may answer none of them. */
const MAX_APPLICATION_PINGS = 16;

/** A call of `roundTrip` that waits for its Pong. */
interface Trip {
  /** In milliseconds of the clock. */
  readonly startedAt: number;
  /** The offset in the stream after the Ping; Infinity until it is queued. */
  end: number;
  readonly resolve: (milliseconds: number) => void;
  readonly reject: (reason: Error) => void;
}

/** A Ping that the application sent with `ping`. */
interface ApplicationPing {
  /** Its payload, one character for each byte. */
  readonly payload: string;
  readonly end: number;
}

/** A round trip whose Ping has to be sent. */
interface NewTrip {
  readonly id: number;
  readonly payload: Buffer;
  readonly milliseconds: Promise<number>;
}

/** A source of time. */
interface Timekeeper {
  /** Milliseconds. */
  now(): number;
}

/**
 * The round trips of one connection. A Pong answers its Ping and all earlier ones, because a peer may
 * answer only the newest Ping (RFC 6455 section 5.5.3): that of a round trip, of the heartbeat or of
 * the application.
 */
export class RoundTrips {
  readonly #time: Timekeeper;
  /** The first four bytes of each payload: distinguishes these Pongs from all others. */
  readonly #tag = Math.floor(Math.random() * 2 ** 32);
  #lastId = 0;
  /** The round trips that wait, by their ids, in the order of their Pings. */
  readonly #open = new Map<number, Trip>();
  /** Pings of the application that can still be answered, in order. */
  #applicationPings: ApplicationPing[] = [];

  constructor(time: Timekeeper) {
    this.#time = time;
  }

  /** Start a round trip. The caller sends the Ping, and calls {@link sent} when it is queued. */
  start(signal: AbortSignal | undefined): NewTrip {
    const id = ++this.#lastId;
    const payload = Buffer.alloc(PAYLOAD_BYTES);
    payload.writeUInt32BE(this.#tag);
    payload.writeUInt32BE(id, 4);
    const milliseconds = new Promise<number>((resolve, reject) => {
      const stopWaiting =
        signal &&
        onAbort(signal, () => {
          this.#open.delete(id);
          reject(abortReason(signal));
        });
      this.#open.set(id, {
        startedAt: this.#time.now(),
        end: Infinity,
        resolve: (passed) => {
          stopWaiting?.();
          resolve(passed);
        },
        reject: (reason) => {
          stopWaiting?.();
          reject(reason);
        },
      });
    });
    return { id, payload, milliseconds };
  }

  /** The Ping of a round trip was queued, and ends at this offset in the stream. */
  sent(id: number, end: number): void {
    const trip = this.#open.get(id);
    if (trip !== undefined) trip.end = end;
  }

  /** The application has sent a Ping of its own, which ends at this offset in the stream. */
  pinged(payload: Uint8Array, end: number): void {
    this.#applicationPings.push({ payload: keyOf(payload), end });
    if (this.#applicationPings.length > MAX_APPLICATION_PINGS) this.#applicationPings.shift();
  }

  /**
   * Process a Pong.
   *
   * @param beat the offset in the stream after the heartbeat's Ping, if the Pong answers that.
   * @returns whether it answers a Ping of a round trip. All other Pongs are for the application.
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

  /** Reject all that wait: the connection has ended. */
  close(reason: Error): void {
    for (const { reject } of this.#open.values()) reject(reason);
    this.#open.clear();
  }

  /** @returns the id in the payload; `undefined` if it is not that of a round trip. */
  #idOf(payload: Buffer): number | undefined {
    if (payload.length !== PAYLOAD_BYTES || payload.readUInt32BE(0) !== this.#tag) return undefined;
    const id = payload.readUInt32BE(4);
    return id > 0 && id <= this.#lastId ? id : undefined;
  }

  /**
   * Remove the application's Ping with this payload and all earlier ones.
   *
   * @returns the offset in the stream after it; -1 if the payload is unknown.
   */
  #endOf(payload: Buffer): number {
    const key = keyOf(payload);
    const index = this.#applicationPings.findIndex((ping) => ping.payload === key);
    return this.#applicationPings.splice(0, index + 1).at(-1)?.end ?? -1;
  }
}

/** @throws TypeError for an unknown option and for a wrong type. */
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

import type { Buffer } from 'node:buffer';
import type { Deadlines } from '../limits/deadlines.js';
import type { ConcurrencyLimit } from './concurrency-limit.js';
import {
  deflateAsync,
  type InflateCallback,
  inflateAsync,
} from '../../protocol/deflate/one-shot-zlib.js';
import { isRawZlibSupported, RawZlib } from '../../protocol/deflate/raw-zlib.js';
import { deflateSteps, inflateSteps, type Steps } from '../../protocol/deflate/steps.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';

/** What a server's long messages need to know. */
export interface LongMessagesSettings {
  /** zlib's level: 0 to 9. */
  readonly level: number;
  /** zlib's memLevel: 1 to 9. */
  readonly memLevel: number;
  /** Milliseconds; contexts that were not used for so long are released, at the latest after twice that. */
  readonly idleRelease: number;
  readonly deadlines: Deadlines;
  /** How many messages are in progress at a time. */
  readonly concurrency: ConcurrencyLimit;
  /** Whether to drive open zlib contexts in steps on this thread. Otherwise documented calls do the work on zlib's thread pool. */
  readonly drive?: boolean | undefined;
}

/** What decompresses a long message. */
interface InflateOptions {
  readonly windowBits: number;
  /** The sliding window; what the message may refer to. */
  readonly dictionary: Buffer | undefined;
}

/** A long message that is put through a zlib context. */
interface Work {
  /** The kind of context. */
  readonly key: string;
  readonly open: () => RawZlib;
  readonly steps: (context: RawZlib) => Steps<Buffer | undefined>;
  /** Asked before each step; without it all steps are taken. */
  readonly isNeeded?: () => boolean;
  readonly finish: InflateCallback;
}

/** Takes the next step. Returns `undefined` if there are more, and otherwise what has to be called now. */
type Job = () => (() => void) | undefined;

/**
 * The messages of a server that are too long to be compressed or decompressed at once. A few of them are
 * in progress at a time, each with a zlib context of its own. In each turn of the event loop one of them
 * takes one step, so that no message blocks the loop for longer than an ordinary one.
 */
export class LongMessages {
  readonly #settings: LongMessagesSettings;
  readonly #drive: boolean;
  /** The messages in progress; the first takes the next step. */
  readonly #jobs: Job[] = [];
  #isScheduled = false;
  /** Contexts that are not in use, by their kind and window. */
  readonly #free = new Map<string, RawZlib[]>();
  #wasUsed = false;
  #isTimed = false;

  constructor(settings: LongMessagesSettings) {
    this.#settings = settings;
    this.#drive = settings.drive ?? isRawZlibSupported();
  }

  /**
   * Compress a message without context takeover.
   *
   * @param message nothing else may change or detach its memory until the callback.
   * @param callback gets the payload, or `undefined` if there is no memory for it.
   */
  deflate(
    message: Uint8Array,
    windowBits: number,
    callback: (payload: Buffer | undefined) => void,
  ): void {
    const { level, memLevel, concurrency } = this.#settings;
    const options = { windowBits, level, memLevel };
    concurrency.run((done) => {
      if (!this.#drive) {
        deflateAsync(message, options, (payload) => {
          done();
          callback(payload);
        });
        return;
      }
      this.#run({
        key: `deflate ${windowBits}`,
        open: () => RawZlib.deflate(options),
        steps: (context) => deflateSteps(context, message),
        finish: (_error, payload) => {
          done();
          callback(payload);
        },
      });
    });
  }

  /**
   * Decompress a message.
   *
   * @param payloadNow the payload; `undefined` once the message is not needed any more. There is no
   * callback then.
   * @param limit most bytes that may come out.
   * @param callback gets the message, `undefined` if it is too long, or what is wrong with the payload.
   */
  inflate(
    payloadNow: () => Buffer | undefined,
    options: InflateOptions,
    limit: number,
    callback: InflateCallback,
  ): void {
    const { windowBits, dictionary } = options;
    this.#settings.concurrency.run((done) => {
      const payload = payloadNow();
      if (payload === undefined) {
        process.nextTick(done); // not now: many in a row would be as many calls inside one another
        return;
      }
      if (!this.#drive) {
        inflateAsync(payload, options, limit, (error, message) => {
          done();
          callback(error, message);
        });
        return;
      }
      const isNeeded = (): boolean => payloadNow() !== undefined;
      this.#run({
        key: `inflate ${windowBits}`,
        open: () => RawZlib.inflate({ windowBits }),
        steps: (context) => inflateSteps(context, payload, windowBits, dictionary, limit),
        isNeeded,
        finish: (error, message) => {
          done();
          if (isNeeded()) callback(error, message);
        },
      });
    });
  }

  #run({ key, open, steps, isNeeded, finish }: Work): void {
    let context: RawZlib | undefined;
    let taken: Steps<Buffer | undefined> | undefined;
    const end = (error?: ProtocolError, result?: Buffer) => (): void => {
      if (context !== undefined) this.#giveBack(key, context);
      finish(error, result);
    };
    this.#jobs.push(() => {
      if (isNeeded?.() === false) return end();
      try {
        taken ??= steps((context = this.#free.get(key)?.pop() ?? open()));
        const { done, value } = taken.next();
        return done === true ? end(undefined, value) : undefined;
      } catch (error) {
        // An error of another kind: there is no memory for the context or the result.
        return end(error instanceof ProtocolError ? error : undefined);
      }
    });
    this.#schedule();
  }

  /** Take a step in the next turn of the event loop, after its reads and writes. */
  #schedule(): void {
    if (this.#isScheduled || this.#jobs.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const job = this.#jobs.shift()!;
      const finish = job();
      if (finish === undefined) this.#jobs.push(job);
      this.#schedule(); // before the end of the job, in which the application may throw
      finish?.();
    });
  }

  /** Keep a context for the next message, for a while. */
  #giveBack(key: string, context: RawZlib): void {
    const free = this.#free.get(key);
    if (free === undefined) this.#free.set(key, [context]);
    else free.push(context);
    this.#wasUsed = true;
    if (!this.#isTimed) this.#startIdle();
  }

  #startIdle(): void {
    this.#isTimed = true;
    this.#settings.deadlines.start(this.#settings.idleRelease, () => {
      this.#isTimed = false;
      if (this.#wasUsed) this.#startIdle();
      else this.#closeFree();
      this.#wasUsed = false;
    });
  }

  #closeFree(): void {
    for (const contexts of this.#free.values()) for (const context of contexts) context.close();
    this.#free.clear();
  }
}

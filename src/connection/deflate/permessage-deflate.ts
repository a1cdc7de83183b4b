import type { Buffer } from 'node:buffer';
import type { Deadline, Deadlines } from '../limits/deadlines.js';
import type { LongMessages } from './long-messages.js';
import { openDeflater, openInflater, type SharedContexts } from './shared-contexts.js';
import type { InflateCallback } from '../../protocol/deflate/one-shot-zlib.js';
import type { DeflateContextOptions, Deflater, Inflater } from '../../protocol/deflate/contexts.js';
import {
  type PartInflater,
  RawPartInflater,
  WholePartInflater,
} from '../../protocol/deflate/part-inflater.js';
import { isRawZlibSupported } from '../../protocol/deflate/raw-zlib.js';
import { neutral } from '../neutral-context.js';
import { INPUT_PER_STEP, OUTPUT_PER_STEP } from '../../protocol/deflate/steps.js';
import { ProtocolError } from '../../protocol/framing/protocol-error.js';
import { CompactDeflater } from '../../protocol/deflate/compact/compact-deflater.js';
import { LONGEST_MESSAGE } from '../../protocol/framing/message-buffer.js';
import type { Role } from '../../protocol/framing/frame.js';
import type { DeflateParameters } from '../../protocol/deflate/negotiation.js';

/** What all connections of a server that compress share. */
export interface PermessageDeflateSettings {
  /** Shorter messages are not compressed; bytes. */
  readonly threshold: number;
  /** The same where our window is kept from message to message. @default threshold */
  readonly takeoverThreshold?: number | undefined;
  /** Of zlib's compressors: 0 to 9. */
  readonly level: number;
  /** Of zlib's compressors: 1 to 9. */
  readonly memLevel: number;
  /** What compresses for a connection with context takeover. */
  readonly compressor: 'compact' | 'zlib';
  /** Milliseconds without use after which a connection's compressor is released; it can take twice as long. */
  readonly idleRelease: number;
  readonly deadlines: Deadlines;
  readonly long: LongMessages;
  readonly shared: SharedContexts;
  /** See `createDeflater`. */
  readonly drive?: boolean | undefined;
}

/**
 * permessage-deflate as it was negotiated (RFC 7692): for one connection, or, where neither side
 * takes its context over, for all that have the same parameters.
 */
export class PermessageDeflate {
  /** See {@link PermessageDeflateSettings}. */
  readonly threshold: number;
  /** The size of the window of what we send, as a power of two. */
  readonly windowBits: number;
  /** Nothing we send refers to an earlier message: the same compressed bytes can be sent to every peer. */
  readonly isShareable: boolean;

  readonly #settings: PermessageDeflateSettings;
  readonly #deflater: Deflater;
  readonly #inflater: Inflater;
  readonly #inflaterBits: number;
  readonly #onClosed: (() => void) | undefined;
  #used = false;
  #idle: Deadline | undefined;
  #closed = false;

  /**
   * @param role ours.
   * @param closed called when the connection has ended, if its contexts were charged to the budget.
   */
  constructor(
    settings: PermessageDeflateSettings,
    parameters: DeflateParameters,
    role: Role,
    closed?: () => void,
  ) {
    const server: DeflateContextOptions = {
      windowBits: parameters.serverMaxWindowBits,
      takeover: !parameters.serverNoContextTakeover,
    };
    const client: DeflateContextOptions = {
      windowBits: parameters.clientMaxWindowBits,
      takeover: !parameters.clientNoContextTakeover,
    };
    const [ours, theirs] = role === 'server' ? [server, client] : [client, server];
    const { shared, drive } = settings;
    this.#settings = settings;
    this.#onClosed = closed;
    const { threshold, takeoverThreshold = threshold } = settings;
    this.threshold = ours.takeover ? takeoverThreshold : threshold;
    this.windowBits = ours.windowBits;
    this.isShareable = !ours.takeover;
    this.#inflaterBits = theirs.windowBits;
    this.#deflater = ours.takeover ? ownDeflater(settings, ours) : shared.deflater(ours.windowBits);
    this.#inflater = theirs.takeover
      ? openInflater(theirs, drive)
      : shared.inflater(theirs.windowBits);
  }

  /** @returns the payload of the compressed message; `undefined` if it is too long for {@link deflate}. */
  deflate(message: Uint8Array): Buffer | undefined {
    if (message.length > INPUT_PER_STEP) return undefined;
    const payload = this.#deflater.deflate(message);
    this.#touch();
    return payload;
  }

  /**
   * Compress a message that is too long for {@link deflate}. It does not refer to earlier messages, nor
   * will later ones refer to it.
   *
   * @param message see {@link LongMessages.deflate}.
   */
  deflateAsync(message: Uint8Array, callback: (payload: Buffer | undefined) => void): void {
    if (!this.isShareable) this.#deflater.release();
    this.#settings.long.deflate(message, this.windowBits, callback);
  }

  /**
   * A compressor for one message that is compressed in parts. The message does not refer to earlier ones, nor
   * will later ones refer to it.
   */
  openDeflater(): Deflater {
    if (!this.isShareable) this.#deflater.release();
    const { level, memLevel, drive } = this.#settings;
    return openDeflater({ windowBits: this.windowBits, takeover: true, level, memLevel }, drive);
  }

  /**
   * @param maxPayload most bytes that the message may have.
   * @returns the message; `undefined` if it is too long for this, see {@link inflateAsync}.
   * @throws ProtocolError if the payload is not a compressed message, or the message is too long.
   */
  inflate(payload: Buffer, maxPayload: number): Buffer | undefined {
    if (payload.length > INPUT_PER_STEP) return undefined;
    const limit = Math.min(maxPayload, OUTPUT_PER_STEP);
    const message = this.#inflater.inflate(payload, limit);
    if (message === undefined && limit === maxPayload) throw tooBig(maxPayload);
    return message;
  }

  /**
   * Decompress a message that is too long for {@link inflate}. Nothing else may be decompressed until the
   * callback.
   *
   * @param payloadNow see {@link LongMessages.inflate}.
   */
  inflateAsync(
    payloadNow: () => Buffer | undefined,
    maxPayload: number,
    callback: InflateCallback,
  ): void {
    const limit = Math.min(maxPayload, LONGEST_MESSAGE);
    const options = { windowBits: this.#inflaterBits, dictionary: this.#inflater.window };
    this.#settings.long.inflate(payloadNow, options, limit, (error, message) => {
      if (message !== undefined) this.#inflater.advanceWindow(message);
      callback(error ?? (message === undefined ? tooBig(maxPayload) : undefined), message);
    });
  }

  /**
   * A decompressor for messages that are taken in parts; nothing else is decompressed meanwhile.
   *
   * @param limit the longest message where a message cannot be decompressed in parts.
   */
  openInflater(limit: number): PartInflater {
    const inflater = this.#inflater;
    const isDriven = this.#settings.drive ?? isRawZlibSupported();
    if (!isDriven) return new WholePartInflater(inflater, limit);
    return neutral.runInAsyncScope(() => new RawPartInflater(this.#inflaterBits, inflater));
  }

  /** The connection has ended: release its own compressor. Messages that have arrived can still be decompressed. */
  close(): void {
    this.#onClosed?.();
    if (this.isShareable) return;
    this.#closed = true;
    this.#idle?.cancel();
    this.#deflater.release();
  }

  /** The compressor was used: if it is this connection's own, keep it for a while. */
  #touch(): void {
    if (this.isShareable) return;
    if (this.#closed) {
      this.#deflater.release();
      return;
    }
    this.#used = true;
    this.#idle ??= this.#settings.deadlines.start(this.#settings.idleRelease, () => {
      this.#sweep();
    });
  }

  #sweep(): void {
    this.#idle = undefined;
    if (this.#used) {
      this.#touch();
      this.#used = false;
    } else {
      this.#deflater.release();
    }
  }
}

/** A compressor for one connection alone. */
function ownDeflater(
  settings: PermessageDeflateSettings,
  options: DeflateContextOptions,
): Deflater {
  const { level, memLevel, compressor, shared, drive } = settings;
  if (compressor === 'zlib') return openDeflater({ ...options, level, memLevel }, drive);
  return new CompactDeflater(options.windowBits, shared.deflater(options.windowBits));
}

/** The memory of a zlib compressor that does not depend on its options: a hash table of 64 KiB, and its state. */
const ZLIB_OVERHEAD = 72 * 1024;

/** Bytes that the contexts of one connection take when all are in use: a compressor, and the window of received messages. */
export function contextBytes(
  parameters: DeflateParameters,
  { compressor, memLevel }: Pick<PermessageDeflateSettings, 'compressor' | 'memLevel'>,
): number {
  const { serverMaxWindowBits, clientMaxWindowBits } = parameters;
  const deflater =
    compressor === 'zlib'
      ? 2 ** (serverMaxWindowBits + 2) + 2 ** (memLevel + 9) + ZLIB_OVERHEAD
      : CompactDeflater.bytesOf(serverMaxWindowBits);
  return (
    (parameters.serverNoContextTakeover ? 0 : deflater) +
    (parameters.clientNoContextTakeover ? 0 : 2 ** clientMaxWindowBits)
  );
}

/** The error for a message that is too long once it is decompressed. */
export function tooBig(maxPayload: number): ProtocolError {
  return new ProtocolError(
    'ERR_MESSAGE_TOO_BIG',
    `a compressed message is longer than maxPayload once decompressed, which is ${maxPayload} bytes`,
  );
}

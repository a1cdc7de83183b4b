import { isAbortSignal } from '../abort-signal.js';
import {
  checkOptions,
  integerBetween,
  isBoolean,
  milliseconds,
  type Rules,
} from '../../protocol/option-checks.js';

/** Options of `sendStream`. */
export interface StreamOptions {
  /** Send chunks of any type as Binary (`true`) or Text (`false`). Bytes sent as Text must be UTF-8. @default false for strings, true for bytes */
  readonly binary?: boolean;
  /** Compress, or not. @default decided on the first frame: compressed if it has at least `threshold` of `perMessageDeflate` and becomes shorter */
  readonly compress?: boolean;
  /** Aborts the message. Once a part of it has been sent, that closes the connection with 1011. */
  readonly signal?: AbortSignal;
  /** Milliseconds for which the source may give nothing while other messages wait; the connection is then closed with 1011. @default 30 s */
  readonly stallTimeout?: number;
}

/** Options of `incoming`. */
export interface IncomingOptions {
  /** Longest message in bytes, all chunks together, after decompression. @default the connection's */
  readonly maxPayload?: number;
}

/** 30 s. */
const DEFAULT_STALL_TIMEOUT = 30_000;

const STREAM_RULES: Rules<StreamOptions> = {
  binary: isBoolean,
  compress: isBoolean,
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
  stallTimeout: milliseconds,
};
const INCOMING_RULES: Rules<IncomingOptions> = {
  maxPayload: integerBetween('a number of bytes', 1, Number.MAX_SAFE_INTEGER),
};

/** Options that were checked. */
export interface CheckedStreamOptions extends StreamOptions {
  readonly stallTimeout: number;
}

/** @throws TypeError for options that are unknown or have a wrong type. */
export function checkStreamOptions(options: unknown): CheckedStreamOptions {
  return {
    stallTimeout: DEFAULT_STALL_TIMEOUT,
    ...checkOptions('sendStream', options, STREAM_RULES),
  };
}

/** @throws TypeError for options that are unknown or have a wrong type. */
export function checkIncomingOptions(options: unknown): IncomingOptions {
  return checkOptions('incoming', options, INCOMING_RULES);
}

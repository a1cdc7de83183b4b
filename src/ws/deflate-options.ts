import { show } from '../protocol/option-checks.js';
import type { ResolvedDeflateOptions } from '../server/options/resolve-options.js';
import { resolveOptions } from '../server/options/resolve-options.js';
import { numberOf } from './argument-checks.js';

/** The options of zlib, as far as programs give them to ws. Only the first two have an effect, and only for what is sent. */
interface ZlibSettings {
  readonly level?: number | undefined;
  readonly memLevel?: number | undefined;
  readonly chunkSize?: number | undefined;
  readonly dictionary?: unknown;
  readonly finishFlush?: number | undefined;
  readonly flush?: number | undefined;
  readonly info?: boolean | undefined;
  readonly maxOutputLength?: number | undefined;
  readonly strategy?: number | undefined;
  readonly windowBits?: number | undefined;
}

/** The options of ws for permessage-deflate. */
export interface PerMessageDeflateOptions {
  /** The server begins each message with an empty window. @default false */
  readonly serverNoContextTakeover?: boolean | undefined;
  /** The client begins each message with an empty window. @default false */
  readonly clientNoContextTakeover?: boolean | undefined;
  /** The server's window as a power of two: 8 to 15. @default 15 */
  readonly serverMaxWindowBits?: number | boolean | undefined;
  /** The client's window as a power of two: 8 to 15. @default 15 */
  readonly clientMaxWindowBits?: number | boolean | undefined;
  /** A side that begins each message with an empty window does not compress shorter ones; bytes. @default 1024 */
  readonly threshold?: number | undefined;
  /** `level` and `memLevel` choose zlib's compressor; without them hawser's own is used where the window is taken over. The others are ignored. */
  readonly zlibDeflateOptions?: ZlibSettings | undefined;
  /** Ignored. */
  readonly zlibInflateOptions?: ZlibSettings | undefined;
  /** Ignored: ordinary messages do not use the thread pool. */
  readonly concurrencyLimit?: number | undefined;
}

/** The same as options of hawser. */
export interface DeflateSettings {
  readonly options: ResolvedDeflateOptions;
  readonly clientWindowBits: number;
}

/** Bytes: what ws does not compress by default. */
const DEFAULT_THRESHOLD = 1024;
const [SMALLEST_WINDOW, LARGEST_WINDOW] = [8, 15];
/** What `true` stands for, the same object each time: what compresses is kept for it. */
const DEFAULTS: PerMessageDeflateOptions = {};

/** The options of permessage-deflate, for an option that is not off. Any other value than an object is `true`, as in ws. */
export function deflateOptionsOf(given: unknown): PerMessageDeflateOptions {
  return typeof given === 'object' && given !== null ? given : DEFAULTS;
}

/**
 * A window, `undefined` where none is named.
 *
 * @throws TypeError for a window that does not exist. ws offers it, or compresses with it, and the connection fails.
 */
export function windowBitsOf(
  name: 'serverMaxWindowBits' | 'clientMaxWindowBits',
  options: PerMessageDeflateOptions,
): number | undefined {
  const given: unknown = options[name];
  if (given === undefined || given === null || typeof given === 'boolean') return undefined;
  const bits = numberOf(`perMessageDeflate.${name}`, given);
  if (Number.isInteger(bits) && bits >= SMALLEST_WINDOW && bits <= LARGEST_WINDOW) return bits;
  throw new TypeError(
    `hawser/ws: expected option perMessageDeflate.${name} to be a number of bits from ${SMALLEST_WINDOW} to ${LARGEST_WINDOW}, got ${show(given)}`,
  );
}

/** @throws TypeError for a value that is out of range. */
export function deflateSettings(given: PerMessageDeflateOptions): DeflateSettings {
  const { level, memLevel } = given.zlibDeflateOptions ?? {};
  const server = given.serverNoContextTakeover !== true;
  const client = given.clientNoContextTakeover !== true;
  const takeover = ({ 11: 'both', 10: 'server', 1: 'client', 0: 'none' } as const)[
    (10 * Number(server) + Number(client)) as 11 | 10 | 1 | 0
  ];
  // zlib calls its own default -1.
  const ofZlib = level !== undefined || memLevel !== undefined;
  const resolved = resolveOptions(
    {
      perMessageDeflate: {
        contextTakeover: takeover,
        threshold: Math.ceil(
          numberOf('perMessageDeflate.threshold', given.threshold ?? DEFAULT_THRESHOLD),
        ),
        windowBits: windowBitsOf('serverMaxWindowBits', given) ?? LARGEST_WINDOW,
        ...(ofZlib
          ? { compressor: 'zlib', level: level === -1 ? undefined : level, memLevel }
          : {}),
      },
    },
    [],
    'hawser/ws',
  );
  return {
    options: resolved.perMessageDeflate as ResolvedDeflateOptions,
    clientWindowBits: windowBitsOf('clientMaxWindowBits', given) ?? LARGEST_WINDOW,
  };
}

import type { ResolvedDeflateOptions } from '../server/options/resolve-options.js';
import { resolveOptions } from '../server/options/resolve-options.js';

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
const LARGEST_WINDOW = 15;
const bitsOf = (value: number | boolean | undefined): number =>
  typeof value === 'number' ? value : LARGEST_WINDOW;

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
        threshold: Math.ceil(given.threshold ?? DEFAULT_THRESHOLD),
        windowBits: bitsOf(given.serverMaxWindowBits),
        ...(ofZlib
          ? { compressor: 'zlib', level: level === -1 ? undefined : level, memLevel }
          : {}),
      },
    },
    [],
  );
  return {
    options: resolved.perMessageDeflate as ResolvedDeflateOptions,
    clientWindowBits: bitsOf(given.clientMaxWindowBits),
  };
}

import { neutral } from '../neutral-context.js';
import {
  createDeflater,
  createInflater,
  type DeflateContextOptions,
  type Deflater,
  type Inflater,
} from '../../protocol/deflate/contexts.js';

/** The options of a compressor other than the size of its window. */
type Effort = Pick<DeflateContextOptions, 'level' | 'memLevel'>;

/**
 * The compressors and decompressors that connections without context takeover share: one of each for
 * each size of the window, made when first needed. Between messages they remember nothing, so they
 * can serve any connection.
 */
export class SharedContexts {
  readonly #effort: Effort;
  readonly #drive: boolean | undefined;
  readonly #deflaters = new Map<number, Deflater>();
  readonly #inflaters = new Map<number, Inflater>();

  /** @param drive see `createDeflater`. */
  constructor(effort: Effort, drive?: boolean) {
    this.#effort = effort;
    this.#drive = drive;
  }

  deflater(windowBits: number): Deflater {
    return get(this.#deflaters, windowBits, () =>
      openDeflater({ ...this.#effort, windowBits, takeover: false }, this.#drive),
    );
  }

  inflater(windowBits: number): Inflater {
    return get(this.#inflaters, windowBits, () =>
      openInflater({ windowBits, takeover: false }, this.#drive),
    );
  }
}

/** As `createDeflater`; zlib's context is made in the {@link neutral} async context, whenever that is. */
export function openDeflater(options: DeflateContextOptions, drive?: boolean): Deflater {
  return new NeutralDeflater(createDeflater(options, drive));
}

/** See {@link openDeflater}. */
export function openInflater(options: DeflateContextOptions, drive?: boolean): Inflater {
  return neutral.runInAsyncScope(createInflater, undefined, options, drive);
}

/** A deflater makes its zlib context for the first message, and for the first after a release. */
class NeutralDeflater implements Deflater {
  readonly #deflater: Deflater;
  #isOpen = false;

  constructor(deflater: Deflater) {
    this.#deflater = deflater;
  }

  deflate(message: Uint8Array): Buffer {
    const deflater = this.#deflater;
    if (this.#isOpen) return deflater.deflate(message);
    this.#isOpen = true;
    return neutral.runInAsyncScope(() => deflater.deflate(message));
  }

  release(): void {
    this.#isOpen = false;
    this.#deflater.release();
  }
}

function get<T>(map: Map<number, T>, key: number, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

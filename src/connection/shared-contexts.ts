import {
  createDeflater,
  createInflater,
  type DeflateContextOptions,
  type Deflater,
  type Inflater,
} from '../protocol/deflate.js';

/** What a compressor is told beside the size of its window. */
type Effort = Pick<DeflateContextOptions, 'level' | 'memLevel'>;

/**
 * The compressors and decompressors that connections without context takeover share: one of each for
 * each size of the window, made when first needed. Between messages they remember nothing, so they
 * may serve anybody.
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
      createDeflater({ ...this.#effort, windowBits, takeover: false }, this.#drive),
    );
  }

  inflater(windowBits: number): Inflater {
    return get(this.#inflaters, windowBits, () =>
      createInflater({ windowBits, takeover: false }, this.#drive),
    );
  }
}

function get<T>(map: Map<number, T>, key: number, make: () => T): T {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

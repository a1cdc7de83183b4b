/** How many of the last measurements count. */
const SAMPLES = 512;

/** Milliseconds from the sending of a message on one node to its arrival on another. */
export interface LagStats {
  /** Half of the last 512 envelopes took at most so long; `undefined` before the first. */
  readonly p50: number | undefined;
  /** 99 of 100 did. */
  readonly p99: number | undefined;
}

/** The lag of the last envelopes, as well as the clocks of two machines agree. */
export class Lag {
  readonly #samples: number[] = [];
  #next = 0;

  /** @param milliseconds less than 0 if the clock of the other machine is ahead; that counts as 0. */
  add(milliseconds: number): void {
    if (!Number.isFinite(milliseconds)) return; // no time at all
    this.#samples[this.#next] = Math.max(0, milliseconds);
    this.#next = (this.#next + 1) % SAMPLES;
  }

  stats(): LagStats {
    const sorted = [...this.#samples].sort((one, other) => one - other);
    const at = (share: number): number | undefined => sorted[Math.ceil(sorted.length * share) - 1];
    return { p50: at(0.5), p99: at(0.99) };
  }
}

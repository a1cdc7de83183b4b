/** Channels of each client, those of all brokers on it. */
const counts = new WeakMap<object, number>();

/** Keeps the channels of a client below a number. A topic above it is refused until others are left. */
export class ChannelLimit {
  readonly #client: object;
  readonly #most: number;
  readonly #admitted = new Set<string>();
  readonly #refused = new Set<string>();

  constructor(client: object, most: number) {
    this.#client = client;
    this.#most = most;
  }

  /** @returns the topics that can be joined, and those that cannot. */
  join(topics: readonly string[]): { admitted: readonly string[]; refused: readonly string[] } {
    if (this.#most === Infinity) return { admitted: topics, refused: [] };
    const admitted: string[] = [];
    const refused: string[] = [];
    let count = counts.get(this.#client) ?? 0;
    for (const topic of topics) {
      if (this.#admitted.has(topic)) continue;
      if (count < this.#most) {
        count++;
        this.#admitted.add(topic);
        admitted.push(topic);
      } else {
        this.#refused.add(topic);
        refused.push(topic);
      }
    }
    counts.set(this.#client, count);
    return { admitted, refused };
  }

  /** @returns topics that were refused and can be joined now. */
  leave(topics: readonly string[]): readonly string[] {
    let left = 0;
    for (const topic of topics) {
      this.#refused.delete(topic);
      if (this.#admitted.delete(topic)) left++;
    }
    if (left === 0) return [];
    counts.set(this.#client, counts.get(this.#client)! - left);
    const waiting = [...this.#refused];
    this.#refused.clear();
    return this.join(waiting).admitted;
  }

  /** Leave everything. */
  close(): void {
    this.#refused.clear();
    this.leave([...this.#admitted]);
  }
}

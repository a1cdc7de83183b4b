/** Topics whose messages a node goes on counting. */
const MAX_TOPICS = 65_536;

/** Where a run of messages stands among all that this node has published to a topic. */
interface Place {
  readonly epoch: number;
  /** The number of the first of them. */
  readonly first: number;
}

/**
 * The numbers of the messages that this node publishes, for each topic. The topics published to longest ago
 * are forgotten above a limit; the next message of such a topic begins a new epoch.
 */
export class Sequences {
  readonly #maxTopics: number;
  /** The topic published to longest ago is the first. */
  readonly #topics = new Map<string, { readonly epoch: number; next: number }>();
  #epoch = 0;

  /** @param maxTopics for tests. */
  constructor(maxTopics: number = MAX_TOPICS) {
    this.#maxTopics = maxTopics;
  }

  /** Number the next `count` messages of a topic. */
  take(topic: string, count: number): Place {
    let sequence = this.#topics.get(topic);
    if (sequence === undefined) sequence = { epoch: ++this.#epoch, next: 0 };
    else this.#topics.delete(topic); // it becomes the last
    this.#topics.set(topic, sequence);
    if (this.#topics.size > this.#maxTopics) {
      const [oldest] = this.#topics.keys();
      this.#topics.delete(oldest!);
    }
    const first = sequence.next;
    sequence.next += count;
    return { epoch: sequence.epoch, first };
  }
}

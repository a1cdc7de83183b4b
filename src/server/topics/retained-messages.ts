import type { Account, BudgetMember, BufferBudget } from '../../connection/limits/buffer-budget.js';
import type { PreparedMessage } from '../../protocol/framing/prepared-message.js';

/** Keys that one topic may retain, and bytes of their messages. The oldest goes first. */
const MAX_KEYS = 1000;
const MAX_TOPIC_BYTES = 1024 * 1024;

/** The last message of a key. */
export interface Retained {
  readonly key: string;
  readonly message: PreparedMessage;
  readonly compress: boolean | undefined;
}

/** What a message says about retaining it. */
interface Published {
  readonly message: PreparedMessage;
  readonly key: string | undefined;
  readonly retain: boolean;
  readonly compress: boolean | undefined;
}

/** The last message of each key of one topic, the oldest first. */
class RetainedTopic {
  readonly messages = new Map<string, Retained>();
  bytes = 0;
}

/**
 * The messages that `publish` was told to retain, for connections that subscribe later. They are limited for
 * each topic and in all, and count for `maxTotalBuffered`.
 */
export class RetainedMessages implements BudgetMember {
  readonly #maxBytes: number;
  readonly #budget: BufferBudget | undefined;
  /** The topic published to longest ago is the first. */
  readonly #topics = new Map<string, RetainedTopic>();
  #bytes = 0;

  /** @param maxBytes in all. */
  constructor(maxBytes: number, budget: BufferBudget | undefined) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
  }

  /** Bytes of all that is retained. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What a topic has retained, the oldest first. */
  of(topic: string): Iterable<Retained> {
    return this.#topics.get(topic)?.messages.values() ?? [];
  }

  /** A message was published: retain it, or forget the one that was retained for its key. */
  onPublished(name: string, published: Published): void {
    const { key, retain, compress } = published;
    let topic = this.#topics.get(name);
    if (topic !== undefined) {
      this.#topics.delete(name); // it becomes the last
      if (key !== undefined) this.#forget(topic, key);
    }
    if (retain && key !== undefined && published.message.frame.length <= MAX_TOPIC_BYTES) {
      topic ??= new RetainedTopic();
      this.#keep(topic, { key, message: published.message, compress });
    }
    if (topic === undefined || topic.messages.size === 0) return;
    this.#topics.set(name, topic);
    this.#shrink(topic, MAX_KEYS, MAX_TOPIC_BYTES);
    this.#makeRoom();
  }

  /** For the budget: what is retained takes the most memory of all, and there is no room for it. */
  evict(): void {
    for (const topic of this.#topics.values()) this.#shrink(topic, 0, 0);
    this.#topics.clear();
  }

  /** The server is closed. */
  close(): void {
    this.evict();
    this.#budget?.leave(this);
  }

  #account(): Account | undefined {
    return this.#budget?.accountOf(this);
  }

  #keep(topic: RetainedTopic, kept: Retained): void {
    kept.message.unpool(); // it is kept for long, and must not keep Node's pool
    const { frame } = kept.message;
    topic.messages.set(kept.key, kept);
    topic.bytes += frame.length;
    this.#bytes += frame.length;
    this.#account()?.hold(frame);
  }

  #forget(topic: RetainedTopic, key: string): void {
    const kept = topic.messages.get(key);
    if (kept === undefined) return;
    const { frame } = kept.message;
    topic.messages.delete(key);
    topic.bytes -= frame.length;
    this.#bytes -= frame.length;
    this.#account()?.release(frame);
  }

  /** Forget the oldest messages of a topic until it has at most so many, and so many bytes of them. */
  #shrink(topic: RetainedTopic, keys: number, bytes: number): void {
    for (const key of topic.messages.keys()) {
      if (topic.messages.size <= keys && topic.bytes <= bytes) return;
      this.#forget(topic, key);
    }
  }

  /** Forget the topics published to longest ago until the rest fits. Of the last one the oldest messages go. */
  #makeRoom(): void {
    for (const [name, topic] of this.#topics) {
      const excess = this.#bytes - this.#maxBytes;
      if (excess <= 0) return;
      if (this.#topics.size === 1) this.#shrink(topic, MAX_KEYS, topic.bytes - excess);
      else this.#shrink(topic, 0, 0);
      if (topic.messages.size === 0) this.#topics.delete(name);
    }
  }
}

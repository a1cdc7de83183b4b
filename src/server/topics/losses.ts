import type { EnvelopeHeader } from './envelope.js';

/** Nodes whose messages of one topic are counted. A node that restarts is a new one. */
const MAX_NODES = 1024;

/** What this node has received from one node on one topic. */
interface Counted {
  readonly epoch: number;
  /** The number of the message that comes next. */
  next: number;
}

/** What the numbers of an envelope reveal. */
interface Verdict {
  /** Messages before it that were lost. */
  readonly lost: number;
  /** Messages at its beginning that this node has already received. */
  readonly seen: number;
}

/**
 * What this node has received: for each topic and publishing node, the number of the next message. If a number
 * is skipped, the broker has lost that message. Counting begins with the first envelope after the topic was
 * joined, and again with each epoch of the publishing node.
 */
export class Losses {
  readonly #topics = new Map<string, Map<string, Counted>>();

  /** An envelope with `count` messages came. */
  receive(topic: string, { node, epoch, first }: EnvelopeHeader, count: number): Verdict {
    let nodes = this.#topics.get(topic);
    if (nodes === undefined) this.#topics.set(topic, (nodes = new Map<string, Counted>()));
    const known = nodes.get(node);
    nodes.delete(node); // it becomes the last
    if (known === undefined || known.epoch < epoch) {
      nodes.set(node, { epoch, next: first + count });
      const [oldest] = nodes.size > MAX_NODES ? nodes.keys() : [];
      if (oldest !== undefined) nodes.delete(oldest);
      return { lost: 0, seen: 0 };
    }
    nodes.set(node, known);
    if (epoch < known.epoch) return { lost: 0, seen: count };
    const { next } = known;
    known.next = Math.max(next, first + count);
    return { lost: Math.max(0, first - next), seen: Math.min(count, Math.max(0, next - first)) };
  }

  /** The topic was left: what is published until it is joined again does not count as lost. */
  forget(topic: string): void {
    this.#topics.delete(topic);
  }
}

import type { Counters } from '../../connection/counters.js';

/** The gauges and counters of a server's topics in this process; see `ServerStats`. */
export interface TopicStats {
  /** Gauge. Topics that have subscribers. */
  readonly topics: number;
  /** Gauge. Subscriptions: each connection counts once for each of its topics. */
  readonly subscriptions: number;
  /** Counter. Calls of `publish`. */
  readonly published: number;
  /** Counter. Messages that were queued for a subscriber, those of other nodes and retained ones too. */
  readonly delivered: number;
  /** Counter. Messages for a subscriber that were dropped because it was slow; see `slowConsumer`. */
  readonly dropped: number;
  /** Counter. Messages that a newer one with the same key replaced while they waited for a slow subscriber. */
  readonly conflated: number;
  /** Gauge. Bytes of the messages that are retained. */
  readonly retainedBytes: number;
}

/** What {@link topicStats} reads. */
interface TopicsToCount {
  readonly size: number;
  readonly subscriptions: number;
  readonly counters: { readonly published: number; readonly offered: number };
  readonly retained: { readonly bytes: number };
}

/** Collect the statistics of the topics. */
export function topicStats(topics: TopicsToCount, counters: Counters): TopicStats {
  const { published, offered } = topics.counters;
  return {
    topics: topics.size,
    subscriptions: topics.subscriptions,
    published,
    delivered: offered - counters.publishedDropped,
    dropped: counters.publishedDropped,
    conflated: counters.publishedConflated,
    retainedBytes: topics.retained.bytes,
  };
}

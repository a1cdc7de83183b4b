import { Counters } from '../../../../src/connection/counters.js';
import { topicStats } from '../../../../src/server/topics/topic-stats.js';

it('copies each figure to its own place', () => {
  const counters = Object.assign(new Counters(), { publishedDropped: 3, publishedConflated: 4 });
  const topics = {
    size: 1,
    subscriptions: 2,
    counters: { published: 5, offered: 10 },
    retained: { bytes: 6 },
  };
  expect(topicStats(topics, counters)).toStrictEqual({
    topics: 1,
    subscriptions: 2,
    published: 5,
    delivered: 7,
    dropped: 3,
    conflated: 4,
    retainedBytes: 6,
  });
});

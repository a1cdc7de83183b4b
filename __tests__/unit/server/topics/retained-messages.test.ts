import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { RetainedMessages } from '../../../../src/server/topics/retained-messages.js';

let retained: RetainedMessages;
beforeEach(() => {
  retained = new RetainedMessages(1e9, undefined);
});

const publish = (topic: string, data: string, key?: string, retain = key !== undefined): void => {
  retained.onPublished(topic, { message: prepareMessage(data), key, retain, compress: undefined });
};
const of = (topic: string): string[] =>
  [...retained.of(topic)].map(({ key, message }) => `${key}=${message.payload.toString()}`);

describe('RetainedMessages', () => {
  it('keeps the last message of each key, the oldest first, in memory of its own', () => {
    publish('t', '1', 'a');
    publish('t', '2', 'b');
    publish('t', '3', 'a');
    publish('u', '4', 'a');
    expect([of('t'), of('u'), of('v')]).toStrictEqual([['b=2', 'a=3'], ['a=4'], []]);
    expect(retained.bytes).toBe(3 * 3);
    expect([...retained.of('t')][0]!.message.frame.buffer.byteLength).toBe(3);
  });

  it('forgets a key that is published without retain, and nothing for a message without a key', () => {
    publish('t', '1', 'a');
    publish('t', '2', 'b');
    publish('t', '3', 'a', false);
    publish('t', '4');
    publish('t', '5', 'unknown', false);
    publish('u', '6');
    expect([of('t'), of('u')]).toStrictEqual([['b=2'], []]);
    publish('t', '7', 'b', false);
    expect([of('t'), retained.bytes]).toStrictEqual([[], 0]);
  });

  it('keeps at most 1000 keys of a topic', () => {
    for (let i = 0; i <= 1000; i++) publish('t', 'x', `k${i}`);
    const kept = of('t');
    expect([kept.length, kept[0]]).toStrictEqual([1000, 'k1=x']);
  });

  it('keeps at most 1 MiB of a topic', () => {
    const half = 'x'.repeat(512 * 1024 - 10); // its header has 10 bytes
    publish('t', half, 'a');
    publish('t', half, 'b');
    expect(retained.bytes).toBe(1024 * 1024);
    publish('t', 'x', 'c');
    expect(of('t').map((each) => each[0])).toStrictEqual(['b', 'c']);
    publish('t', 'x'.repeat(1024 * 1024), 'c'); // too long alone: the older one is forgotten all the same
    expect(of('t').map((each) => each[0])).toStrictEqual(['b']);
  });

  it('forgets the topic published to longest ago when all are too much', () => {
    retained = new RetainedMessages(10, undefined);
    publish('t', '1', 'a');
    publish('u', '2', 'a');
    publish('v', '3', 'a');
    publish('t', 'no key');
    publish('w', '4', 'a');
    expect(['t', 'u', 'v', 'w'].map((topic) => of(topic).length)).toStrictEqual([1, 0, 1, 1]);
  });

  it('forgets the oldest messages of a topic that alone is too much', () => {
    retained = new RetainedMessages(10, undefined);
    publish('t', '1', 'a');
    publish('t', '2', 'b');
    publish('t', '3', 'c');
    publish('t', '4', 'd');
    expect(of('t')).toStrictEqual(['b=2', 'c=3', 'd=4']);
    publish('t', 'longer than all', 'e');
    expect([of('t'), retained.bytes]).toStrictEqual([[], 0]);
    publish('t', '5', 'a');
    expect(of('t')).toStrictEqual(['a=5']);
  });

  it('counts for maxTotalBuffered, and is forgotten as a connection is evicted', async () => {
    const budget = new BufferBudget(10);
    retained = new RetainedMessages(1e9, budget);
    publish('t', '1', 'a');
    publish('t', '2', 'a');
    publish('u', '3', 'a');
    expect(budget.total).toBe(6);
    publish('u', '4', 'b');
    publish('u', '5', 'c');
    await new Promise((resolve) => process.nextTick(resolve));
    expect([budget.total, retained.bytes, of('u')]).toStrictEqual([0, 0, []]);
  });

  it('gives everything back at the end', () => {
    const budget = new BufferBudget(1e9);
    retained = new RetainedMessages(1e9, budget);
    publish('t', '1', 'a');
    retained.close();
    expect([budget.total, retained.bytes, of('t')]).toStrictEqual([0, 0, []]);
    new RetainedMessages(1, undefined).close();
  });
});

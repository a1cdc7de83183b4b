import {
  BrokerBuffer,
  type BrokerBufferLimits,
  type Kept,
} from '../../../../src/server/topics/broker-buffer.js';

const NO_LIMIT = { messages: Infinity, bytes: Infinity, age: Infinity };

/** An envelope that waits; its topic is its name. */
const kept = (topic: string, { count = 1, bytes = 10, madeAt = 0 } = {}): Kept => ({
  topic,
  envelope: Buffer.alloc(bytes),
  count,
  madeAt,
});

/** A buffer, and what it offers of its first queue. */
function bufferOf(limits: Partial<BrokerBufferLimits>, queues = 1) {
  const buffer = new BrokerBuffer({ ...NO_LIMIT, ...limits }, queues);
  return {
    buffer,
    push: (...all: Kept[]): void => {
      for (const each of all) buffer.push(0, each);
    },
    /** What is offered at that time, of which the first `take` are taken. */
    drain: (now = 0, take = Infinity, queue = 0): string | undefined => {
      let offered: string | undefined;
      buffer.drain(queue, now, (batch) => {
        expect(offered).toBeUndefined(); // it is called once
        offered = batch.map(({ topic }) => topic).join(' ');
        return Math.min(take, batch.length);
      });
      return offered;
    },
  };
}

describe('BrokerBuffer', () => {
  it('keeps no memory of a pool alive', () => {
    const { buffer } = bufferOf({});
    const pooled = Buffer.from('short');
    buffer.push(0, { ...kept('a'), envelope: pooled });
    let envelope: Buffer | undefined;
    buffer.drain(0, 0, ([first]) => {
      envelope = first!.envelope;
      return 1;
    });
    expect(envelope).toEqual(pooled);
    expect(envelope!.buffer.byteLength).toBe(5);
  });

  it('offers what waits, the oldest first, and nothing when nothing waits', () => {
    const { buffer, push, drain } = bufferOf({});
    expect([buffer.isEmpty(0), drain()]).toStrictEqual([true, undefined]);
    push(kept('a'), kept('b', { count: 5 }), kept('c'));
    expect([buffer.isEmpty(0), buffer.messages]).toStrictEqual([false, 7]);
    expect(drain()).toBe('a b c');
    expect([buffer.isEmpty(0), buffer.messages, buffer.dropped, drain()]).toStrictEqual([
      true,
      0,
      0,
      undefined,
    ]);
  });

  it('keeps what was not taken, in order', () => {
    const { buffer, push, drain } = bufferOf({});
    push(kept('a'), kept('b', { count: 2 }), kept('c'));
    expect(drain(0, 1)).toBe('a b c');
    expect(buffer.messages).toBe(3);
    push(kept('d'));
    expect(drain(0, 0)).toBe('b c d');
    expect(drain(0, 2)).toBe('b c d');
    expect([buffer.messages, buffer.dropped]).toStrictEqual([1, 0]);
    expect(drain()).toBe('d');
  });

  it('keeps so many messages, and drops the oldest', () => {
    const { buffer, push, drain } = bufferOf({ messages: 4 });
    push(kept('a'), kept('b'), kept('c', { count: 2 }));
    expect(buffer.dropped).toBe(0);
    push(kept('d'));
    expect([buffer.messages, buffer.dropped]).toStrictEqual([4, 1]);
    push(kept('e', { count: 2 }));
    expect([buffer.messages, buffer.dropped, drain()]).toStrictEqual([3, 4, 'd e']);
    push(kept('f', { count: 5 }));
    expect([buffer.messages, buffer.dropped, buffer.isEmpty(0)]).toStrictEqual([0, 9, true]);
  });

  it('keeps so many bytes, and drops the oldest', () => {
    const { buffer, push, drain } = bufferOf({ bytes: 30 });
    push(kept('a'), kept('b'), kept('c'));
    expect(buffer.dropped).toBe(0);
    push(kept('d', { bytes: 11 }));
    expect([buffer.messages, buffer.dropped]).toStrictEqual([2, 2]);
    expect(drain(0, 1)).toBe('c d');
    push(kept('e', { bytes: 19 }));
    expect([drain(), buffer.dropped]).toStrictEqual(['d e', 2]);
    push(kept('f', { bytes: 31 }));
    expect([buffer.messages, buffer.dropped]).toStrictEqual([0, 3]);
  });

  it('offers nothing that is too old', () => {
    const { buffer, push, drain } = bufferOf({ age: 100 });
    push(kept('a', { madeAt: 0, count: 3 }), kept('b', { madeAt: 50 }), kept('c', { madeAt: 90 }));
    expect(drain(100, 0)).toBe('a b c');
    expect(drain(101, 0)).toBe('b c');
    expect([buffer.messages, buffer.dropped]).toStrictEqual([2, 3]);
    expect(drain(190.5)).toBeUndefined();
    expect([buffer.messages, buffer.dropped, buffer.isEmpty(0)]).toStrictEqual([0, 5, true]);
  });

  it('keeps nothing with limits of nothing', () => {
    const { buffer, push, drain } = bufferOf({ messages: 0, bytes: 0, age: 0 });
    push(kept('a', { count: 3 }), kept('b'));
    expect([buffer.messages, buffer.dropped, buffer.isEmpty(0), drain()]).toStrictEqual([
      0,
      4,
      true,
      undefined,
    ]);
  });

  it('puts what comes during the offer after what was not taken, if there is room', () => {
    const { buffer, push, drain } = bufferOf({ messages: 3 });
    push(kept('a'), kept('b'), kept('c'));
    buffer.drain(0, 0, () => 1);
    push(kept('d'), kept('e'));
    expect([drain(), buffer.dropped]).toStrictEqual(['c d e', 1]);
  });

  it('keeps a queue for each broker, and offers each its own', () => {
    const { buffer, push, drain } = bufferOf({}, 3);
    push(kept('a', { count: 2 }), kept('b'));
    buffer.push(2, kept('c'));
    expect([0, 1, 2].map((queue) => buffer.isEmpty(queue))).toStrictEqual([false, true, false]);
    expect([0, 1, 2].map((queue) => drain(0, 1, queue))).toStrictEqual(['a b', undefined, 'c']);
    expect([buffer.messages, buffer.dropped, drain()]).toStrictEqual([1, 0, 'b']);
  });

  it.each(['messages', 'bytes'])(
    'has one limit of %s for all queues, and drops the oldest',
    (limit) => {
      const { buffer, drain } = bufferOf({ [limit]: limit === 'bytes' ? 40 : 4 }, 3);
      const push = (queue: number, topic: string, madeAt: number): void => {
        buffer.push(queue, kept(topic, { madeAt }));
      };
      push(1, 'a', 10);
      push(0, 'b', 20);
      push(1, 'c', 30);
      push(2, 'd', 40);
      expect(buffer.dropped).toBe(0);
      push(2, 'e', 50);
      push(2, 'f', 60);
      push(0, 'g', 70);
      expect([buffer.messages, buffer.dropped]).toStrictEqual([4, 3]);
      expect([0, 1, 2].map((queue) => drain(70, Infinity, queue))).toStrictEqual([
        'g',
        undefined,
        'd e f',
      ]);
    },
  );

  it('drops what is too old of the queue that is drained, and leaves the others', () => {
    const { buffer, push, drain } = bufferOf({ age: 100 }, 2);
    push(kept('a'), kept('b', { madeAt: 150 }));
    buffer.push(1, kept('c'));
    expect(drain(200)).toBe('b');
    expect([buffer.messages, buffer.dropped]).toStrictEqual([1, 1]);
    expect(drain(200, Infinity, 1)).toBeUndefined();
    expect([buffer.messages, buffer.dropped]).toStrictEqual([0, 2]);
  });
});

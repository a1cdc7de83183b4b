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

/** A buffer, and what it offers. */
function bufferOf(limits: Partial<BrokerBufferLimits>) {
  const buffer = new BrokerBuffer({ ...NO_LIMIT, ...limits });
  return {
    buffer,
    push: (...all: Kept[]): void => {
      for (const each of all) buffer.push(each);
    },
    /** What is offered at that time, of which the first `take` are taken. */
    drain: (now = 0, take = Infinity): string | undefined => {
      let offered: string | undefined;
      buffer.drain(now, (batch) => {
        expect(offered).toBeUndefined(); // it is called once
        offered = batch.map(({ topic }) => topic).join(' ');
        return Math.min(take, batch.length);
      });
      return offered;
    },
  };
}

describe('BrokerBuffer', () => {
  it('offers what waits, the oldest first, and nothing when nothing waits', () => {
    const { buffer, push, drain } = bufferOf({});
    expect([buffer.isEmpty, drain()]).toStrictEqual([true, undefined]);
    push(kept('a'), kept('b', { count: 5 }), kept('c'));
    expect([buffer.isEmpty, buffer.messages]).toStrictEqual([false, 7]);
    expect(drain()).toBe('a b c');
    expect([buffer.isEmpty, buffer.messages, buffer.dropped, drain()]).toStrictEqual([
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
    expect([buffer.messages, buffer.dropped, buffer.isEmpty]).toStrictEqual([0, 9, true]);
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
    expect([buffer.messages, buffer.dropped, buffer.isEmpty]).toStrictEqual([0, 5, true]);
  });

  it('keeps nothing with limits of nothing', () => {
    const { buffer, push, drain } = bufferOf({ messages: 0, bytes: 0, age: 0 });
    push(kept('a', { count: 3 }), kept('b'));
    expect([buffer.messages, buffer.dropped, buffer.isEmpty, drain()]).toStrictEqual([
      0,
      4,
      true,
      undefined,
    ]);
  });

  it('puts what comes during the offer after what was not taken, if there is room', () => {
    const { buffer, push, drain } = bufferOf({ messages: 3 });
    push(kept('a'), kept('b'), kept('c'));
    buffer.drain(0, () => 1);
    push(kept('d'), kept('e'));
    expect([drain(), buffer.dropped]).toStrictEqual(['c d e', 1]);
  });
});

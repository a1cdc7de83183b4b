import { Losses } from '../../../../src/server/topics/losses.js';

let losses: Losses;
beforeEach(() => {
  losses = new Losses();
});

/** An envelope with `count` messages comes. */
const receive = (
  first: number,
  count: number,
  { topic = 't', node = 'n', epoch = 1 } = {},
): [lost: number, seen: number] => {
  const { lost, seen } = losses.receive(topic, { node, epoch, first, sentAt: 0 }, count);
  return [lost, seen];
};

describe('Losses', () => {
  it('begins to count with the first envelope, and counts gaps', () => {
    expect(receive(1000, 2)).toStrictEqual([0, 0]);
    expect(receive(1002, 1)).toStrictEqual([0, 0]);
    expect(receive(1004, 3)).toStrictEqual([1, 0]);
    expect(receive(1017, 1)).toStrictEqual([10, 0]);
    expect(receive(1018, 1)).toStrictEqual([0, 0]);
  });

  it('recognizes messages that have come before, also at the beginning of an envelope', () => {
    receive(0, 5);
    expect(receive(0, 5)).toStrictEqual([0, 5]);
    expect(receive(2, 1)).toStrictEqual([0, 1]);
    expect(receive(3, 4)).toStrictEqual([0, 2]);
    expect(receive(7, 1)).toStrictEqual([0, 0]);
    expect(receive(7, 0)).toStrictEqual([0, 0]);
  });

  it('counts for each node and each topic', () => {
    receive(5, 1);
    expect(receive(9, 1, { node: 'o' })).toStrictEqual([0, 0]);
    expect(receive(1, 1, { topic: 'u' })).toStrictEqual([0, 0]);
    expect(receive(6, 1)).toStrictEqual([0, 0]);
    expect(receive(11, 1, { node: 'o' })).toStrictEqual([1, 0]);
    expect(receive(4, 1, { topic: 'u' })).toStrictEqual([2, 0]);
  });

  it('begins again with a higher epoch, and has seen all of a lower one', () => {
    receive(100, 1, { epoch: 3 });
    expect(receive(0, 1, { epoch: 4 })).toStrictEqual([0, 0]);
    expect(receive(101, 7, { epoch: 3 })).toStrictEqual([0, 7]);
    expect(receive(1, 1, { epoch: 4 })).toStrictEqual([0, 0]);
    expect(receive(3, 1, { epoch: 4 })).toStrictEqual([1, 0]);
  });

  it('misses nothing of a topic that was left in between', () => {
    receive(0, 1);
    receive(0, 1, { topic: 'u' });
    losses.forget('t');
    losses.forget('never seen');
    expect(receive(50, 1)).toStrictEqual([0, 0]);
    expect(receive(50, 1, { topic: 'u' })).toStrictEqual([49, 0]);
  });

  it('remembers the 1024 nodes of a topic that it heard of last', () => {
    for (let i = 0; i < 1024; i++) receive(0, 1, { node: `n${i}` });
    expect(receive(2, 1, { node: 'n0' })).toStrictEqual([1, 0]);
    receive(0, 1, { node: 'new' }); // instead of n1
    expect(receive(5, 1, { node: 'n2' })).toStrictEqual([4, 0]);
    expect(receive(5, 1, { node: 'n0' })).toStrictEqual([2, 0]);
    expect(receive(5, 1, { node: 'n1' })).toStrictEqual([0, 0]);
  });
});

import { Sequences } from '../../../../src/server/topics/sequences.js';

describe('Sequences', () => {
  it('numbers the messages of each topic from 0, without a gap', () => {
    const sequences = new Sequences();
    const { epoch } = sequences.take('t', 3);
    expect(sequences.take('t', 1)).toStrictEqual({ epoch, first: 3 });
    expect(sequences.take('u', 5).first).toBe(0);
    expect(sequences.take('t', 2)).toStrictEqual({ epoch, first: 4 });
    expect(sequences.take('u', 1).first).toBe(5);
  });

  it('forgets the topic published to longest ago, whose next message begins a higher epoch', () => {
    const sequences = new Sequences(2);
    const before = sequences.take('t', 1);
    const other = sequences.take('u', 1);
    sequences.take('t', 1);
    sequences.take('v', 1); // instead of u
    expect(sequences.take('t', 1)).toStrictEqual({ epoch: before.epoch, first: 2 });
    const after = sequences.take('u', 1); // instead of v
    expect(after.first).toBe(0);
    expect(after.epoch).toBeGreaterThan(other.epoch);
    expect(sequences.take('t', 1)).toStrictEqual({ epoch: before.epoch, first: 3 });
  });

  it('remembers 65 536 topics', () => {
    const sequences = new Sequences();
    const take = (index: number): number => sequences.take(`t${index}`, 1).first;
    for (let i = 0; i < 65_536; i++) take(i);
    expect(take(0)).toBe(1);
    take(65_536); // instead of t1
    expect([take(0), take(2), take(65_536), take(1)]).toStrictEqual([2, 1, 1, 0]);
  });
});

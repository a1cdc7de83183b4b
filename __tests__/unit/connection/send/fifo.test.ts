import { Fifo } from '../../../../src/connection/send/fifo.js';
import { countMoves } from '../../../support/connection.js';

afterEach(() => {
  jest.restoreAllMocks();
});

describe('Fifo', () => {
  it('gives back what was put in, in order, and undefined when it is empty', () => {
    const fifo = new Fifo<string>();
    expect([fifo.first, fifo.take()]).toStrictEqual([undefined, undefined]);
    fifo.push('a');
    fifo.push('b');
    expect([fifo.first, fifo.take(), fifo.first]).toStrictEqual(['a', 'a', 'b']);
    fifo.push('c');
    expect([fifo.take(), fifo.take(), fifo.take(), fifo.first]).toStrictEqual([
      'b',
      'c',
      undefined,
      undefined,
    ]);
    fifo.push('d');
    expect(fifo.take()).toBe('d');
  });

  it('keeps the order whatever the mixture of putting in and taking out', () => {
    const fifo = new Fifo<number>();
    let next = 0;
    const taken: number[] = [];
    for (let round = 0; round < 200; round++) {
      for (let i = 0; i < (round * 7) % 13; i++) fifo.push(next++);
      for (let i = 0; i < (round * 5) % 11; i++) {
        const item = fifo.take();
        if (item !== undefined) taken.push(item);
      }
    }
    for (let item; (item = fifo.take()) !== undefined;) taken.push(item);
    expect(taken).toStrictEqual(Array.from({ length: next }, (_, i) => i));
  });

  it('does work that grows with the number of items, not with its square', () => {
    const moves = countMoves();
    const fifo = new Fifo<number>();
    for (let i = 0; i < 100_000; i++) fifo.push(i);
    while (fifo.take() !== undefined);
    expect(moves()).toBeGreaterThan(0);
    expect(moves()).toBeLessThan(200_000);
  });
});

import { BufferBudget } from '../../../src/connection/buffer-budget.js';
import { COPY_UP_TO, GOES_ON, SendQueue } from '../../../src/connection/send-queue.js';

const piece = (text: string): Buffer => Buffer.from(text);

/** All that `queue` gives to a socket that is, or is not, behind. */
function taken(queue: SendQueue, behind: boolean): string[] {
  const all: string[] = [];
  for (let next; (next = queue.take(behind)) !== undefined;) all.push(next.toString());
  return all;
}

describe('SendQueue', () => {
  it('gives the pieces in order, and nothing while the socket is behind', () => {
    const queue = new SendQueue(undefined);
    for (const text of ['a', 'b', 'c']) queue.push(piece(text));
    expect(taken(queue, true)).toStrictEqual([]);
    expect(queue.take(false)?.toString()).toBe('a');
    expect(taken(queue, false)).toStrictEqual(['b', 'c']);
    expect(taken(queue, false)).toStrictEqual([]);
  });

  it('gives the rest of a frame that was begun though the socket is behind, and no more', () => {
    const queue = new SendQueue(undefined);
    for (const next of [piece('head'), GOES_ON, piece('rest'), piece('next')]) queue.push(next);
    expect(taken(queue, true)).toStrictEqual([]);
    expect(queue.take(false)?.toString()).toBe('head');
    expect(taken(queue, true)).toStrictEqual(['rest']);
    expect(taken(queue, false)).toStrictEqual(['next']);
  });

  it('forgets everything that waits, the pong too', () => {
    const queue = new SendQueue(undefined);
    for (const next of [piece('head'), GOES_ON, piece('rest')]) queue.push(next);
    queue.pong = piece('pong');
    queue.clear();
    expect(queue.pong).toBeUndefined();
    expect(taken(queue, false)).toStrictEqual([]);
    queue.push(piece('a'));
    expect(taken(queue, true)).toStrictEqual([]);
    expect(taken(queue, false)).toStrictEqual(['a']);
  });

  it('has one slab of its own, made when it is asked for, for a frame whose payload is copied', () => {
    const queue = new SendQueue(undefined);
    const { slab } = queue;
    expect(queue.slab).toBe(slab);
    expect(new SendQueue(undefined).slab).not.toBe(slab);
    slab.reserve(COPY_UP_TO + 10);
    expect(slab.at).toBe(0);
    expect(slab.bytes.length).toBe(COPY_UP_TO + 16);
  });
});

describe('SendQueue under a budget', () => {
  it('counts a piece from its coming to its going', () => {
    const budget = new BufferBudget(1000);
    const queue = new SendQueue(budget.accountOf({ giveUp: () => undefined }));
    for (const next of [piece('head'), GOES_ON, piece('rest'), piece('a')]) queue.push(next);
    expect(budget.total).toBe(9);
    queue.take(false);
    expect(budget.total).toBe(5);
    queue.clear();
    expect(budget.total).toBe(0);
  });

  it('counts what the socket was handed until it is settled', () => {
    const budget = new BufferBudget(1000);
    const queue = new SendQueue(budget.accountOf({ giveUp: () => undefined }));
    queue.handed(piece('under'));
    queue.push(piece('way'));
    queue.handed(queue.take(false)!);
    queue.push(piece('...'));
    expect(budget.total).toBe(11);
    queue.clear(); // what waits; what is under way still is
    expect(budget.total).toBe(8);
    queue.settled();
    queue.settled();
    expect(budget.total).toBe(0);
  });

  it('keeps nothing of what the socket was handed where nobody counts', () => {
    const queue = new SendQueue(undefined);
    queue.handed(piece('under way'));
    expect(() => {
      queue.settled();
    }).not.toThrow();
    expect(taken(queue, false)).toStrictEqual([]);
  });
});

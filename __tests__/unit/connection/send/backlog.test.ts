import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { LongFrame } from '../../../../src/connection/send/long-frame.js';
import { COPY_UP_TO, Backlog } from '../../../../src/connection/send/backlog.js';

const piece = (text: string): Buffer => Buffer.from(text);
const long = (head: string, length: number) =>
  new LongFrame(piece(head), head.length, Buffer.alloc(length));

/** All that `queue` gives. */
function taken(queue: Backlog): string[] {
  const all: string[] = [];
  for (let next; (next = queue.take()) !== undefined;) {
    all.push(next instanceof LongFrame ? `${next.head.toString()}…` : next.toString());
  }
  return all;
}

describe('SendQueue', () => {
  it('gives the pieces in order', () => {
    const queue = new Backlog(undefined);
    queue.push(piece('a'));
    queue.push(long('b', 20_000));
    queue.push(piece('c'));
    expect(taken(queue)).toStrictEqual(['a', 'b…', 'c']);
    expect(taken(queue)).toStrictEqual([]);
  });

  it('knows whether a long frame is among them', () => {
    const queue = new Backlog(undefined);
    expect(queue.hasLongFrame).toBe(false);
    for (const next of [piece('a'), long('b', 20_000), long('c', 20_000)]) queue.push(next);
    expect(queue.hasLongFrame).toBe(true);
    queue.take();
    queue.take();
    expect(queue.hasLongFrame).toBe(true);
    queue.take();
    expect(queue.hasLongFrame).toBe(false);
  });

  it('forgets everything that waits, the pong too', () => {
    const queue = new Backlog(undefined);
    for (const next of [piece('a'), long('b', 20_000)]) queue.push(next);
    queue.pong = piece('pong');
    queue.clear();
    expect(queue.pong).toBeUndefined();
    expect(queue.hasLongFrame).toBe(false);
    expect(taken(queue)).toStrictEqual([]);
    queue.push(piece('a'));
    expect(taken(queue)).toStrictEqual(['a']);
  });

  it('has one slab of its own, made when it is asked for, for a frame whose payload is copied', () => {
    const queue = new Backlog(undefined);
    const { slab } = queue;
    expect(queue.slab).toBe(slab);
    expect(new Backlog(undefined).slab).not.toBe(slab);
    slab.reserve(COPY_UP_TO + 10);
    expect(slab.at).toBe(0);
    expect(slab.bytes.length).toBe(COPY_UP_TO + 16);
  });
});

describe('SendQueue under a budget', () => {
  it('counts a piece from its coming to its going', () => {
    const budget = new BufferBudget(1000);
    const queue = new Backlog(budget.accountOf({ evict: () => undefined }));
    for (const next of [piece('head'), long('rest', 20_000), piece('a')]) queue.push(next);
    expect(budget.total).toBe(20_009);
    queue.take();
    expect(budget.total).toBe(20_005);
    queue.take();
    expect(budget.total).toBe(1);
    queue.clear();
    expect(budget.total).toBe(0);
  });

  it('counts what the socket was handed until it is settled', () => {
    const budget = new BufferBudget(1000);
    const queue = new Backlog(budget.accountOf({ evict: () => undefined }));
    queue.addInFlight(piece('under'));
    queue.push(piece('way'));
    queue.addInFlight(queue.take() as Buffer);
    queue.push(piece('...'));
    expect(budget.total).toBe(11);
    queue.clear(); // what waits; what is under way still is
    expect(budget.total).toBe(8);
    queue.settled();
    queue.settled();
    expect(budget.total).toBe(0);
  });

  it('keeps nothing of what the socket was handed where there is no budget', () => {
    const queue = new Backlog(undefined);
    queue.addInFlight(piece('under way'));
    expect(() => {
      queue.settled();
    }).not.toThrow();
    expect(taken(queue)).toStrictEqual([]);
  });
});

import { BufferBudget, type BudgetMember } from '../../../src/connection/buffer-budget.js';
import type { ConnectionError } from '../../../src/connection/close-info.js';
import { turns } from './support.js';

let budget: BufferBudget;
let gone: string[];
let reasons: ConnectionError[];

beforeEach(() => {
  budget = new BufferBudget(100);
  gone = [];
  reasons = [];
});

/** A member that lets go of its pieces and its message when it is told to. */
class Member implements BudgetMember {
  readonly pieces: Buffer[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    budget.join(this);
  }

  keep(piece: Buffer): this {
    this.pieces.push(piece);
    budget.hold(piece);
    return this;
  }

  receive(bytes: number): this {
    budget.received(this, bytes);
    return this;
  }

  giveUp(error: ConnectionError): void {
    gone.push(this.#name);
    reasons.push(error);
    this.receive(0);
    for (const piece of this.pieces.splice(0)) budget.release(piece);
  }
}

describe('BufferBudget, what is counted', () => {
  it('counts a piece once, however many keep it, until the last lets go', () => {
    const piece = Buffer.alloc(30);
    budget.hold(piece);
    budget.hold(piece);
    budget.hold(Buffer.alloc(30)); // equal bytes, and another piece
    expect(budget.total).toBe(60);
    budget.release(piece);
    expect(budget.total).toBe(60);
    budget.release(piece);
    expect(budget.total).toBe(30);
  });

  it('counts what is held of what has come as it is now', () => {
    const member = new Member('a');
    const counted = [10, 64, 64, 3, 0].map((bytes) => {
      member.receive(bytes);
      return budget.total;
    });
    expect(counted).toStrictEqual([10, 64, 64, 3, 0]);
  });

  it('counts nothing more of a member that has left', () => {
    const member = new Member('a').receive(10);
    budget.leave(member);
    expect(budget.total).toBe(0);
    member.receive(10);
    budget.leave(member);
    expect(budget.total).toBe(0);
  });
});

describe('BufferBudget, when it is exceeded', () => {
  it('does nothing at the limit, to the byte', async () => {
    new Member('a').keep(Buffer.alloc(60)).receive(40);
    await turns();
    expect(gone).toStrictEqual([]);
    expect(budget.total).toBe(100);
  });

  it('ends the worst first, after the call that was too much, and only as many as must go', async () => {
    new Member('small').keep(Buffer.alloc(10));
    new Member('worst').keep(Buffer.alloc(50));
    new Member('second').receive(45);
    new Member('third').keep(Buffer.alloc(40)); // 145
    expect(gone).toStrictEqual([]);
    await turns();
    expect(gone).toStrictEqual(['worst']);
    expect(budget.total).toBe(95);
    new Member('late').keep(Buffer.alloc(44)); // 139
    await turns();
    expect(gone).toStrictEqual(['worst', 'second']);
    expect(budget.total).toBe(94);
  });

  it('goes on until there is room', async () => {
    for (const [name, size] of [
      ['a', 60],
      ['b', 90],
      ['c', 80],
    ] as const) {
      new Member(name).keep(Buffer.alloc(size));
    }
    await turns();
    expect(gone).toStrictEqual(['b', 'c']);
    expect(budget.total).toBe(60);
  });

  it('ranks by what would be freed: what several keep is a part of each one’s', async () => {
    const backlog = Array.from({ length: 8 }, () => Buffer.alloc(10));
    const subscribers = ['a', 'b', 'c', 'd'].map((name) => new Member(name));
    for (const subscriber of subscribers) for (const piece of backlog) subscriber.keep(piece);
    await turns();
    expect([gone, budget.total]).toStrictEqual([[], 80]);
    new Member('attacker').receive(21); // more than the 20 that are each subscriber's part
    await turns();
    expect(gone).toStrictEqual(['attacker']);
    expect(budget.total).toBe(80);
  });

  it('ranks who shares and is behind the others by what only it still keeps', async () => {
    const shared = Array.from({ length: 9 }, () => Buffer.alloc(10));
    const quick = new Member('quick');
    const lagging = new Member('lagging');
    for (const piece of shared) lagging.keep(piece);
    for (const piece of shared.slice(5)) quick.keep(piece);
    const last = Buffer.alloc(20);
    quick.keep(last);
    lagging.keep(last); // 110
    await turns();
    expect(gone).toStrictEqual(['lagging']);
    expect(budget.total).toBe(60); // what the quick one still waits for
    expect(quick.pieces).toHaveLength(5);
  });

  it('adds up the places of one member, and its message', async () => {
    const often = Buffer.alloc(60);
    new Member('a').keep(often).keep(often).keep(often);
    new Member('b').keep(often).receive(29); // 15 and 29, against 45
    new Member('c').receive(12); // 101
    await turns();
    expect(gone[0]).toBe('a');
  });

  it('looks again at the end of the tick: what has gone by then ends nobody', async () => {
    const member = new Member('a').receive(1000);
    member.receive(0);
    await turns();
    expect(gone).toStrictEqual([]);
  });

  it('asks nobody who holds nothing', async () => {
    new Member('idle');
    budget.hold(Buffer.alloc(101)); // of a member that has left in between
    await turns();
    expect(gone).toStrictEqual([]);
  });

  it('says why, with the numbers', async () => {
    new Member('a').keep(Buffer.alloc(70));
    new Member('b').keep(Buffer.alloc(60));
    await turns();
    expect(reasons.map(({ code, message }) => `${code} ${message}`)).toStrictEqual([
      'ERR_SLOW_CONSUMER the peer does not take what is sent to it fast enough: its part of what all connections hold is the largest, 70 of 130 bytes, and maxTotalBuffered is 100',
    ]);
  });

  it('waits for one end of a tick, not for one each time', async () => {
    const nextTick = jest.spyOn(process, 'nextTick');
    const member = new Member('a');
    for (let i = 0; i < 100; i++) member.keep(Buffer.alloc(50));
    expect(nextTick).toHaveBeenCalledTimes(1);
    nextTick.mockRestore();
    await turns();
    expect(gone).toStrictEqual(['a']);
    expect(budget.total).toBe(0);
  });
});

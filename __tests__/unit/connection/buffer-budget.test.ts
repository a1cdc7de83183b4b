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
  #incomplete = 0;

  constructor(name: string) {
    this.#name = name;
    budget.join(this);
  }

  get held(): number {
    return this.#incomplete + this.pieces.reduce((sum, { length }) => sum + length, 0);
  }

  keep(piece: Buffer): this {
    this.pieces.push(piece);
    budget.hold(piece);
    return this;
  }

  receive(bytes: number): this {
    this.#incomplete = bytes;
    budget.incomplete(this, bytes);
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

  it('counts what is held of a message as it is now', () => {
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

  it('ranks by what each holds itself, and frees what nobody else keeps', async () => {
    const shared = Array.from({ length: 9 }, () => Buffer.alloc(10));
    const lagging = new Member('lagging');
    const quick = new Member('quick');
    for (const piece of shared) lagging.keep(piece);
    for (const piece of shared.slice(5)) quick.keep(piece);
    await turns();
    expect([gone, budget.total]).toStrictEqual([[], 90]);
    const last = Buffer.alloc(20);
    lagging.keep(last);
    quick.keep(last); // 110
    await turns();
    expect(gone).toStrictEqual(['lagging']);
    expect(budget.total).toBe(60); // what the quick one still waits for
    expect(quick.held).toBe(60);
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
      'ERR_SLOW_CONSUMER the peer does not take what is sent to it fast enough: it held 70 bytes, the most of all connections, which held 130 together with a maxTotalBuffered of 100',
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

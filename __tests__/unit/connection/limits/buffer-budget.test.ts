import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Account,
  BufferBudget,
  type BudgetMember,
} from '../../../../src/connection/limits/buffer-budget.js';
import type { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { detach, own } from '../../../support/memory.js';
import { turns } from '../support.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

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
  readonly account: Account;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.account = budget.accountOf(this);
  }

  keep(piece: Buffer): this {
    this.pieces.push(piece);
    this.account.hold(piece);
    return this;
  }

  /** Lets go of the piece at this place of its list. */
  drop(index = 0): this {
    for (const piece of this.pieces.splice(index, 1)) this.account.release(piece);
    return this;
  }

  receive(bytes: number): this {
    budget.received(this, bytes);
    return this;
  }

  evict(error: ConnectionError): void {
    gone.push(this.#name);
    reasons.push(error);
    this.receive(0);
    while (this.pieces.length > 0) this.drop();
  }
}

describe('BufferBudget, what is counted', () => {
  it('is what a piece was when it came, though its memory is taken away since', () => {
    const piece = Buffer.from(own(60).buffer);
    const [one, other] = [new Member('one').keep(piece), new Member('other').keep(piece)];
    expect(budget.total).toBe(60);
    detach(piece);
    expect(piece).toHaveLength(0);
    one.keep(piece);
    one.drop().drop();
    expect(budget.total).toBe(60);
    other.drop();
    expect(budget.total).toBe(0);
    other.keep(piece).drop();
    expect(budget.total).toBe(0);
    expect([one.account.charge, other.account.charge]).toEqual([0, 0]);
  });

  it('counts a piece once, however many keep it, until the last lets go', () => {
    const piece = Buffer.alloc(30);
    const [one, other] = [new Member('one').keep(piece), new Member('other').keep(piece)];
    other.keep(Buffer.alloc(30)); // equal bytes, and another piece
    expect(budget.total).toBe(60);
    one.drop();
    expect(budget.total).toBe(60);
    other.drop();
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

  it('counts nothing of what came to a member that has left, and forgets it', () => {
    const member = new Member('a').receive(10);
    budget.leave(member);
    budget.leave(member);
    expect(budget.total).toBe(0);
    expect(budget.accountOf(member)).not.toBe(member.account);
  });

  it('keeps no member that has left, though a piece that others keep still lists its account', async () => {
    const piece = Buffer.alloc(30);
    new Member('slow').keep(piece);
    const { account, member } = ((): { account: Account; member: WeakRef<Member> } => {
      const leaver = new Member('gone').keep(piece).drop();
      budget.leave(leaver);
      return { account: leaver.account, member: new WeakRef(leaver) };
    })();
    for (let round = 0; round < 5 && member.deref() !== undefined; round++) {
      await turns(1); // in one turn a WeakRef keeps what it was asked for
      collectGarbage();
    }
    expect(member.deref()).toBeUndefined();
    expect(account.member).toBeUndefined();
    expect(budget.total).toBe(30);
  });

  it('counts what the queue of one that has left still keeps, and asks the next in its place', async () => {
    const left = new Member('left').keep(Buffer.alloc(60));
    budget.leave(left);
    expect(budget.total).toBe(60);
    new Member('next').keep(Buffer.alloc(50));
    await turns();
    expect(gone).toStrictEqual(['next']);
    left.drop();
    expect(budget.total).toBe(0);
  });

  it('makes no account for a member that has nothing', () => {
    const accountOf = jest.spyOn(budget, 'accountOf');
    const member: BudgetMember = { evict: () => undefined };
    budget.received(member, 0);
    expect(accountOf).not.toHaveBeenCalled();
    budget.received(member, 1);
    expect(accountOf).toHaveBeenCalled();
  });

  it('counts no places of a piece that is empty', async () => {
    const empty = Buffer.alloc(0);
    const member = new Member('a').keep(empty).keep(empty);
    expect(member.account.refs).toBe(0);
    member.drop().drop();
    member.receive(101);
    await turns();
    expect(gone).toStrictEqual(['a']);
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

  it('asks nobody who holds nothing, or no more', async () => {
    new Member('idle');
    const left = new Member('left').receive(150);
    const second = new Member('second').receive(200);
    new Member('first').keep(Buffer.alloc(300));
    const giveUp = second.evict.bind(second);
    second.evict = (error) => {
      giveUp(error);
      left.receive(0); // a listener of the second one's end may end others
    };
    new Member('last').receive(101);
    await turns();
    expect(gone).toStrictEqual(['first', 'second', 'last']);
    expect(budget.total).toBe(0);
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

describe('BufferBudget, who has which part', () => {
  it.each([1, 2, 3, 4, 5])(
    'knows it after whatever was kept and let go, to the byte (seed %d)',
    async (seed) => {
      budget = new BufferBudget(1e9);
      let state = seed;
      const random = (below: number): number => {
        state = (state * 48_271) % 0x7fff_ffff;
        return state % below;
      };
      const members = Array.from({ length: 7 }, (_, i) => new Member(`${i}`));
      const pieces = Array.from({ length: 12 }, (_, i) => Buffer.alloc(1 + 37 * i));
      for (let round = 0; round < 40; round++) {
        for (let step = random(60); step > 0; step--) {
          const member = members[random(7)]!;
          if (random(9) === 0) member.receive(random(500));
          else if (random(2) === 0) member.keep(pieces[random(12)]!);
          else member.drop(random(member.pieces.length + 1));
        }
        const all = members.flatMap((member) => member.pieces);
        const places = (piece: Buffer): number => all.filter((each) => each === piece).length;
        const parts = members.map(({ account, pieces: kept }) =>
          kept.reduce((sum, piece) => sum + piece.length / places(piece), account.received),
        );
        const last = new Member('last').receive(1e9); // so that the budget has to look
        await turns(1);
        expect(gone.splice(0)).toStrictEqual(['last']);
        budget.leave(last);
        members.forEach(({ account }, i) => {
          expect(account.charge).toBeCloseTo(parts[i]!, 6);
        });
      }
      for (const member of members) {
        member.receive(0);
        while (member.pieces.length > 0) member.drop();
      }
      // Fractions that were added and taken away again leave something over, if nobody sees to it.
      expect(members.map(({ account }) => account.charge)).toStrictEqual([0, 0, 0, 0, 0, 0, 0]);
    },
  );
});

describe('BufferBudget, its work', () => {
  /** How often what falls to an account, or how many of its places are left, was changed since it was last asked. */
  function count(members: Member[]): () => number {
    let changes = 0;
    for (const { account } of members) {
      for (const name of ['sharedBytes', 'leaving'] as const) {
        let now = account[name];
        Object.defineProperty(account, name, {
          get: () => now,
          set(value: number) {
            now = value;
            changes++;
          },
        });
      }
    }
    return () => {
      const counted = changes;
      changes = 0;
      return counted;
    };
  }

  const crowd = (size: number): Member[] =>
    Array.from({ length: size }, (_, i) => new Member(`${i}`));

  /** Somebody else is too much, and goes. */
  async function exceed(): Promise<void> {
    const attacker = new Member('attacker').receive(1e9);
    await turns(1);
    expect(gone.splice(0)).toStrictEqual(['attacker']);
    budget.leave(attacker);
  }

  beforeEach(() => (budget = new BufferBudget(1e9)));

  it('does not look again at what waits and does not move, however often it is exceeded', async () => {
    const members = crowd(100);
    const work = count(members);
    for (let i = 0; i < 50; i++) {
      const piece = Buffer.alloc(100);
      for (const member of members) member.keep(piece);
    }
    expect(work()).toBe(5000);
    await exceed();
    expect(work()).toBe(5000);
    for (let i = 0; i < 100; i++) await exceed();
    expect(work()).toBe(0);
    members[0]!.drop(); // one place of one piece: what falls to the 99 others has changed
    expect(work()).toBe(1);
    for (let i = 0; i < 100; i++) await exceed();
    expect(work()).toBe(99 + 2);
  });

  it('looks at the places of a piece no oftener than a few times for each that came and went', async () => {
    const members = crowd(1000);
    const work = count(members);
    const piece = Buffer.alloc(100);
    for (const member of members) member.keep(piece);
    for (const member of members) member.drop();
    expect(work()).toBeLessThan(6 * 1000);
    const [first, ...others] = members;
    first!.keep(piece);
    for (let round = 0; round < 20; round++) {
      for (const member of others) member.keep(piece).drop();
    }
    expect(work()).toBeLessThan(6 * 20_000);
    await exceed(); // those that are long gone are not in the list any more
    expect(work()).toBeLessThan(10);
  });

  it('looks at each account once to find the largest part, and does not sort them', async () => {
    for (const member of crowd(1000)) member.receive(10);
    const sort = jest.spyOn(Array.prototype, 'sort');
    await exceed();
    const calls = sort.mock.calls.length;
    sort.mockRestore();
    expect(calls).toBe(0);
  });
});

describe('budgets that share another', () => {
  it('count in both, and what is in several of them counts once where they meet', async () => {
    const shared = new BufferBudget(100);
    const [one, other] = [new BufferBudget(Infinity, shared), new BufferBudget(Infinity, shared)];
    const totals = (): number[] => [one, other, shared].map(({ total }) => total);
    const closed: string[] = [];
    const join = (name: string, of: BufferBudget) => {
      const pieces: Buffer[] = [];
      const member: BudgetMember = {
        evict: (error) => {
          closed.push(`${name}: ${error.message}`);
          for (const piece of pieces.splice(0)) of.accountOf(member).release(piece);
          of.received(member, 0);
        },
      };
      return {
        member,
        keep: (piece: Buffer) => {
          pieces.push(piece);
          of.accountOf(member).hold(piece);
        },
      };
    };
    const [a, b] = [join('a', one), join('b', other)];
    const message = Buffer.alloc(40);
    a.keep(message);
    b.keep(message);
    expect(totals()).toEqual([40, 40, 40]);
    one.received(a.member, 30);
    expect(totals()).toEqual([70, 40, 70]);
    other.received(b.member, 60);
    expect(totals()).toEqual([70, 100, 130]);
    await turns();
    expect(closed).toEqual([
      expect.stringMatching(/^b: .* 80 of 130 bytes, and maxTotalBuffered is 100$/),
    ]);
    expect(totals()).toEqual([70, 0, 70]);
    one.leave(a.member);
    expect(totals()).toEqual([40, 0, 40]); // its queue still holds the message
  });
});

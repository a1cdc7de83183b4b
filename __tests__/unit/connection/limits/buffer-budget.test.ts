import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type Account,
  BufferBudget,
  type BudgetMember,
} from '../../../../src/connection/limits/buffer-budget.js';
import type { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { detach, own } from '../../../support/memory.js';
import { turns } from '../../../support/connection.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let budget: BufferBudget;
let evicted: string[];
let reasons: ConnectionError[];

beforeEach(() => {
  budget = new BufferBudget(100);
  evicted = [];
  reasons = [];
});

/** A member that releases its buffers and its message when it is evicted. */
class Member implements BudgetMember {
  readonly buffers: Buffer[] = [];
  readonly account: Account;
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
    this.account = budget.accountOf(this);
  }

  hold(buffer: Buffer): this {
    this.buffers.push(buffer);
    this.account.hold(buffer);
    return this;
  }

  /** Releases the buffer at this index of its list. */
  release(index = 0): this {
    for (const buffer of this.buffers.splice(index, 1)) this.account.release(buffer);
    return this;
  }

  receive(bytes: number): this {
    budget.received(this, bytes);
    return this;
  }

  evict(error: ConnectionError): void {
    evicted.push(this.#name);
    reasons.push(error);
    this.receive(0);
    while (this.buffers.length > 0) this.release();
  }
}

describe('BufferBudget, the total', () => {
  it('counts a buffer by its length when it was first held, even if it is detached later', () => {
    const buffer = Buffer.from(own(60).buffer);
    const [one, other] = [new Member('one').hold(buffer), new Member('other').hold(buffer)];
    expect(budget.total).toBe(60);
    detach(buffer);
    expect(buffer).toHaveLength(0);
    one.hold(buffer);
    one.release().release();
    expect(budget.total).toBe(60);
    other.release();
    expect(budget.total).toBe(0);
    other.hold(buffer).release();
    expect(budget.total).toBe(0);
    expect([one.account.charge, other.account.charge]).toEqual([0, 0]);
  });

  it('counts a buffer once, however many members hold it, until the last releases it', () => {
    const buffer = Buffer.alloc(30);
    const [one, other] = [new Member('one').hold(buffer), new Member('other').hold(buffer)];
    other.hold(Buffer.alloc(30)); // equal bytes in a second buffer
    expect(budget.total).toBe(60);
    one.release();
    expect(budget.total).toBe(60);
    other.release();
    expect(budget.total).toBe(30);
  });

  it('counts received bytes as they are now', () => {
    const member = new Member('a');
    const counted = [10, 64, 64, 3, 0].map((bytes) => {
      member.receive(bytes);
      return budget.total;
    });
    expect(counted).toStrictEqual([10, 64, 64, 3, 0]);
  });

  it('counts no received bytes of a member that has left, and removes its account', () => {
    const member = new Member('a').receive(10);
    budget.leave(member);
    budget.leave(member);
    expect(budget.total).toBe(0);
    expect(budget.accountOf(member)).not.toBe(member.account);
  });

  it('keeps no reference to a member that has left, while others still hold its buffers', async () => {
    const buffer = Buffer.alloc(30);
    new Member('slow').hold(buffer);
    const { account, member } = ((): { account: Account; member: WeakRef<Member> } => {
      const leaver = new Member('gone').hold(buffer).release();
      budget.leave(leaver);
      return { account: leaver.account, member: new WeakRef(leaver) };
    })();
    for (let round = 0; round < 5 && member.deref() !== undefined; round++) {
      await turns(1); // a WeakRef keeps its target until the end of the turn
      collectGarbage();
    }
    expect(member.deref()).toBeUndefined();
    expect(account.member).toBeUndefined();
    expect(budget.total).toBe(30);
  });

  it('counts the buffers of a member that has left until they are released, and evicts another in its place', async () => {
    const left = new Member('left').hold(Buffer.alloc(60));
    budget.leave(left);
    expect(budget.total).toBe(60);
    new Member('next').hold(Buffer.alloc(50));
    await turns();
    expect(evicted).toStrictEqual(['next']);
    left.release();
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

  it('ignores empty buffers', async () => {
    const empty = Buffer.alloc(0);
    const member = new Member('a').hold(empty).hold(empty);
    expect(member.account.refs).toBe(0);
    member.release().release();
    member.receive(101);
    await turns();
    expect(evicted).toStrictEqual(['a']);
  });
});

describe('BufferBudget above its limit', () => {
  it('evicts no member at exactly the limit', async () => {
    new Member('a').hold(Buffer.alloc(60)).receive(40);
    await turns();
    expect(evicted).toStrictEqual([]);
    expect(budget.total).toBe(100);
  });

  it('evicts the largest first, after the call that exceeded the limit, and no more than necessary', async () => {
    new Member('small').hold(Buffer.alloc(10));
    new Member('worst').hold(Buffer.alloc(50));
    new Member('second').receive(45);
    new Member('third').hold(Buffer.alloc(40)); // 145
    expect(evicted).toStrictEqual([]);
    await turns();
    expect(evicted).toStrictEqual(['worst']);
    expect(budget.total).toBe(95);
    new Member('late').hold(Buffer.alloc(44)); // 139
    await turns();
    expect(evicted).toStrictEqual(['worst', 'second']);
    expect(budget.total).toBe(94);
  });

  it('evicts until the total is within the limit', async () => {
    for (const [name, size] of [
      ['a', 60],
      ['b', 90],
      ['c', 80],
    ] as const) {
      new Member(name).hold(Buffer.alloc(size));
    }
    await turns();
    expect(evicted).toStrictEqual(['b', 'c']);
    expect(budget.total).toBe(60);
  });

  it('charges each holder of a shared buffer an equal share', async () => {
    const backlog = Array.from({ length: 8 }, () => Buffer.alloc(10));
    const subscribers = ['a', 'b', 'c', 'd'].map((name) => new Member(name));
    for (const subscriber of subscribers) for (const buffer of backlog) subscriber.hold(buffer);
    await turns();
    expect([evicted, budget.total]).toStrictEqual([[], 80]);
    new Member('attacker').receive(21); // each subscriber is charged 20
    await turns();
    expect(evicted).toStrictEqual(['attacker']);
    expect(budget.total).toBe(80);
  });

  it('charges buffers in full to the only member that still holds them', async () => {
    const shared = Array.from({ length: 9 }, () => Buffer.alloc(10));
    const quick = new Member('quick');
    const lagging = new Member('lagging');
    for (const buffer of shared) lagging.hold(buffer);
    for (const buffer of shared.slice(5)) quick.hold(buffer);
    const last = Buffer.alloc(20);
    quick.hold(last);
    lagging.hold(last); // 110
    await turns();
    expect(evicted).toStrictEqual(['lagging']);
    expect(budget.total).toBe(60); // the buffers that the quick member holds
    expect(quick.buffers).toHaveLength(5);
  });

  it('evicts two members that share old buffers before those with a little of their own', async () => {
    for (const name of ['a', 'b', 'c']) new Member(name).hold(Buffer.alloc(8));
    const old = Array.from({ length: 8 }, () => Buffer.alloc(10));
    const stalled = ['x', 'y'].map((name) => new Member(name));
    for (const buffer of old) for (const member of stalled) member.hold(buffer);
    await turns();
    expect(evicted).toStrictEqual(['x', 'y']);
    expect(budget.total).toBe(24);
  });

  it('adds up the references and the received bytes of a member', async () => {
    const often = Buffer.alloc(60);
    new Member('a').hold(often).hold(often).hold(often);
    new Member('b').hold(often).receive(29); // 15 and 29, against 45
    new Member('c').receive(12); // 101
    await turns();
    expect(evicted[0]).toBe('a');
  });

  it('evicts no member if the total is within the limit again at the end of the tick', async () => {
    const member = new Member('a').receive(1000);
    member.receive(0);
    await turns();
    expect(evicted).toStrictEqual([]);
  });

  it('evicts no member that holds nothing, or nothing any more', async () => {
    new Member('idle');
    const left = new Member('left').receive(150);
    const second = new Member('second').receive(200);
    new Member('first').hold(Buffer.alloc(300));
    const evict = second.evict.bind(second);
    second.evict = (error) => {
      evict(error);
      left.receive(0); // a listener of one connection's end may end others
    };
    new Member('last').receive(101);
    await turns();
    expect(evicted).toStrictEqual(['first', 'second', 'last']);
    expect(budget.total).toBe(0);
  });

  it('reports the charge, the total and the limit', async () => {
    new Member('a').hold(Buffer.alloc(70));
    new Member('b').hold(Buffer.alloc(60));
    await turns();
    expect(reasons.map(({ code, message }) => `${code} ${message}`)).toStrictEqual([
      'ERR_SLOW_CONSUMER the peer does not take what is sent to it fast enough: it holds the largest share of the buffered bytes, 70 of 130 bytes, and maxTotalBuffered is 100',
    ]);
  });

  it('schedules one check a tick, however often the limit is exceeded', async () => {
    const nextTick = jest.spyOn(process, 'nextTick');
    const member = new Member('a');
    for (let i = 0; i < 100; i++) member.hold(Buffer.alloc(50));
    expect(nextTick).toHaveBeenCalledTimes(1);
    nextTick.mockRestore();
    await turns();
    expect(evicted).toStrictEqual(['a']);
    expect(budget.total).toBe(0);
  });
});

describe('BufferBudget, the charges', () => {
  it.each([1, 2, 3, 4, 5])(
    'are right after any sequence of holds and releases (seed %d)',
    async (seed) => {
      budget = new BufferBudget(1e9);
      let state = seed;
      const random = (below: number): number => {
        state = (state * 48_271) % 0x7fff_ffff;
        return state % below;
      };
      const members = Array.from({ length: 7 }, (_, i) => new Member(`${i}`));
      const buffers = Array.from({ length: 12 }, (_, i) => Buffer.alloc(1 + 37 * i));
      for (let round = 0; round < 40; round++) {
        for (let step = random(60); step > 0; step--) {
          const member = members[random(7)]!;
          if (random(9) === 0) member.receive(random(500));
          else if (random(2) === 0) member.hold(buffers[random(12)]!);
          else member.release(random(member.buffers.length + 1));
        }
        const all = members.flatMap((member) => member.buffers);
        const refs = (buffer: Buffer): number => all.filter((each) => each === buffer).length;
        const charges = members.map(({ account, buffers }) =>
          buffers.reduce(
            (sum, buffer) => sum + buffer.length / refs(buffer),
            account.receivedBytes,
          ),
        );
        const last = new Member('last').receive(1e9); // so that the budget updates the charges
        await turns(1);
        expect(evicted.splice(0)).toStrictEqual(['last']);
        budget.leave(last);
        members.forEach(({ account }, i) => {
          expect(account.charge).toBeCloseTo(charges[i]!, 6);
        });
      }
      for (const member of members) {
        member.receive(0);
        while (member.buffers.length > 0) member.release();
      }
      // The rounding errors of added and subtracted fractions must not remain.
      expect(members.map(({ account }) => account.charge)).toStrictEqual([0, 0, 0, 0, 0, 0, 0]);
    },
  );
});

describe('BufferBudget, the work for an excess', () => {
  /** @returns a function that tells how often the accounts were written to since its last call. */
  function count(members: Member[]): () => number {
    let changes = 0;
    for (const { account } of members) {
      let now = account.sharedBytes;
      Object.defineProperty(account, 'sharedBytes', {
        get: () => now,
        set(value: number) {
          now = value;
          changes++;
        },
      });
    }
    return () => {
      const counted = changes;
      changes = 0;
      return counted;
    };
  }

  const crowd = (size: number): Member[] =>
    Array.from({ length: size }, (_, i) => new Member(`${i}`));

  /** Another member exceeds the limit and is evicted. */
  async function exceed(): Promise<void> {
    const attacker = new Member('attacker').receive(1e9);
    await turns(1);
    expect(evicted.splice(0)).toStrictEqual(['attacker']);
    budget.leave(attacker);
  }

  beforeEach(() => (budget = new BufferBudget(1e9)));

  it('updates only the accounts whose buffers were held or released since the last excess', async () => {
    const members = crowd(100);
    const work = count(members);
    for (let i = 0; i < 50; i++) {
      const buffer = Buffer.alloc(100);
      for (const member of members) member.hold(buffer);
    }
    expect(work()).toBe(5000);
    await exceed();
    expect(work()).toBe(5000);
    for (let i = 0; i < 100; i++) await exceed();
    expect(work()).toBe(0);
    members[0]!.release(); // this changes the share of the 99 others
    expect(work()).toBe(1);
    for (let i = 0; i < 100; i++) await exceed();
    expect(work()).toBe(99);
  });

  it('updates each account a few times at most for each hold and release', async () => {
    const members = crowd(1000);
    const work = count(members);
    const buffer = Buffer.alloc(100);
    for (const member of members) member.hold(buffer);
    for (const member of members) member.release();
    expect(work()).toBeLessThan(6 * 1000);
    const [first, ...others] = members;
    first!.hold(buffer);
    for (let round = 0; round < 20; round++) {
      for (const member of others) member.hold(buffer).release();
    }
    expect(work()).toBeLessThan(6 * 20_000);
    await exceed(); // members that have released the buffer are not updated
    expect(work()).toBeLessThan(10);
  });

  it('finds the largest charge without sorting', async () => {
    for (const member of crowd(1000)) member.receive(10);
    const sort = jest.spyOn(Array.prototype, 'sort');
    await exceed();
    const calls = sort.mock.calls.length;
    sort.mockRestore();
    expect(calls).toBe(0);
  });
});

describe('BufferBudgets with the same parent', () => {
  it('count bytes in both, and a buffer that several of them hold once in the parent', async () => {
    const shared = new BufferBudget(100);
    const [one, other] = [new BufferBudget(Infinity, shared), new BufferBudget(Infinity, shared)];
    const totals = (): number[] => [one, other, shared].map(({ total }) => total);
    const closed: string[] = [];
    const join = (name: string, of: BufferBudget) => {
      const buffers: Buffer[] = [];
      const member: BudgetMember = {
        evict: (error) => {
          closed.push(`${name}: ${error.message}`);
          for (const buffer of buffers.splice(0)) of.accountOf(member).release(buffer);
          of.received(member, 0);
        },
      };
      return {
        member,
        hold: (buffer: Buffer) => {
          buffers.push(buffer);
          of.accountOf(member).hold(buffer);
        },
      };
    };
    const [a, b] = [join('a', one), join('b', other)];
    const message = Buffer.alloc(40);
    a.hold(message);
    b.hold(message);
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
    expect(totals()).toEqual([40, 0, 40]); // its queue still holds the buffer
  });
});

import type { ListNode } from '../../../../src/connection/limits/linked-list.js';
import { TimingWheel } from '../../../../src/connection/limits/timing-wheel.js';

class Member implements ListNode {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

let wheel: TimingWheel<Member>;
beforeEach(() => (wheel = new TimingWheel()));

const put = (name: string, ticks: number): Member => {
  const member = new Member(name);
  wheel.put(member, ticks);
  return member;
};

/** Lets ticks pass; says what came up in which of them, counted from 1. */
function pass(ticks: number, due: (member: Member) => void = () => {}): string[] {
  const log: string[] = [];
  for (let tick = 1; tick <= ticks; tick++) {
    wheel.tick((member) => {
      log.push(`${tick} ${member.name}`);
      due(member);
    });
  }
  return log;
}

describe('Wheel', () => {
  it('shows each member once, in the tick it was put for, in the order of putting', () => {
    put('c', 2);
    put('a', 1);
    put('d', 2);
    put('z', 63);
    expect(pass(200)).toStrictEqual(['1 a', '2 c', '2 d', '63 z']);
  });

  it('shows what is due further ahead than it is round after 63 ticks', () => {
    put('far', 64);
    put('further', Infinity);
    expect(pass(200)).toStrictEqual(['63 far', '63 further']);
  });

  it.each([1, 2, 63, 100])('takes a member again that is put back for %d ticks', (ticks) => {
    const member = put('a', 1);
    const due = (): void => {
      wheel.put(member, ticks);
    };
    const every = Math.min(ticks, 63);
    expect(pass(1 + 2 * every, due)).toStrictEqual(
      [1, 1 + every, 1 + 2 * every].map((t) => `${t} a`),
    );
    expect(wheel.size).toBe(1);
  });

  it.each([0, 1, 2])('lets go of member %d of three in one slot', (index) => {
    const members = ['a', 'b', 'c'].map((name) => put(name, 5));
    wheel.remove(members[index]!);
    expect(wheel.size).toBe(2);
    expect(pass(10)).toStrictEqual(
      ['a', 'b', 'c'].filter((_, i) => i !== index).map((n) => `5 ${n}`),
    );
    expect(wheel.size).toBe(0);
  });

  it('does not mind removing what it has not got', () => {
    const member = put('a', 1);
    wheel.remove(member);
    wheel.remove(member);
    wheel.remove(new Member('b'));
    expect(wheel.size).toBe(0);
    expect(pass(70)).toStrictEqual([]);
  });

  it('forgets a member: nothing leads from the wheel to it', () => {
    const [a, b] = [put('a', 3), put('b', 3)];
    wheel.remove(a);
    expect([a.prev, a.next]).toStrictEqual([undefined, undefined]);
    expect([b.prev, b.next]).not.toContain(a);
  });

  it('goes on when one that comes up removes the next', () => {
    put('a', 1);
    const b = put('b', 1);
    put('c', 1);
    expect(
      pass(2, ({ name }) => {
        if (name === 'a') wheel.remove(b);
      }),
    ).toStrictEqual(['1 a', '1 c']);
  });

  it('leaves the others in their slot when one that comes up throws, for a turn later', () => {
    put('a', 1);
    put('b', 1);
    expect(() =>
      wheel.tick(() => {
        throw new Error('a fault');
      }),
    ).toThrow('a fault');
    expect(pass(64)).toStrictEqual(['64 b']);
  });
});

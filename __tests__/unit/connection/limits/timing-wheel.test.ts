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

/** Advances the wheel. @returns the members that came up, with the numbers of their ticks, from 1. */
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

describe('TimingWheel', () => {
  it('passes each member once, in the tick that it was put for, in the order of putting', () => {
    put('c', 2);
    put('a', 1);
    put('d', 2);
    put('z', 63);
    expect(pass(200)).toStrictEqual(['1 a', '2 c', '2 d', '63 z']);
  });

  it('passes a member with a longer delay after 63 ticks', () => {
    put('far', 64);
    put('further', Infinity);
    expect(pass(200)).toStrictEqual(['63 far', '63 further']);
  });

  it.each([1, 2, 63, 100])(
    'accepts a member that is put back for %d ticks when it comes up',
    (ticks) => {
      const member = put('a', 1);
      const due = (): void => {
        wheel.put(member, ticks);
      };
      const every = Math.min(ticks, 63);
      expect(pass(1 + 2 * every, due)).toStrictEqual(
        [1, 1 + every, 1 + 2 * every].map((t) => `${t} a`),
      );
      expect(wheel.size).toBe(1);
    },
  );

  it.each([0, 1, 2])('removes member %d of three in one slot', (index) => {
    const members = ['a', 'b', 'c'].map((name) => put(name, 5));
    wheel.remove(members[index]!);
    expect(wheel.size).toBe(2);
    expect(pass(10)).toStrictEqual(
      ['a', 'b', 'c'].filter((_, i) => i !== index).map((n) => `5 ${n}`),
    );
    expect(wheel.size).toBe(0);
  });

  it('ignores the removal of a member that is not on it', () => {
    const member = put('a', 1);
    wheel.remove(member);
    wheel.remove(member);
    wheel.remove(new Member('b'));
    expect(wheel.size).toBe(0);
    expect(pass(70)).toStrictEqual([]);
  });

  it('keeps no reference to a removed member', () => {
    const [a, b] = [put('a', 3), put('b', 3)];
    wheel.remove(a);
    expect([a.prev, a.next]).toStrictEqual([undefined, undefined]);
    expect([b.prev, b.next]).not.toContain(a);
  });

  it('goes on when a member that comes up removes the next one', () => {
    put('a', 1);
    const b = put('b', 1);
    put('c', 1);
    expect(
      pass(2, ({ name }) => {
        if (name === 'a') wheel.remove(b);
      }),
    ).toStrictEqual(['1 a', '1 c']);
  });

  it('keeps the others in their slot for the next turn when the callback throws', () => {
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

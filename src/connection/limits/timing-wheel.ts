import { append, emptyList, isEmpty, type ListNode, remove } from './linked-list.js';

/** A power of two. */
const SLOTS = 64;
/** How many ticks ahead something can be put: what is due later comes up then. */
export const MAX_DELAY: number = SLOTS - 1;

/**
 * Things to be looked at again after so many ticks.
 *
 * Each tick has a slot, and a slot is a ring of those due then: putting and removing take constant
 * time and no memory, and a tick costs what is due in it. What is due further ahead than the wheel
 * is round comes up once in each turn of it, too early, and is put back by whoever looks.
 */
export class TimingWheel<Member extends ListNode> {
  readonly #slots: ListNode[] = Array.from({ length: SLOTS }, emptyList);
  #now = 0;
  #size = 0;

  /** How many are on the wheel. */
  get size(): number {
    return this.#size;
  }

  /** Put a member on the wheel that is not there, to come up in this many ticks, at least one. */
  put(member: Member, ticks: number): void {
    append(this.#slots[(this.#now + Math.min(ticks, MAX_DELAY)) % SLOTS]!, member);
    this.#size++;
  }

  /** Take a member off; one that is on no wheel is left as it is. */
  remove(member: Member): void {
    if (remove(member)) this.#size--;
  }

  /** A tick passes: take off each member that is due, and show it. */
  tick(due: (member: Member) => void): void {
    this.#now = (this.#now + 1) % SLOTS;
    const head = this.#slots[this.#now]!;
    // Nothing is put into this slot meanwhile: it is a whole turn ahead.
    while (!isEmpty(head)) {
      const member = head.next as Member;
      this.remove(member);
      due(member);
    }
  }
}

import { append, emptyList, isEmpty, type ListNode, remove } from './linked-list.js';

/** A power of two. */
const SLOTS = 64;
/** The longest delay in ticks. A member that is put for longer comes up after this many. */
export const MAX_DELAY: number = SLOTS - 1;

/**
 * A timing wheel: it holds members until a number of ticks has passed.
 *
 * Each tick has a slot, and a slot is a linked list of the members due then: putting and removing
 * take constant time and no memory, and a tick costs what is due in it. A member with a delay longer
 * than the wheel comes up once in each turn of it, too early, and the caller puts it back.
 */
export class TimingWheel<Member extends ListNode> {
  readonly #slots: ListNode[] = Array.from({ length: SLOTS }, emptyList);
  #now = 0;
  #size = 0;

  /** The number of members on the wheel. */
  get size(): number {
    return this.#size;
  }

  /** Put a member on the wheel, which must not be on it, to come up after `ticks`, at least one. */
  put(member: Member, ticks: number): void {
    append(this.#slots[(this.#now + Math.min(ticks, MAX_DELAY)) % SLOTS]!, member);
    this.#size++;
  }

  /** Remove a member. Without effect if it is not on the wheel. */
  remove(member: Member): void {
    if (remove(member)) this.#size--;
  }

  /** Advance by one tick: remove each member that is due, and pass it to `due`. */
  tick(due: (member: Member) => void): void {
    this.#now = (this.#now + 1) % SLOTS;
    const head = this.#slots[this.#now]!;
    // `due` puts no member into this slot: the longest delay ends in the slot before it.
    while (!isEmpty(head)) {
      const member = head.next as Member;
      this.remove(member);
      due(member);
    }
  }
}

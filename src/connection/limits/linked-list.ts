/**
 * A node of a circular doubly linked list: a member, or the head. Members carry the links
 * themselves, so appending and removing take constant time and no memory.
 */
export interface ListNode {
  /** `undefined` while the node is not in a list. */
  prev: ListNode | undefined;
  next: ListNode | undefined;
}

/** @returns the head of an empty list: `next` is the first member, `prev` the last. */
export function emptyList(): ListNode {
  const head: ListNode = { prev: undefined, next: undefined };
  head.prev = head.next = head;
  return head;
}

export function isEmpty(head: ListNode): boolean {
  return head.next === head;
}

/** Add a member that is not in a list, as the last. */
export function append(head: ListNode, member: ListNode): void {
  member.prev = head.prev;
  member.next = head;
  head.prev!.next = member;
  head.prev = member;
}

/**
 * Remove a member from its list.
 *
 * @returns whether it was in one.
 */
export function remove(member: ListNode): boolean {
  if (member.prev === undefined) return false;
  member.prev.next = member.next;
  member.next!.prev = member.prev;
  member.prev = member.next = undefined;
  return true;
}

/** What a ring is made of: its members, and the head, which is none. */
export interface ListNode {
  /** `undefined` while it is in no ring. */
  prev: ListNode | undefined;
  next: ListNode | undefined;
}

/** @returns the head of a ring that has no members: `after` it comes the first one, `before` it the last. */
export function emptyList(): ListNode {
  const head: ListNode = { prev: undefined, next: undefined };
  head.prev = head.next = head;
  return head;
}

export function isEmpty(head: ListNode): boolean {
  return head.next === head;
}

/** The members, in the order in which they were put. */
export function membersOf(head: ListNode): ListNode[] {
  const members: ListNode[] = [];
  for (let next = head.next!; next !== head; next = next.next!) members.push(next);
  return members;
}

/** Put a member that is in no ring behind all others. */
export function append(head: ListNode, member: ListNode): void {
  member.prev = head.prev;
  member.next = head;
  head.prev!.next = member;
  head.prev = member;
}

/**
 * Take a member out of its ring.
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

/** What a ring is made of: its members, and the head, which is none. */
export interface Link {
  /** `undefined` while it is in no ring. */
  before: Link | undefined;
  after: Link | undefined;
}

/** @returns the head of a ring that has no members: `after` it comes the first one, `before` it the last. */
export function emptyRing(): Link {
  const head: Link = { before: undefined, after: undefined };
  head.before = head.after = head;
  return head;
}

export function isEmpty(head: Link): boolean {
  return head.after === head;
}

/** The members, in the order in which they were put. */
export function membersOf(head: Link): Link[] {
  const members: Link[] = [];
  for (let next = head.after!; next !== head; next = next.after!) members.push(next);
  return members;
}

/** Put a member that is in no ring behind all others. */
export function append(head: Link, member: Link): void {
  member.before = head.before;
  member.after = head;
  head.before!.after = member;
  head.before = member;
}

/**
 * Take a member out of its ring.
 *
 * @returns whether it was in one.
 */
export function remove(member: Link): boolean {
  if (member.before === undefined) return false;
  member.before.after = member.after;
  member.after!.before = member.before;
  member.before = member.after = undefined;
  return true;
}

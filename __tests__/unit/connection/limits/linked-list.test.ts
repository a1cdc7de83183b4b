import {
  append,
  emptyList,
  isEmpty,
  type ListNode,
  membersOf,
  remove,
} from '../../../../src/connection/limits/linked-list.js';

interface Member extends ListNode {
  readonly name: string;
}

const member = (name: string): Member => ({ name, prev: undefined, next: undefined });

/** The names around the ring, one way and the other. */
function names(head: ListNode): [forwards: string, backwards: string] {
  let forwards = '';
  for (let at = head.next!; at !== head; at = at.next!) forwards += (at as Member).name;
  let backwards = '';
  for (let at = head.prev!; at !== head; at = at.prev!) backwards += (at as Member).name;
  return [forwards, backwards];
}

let head: ListNode;
let members: Member[];

beforeEach(() => {
  head = emptyList();
  members = ['a', 'b', 'c'].map(member);
});

describe('a ring', () => {
  it('is its head alone while it has no members', () => {
    expect(isEmpty(head)).toBe(true);
    expect(membersOf(head)).toStrictEqual([]);
    expect(names(head)).toStrictEqual(['', '']);
  });

  it('keeps the order in which members were added, both ways', () => {
    for (const each of members) append(head, each);
    expect(names(head)).toStrictEqual(['abc', 'cba']);
    expect(isEmpty(head)).toBe(false);
    expect(membersOf(head)).toStrictEqual(members);
  });

  it.each([
    ['first', 0, ['bc', 'cb']],
    ['middle', 1, ['ac', 'ca']],
    ['last', 2, ['ab', 'ba']],
  ])('lets go of its %s member and joins the others', (_which, index, left) => {
    for (const each of members) append(head, each);
    expect(remove(members[index]!)).toBe(true);
    expect(names(head)).toStrictEqual(left);
    expect(members[index]).toStrictEqual(member('abc'[index]!));
  });

  it('says so when it is asked to let go of what it has not, and changes nothing', () => {
    for (const each of members) append(head, each);
    expect(remove(member('d'))).toBe(false);
    expect(names(head)).toStrictEqual(['abc', 'cba']);
    remove(members[1]!);
    expect(remove(members[1]!)).toBe(false);
    expect(names(head)).toStrictEqual(['ac', 'ca']);
  });

  it('is its head alone again when its last member has gone, which can come back', () => {
    append(head, members[0]!);
    remove(members[0]!);
    expect(isEmpty(head)).toBe(true);
    append(head, members[0]!);
    expect(names(head)).toStrictEqual(['a', 'a']);
  });
});

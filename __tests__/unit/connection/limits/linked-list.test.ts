import {
  append,
  emptyList,
  isEmpty,
  type ListNode,
  remove,
} from '../../../../src/connection/limits/linked-list.js';

interface Member extends ListNode {
  readonly name: string;
}

const member = (name: string): Member => ({ name, prev: undefined, next: undefined });

/** The names of the members, from the first to the last and back. */
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

describe('a linked list', () => {
  it('is empty at first', () => {
    expect(isEmpty(head)).toBe(true);
    expect(names(head)).toStrictEqual(['', '']);
  });

  it('keeps the order in which members were appended, in both directions', () => {
    for (const each of members) append(head, each);
    expect(names(head)).toStrictEqual(['abc', 'cba']);
    expect(isEmpty(head)).toBe(false);
  });

  it.each([
    ['first', 0, ['bc', 'cb']],
    ['middle', 1, ['ac', 'ca']],
    ['last', 2, ['ab', 'ba']],
  ])('removes its %s member and links the others', (_which, index, left) => {
    for (const each of members) append(head, each);
    expect(remove(members[index]!)).toBe(true);
    expect(names(head)).toStrictEqual(left);
    expect(members[index]).toStrictEqual(member('abc'[index]!));
  });

  it('tells that a member was not in a list, and changes nothing', () => {
    for (const each of members) append(head, each);
    expect(remove(member('d'))).toBe(false);
    expect(names(head)).toStrictEqual(['abc', 'cba']);
    remove(members[1]!);
    expect(remove(members[1]!)).toBe(false);
    expect(names(head)).toStrictEqual(['ac', 'ca']);
  });

  it('is empty again after its last member is removed, which can be appended again', () => {
    append(head, members[0]!);
    remove(members[0]!);
    expect(isEmpty(head)).toBe(true);
    append(head, members[0]!);
    expect(names(head)).toStrictEqual(['a', 'a']);
  });
});

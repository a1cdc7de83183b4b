import type { Buffer } from 'node:buffer';
import { ConnectionError } from '../close/connection-error.js';
import { append, emptyList, isEmpty, type ListNode, membersOf, remove } from './linked-list.js';

/** For whom bytes are kept: a connection. */
export interface BudgetMember {
  /** Let go of all of it at once: the server has no room for it. */
  evict(error: ConnectionError): void;
}

/** What stands in the ring of those that have something: as much of an account as is asked for there. */
interface Charged extends ListNode {
  readonly member: BudgetMember | undefined;
  /** Its part of the total, in bytes. */
  readonly charge: number;
}

/** What is kept for one member. */
export class Account implements Charged {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  /** Until it leaves: a piece that others keep may list the account long afterwards. */
  member: BudgetMember | undefined;
  readonly budget: BufferBudget;
  /** The member's account with the budget that several servers share. */
  readonly shared: Account | undefined;
  /** Bytes of what has come from its peer. */
  received = 0;
  /** How many times a piece is kept for it. */
  refs = 0;
  /** What falls to it of those pieces: for each of its places the piece's `share`. */
  sharedBytes = 0;
  /** For the budget, while it settles one piece: so many of its places there have been left. */
  leaving = 0;

  constructor(budget: BufferBudget, member: BudgetMember, shared?: Account) {
    this.budget = budget;
    this.member = member;
    this.shared = shared;
  }

  get charge(): number {
    return this.received + this.sharedBytes;
  }

  /** For the member's send queue: keep a piece in one place more. */
  hold(piece: Buffer): void {
    this.budget.hold(this, piece);
    this.shared?.hold(piece);
  }

  /** For the member's send queue: keep it in one place less. */
  release(piece: Buffer): void {
    this.budget.release(this, piece);
    this.shared?.release(piece);
  }
}

/** A buffer that is kept in one place or more; in the ring of those of which that is not settled. */
class SharedBuffer implements ListNode {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  readonly length: number;
  refs = 1;
  /** What falls to each place according to the accounts: what it was when they were last settled. */
  share: number;
  /** For whom, once for each place; those that have left it since are there still. */
  readonly holders: Account[];
  /** Who has left a place since, once for each. */
  readonly leavers: Account[] = [];

  constructor(length: number, holder: Account) {
    this.length = this.share = length;
    this.holders = [holder];
  }
}

/**
 * `maxTotalBuffered`: how much the connections of a server, or of several that share it, may hold together of what they could not
 * send yet and of what has come and was not taken yet. Whoever has the largest part of it goes first; of a
 * piece that is kept in several places each has a part, or a peer with a message of its own could
 * have all those cut for whom the same broadcast waits, which frees little.
 *
 * Counted are the pieces that wait in a send queue, those that were handed to a socket which then
 * wanted no more, the memory of incomplete messages, messages that wait for the application (a string
 * by its length), and compressed ones that wait for the thread pool. A piece in several queues counts
 * once. Not counted are, for each connection, up to 16 KiB that a socket takes before it is behind, up
 * to 16 KiB of small frames that are not a piece yet, and up to 64 KiB that Node has read of a socket
 * that is paused; nor what the four messages on the thread pool are becoming.
 *
 * To keep a piece or to let go of it takes constant time. That changes what falls to everybody else
 * who keeps it, which is settled only when somebody has to go: then each piece whose places are others
 * than before is looked at, and each member that has something. What waits and does not move costs
 * nothing, however much it is.
 */
export class BufferBudget {
  readonly #limit: number;
  #total = 0;
  readonly #pieces = new Map<Buffer, SharedBuffer>();
  readonly #accounts = new Map<BudgetMember, Account>();
  /** The accounts that have something. */
  readonly #charged = emptyList();
  /** The pieces whose `share` is not what falls to each place now. */
  readonly #unsettled = emptyList();
  /** At the end of this tick the total will be looked at. */
  #due = false;

  /** The budget of several servers, in which this one's bytes count too. */
  readonly #shared: BufferBudget | undefined;

  /** @param limit in bytes. */
  constructor(limit: number, shared?: BufferBudget) {
    this.#limit = limit;
    this.#shared = shared;
  }

  /** Bytes counted now. */
  get total(): number {
    return this.#total;
  }

  /** Made when it is first asked for, until the member leaves: most never have to keep anything. */
  accountOf(member: BudgetMember): Account {
    let account = this.#accounts.get(member);
    if (account === undefined) {
      account = new Account(this, member, this.#shared?.accountOf(member));
      this.#accounts.set(member, account);
    }
    return account;
  }

  /** The member is gone, and nothing here keeps it any more; what its queue still holds counts on. */
  leave(member: BudgetMember): void {
    this.received(member, 0);
    const account = this.#accounts.get(member);
    if (account === undefined) return;
    account.member = undefined;
    this.#accounts.delete(member);
    this.#shared?.leave(member);
  }

  /** Called by `Account.hold` only. */
  hold(account: Account, buffer: Buffer): void {
    // Its length is what it was when it came: the application may have detached it since.
    let piece = this.#pieces.get(buffer);
    const length = piece?.length ?? buffer.length;
    if (length === 0) return;
    if (piece === undefined) {
      this.#pieces.set(buffer, (piece = new SharedBuffer(length, account)));
    } else {
      piece.refs++;
      piece.holders.push(account);
      this.#unsettle(piece);
    }
    account.refs++;
    account.sharedBytes += piece.share;
    this.#note(account);
    if (piece.refs === 1) this.#add(length);
  }

  /** Called by `Account.release` only. */
  release(account: Account, buffer: Buffer): void {
    const piece = this.#pieces.get(buffer);
    if (piece === undefined) return; // it was empty when it came
    account.refs--;
    // Many fractions were added up: this is where what they lost in rounding is put right.
    account.sharedBytes = account.refs === 0 ? 0 : account.sharedBytes - piece.share;
    this.#note(account);
    piece.refs--;
    if (piece.refs === 0) {
      this.#pieces.delete(buffer);
      remove(piece);
      this.#add(-piece.length);
      return;
    }
    piece.leavers.push(account);
    // At the latest when half of the list have left: so the list is short, and each has paid for it.
    if (piece.leavers.length > piece.refs) this.#settle(piece);
    else this.#unsettle(piece);
  }

  /** So many bytes are now held of what has come from the member's peer. */
  received(member: BudgetMember, bytes: number): void {
    if (bytes === 0 && !this.#accounts.has(member)) return;
    const account = this.accountOf(member);
    const more = bytes - account.received;
    if (more === 0) return;
    account.received = bytes;
    this.#note(account);
    this.#add(more);
    this.#shared?.received(member, bytes);
  }

  /** Something has changed in this account: is there anything? */
  #note(account: Account): void {
    if (account.refs === 0 && account.received === 0) remove(account);
    else if (account.next === undefined) append(this.#charged, account);
  }

  #unsettle(piece: SharedBuffer): void {
    if (piece.next === undefined) append(this.#unsettled, piece);
  }

  /** Let what falls to each place be what it is now, in the accounts too. */
  #settle(piece: SharedBuffer): void {
    const share = piece.length / piece.refs;
    const more = share - piece.share;
    const { holders, leavers } = piece;
    for (const account of leavers) account.leaving++;
    let kept = 0;
    for (const account of holders) {
      if (account.leaving > 0) {
        account.leaving--;
      } else {
        account.sharedBytes += more;
        holders[kept++] = account;
      }
    }
    holders.length = kept;
    leavers.length = 0;
    piece.share = share;
    remove(piece);
  }

  #add(bytes: number): void {
    this.#total += bytes;
    if (this.#total <= this.#limit || this.#due) return;
    this.#due = true;
    // Not now: the call that holds a piece more is in the middle of its work.
    process.nextTick(() => {
      this.#due = false;
      if (this.#total > this.#limit) this.#makeRoom();
    });
  }

  #makeRoom(): void {
    while (!isEmpty(this.#unsettled)) this.#settle(this.#unsettled.next as SharedBuffer);
    const charged = membersOf(this.#charged) as Charged[];
    // Mostly one is enough, and need not be found by sorting all of them.
    this.#evict(charged.reduce((one, other) => (other.charge > one.charge ? other : one)));
    if (this.#total <= this.#limit) return;
    charged.sort((one, other) => other.charge - one.charge);
    for (const account of charged) {
      if (this.#total <= this.#limit) return;
      if (account.charge > 0) this.#evict(account);
    }
  }

  #evict({ member, charge: part }: Charged): void {
    if (member === undefined) return;
    const detail = `its part of what all connections hold is the largest, ${Math.round(part)} of ${this.#total} bytes, and maxTotalBuffered is ${this.#limit}`;
    member.evict(new ConnectionError('ERR_SLOW_CONSUMER', { detail }));
  }
}

import type { Buffer } from 'node:buffer';
import { ConnectionError } from '../close/connection-error.js';

/** What a budget needs of a connection. */
export interface BudgetMember {
  /** Fail the connection and release all that it holds at once: the server has no room for it. */
  evict(error: ConnectionError): void;
}

/** What one connection holds. */
export class Account {
  /** The connection; `undefined` after it has left. Its queue may still hold buffers then. */
  member: BudgetMember | undefined;
  readonly budget: BufferBudget;
  /** The connection's account with the budget that several servers share. */
  readonly parent: Account | undefined;
  /** Bytes received from its peer that it still holds. */
  receivedBytes = 0;
  /** How many references to buffers its queue holds. */
  refs = 0;
  /** Its share of those buffers, in bytes: for each reference the buffer's `share`. */
  sharedBytes = 0;

  constructor(budget: BufferBudget, member: BudgetMember, parent?: Account) {
    this.budget = budget;
    this.member = member;
    this.parent = parent;
  }

  /** Its part of the budget's total, in bytes; exact after the budget has updated the shares. */
  get charge(): number {
    return this.receivedBytes + this.sharedBytes;
  }

  /** The connection's send queue holds one more reference to a buffer. */
  hold(buffer: Buffer): void {
    this.budget.hold(this, buffer);
    this.parent?.hold(buffer);
  }

  /** The connection's send queue holds one reference less to a buffer. */
  release(buffer: Buffer): void {
    this.budget.release(this, buffer);
    this.parent?.release(buffer);
  }
}

/** A buffer in one send queue or several. */
class SharedBuffer {
  /** Its length when it was first held: the application may have detached it since. */
  readonly length: number;
  /** How many references each account holds. */
  readonly holders = new Map<Account, number>();
  /** The sum of those references. */
  refs = 0;
  /** Bytes that each reference is charged in the accounts: `length / refs` at the last update. */
  share: number;
  /** Whether `refs` has changed since that update. */
  isOutdated = false;

  constructor(length: number) {
    this.length = this.share = length;
  }
}

/**
 * The limit `maxTotalBuffered`: how many bytes all connections of a server may hold together, in
 * their send queues and of what their peers have sent. Above the limit the connections with the
 * largest charge are evicted, one after another, until there is room.
 *
 * A buffer in several queues counts once, and each reference to it is charged an equal share. A
 * charge is therefore what evicting the connection would free. If one broadcast waits for many
 * subscribers, none of them is evicted before a peer that holds as many bytes alone.
 *
 * The budget counts
 * - the buffers in a send queue, and those written to a socket that became backpressured;
 * - the memory of incomplete messages;
 * - messages that wait for the application (a string by its length);
 * - long compressed messages that wait to be decompressed.
 *
 * It does not count the output of the four long messages in progress. Nor does it count, for each connection,
 * - up to 16 KiB that a socket takes before it is backpressured;
 * - up to 16 KiB of small frames that are still being gathered;
 * - up to 64 KiB that Node has read from a paused socket.
 *
 * `hold` and `release` take constant time. They change the share of every other holder, which is
 * updated only when a connection has to be evicted, and only for buffers that were held or released
 * since the last time. Buffers that stay where they are cost nothing then.
 */
export class BufferBudget {
  readonly #limit: number;
  /** The budget of several servers, in which the bytes of this one count too. */
  readonly #parent: BufferBudget | undefined;
  #total = 0;
  readonly #buffers = new Map<Buffer, SharedBuffer>();
  readonly #accounts = new Map<BudgetMember, Account>();
  /** The accounts that hold anything. */
  readonly #charged = new Set<Account>();
  /** The buffers that are outdated: all that an update has to look at. */
  readonly #outdated = new Set<SharedBuffer>();
  /** Whether the total is compared with the limit at the end of this tick. */
  #isCheckScheduled = false;

  /** @param limit in bytes. */
  constructor(limit: number, parent?: BufferBudget) {
    this.#limit = limit;
    this.#parent = parent;
  }

  /** Bytes counted now. */
  get total(): number {
    return this.#total;
  }

  /** The account of a connection. It is made on first use: most connections never hold anything. */
  accountOf(member: BudgetMember): Account {
    let account = this.#accounts.get(member);
    if (account === undefined) {
      account = new Account(this, member, this.#parent?.accountOf(member));
      this.#accounts.set(member, account);
    }
    return account;
  }

  /** Remove a connection that has ended. What its send queue still holds counts until it is released. */
  leave(member: BudgetMember): void {
    this.received(member, 0);
    const account = this.#accounts.get(member);
    if (account === undefined) return;
    account.member = undefined;
    this.#accounts.delete(member);
    this.#parent?.leave(member);
  }

  /** Called by `Account.hold` only. */
  hold(account: Account, buffer: Buffer): void {
    let held = this.#buffers.get(buffer);
    if (held === undefined) {
      if (buffer.length === 0) return;
      this.#buffers.set(buffer, (held = new SharedBuffer(buffer.length)));
      this.#add(held.length);
    } else {
      this.#markOutdated(held);
    }
    held.refs++;
    held.holders.set(account, (held.holders.get(account) ?? 0) + 1);
    if (account.refs === 0) this.#charged.add(account);
    account.refs++;
    account.sharedBytes += held.share;
  }

  /** Called by `Account.release` only. */
  release(account: Account, buffer: Buffer): void {
    const held = this.#buffers.get(buffer);
    if (held === undefined) return; // it was empty when it was held
    const own = held.holders.get(account)! - 1;
    if (own === 0) held.holders.delete(account);
    else held.holders.set(account, own);
    account.refs--;
    // Shares are fractions; at zero references the rounding errors of their sum are dropped.
    account.sharedBytes = account.refs === 0 ? 0 : account.sharedBytes - held.share;
    if (account.refs === 0) this.#removeIfEmpty(account);
    held.refs--;
    if (held.refs > 0) {
      this.#markOutdated(held);
      return;
    }
    this.#buffers.delete(buffer);
    this.#outdated.delete(held);
    this.#add(-held.length);
  }

  /** The connection now holds this many bytes of what its peer has sent. */
  received(member: BudgetMember, bytes: number): void {
    if (bytes === 0 && !this.#accounts.has(member)) return;
    const account = this.accountOf(member);
    const added = bytes - account.receivedBytes;
    if (added === 0) return;
    account.receivedBytes = bytes;
    if (bytes > 0) this.#charged.add(account);
    else this.#removeIfEmpty(account);
    this.#add(added);
    this.#parent?.received(member, bytes);
  }

  #markOutdated(held: SharedBuffer): void {
    if (held.isOutdated) return; // the usual case, without looking it up in the set
    held.isOutdated = true;
    this.#outdated.add(held);
  }

  #removeIfEmpty(account: Account): void {
    if (account.refs === 0 && account.receivedBytes === 0) this.#charged.delete(account);
  }

  #add(bytes: number): void {
    this.#total += bytes;
    if (this.#total <= this.#limit || this.#isCheckScheduled) return;
    this.#isCheckScheduled = true;
    // Not at once: the call that exceeds the limit has not finished its work.
    process.nextTick(() => {
      this.#isCheckScheduled = false;
      if (this.#total > this.#limit) this.#evictLargest();
    });
  }

  #evictLargest(): void {
    this.#updateShares();
    const charged = [...this.#charged];
    // One is usually enough, and is found without sorting all of them.
    this.#evict(charged.reduce((one, other) => (other.charge > one.charge ? other : one)));
    if (this.#total <= this.#limit) return;
    charged.sort((one, other) => other.charge - one.charge);
    for (const account of charged) {
      if (this.#total <= this.#limit) return;
      if (account.charge > 0) this.#evict(account);
    }
  }

  /** Bring the shares of all buffers, and the accounts that hold them, up to date. */
  #updateShares(): void {
    for (const held of this.#outdated) {
      const share = held.length / held.refs;
      const change = share - held.share;
      for (const [account, refs] of held.holders) account.sharedBytes += refs * change;
      held.share = share;
      held.isOutdated = false;
    }
    this.#outdated.clear();
  }

  #evict({ member, charge }: Account): void {
    if (member === undefined) return;
    const detail = `it holds the largest share of the buffered bytes, ${Math.round(charge)} of ${this.#total} bytes, and maxTotalBuffered is ${this.#limit}`;
    member.evict(new ConnectionError('ERR_SLOW_CONSUMER', { detail }));
  }
}

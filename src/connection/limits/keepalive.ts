import { Buffer } from 'node:buffer';
import { ConnectionError } from '../close/connection-error.js';
import type { Clock } from './clock.js';
import type { Deadline, Deadlines } from './deadlines.js';
import type { Outbox } from '../send/outbox.js';
import { FIN, Opcode } from '../../protocol/framing/frame.js';
import type { ListNode } from './linked-list.js';
import { MAX_DELAY, TimingWheel } from './timing-wheel.js';

/** How long a connection may be silent, idle, open; milliseconds, Infinity for no limit. */
export interface HeartbeatOptions {
  readonly heartbeat: false | { readonly interval: number; readonly timeout: number };
  readonly idleTimeout: number;
  readonly maxLifetime: number;
}

/** The last Ping of ours, as long as the peer has not answered it. */
interface OpenPing {
  readonly id: number;
  /** How many Pings came right before it, with the ids right before its own, that can still be answered. */
  earlier: number;
  /** Milliseconds of the clock; `undefined` where we did not read all the time since, so that nothing is measured. */
  sentAt: number | undefined;
  /** When the peer's time for a sign of life began. */
  since: number;
  /** Position in the stream behind the Ping: once the kernel has come so far, the Ping has left. */
  readonly end: number;
  /** How far the kernel was when last looked; Infinity where nothing stood before the Ping. */
  left: number;
}

/** A connection, in the heartbeat's eyes. Points in time are its ticks. */
export abstract class HeartbeatTarget implements ListNode {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  /** When the last bytes came from the peer. */
  lastReceivedAt = 0;
  /** When the last message came or went. */
  lastMessageAt = 0;
  openedAt = 0;
  ping: OpenPing | undefined;
  /** See `WebSocketConnection.latency`. */
  latency: number | undefined;

  /** No Close has been sent or received; afterwards `closeTimeout` sees to the end. */
  abstract readonly isOpen: boolean;
  /** We do not read, so we cannot hear: it is pinged all the same, which tells the kernel of a peer that is gone. */
  abstract readonly isReadPaused: boolean;
  abstract readonly outbox: Outbox;
  /** Close it, and say why. */
  abstract closeGoingAway(cause: ConnectionError): void;
  /** The peer is as good as gone: cut the transport. */
  abstract terminateUnresponsive(cause: ConnectionError): void;
}

/** Milliseconds of a tick: an eighth of the shortest limit, so that none is missed by more. */
const TICKS_OF_SHORTEST = 8;
const SHORTEST_TICK = 5;
const LONGEST_TICK = 1000;
/** A Ping comes at most this part of the interval before its time. */
const SPREAD_OF_INTERVAL = 1 / 4;

/** How long messages wait for a consumer where no heartbeat says it, in milliseconds. */
const DEFAULT_CONSUMER_TIMEOUT = 35_000;

const PING: number = FIN | Opcode.Ping;
const PAYLOAD: Buffer = Buffer.alloc(4);

/**
 * Who has been silent too long, idle too long, open too long: for all the connections of a server,
 * on one timer.
 *
 * Bytes that arrive only leave the number of the current tick on their connection. A connection is
 * looked at when the first of its limits could have passed, on a wheel, and is then either at a
 * limit or put off to the next moment it could be.
 *
 * Peers that fell silent together, as after a deploy, are not pinged together. Of those whose next
 * look is fixed in one tick each comes up a tick sooner than the one before it, up to a quarter of
 * the interval, and who is so near to its end is pinged.
 *
 * Ticks are counted and not calculated from a clock. While the event loop stands still none passes,
 * however long that takes: nobody can be heard then, so nobody is silent.
 */
export class Heartbeat {
  /** The current tick. */
  now = 0;
  /** Milliseconds that messages wait for a consumer; then they are discarded. */
  readonly consumerTimeout: number;

  readonly #deadlines: Deadlines;
  readonly #clock: Clock;
  readonly #wheel = new TimingWheel<HeartbeatTarget>();
  /** Milliseconds. */
  readonly #tick: number;
  // In ticks. What begins between two ticks has the number of the first, hence one more.
  readonly #interval: number;
  readonly #timeout: number;
  readonly #idle: number;
  readonly #lifetime: number;
  /** The most ticks by which a Ping comes before its time. */
  readonly #maxJitter: number;
  /** How many ticks sooner than it could be the next connection is looked at. */
  #jitter = 0;
  #timer: Deadline | undefined;
  /** When the next tick is due; milliseconds of the clock. */
  #nextAt = 0;

  constructor(deadlines: Deadlines, clock: Clock, options: HeartbeatOptions) {
    const { heartbeat, idleTimeout, maxLifetime } = options;
    const { interval, timeout } = heartbeat || { interval: Infinity, timeout: Infinity };
    this.#deadlines = deadlines;
    this.#clock = clock;
    this.consumerTimeout =
      interval + timeout === Infinity ? DEFAULT_CONSUMER_TIMEOUT : interval + timeout;
    const shortest = Math.min(interval, timeout, idleTimeout, maxLifetime);
    this.#tick = Math.min(Math.max(shortest / TICKS_OF_SHORTEST, SHORTEST_TICK), LONGEST_TICK);
    this.#interval = Math.ceil(interval / this.#tick) + 1;
    this.#timeout = Math.max(2, Math.ceil(timeout / this.#tick)); // the loop runs in between
    this.#idle = Math.ceil(idleTimeout / this.#tick) + 1;
    this.#lifetime = Math.ceil(maxLifetime / this.#tick) + 1;
    this.#maxJitter =
      interval === Infinity ? 0 : Math.floor((interval / this.#tick) * SPREAD_OF_INTERVAL);
  }

  /** Watch a connection that has just been made. */
  add(watched: HeartbeatTarget): void {
    watched.lastReceivedAt = watched.lastMessageAt = watched.openedAt = this.now;
    const first = Math.min(this.#withJitter(this.#interval), this.#idle, this.#lifetime);
    if (first !== Infinity) this.#schedule(watched, first);
  }

  /** A connection has ended. */
  remove(watched: HeartbeatTarget): void {
    this.#wheel.remove(watched);
    this.#stopTimerIfUnused();
  }

  /**
   * A Pong came. One that answers the last Ping tells the round trip. A Ping may also be answered after
   * the next one was sent, or not at all where the next one is (RFC 6455 section 5.5.3).
   *
   * @returns whether it answers a Ping of ours; any other is the application's business.
   */
  pong(watched: HeartbeatTarget, payload: Buffer): boolean {
    const { ping } = watched;
    if (ping === undefined || payload.length !== PAYLOAD.length) return false;
    const before = (ping.id - payload.readUInt32BE(0)) >>> 0;
    if (before > ping.earlier) return false;
    if (before > 0) {
      ping.earlier = before - 1;
      return true;
    }
    watched.ping = undefined;
    if (ping.sentAt !== undefined) watched.latency = this.#clock.now() - ping.sentAt;
    return true;
  }

  #schedule(watched: HeartbeatTarget, ticks: number): void {
    this.#wheel.put(watched, ticks);
    if (this.#timer !== undefined) return;
    this.#nextAt = this.#clock.now() + this.#tick;
    this.#arm(this.#tick);
  }

  #arm(milliseconds: number): void {
    this.#timer = this.#deadlines.start(milliseconds, () => {
      const now = this.#clock.now();
      // A timer that is a little late is made up for; a whole tick is a loop that stood still.
      this.#nextAt += this.#tick;
      if (this.#nextAt <= now) this.#nextAt = now + this.#tick;
      this.#arm(this.#nextAt - now);
      this.now++;
      this.#jitter = 0;
      this.#wheel.tick(this.#checkLimits);
      this.#stopTimerIfUnused();
    });
  }

  /** Without connections there is no timer. */
  #stopTimerIfUnused(): void {
    if (this.#wheel.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Enforce the limit that a connection has reached, or put it off to when it may reach one. */
  readonly #checkLimits = (watched: HeartbeatTarget): void => {
    if (!watched.isOpen) return;
    const { isReadPaused: isDeaf } = watched;
    const old = watched.openedAt + this.#lifetime - this.now;
    // Where we do not read no message can come, and neither can a sign of life.
    const idle = isDeaf ? this.#idle : watched.lastMessageAt + this.#idle - this.now;
    if (old <= 0) watched.closeGoingAway(new ConnectionError('ERR_MAX_LIFETIME'));
    else if (idle <= 0) watched.closeGoingAway(new ConnectionError('ERR_IDLE_TIMEOUT'));
    else {
      const silent = this.#ticksUntilTimeout(watched, isDeaf);
      if (silent <= 0) this.#terminateAfterPoll(watched);
      else this.#schedule(watched, Math.min(old, idle, silent));
    }
  };

  /** @returns in how many ticks its silence may mean something; none if it does now. */
  #ticksUntilTimeout(watched: HeartbeatTarget, isDeaf: boolean): number {
    const { ping, lastReceivedAt: heardAt } = watched;
    // Any byte since the Ping is a sign of life, whether or not the answer was among them.
    const isOwed = ping !== undefined && heardAt < ping.since;
    if (isOwed && !isDeaf) {
      const left = ping.since + this.#timeout - this.now;
      return left <= 0 && this.#pingIsDraining(ping, watched.outbox) ? this.#timeout : left;
    }
    const left = (isOwed ? ping.since : heardAt) + this.#interval - this.now;
    if (left > this.#maxJitter) return this.#withJitter(left);
    this.#ping(watched, isDeaf);
    return isDeaf ? this.#interval : this.#timeout;
  }

  /** @returns in how many ticks to look, where so many are left to the end of the interval. */
  #withJitter(left: number): number {
    // Too far ahead for the wheel: the look that can spread them comes before all that are spread.
    if (left > MAX_DELAY) return left - this.#maxJitter - 1;
    const sooner = this.#jitter;
    this.#jitter = sooner === this.#maxJitter ? 0 : sooner + 1;
    return left - sooner;
  }

  #ping(watched: HeartbeatTarget, isDeaf: boolean): void {
    const { outbox, ping } = watched;
    if (ping !== undefined && outbox.flushedOffset < ping.end) {
      // The last one has not left yet: a second would only wait behind it.
      ping.since = this.now;
      return;
    }
    // Consecutive as long as no answer comes, so that a late answer is told from a Pong of another kind.
    const earlier = ping === undefined ? 0 : ping.earlier + 1;
    const id = ping === undefined ? Math.floor(Math.random() * 2 ** 32) : (ping.id + 1) >>> 0;
    const left = outbox.bufferedAmount === 0 ? Infinity : outbox.flushedOffset;
    PAYLOAD.writeUInt32BE(id);
    outbox.bytes(PING, PAYLOAD);
    const sentAt = isDeaf ? undefined : this.#clock.now();
    watched.ping = { id, earlier, sentAt, since: this.now, end: outbox.endOffset, left };
  }

  /**
   * Whether the Ping stood behind other data and has come nearer to the peer since: who takes our
   * bytes is alive, and cannot answer what it has not got yet.
   */
  #pingIsDraining(ping: OpenPing, outbox: Outbox): boolean {
    const left = Math.min(outbox.flushedOffset, ping.end);
    if (left <= ping.left) return false;
    ping.left = left;
    ping.since = this.now;
    return true;
  }

  /**
   * Time is up; but if our own loop was late, the peer's bytes may be waiting in the kernel. They
   * are read before this is called back.
   */
  #terminateAfterPoll(watched: HeartbeatTarget): void {
    const { lastReceivedAt: heardAt } = watched;
    setImmediate(() => {
      if (!watched.isOpen) return;
      if (watched.lastReceivedAt !== heardAt) this.#schedule(watched, 1);
      else watched.terminateUnresponsive(new ConnectionError('ERR_HEARTBEAT_TIMEOUT'));
    });
  }
}

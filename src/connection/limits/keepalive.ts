import { Buffer } from 'node:buffer';
import { callIsolated } from '../call-isolated.js';
import { ConnectionError } from '../close/connection-error.js';
import type { Clock } from './clock.js';
import type { Deadline, Deadlines } from './deadlines.js';
import type { Outbox } from '../send/outbox.js';
import { FIN, Opcode } from '../../protocol/framing/frame.js';
import type { ListNode } from './linked-list.js';
import { MAX_DELAY, TimingWheel } from './timing-wheel.js';

/** How long a connection may be silent, idle and open; milliseconds, Infinity for no limit. */
export interface HeartbeatOptions {
  readonly heartbeat: false | { readonly interval: number; readonly timeout: number };
  readonly idleTimeout: number;
  readonly maxLifetime: number;
}

/** The last Ping of the heartbeat, until the peer answers it. Points in time are ticks. */
interface OpenPing {
  readonly id: number;
  /** How many Pings with the ids right before this one can still be answered. */
  earlier: number;
  /**
   * When it was sent, in milliseconds of the clock; `undefined` if reading was paused at any time
   * since, so that the latency cannot be measured.
   */
  sentAt: number | undefined;
  /** The tick at which `timeout` began: the time in which the peer has to give a sign of life. */
  since: number;
  /** The offset in the stream after the Ping: once the kernel has taken this much, the Ping has been sent. */
  readonly end: number;
  /** The offset that the kernel had taken at the last check; Infinity if no data was queued before the Ping. */
  flushed: number;
}

/** A connection, as the heartbeat sees it. Points in time are ticks. */
export abstract class HeartbeatTarget implements ListNode {
  prev: ListNode | undefined;
  next: ListNode | undefined;
  /** When the last bytes were received. */
  lastReceivedAt = 0;
  /** When the last message was received or sent. */
  lastMessageAt = 0;
  openedAt = 0;
  ping: OpenPing | undefined;
  /** See `WebSocketConnection.latency`. */
  latency: number | undefined;

  /** No Close has been sent or received. After that `closeTimeout` applies. */
  abstract readonly isOpen: boolean;
  /**
   * Reading is paused, so an answer could not be read. The peer is pinged all the same: the kernel
   * then notices a peer that is gone.
   */
  abstract readonly isReadPaused: boolean;
  abstract readonly outbox: Outbox;
  /** Start the closing handshake with 1001. */
  abstract closeGoingAway(cause: ConnectionError): void;
  /** Terminate the transport: the peer is assumed to be gone. */
  abstract terminateUnresponsive(cause: ConnectionError): void;
}

/** A tick is an eighth of the shortest limit, so no limit is exceeded by more than that. */
const TICKS_OF_SHORTEST = 8;
/** Milliseconds. */
const SHORTEST_TICK = 5;
const LONGEST_TICK = 1000;
/** A Ping is sent up to this part of the interval early. */
const MAX_JITTER = 1 / 4;

/** Milliseconds that messages wait for a consumer if the heartbeat has no limit. */
const DEFAULT_CONSUMER_TIMEOUT = 35_000;

const PING: number = FIN | Opcode.Ping;
const PAYLOAD: Buffer = Buffer.alloc(4);

/**
 * The limits on silence, idleness and lifetime, for all connections of a server, on one timer.
 *
 * Received bytes only store the number of the current tick in their connection. Each connection is on a
 * timing wheel and is checked in the tick in which it could first reach a limit. If it has not, it is
 * scheduled again.
 *
 * Each Ping is sent a random time early, up to a quarter of the interval: peers that fell silent
 * together, as after a deploy, are not pinged together.
 *
 * Ticks are counted, not calculated from a clock. While the event loop is blocked no tick passes: no
 * peer can be heard then, so no peer is silent. A tick is a deadline, so it comes after the event
 * loop has read what peers have sent by then.
 */
export class Heartbeat {
  /** The current tick. */
  now = 0;
  /** Milliseconds that messages wait for a consumer until they are discarded. */
  readonly consumerTimeout: number;

  readonly #deadlines: Deadlines;
  readonly #clock: Clock;
  /** Returns a number from 0 up to 1, as `Math.random` does. */
  readonly #random: () => number;
  /** Made for the first connection that has a limit. */
  #wheel: TimingWheel<HeartbeatTarget> | undefined;
  /** Milliseconds of a tick. */
  readonly #tick: number;
  // In ticks. One tick is added, because an event between two ticks is stored with the number of the earlier one.
  readonly #interval: number;
  readonly #timeout: number;
  readonly #idle: number;
  readonly #lifetime: number;
  /** How many ticks early a Ping may be sent. */
  readonly #maxJitter: number;
  #timer: Deadline | undefined;
  /** When the next tick is due, in milliseconds of the clock. */
  #nextAt = 0;

  /** @param random returns a number from 0 up to 1; for the jitter of Pings. */
  constructor(
    deadlines: Deadlines,
    clock: Clock,
    options: HeartbeatOptions,
    random: () => number = Math.random,
  ) {
    const { heartbeat, idleTimeout, maxLifetime } = options;
    const { interval, timeout } = heartbeat || { interval: Infinity, timeout: Infinity };
    this.#deadlines = deadlines;
    this.#clock = clock;
    this.#random = random;
    this.consumerTimeout =
      interval + timeout === Infinity ? DEFAULT_CONSUMER_TIMEOUT : interval + timeout;
    const shortest = Math.min(interval, timeout, idleTimeout, maxLifetime);
    this.#tick = Math.min(Math.max(shortest / TICKS_OF_SHORTEST, SHORTEST_TICK), LONGEST_TICK);
    this.#interval = Math.ceil(interval / this.#tick) + 1;
    this.#timeout = Math.max(2, Math.ceil(timeout / this.#tick)); // at least one tick after the Ping
    this.#idle = Math.ceil(idleTimeout / this.#tick) + 1;
    this.#lifetime = Math.ceil(maxLifetime / this.#tick) + 1;
    this.#maxJitter = interval === Infinity ? 0 : Math.floor((interval / this.#tick) * MAX_JITTER);
  }

  /** Add a connection that has just been made. */
  add(target: HeartbeatTarget): void {
    target.lastReceivedAt = target.lastMessageAt = target.openedAt = this.now;
    const first = Math.min(this.#withJitter(this.#interval), this.#idle, this.#lifetime);
    if (first !== Infinity) this.#schedule(target, first);
  }

  /** Remove a connection that has ended. */
  remove(target: HeartbeatTarget): void {
    if (this.#wheel === undefined) return;
    this.#wheel.remove(target);
    this.#stopTimerIfUnused(this.#wheel);
  }

  /**
   * Process a Pong. An answer to the last Ping gives the latency. A peer may also answer a Ping after
   * the next one was sent, or answer only the newest of several (RFC 6455 section 5.5.3).
   *
   * @returns whether it answers a Ping of the heartbeat. All other Pongs are for the application.
   */
  pong(target: HeartbeatTarget, payload: Buffer): boolean {
    const { ping } = target;
    if (ping === undefined || payload.length !== PAYLOAD.length) return false;
    const before = (ping.id - payload.readUInt32BE(0)) >>> 0;
    if (before > ping.earlier) return false;
    if (before > 0) {
      ping.earlier = before - 1;
      return true;
    }
    target.ping = undefined;
    if (ping.sentAt !== undefined) target.latency = this.#clock.now() - ping.sentAt;
    return true;
  }

  #schedule(target: HeartbeatTarget, ticks: number): void {
    const wheel = (this.#wheel ??= new TimingWheel());
    wheel.put(target, ticks);
    if (this.#timer !== undefined) return;
    this.#nextAt = this.#clock.now() + this.#tick;
    this.#arm(wheel, this.#tick);
  }

  #arm(wheel: TimingWheel<HeartbeatTarget>, milliseconds: number): void {
    this.#timer = this.#deadlines.start(milliseconds, () => {
      const now = this.#clock.now();
      // If the timer was a little late, the next tick is due earlier. A delay of a whole tick is not
      // recovered: the event loop was blocked.
      this.#nextAt += this.#tick;
      if (this.#nextAt <= now) this.#nextAt = now + this.#tick;
      this.#arm(wheel, this.#nextAt - now);
      this.now++;
      wheel.tick(this.#checkLimits);
      this.#stopTimerIfUnused(wheel);
    });
  }

  /** Stop the timer if no connection is on the wheel. */
  #stopTimerIfUnused(wheel: TimingWheel<HeartbeatTarget>): void {
    if (wheel.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Enforce the limit that a connection has reached, or schedule the next check. */
  readonly #checkLimits = (target: HeartbeatTarget): void => {
    if (!target.isOpen) return;
    const lifeLeft = target.openedAt + this.#lifetime - this.now;
    // While reading is paused no message can be received, so the connection is not idle.
    const idleLeft = target.isReadPaused
      ? this.#idle
      : target.lastMessageAt + this.#idle - this.now;
    if (lifeLeft <= 0) target.closeGoingAway(new ConnectionError('ERR_MAX_LIFETIME'));
    else if (idleLeft <= 0) target.closeGoingAway(new ConnectionError('ERR_IDLE_TIMEOUT'));
    else {
      const silenceLeft = this.#ticksUntilTimeout(target);
      if (silenceLeft > 0) {
        this.#schedule(target, Math.min(lifeLeft, idleLeft, silenceLeft));
        return;
      }
      // A listener that throws must not keep the others from being checked.
      callIsolated(() => {
        target.terminateUnresponsive(new ConnectionError('ERR_HEARTBEAT_TIMEOUT'));
      });
    }
  };

  /** Ping a silent peer. @returns in how many ticks to check it again; 0 or less if it has timed out. */
  #ticksUntilTimeout(target: HeartbeatTarget): number {
    const { ping, lastReceivedAt, isReadPaused } = target;
    // Any byte received since the Ping is a sign of life, whether or not it is an answer.
    const isUnanswered = ping !== undefined && lastReceivedAt < ping.since;
    if (isUnanswered && !isReadPaused) {
      const left = ping.since + this.#timeout - this.now;
      return left <= 0 && this.#pingIsDraining(ping, target.outbox) ? this.#timeout : left;
    }
    const left = (isUnanswered ? ping.since : lastReceivedAt) + this.#interval - this.now;
    if (left > this.#maxJitter) return this.#withJitter(left);
    this.#ping(target);
    return isReadPaused ? this.#interval : this.#timeout;
  }

  /** @returns in how many ticks to check a connection whose interval ends in `left` ticks. */
  #withJitter(left: number): number {
    // Too long for the wheel: check again just before the first tick in which a Ping may be sent.
    if (left > MAX_DELAY) return left - this.#maxJitter - 1;
    return left - Math.floor(this.#random() * (this.#maxJitter + 1));
  }

  #ping(target: HeartbeatTarget): void {
    const { outbox, ping, isReadPaused } = target;
    if (ping !== undefined && outbox.flushedOffset < ping.end) {
      // The last Ping has not been sent yet: a second one would only wait after it.
      ping.since = this.now;
      return;
    }
    // The ids are consecutive until one is answered, so that a late answer is recognized.
    const earlier = ping === undefined ? 0 : ping.earlier + 1;
    const id = ping === undefined ? Math.floor(Math.random() * 2 ** 32) : (ping.id + 1) >>> 0;
    const flushed = outbox.bufferedAmount === 0 ? Infinity : outbox.flushedOffset;
    PAYLOAD.writeUInt32BE(id);
    outbox.bytes(PING, PAYLOAD);
    const sentAt = isReadPaused ? undefined : this.#clock.now();
    target.ping = { id, earlier, sentAt, since: this.now, end: outbox.endOffset, flushed };
  }

  /**
   * Whether data was queued before the Ping, and the peer has taken some of it since the last check.
   * Such a peer is alive, and cannot answer a Ping that it has not received yet.
   */
  #pingIsDraining(ping: OpenPing, outbox: Outbox): boolean {
    const flushed = Math.min(outbox.flushedOffset, ping.end);
    if (flushed <= ping.flushed) return false;
    ping.flushed = flushed;
    ping.since = this.now;
    return true;
  }
}

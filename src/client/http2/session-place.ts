import { Buffer } from 'node:buffer';
import type { ClientHttp2Session } from 'node:http2';
import { whenOffered } from './extended-connect-support.js';
import type { SessionWay } from './session-socket.js';
import { SharedSession, type SessionUser } from './shared-session.js';

/** A place for the stream of one WebSocket on a session. */
export interface SessionPlace {
  /** Resolves when a stream can be opened, which must then happen at once. */
  ready(): Promise<ClientHttp2Session>;
  /** Give the place back: the stream has ended, or none follows. */
  leave(): void;
  /** The stream no longer keeps the process running. */
  unref(): void;
}

/** A place on a session of the application's, which opens, holds and closes the session itself. */
export class OwnPlace implements SessionPlace {
  readonly #session: ClientHttp2Session;

  constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  async ready(): Promise<ClientHttp2Session> {
    await whenOffered(this.#session);
    return this.#session;
  }

  leave(): void {
    // It is the application's.
  }

  unref(): void {
    // It is the application's.
  }
}

/** The shared sessions that take new streams. */
const sessions = new Set<SharedSession>();

/** A place on a shared session: one for each server and the options of its socket, and another when all are full. */
export class SharedPlace implements SessionPlace, SessionUser {
  isHolding = true;
  readonly #way: SessionWay;
  #session: SharedSession | undefined;
  #hasStream = false;
  #isOver = false;

  constructor(way: SessionWay) {
    this.#way = way;
  }

  async ready(): Promise<ClientHttp2Session> {
    for (;;) {
      const shared = (this.#session = sessionFor(this.#way));
      shared.join(this);
      const session = await shared.opened;
      // Given back meanwhile: the caller has no use for the session either.
      if (this.#isOver) return session;
      if (shared.addStream()) {
        this.#hasStream = true;
        return session;
      }
      shared.leave(this, false);
      if (session.remoteSettings.maxConcurrentStreams === 0) {
        throw new Error('the server allows no streams: SETTINGS_MAX_CONCURRENT_STREAMS is 0');
      }
    }
  }

  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#session!.leave(this, this.#hasStream);
  }

  unref(): void {
    this.isHolding = false;
    this.#session!.updateHold();
  }
}

function sessionFor(way: SessionWay): SharedSession {
  for (const session of sessions)
    if (session.hasRoom && isSameWay(session.way, way)) return session;
  const session = new SharedSession(way, () => sessions.delete(session));
  sessions.add(session);
  return session;
}

function isSameWay(one: SessionWay, other: SessionWay): boolean {
  const { address: a, transport: given } = one;
  const { address: b, transport: asked } = other;
  const names = new Set([...Object.keys(given), ...Object.keys(asked)]) as Set<keyof typeof given>;
  return (
    a.secure === b.secure &&
    a.host === b.host &&
    a.port === b.port &&
    one.socketPath === other.socketPath &&
    String(one.proxy) === String(other.proxy) &&
    [...names].every((name) => isSame(given[name], asked[name]))
  );
}

/** Certificates and keys are compared by content, because a file may have been read twice. Other objects are compared by identity. */
function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, at) => isSame(each, other[at]));
  }
  return Buffer.isBuffer(one) && Buffer.isBuffer(other) ? one.equals(other) : one === other;
}

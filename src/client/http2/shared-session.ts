import { type ClientHttp2Session, connect } from 'node:http2';
import { whenOffered } from './extended-connect-support.js';
import { type SessionWay, SocketOpener } from './session-socket.js';

/** What waits for a session, or has a stream of it. */
export interface SessionUser {
  /** Whether it keeps the process running. */
  readonly isHolding: boolean;
}

/** Bytes that the streams of one session may have received without being read. */
const SESSION_WINDOW = 1024 * 1024;
/** Milliseconds that a server has to end the socket of a session without streams. */
const END_TIMEOUT = 1000;

/** An HTTP/2 session of several WebSockets. It is opened for its first user, and closed when the last one has left. */
export class SharedSession {
  readonly way: SessionWay;
  /** Resolves once the server takes WebSockets; rejects if it is not reached, or does not take them. */
  readonly opened: Promise<ClientHttp2Session>;
  readonly #onOver: () => void;
  readonly #opener: SocketOpener;
  readonly #users = new Set<SessionUser>();
  #streams = 0;
  #session: ClientHttp2Session | undefined;
  #isOver = false;

  /** @param onOver called once, when it takes no more users. */
  constructor(way: SessionWay, onOver: () => void) {
    this.way = way;
    this.#onOver = onOver;
    this.#opener = new SocketOpener(way);
    this.opened = this.#open();
    this.opened.catch(() => {
      this.#end();
    });
  }

  /** Whether another user may join: the session is being opened, or the server allows one more stream. */
  get hasRoom(): boolean {
    if (this.#isOver) return false;
    const { maxConcurrentStreams = Infinity } = this.#session?.remoteSettings ?? {};
    return this.#streams < maxConcurrentStreams;
  }

  /** Wait for the session. */
  join(user: SessionUser): void {
    this.#users.add(user);
    this.updateHold();
  }

  /** Count a stream of a user. @returns `false` if the server allows no more. */
  addStream(): boolean {
    if (!this.hasRoom) return false;
    this.#streams++;
    return true;
  }

  /** @param hadStream whether its stream was counted. */
  leave(user: SessionUser, hadStream: boolean): void {
    this.#users.delete(user);
    if (hadStream) this.#streams--;
    if (this.#users.size === 0) this.#end();
    else this.updateHold();
  }

  /** Keep the process running as long as a user wants it. */
  updateHold(): void {
    const isHeld = [...this.#users].some((user) => user.isHolding);
    if (isHeld) this.#session?.ref();
    else this.#session?.unref();
  }

  async #open(): Promise<ClientHttp2Session> {
    const socket = await this.#opener.open();
    const { url, secure } = this.way.address;
    const session = connect(`${secure ? 'https' : 'http'}://${url.host}`, {
      createConnection: () => socket,
      settings: { enablePush: false },
    });
    session.setLocalWindowSize(SESSION_WINDOW);
    session.on('error', () => undefined); // 'close' follows
    // After a GOAWAY there are no new streams, and those that are open go on.
    session.once('goaway', this.#retire).once('close', this.#retire);
    await whenOffered(session);
    this.#session = session;
    this.updateHold();
    return session;
  }

  readonly #retire = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
  };

  #end(): void {
    this.#retire();
    const opener = this.#opener;
    if (this.#session === undefined) {
      opener.destroy();
      return;
    }
    this.#session.close();
    // A socket that stays open keeps the process running, and so the timer need not.
    setTimeout(() => {
      opener.destroy();
    }, END_TIMEOUT).unref();
  }
}

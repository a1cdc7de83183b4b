/** The first pause before a new attempt, and the longest, in milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** A connection that lasted this long counts as a good one: the next pause is the first again. */
const GOOD_AFTER = 5_000;
/** How long the server may take to answer a probe. */
const ANSWER_TIMEOUT = 5_000;

/** Close codes after which a new attempt would only fail again. */
const FINAL = {
  1008: 'You were sending faster than this room can read, so the server closed the connection.',
  1009: 'That was too long for the server, so it closed the connection.',
  4001: 'You opened this room in another tab, and the conversation moved there.',
};

/** @typedef {{ code: number, reason: string, clean: boolean, cause?: string }} End */

/**
 * A WebSocket that reconnects by itself.
 *
 * `onstate({ state, retryAt?, reason? })` reports its state: 'connecting', 'open', 'waiting' (until
 * `retryAt`) or 'stopped' (with the `reason`). `onmessage(object)` gets the server's messages.
 */
export class Link {
  onstate = (/** @type {{ state: string, retryAt?: number, reason?: string }} */ _state) => {};
  onmessage = (/** @type {any} */ _message) => {};

  /** @type {End | undefined} how the last connection ended, as the browser saw it */
  lastEnd;
  url;
  /** @type {WebSocket | undefined} */
  #socket;
  #failures = 0;
  #openedAt = Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #answerTimer;

  constructor(/** @type {URL} */ url) {
    this.url = url;
    addEventListener('online', () => this.retryNow());
    // After both events a link is often dead and does not know it, so probe it.
    addEventListener('offline', () => this.probe());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#openedAt === Infinity ? this.retryNow() : this.probe();
    });
  }

  open() {
    this.close();
    this.onstate({ state: 'connecting' });
    const socket = new WebSocket(this.url);
    this.#socket = socket;
    this.#expectAnswer();
    socket.onopen = () => {
      this.#openedAt = Date.now();
      this.onstate({ state: 'open' });
    };
    socket.onmessage = ({ data }) => {
      clearTimeout(this.#answerTimer);
      this.#answerTimer = undefined;
      this.onmessage(JSON.parse(data));
    };
    socket.onclose = ({ code, reason, wasClean }) => this.#lost({ code, reason, clean: wasClean });
  }

  /** Closes for good, until `open` is called. */
  close() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#answerTimer);
    this.#retryTimer = this.#answerTimer = undefined;
    this.#openedAt = Infinity;
    if (this.#socket === undefined) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = undefined;
  }

  /** Ends a pause. Without one nothing happens: an attempt under way is not disturbed. */
  retryNow() {
    if (this.#retryTimer !== undefined) this.open();
  }

  send(/** @type {object} */ message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Probes the server. A browser cannot send a Ping frame, so this is a message of the chat. */
  probe() {
    if (this.#socket?.readyState !== WebSocket.OPEN || this.#answerTimer !== undefined) return;
    this.send({ type: 'probe' });
    this.#expectAnswer();
  }

  /** Any message is an answer. Without one the link is dead, even if its close event comes much later. */
  #expectAnswer() {
    const cause = `No answer came for ${ANSWER_TIMEOUT / 1000} s, so the page gave it up.`;
    this.#answerTimer = setTimeout(
      () => this.#lost({ code: 1006, reason: '', clean: false, cause }),
      ANSWER_TIMEOUT,
    );
  }

  #lost(/** @type {End} */ end) {
    const { code } = end;
    // An attempt that never opened is not a connection that ended.
    if (this.#openedAt !== Infinity) this.lastEnd = end;
    if (Date.now() - this.#openedAt > GOOD_AFTER) this.#failures = 0;
    this.close();
    if (code in FINAL) {
      this.onstate({ state: 'stopped', reason: FINAL[/** @type {1008} */ (code)] });
      return;
    }
    // The pause doubles each time, and a random part of it is used: after a restart of the server, its
    // visitors must not all reconnect at the same moment.
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.#failures++);
    const jittered = pause * (0.5 + Math.random() / 2);
    this.#retryTimer = setTimeout(() => this.open(), jittered);
    this.onstate({ state: 'waiting', retryAt: Date.now() + jittered });
  }
}

import { subscribe } from 'node:diagnostics_channel';

/**
 * The figures of the drawer "Under the hood". The chat itself counts nothing: messages are counted on
 * the library's diagnostics channels, and bytes on the socket of each connection.
 *
 * @typedef {import('hawser').WebSocketConnection} Connection
 * @typedef {import('hawser').DiagnosticsChannels} Channels
 * @typedef {import('hawser').CloseInfo} CloseInfo
 */

/** @type {WeakMap<object, Meter>} */
const meters = new WeakMap();

subscribe('hawser.message.sent', (message) => {
  const { connection, data } = /** @type {Channels['hawser.message.sent']} */ (message);
  meters.get(connection)?.sent.count(data);
});
subscribe('hawser.message.received', (message) => {
  const { connection, data } = /** @type {Channels['hawser.message.received']} */ (message);
  meters.get(connection)?.received.count(data);
});

/** Messages in one direction, and their bytes before compression. */
class Tally {
  messages = 0;
  bytes = 0;

  count(/** @type {import('hawser').Data} */ data) {
    this.messages += 1;
    if (typeof data === 'string') this.bytes += Buffer.byteLength(data);
    else this.bytes += 'payloadLength' in data ? data.payloadLength : data.byteLength;
  }
}

/** The traffic of one connection, as messages and on the wire. Over HTTP/2 the wire carries the whole session. */
export class Meter {
  sent = new Tally();
  received = new Tally();
  #since = Date.now();
  #conn;
  #socket;
  /** What the socket carried before the first frame: the opening handshake. */
  #handshake;
  /** Which stream of HTTP/2 it is. */
  #streamId;

  constructor(/** @type {Connection} */ conn, /** @type {import('hawser').AnyRequest} */ request) {
    const { socket } = request; // over HTTP/2, the one of the session
    this.#conn = conn;
    this.#socket = socket;
    this.#streamId = 'stream' in request ? request.stream.id : undefined;
    this.#handshake = { read: socket.bytesRead, written: socket.bytesWritten };
    meters.set(conn, this);
  }

  get figures() {
    const { bytesRead, bytesWritten } = this.#socket;
    return {
      seconds: Math.round((Date.now() - this.#since) / 1000),
      transport: this.#conn.transport,
      streamId: this.#streamId,
      extensions: this.#conn.extensions,
      bufferedAmount: this.#conn.bufferedAmount,
      sent: { ...this.sent, wire: bytesWritten - this.#handshake.written },
      received: { ...this.received, wire: bytesRead - this.#handshake.read },
    };
  }
}

/** How the last connection of each visitor ended. The visitor's next connection reports it. */
export class Endings {
  /** @type {Map<string, object>} by the visitor's id, the latest last */
  #endings = new Map();
  #most;

  constructor(/** @type {number} */ most) {
    this.#most = most;
  }

  note(
    /** @type {string} */ id,
    /** @type {CloseInfo} */ { code, reason, clean, initiator, cause },
  ) {
    this.#endings.delete(id);
    this.#endings.set(id, {
      code,
      reason,
      clean,
      initiator,
      cause: cause && { code: 'code' in cause ? cause.code : undefined, message: cause.message },
      at: Date.now(),
    });
    const [oldest] = this.#endings.keys();
    if (this.#endings.size > this.#most && oldest !== undefined) this.#endings.delete(oldest);
  }

  of(/** @type {string | undefined} */ id) {
    return id === undefined ? undefined : this.#endings.get(id);
  }
}

// One raw socket, upgraded, that knows which bytes must come.
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/** All sockets read into this one buffer: what arrives is checked at once and never kept. */
const READ_BUFFER = Buffer.alloc(256 * 1024);
const CONNECTING_AT_ONCE = 100;

export class Client {
  #socket;
  /** The bytes of the response to the upgrade request, until it is complete. */
  #response = '';
  #key = randomBytes(16).toString('base64');
  /** @type {(error?: Error) => void} */
  #opened = () => {};

  /** @type {Buffer} */
  #cycle = Buffer.alloc(0);
  #at = 0;
  #owed = 0;

  /** Called when all the bytes owed have come. */
  onComplete = () => {};
  /** Called with the number of bytes still owed, whenever some have arrived; used to measure latency. */
  /** @type {((owed: number) => void) | undefined} */
  onProgress;

  /**
   * @param {number} port
   * @param {() => void} onOpen
   */
  constructor(port, onOpen) {
    this.#opened = onOpen;
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (length) => {
          this.#read(length);
          return true;
        },
      },
    });
    this.#socket.on('connect', () => {
      this.#socket.write(
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          `Sec-WebSocket-Key: ${this.#key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      );
    });
    this.#socket.on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  /**
   * What the server sends from now on: this, over and over.
   *
   * @param {Buffer} cycle
   */
  expect(cycle) {
    this.#cycle = cycle;
    this.#at = 0;
  }

  /** Now the server owes us so many bytes more, of the cycle given to `expect`. */
  owe(/** @type {number} */ bytes) {
    this.#owed += bytes;
  }

  /** Send bytes, for which the server owes us `owed`. */
  send(/** @type {Buffer} */ bytes, /** @type {number} */ owed) {
    this.#owed += owed;
    this.#socket.write(bytes);
  }

  #read(/** @type {number} */ length) {
    if (this.#key !== '') return this.#readResponse(length);
    if (length > this.#owed)
      throw new Error(`${length - this.#owed} bytes arrived that were not expected`);
    const cycle = this.#cycle;
    for (let start = 0; start < length;) {
      const count = Math.min(length - start, cycle.length - this.#at);
      if (READ_BUFFER.compare(cycle, this.#at, this.#at + count, start, start + count) !== 0) {
        throw new Error('the bytes that came are not the ones expected');
      }
      this.#at = (this.#at + count) % cycle.length;
      start += count;
    }
    this.#owed -= length;
    this.onProgress?.(this.#owed);
    if (this.#owed === 0) this.onComplete();
  }

  #readResponse(/** @type {number} */ length) {
    this.#response += READ_BUFFER.toString('latin1', 0, length);
    if (!this.#response.includes('\r\n\r\n')) return;
    const accept = createHash('sha1')
      .update(`${this.#key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    const [, header] = /\r\nsec-websocket-accept: *(\S+)/i.exec(this.#response) ?? [];
    if (!this.#response.startsWith('HTTP/1.1 101') || header !== accept) {
      throw new Error(`the upgrade was refused: ${this.#response.split('\r\n')[0]}`);
    }
    if (!this.#response.endsWith('\r\n\r\n'))
      throw new Error('bytes came before they were asked for');
    this.#response = this.#key = '';
    this.#opened();
  }
}

/**
 * Open connections, some at a time.
 *
 * @param {number} port
 * @param {number} count
 * @returns {Promise<Client[]>}
 */
export function openClients(port, count) {
  return new Promise((resolve) => {
    /** @type {Client[]} */
    const clients = [];
    let open = 0;
    const next = () => {
      if (clients.length < count) {
        clients.push(
          new Client(port, () => {
            open++;
            if (open === count) resolve(clients);
            else next();
          }),
        );
      }
    };
    if (count === 0) resolve(clients);
    for (let started = 0; started < CONNECTING_AT_ONCE; started++) next();
  });
}

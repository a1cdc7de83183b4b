// One raw socket that speaks permessage-deflate (RFC 7692) with zlib's documented calls, so that what a
// server compresses is checked by something else than what compressed it.
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { frame } from '../payloads.mjs';

const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const FINISH = { finishFlush: constants.Z_SYNC_FLUSH };
const CONNECTING_AT_ONCE = 100;

/** What the response to an offer says. */
export function readResponse(/** @type {string} */ response) {
  const extensions = /\r\nsec-websocket-extensions: *(.*)\r\n/i.exec(response)?.[1] ?? '';
  const bits = (/** @type {string} */ side) =>
    Number(new RegExp(`${side}_max_window_bits=(\\d+)`).exec(extensions)?.[1] ?? 15);
  return {
    extensions,
    compressed: extensions.startsWith('permessage-deflate'),
    serverTakeover: !extensions.includes('server_no_context_takeover'),
    clientTakeover: !extensions.includes('client_no_context_takeover'),
    serverBits: bits('server'),
    clientBits: bits('client'),
  };
}

/**
 * The masked frames of messages, compressed one after the other.
 *
 * @param {Buffer[]} messages
 * @param {{ clientTakeover: boolean, clientBits: number }} agreed
 */
export function compressedFrames(messages, { clientTakeover, clientBits }) {
  let window = Buffer.alloc(0);
  return messages.map((message) => {
    const dictionary = clientTakeover && window.length > 0 ? { dictionary: window } : {};
    const windowBits = Math.max(9, clientBits);
    const compressed = deflateRawSync(message, { ...FINISH, windowBits, ...dictionary });
    if (clientTakeover) window = Buffer.concat([window, message]).subarray(-(2 ** clientBits));
    const bytes = frame('ascii', compressed.subarray(0, -4), true);
    bytes.writeUInt8(bytes.readUInt8(0) | 0x40, 0); // RSV1
    return bytes;
  });
}

export class DeflatingClient {
  #socket;
  #response = '';
  /** @type {Buffer[]} */
  #pieces = [];
  #held = 0;
  #wanted = 0;
  #window = Buffer.alloc(0);
  /** What was agreed; after `onOpen`. @type {ReturnType<typeof readResponse>} */
  agreed = readResponse('');
  /** Bytes of the frames that came. */
  received = 0;
  /** @type {(message: Buffer) => void} */
  onMessage = () => {};

  /**
   * @param {number} port
   * @param {string} offer for Sec-WebSocket-Extensions; `''` for none
   * @param {() => void} onOpen
   */
  constructor(port, offer, onOpen) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.write(
      `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\nSec-WebSocket-Version: 13\r\n` +
        `${offer === '' ? '' : `Sec-WebSocket-Extensions: ${offer}\r\n`}\r\n`,
    );
    const onResponse = (/** @type {Buffer} */ chunk) => {
      this.#response += chunk.toString('latin1');
      if (!this.#response.endsWith('\r\n\r\n')) return;
      if (!this.#response.startsWith('HTTP/1.1 101')) throw new Error(this.#response);
      this.agreed = readResponse(this.#response);
      this.#response = '';
      this.#socket.off('data', onResponse).on('data', (bytes) => this.#read(bytes));
      onOpen();
    };
    this.#socket.on('data', onResponse).on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  send(/** @type {Buffer | undefined} */ bytes) {
    if (bytes === undefined) throw new Error('there is nothing to send');
    this.#socket.write(bytes);
  }

  #read(/** @type {Buffer} */ bytes) {
    this.received += bytes.length;
    this.#pieces.push(bytes);
    this.#held += bytes.length;
    while (this.#held >= 2 && this.#held >= this.#wanted) {
      const all = this.#pieces.length === 1 ? bytes : Buffer.concat(this.#pieces);
      const [start, length] = measureFrame(all);
      this.#wanted = start + length;
      this.#pieces = [all];
      if (all.length < this.#wanted) return;
      this.#pieces = [all.subarray(this.#wanted)];
      this.#held -= this.#wanted;
      const payload = all.subarray(start, this.#wanted);
      this.#wanted = 0;
      this.onMessage((all[0] ?? 0) & 0x40 ? this.#inflate(payload) : payload);
    }
  }

  #inflate(/** @type {Buffer} */ payload) {
    const { serverTakeover } = this.agreed;
    const dictionary =
      serverTakeover && this.#window.length > 0 ? { dictionary: this.#window } : {};
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), { ...FINISH, ...dictionary });
    if (serverTakeover) this.#window = Buffer.concat([this.#window, message]).subarray(-32_768);
    return message;
  }
}

/**
 * Where the payload of an unmasked frame begins, and how long it is; one byte, if that cannot be read yet.
 *
 * @returns {[start: number, length: number]}
 */
function measureFrame(/** @type {Buffer} */ bytes) {
  const short = (bytes[1] ?? 0) & 0x7f;
  if (short < 126) return [2, short];
  const size = short === 126 ? 4 : 10;
  if (bytes.length < size) return [size, 1];
  return [size, short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))];
}

/**
 * @param {number} port
 * @param {number} count
 * @param {string} offer
 * @returns {Promise<DeflatingClient[]>}
 */
export function openDeflatingClients(port, count, offer) {
  return new Promise((resolve) => {
    /** @type {DeflatingClient[]} */
    const clients = [];
    let open = 0;
    const next = () => {
      if (clients.length === count) return;
      clients.push(
        new DeflatingClient(port, offer, () => {
          open++;
          if (open === count) resolve(clients);
          else next();
        }),
      );
    };
    for (let started = 0; started < CONNECTING_AT_ONCE; started++) next();
  });
}

/** @throws if a message is not the one that was expected */
export function check(/** @type {Buffer} */ message, /** @type {Buffer | undefined} */ expected) {
  if (expected === undefined || !message.equals(expected)) {
    throw new Error('a message that came is not the one that was sent');
  }
}

/** What all the clients have agreed on with the server, which must be some compression. */
export function agreedBy(/** @type {DeflatingClient[]} */ clients) {
  const [agreed, ...others] = new Set(clients.map((client) => client.agreed.extensions));
  const first = clients[0];
  if (first === undefined || !first.agreed.compressed || others.length > 0) {
    throw new Error(`the server agrees on ${[agreed, ...others].join(' and ')}`);
  }
  return first.agreed;
}

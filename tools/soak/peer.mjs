// A well-behaved peer: it follows the protocol, reads what it gets, and checks every byte of it.
import { setTimeout as delay } from 'node:timers/promises';
import { BAD_OFFER, Compression, OFFERS } from './deflate.mjs';
import { allLatencies, fault, found, latencies, unanswered } from './findings.mjs';
import { CLOSE, closeFrame, frame, FrameReader, PING, PONG, RSV1, TEXT } from './frames.mjs';
import { broadcastMessage, claimOf, echoMessage } from './messages.mjs';
import { Random } from './random.mjs';
import { dialStream } from './streams.mjs';
import { Series } from './tally.mjs';
import { acceptFor, dial, newKey, upgradeRequest } from './transport.mjs';

/** Messages of a peer that may be on their way at once. */
const WINDOW = 4;
/** Milliseconds between the messages of a peer, in the mean. */
const PAUSE = 400;
/** This share of the visits is over HTTP/2. */
const STREAMS = 0.3;
/** Messages that a peer sends before it closes and comes back. */
const SHORTEST_VISIT = 5;
const LONGEST_VISIT = 200;

/** How far the run is, for all peers. */
export const course = {
  /** Nothing more is to be sent. */
  stopping: false,
  /** The number that the next broadcast would have, once there are none any more. */
  afterTheLast: Infinity,
};

export class Peer {
  #id;
  #port;
  #streamPort;
  #random;
  /** The number of the next message, over all visits. */
  #number = 0;

  // One visit, from the handshake to the end of the transport.
  #socket = /** @type {import('node:stream').Duplex | undefined} */ (undefined);
  #reader = new FrameReader();
  #key = '';
  #response = '';
  #upgraded = false;
  #offer = /** @type {string | undefined} */ (undefined);
  #compression = /** @type {Compression | undefined} */ (undefined);
  #echoes = new Series(0);
  #sentAt = /** @type {Map<number, number>} */ (new Map());
  #broadcasts = /** @type {Series | undefined} */ (undefined);
  #pings = 0;
  #ponged = -1;
  /** The code of our own Close. */
  #closedWith = 0;
  #closeCame = false;
  #over = true;
  #wake = () => {};

  /**
   * @param {number} id
   * @param {number} port
   * @param {number} streamPort of HTTP/2
   * @param {number} seed
   */
  constructor(id, port, streamPort, seed) {
    this.#id = id;
    this.#port = port;
    this.#streamPort = streamPort;
    this.#random = new Random(seed * 1_000_003 + id);
  }

  /** Visit after visit, until it is told to stop. */
  async live() {
    await delay(this.#random.between(0, 1000)); // not all at once
    while (!course.stopping) {
      await this.#visit();
      await delay(this.#random.between(0, PAUSE)); // and a peer that was rejected does not come back at once
    }
  }

  async #visit() {
    await this.#connect();
    await this.#until(() => this.#broadcasts !== undefined);
    const last = this.#number + this.#random.between(SHORTEST_VISIT, LONGEST_VISIT);
    while (!this.#over && !course.stopping && this.#number < last) {
      if (this.#sentAt.size < WINDOW) this.#send();
      await delay(this.#random.between(0, 2 * PAUSE));
    }
    await this.#until(() => this.#sentAt.size === 0);
    const stays = course.stopping;
    if (stays) await this.#until(() => (this.#broadcasts?.next ?? 0) >= course.afterTheLast);
    this.#close();
    await this.#until(() => false);
    this.#sumUp(stays);
  }

  async #connect() {
    this.#reader = new FrameReader();
    this.#key = newKey();
    this.#response = '';
    this.#upgraded = false;
    this.#offer = this.#random.of(OFFERS);
    this.#compression = undefined;
    this.#echoes = new Series(this.#number);
    this.#sentAt = new Map();
    this.#broadcasts = undefined;
    this.#pings = 0;
    this.#ponged = -1;
    this.#closedWith = 0;
    this.#closeCame = false;
    this.#over = false;
    const target = this.#random.of(['/', '/later', '/takeover', '/takeover/later']);
    const isStream = this.#random.next() < STREAMS;
    const socket = await (isStream ? this.#connectStream(target) : dial(this.#port, this.#id));
    if (socket === undefined) {
      found.notLetIn++;
      this.#over = true;
      return;
    }
    this.#socket = socket;
    found.visits++;
    const from =
      'localPort' in socket ? { address: socket.localAddress, port: socket.localPort } : {};
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      if (this.#over) return; // it has given up
      this.#over = true;
      const [statusLine] = this.#response.split('\r\n');
      if (!this.#upgraded) {
        const description = `peer ${this.#id}: no 101, but "${statusLine}"`;
        fault('refused', description);
        if (this.#response === '' && 'localPort' in socket) {
          const { address = '', port = 0 } = from;
          unanswered.push({ address, port, description });
        }
      } else if (!this.#closeCame) fault('cut', `peer ${this.#id}: cut without a Close`);
      this.#wake();
    });
    if ('localPort' in socket)
      socket.write(upgradeRequest({ target, key: this.#key, headers: this.#offerHeaders() }));
  }

  /** The same on a stream of a session that others use, too. */
  async #connectStream(/** @type {string} */ target) {
    const stream = await dialStream(this.#streamPort, this.#id, {
      ':path': target,
      ...this.#offerHeaders(),
    });
    stream?.on('response', (headers) => {
      this.#response = `HTTP/2 ${headers[':status']}`;
      if (headers[':status'] !== 200) return; // the end of the stream follows, and is counted
      found.streams++;
      this.#upgraded = true;
      this.#agree(headers['sec-websocket-extensions']?.toString());
    });
    return stream;
  }

  /**
   * The offer of compression, perhaps after one that no server may accept.
   *
   * @returns {Record<string, string>}
   */
  #offerHeaders() {
    if (this.#offer === undefined) return {};
    const offers = this.#random.next() < 0.2 ? [BAD_OFFER, this.#offer] : [this.#offer];
    return { 'sec-websocket-extensions': offers.join(', ') };
  }

  /** Wait until this is so, or the visit is over. */
  async #until(/** @type {() => boolean} */ so) {
    while (!this.#over && !so()) {
      await new Promise((resolve) => {
        this.#wake = () => resolve(undefined);
      });
    }
  }

  /** Something has changed that it may be waiting for. */
  wake() {
    this.#wake();
  }

  /** Take what has not come by now for lost: nothing comes any more. */
  giveUp() {
    this.#over = true;
    this.#socket?.destroy();
    this.#wake();
  }

  #send() {
    const number = this.#number++;
    const { opcode, payload: message } = echoMessage(this.#id, number);
    const socket = /** @type {import('node:net').Socket} */ (this.#socket);
    // Where compression was negotiated a message may still go as it is.
    const compression = this.#random.next() < 0.7 ? this.#compression : undefined;
    const payload = compression?.compress(message, this.#random) ?? message;
    const rsv = compression ? RSV1 : 0;
    this.#sentAt.set(number, performance.now());
    const dice = this.#random.next();
    if (dice < 0.15) this.#sendFragmented(opcode, payload, rsv);
    else if (dice < 0.25) this.#sendInPieces(frame(opcode, payload, { rsv }));
    else socket.write(frame(opcode, payload, { rsv }));
    if (this.#random.next() < 0.1) this.#ping();
  }

  /** A message in up to five fragments, perhaps with a Ping among them. */
  #sendFragmented(
    /** @type {number} */ opcode,
    /** @type {Buffer} */ payload,
    /** @type {number} */ rsv,
  ) {
    const socket = /** @type {import('node:net').Socket} */ (this.#socket);
    const size = Math.ceil(payload.length / this.#random.between(2, 5));
    for (let at = 0; at < payload.length; at += size) {
      const fin = at + size >= payload.length;
      const piece = payload.subarray(at, at + size);
      socket.write(at === 0 ? frame(opcode, piece, { fin, rsv }) : frame(0, piece, { fin }));
      if (!fin && this.#random.next() < 0.2) this.#ping();
    }
  }

  /** The bytes of a frame in several writes, cut anywhere. */
  #sendInPieces(/** @type {Buffer} */ bytes) {
    const cut = this.#random.between(1, Math.min(bytes.length - 1, 40));
    const other = this.#random.between(cut, bytes.length - 1);
    for (const piece of [
      bytes.subarray(0, cut),
      bytes.subarray(cut, other),
      bytes.subarray(other),
    ]) {
      this.#socket?.write(piece);
    }
  }

  #ping() {
    this.#socket?.write(frame(PING, Buffer.from(String(this.#pings++))));
  }

  #close() {
    if (this.#over) return;
    this.#closedWith = this.#random.of([1000, 1001, 3000, 4999]);
    this.#socket?.write(closeFrame(this.#closedWith));
  }

  #read(/** @type {Buffer} */ chunk) {
    found.bytes += chunk.length;
    try {
      const bytes = this.#upgraded ? chunk : this.#readResponse(chunk);
      for (const { opcode, compressed, payload } of this.#reader.push(bytes)) {
        if (compressed) found.compressed++;
        this.#take(opcode, compressed ? this.#decompress(payload) : payload);
      }
    } catch (error) {
      fault('altered', `peer ${this.#id}: ${error instanceof Error ? error.message : error}`);
      this.giveUp();
    }
    this.#wake();
  }

  /** @returns {Buffer} what came after the response */
  #readResponse(/** @type {Buffer} */ chunk) {
    this.#response += chunk.toString('latin1');
    const end = this.#response.indexOf('\r\n\r\n');
    if (end < 0) return Buffer.alloc(0);
    const [, accept] = /\r\nSec-WebSocket-Accept: (\S+)\r\n/i.exec(this.#response) ?? [];
    if (!this.#response.startsWith('HTTP/1.1 101 ') || accept !== acceptFor(this.#key)) {
      return Buffer.alloc(0); // the end of the transport follows, and is counted
    }
    this.#upgraded = true;
    const [, response] = /\r\nSec-WebSocket-Extensions: (.*)\r\n/i.exec(this.#response) ?? [];
    this.#agree(response);
    return Buffer.from(this.#response.slice(end + 4), 'latin1');
  }

  /** What the response says of compression has to fit what was offered. */
  #agree(/** @type {string | undefined} */ response) {
    try {
      if (this.#offer !== undefined) this.#compression = new Compression(this.#offer, response);
      else if (response !== undefined) throw new Error(`nothing is answered with "${response}"`);
      this.#reader.mayCompress = this.#compression !== undefined;
    } catch (error) {
      fault('refused', `peer ${this.#id}: ${/** @type {Error} */ (error).message}`);
      this.giveUp();
    }
  }

  #decompress(/** @type {Buffer} */ payload) {
    return /** @type {Compression} */ (this.#compression).decompress(payload);
  }

  #take(/** @type {number} */ opcode, /** @type {Buffer} */ payload) {
    if (this.#closeCame) {
      fault('altered', `peer ${this.#id}: a frame came after the Close`);
    } else if (opcode === CLOSE) {
      this.#takeClose(payload);
    } else if (opcode === PING) {
      this.#socket?.write(frame(PONG, payload));
    } else if (opcode === PONG) {
      this.#takePong(payload);
    } else if (this.#broadcasts === undefined) {
      const first = payload.toString('latin1');
      if (opcode !== TEXT || !/^\d+$/.test(first)) {
        fault('altered', `peer ${this.#id}: the first message is not the greeting`);
      }
      this.#broadcasts = new Series(Number(first));
    } else {
      this.#takeMessage(this.#broadcasts, opcode, payload);
    }
  }

  #takeMessage(
    /** @type {Series} */ broadcasts,
    /** @type {number} */ opcode,
    /** @type {Buffer} */ payload,
  ) {
    const claim = claimOf(payload);
    const { broadcast, number } = claim ?? { broadcast: false, number: -1 };
    const what = `peer ${this.#id}: ${broadcast ? 'broadcast' : 'echo'} ${number}`;
    if (claim === undefined || (!broadcast && number >= this.#number)) {
      fault('altered', `${what} was never sent`);
      return;
    }
    const right = broadcast ? broadcastMessage(number) : echoMessage(this.#id, number);
    if (opcode !== right.opcode) fault('altered', `${what} has opcode ${opcode}`);
    if (!payload.equals(right.payload)) fault('altered', `${what} has other bytes`);
    const place = (broadcast ? broadcasts : this.#echoes).take(number);
    if (place === 'early' && !broadcast) this.#passOver(number);
    if (place === 'late') fault('outOfOrder', `${what} came late`);
    if (place === 'repeated') fault('repeated', `${what} came again`);
    if (broadcast) {
      found.broadcasts++;
      return;
    }
    found.echoes++;
    const sent = this.#sentAt.get(number);
    if (sent === undefined) return;
    this.#sentAt.delete(number);
    latencies.add(performance.now() - sent);
    allLatencies.add(performance.now() - sent);
  }

  /** An echo came before others: do not wait for those. */
  #passOver(/** @type {number} */ number) {
    for (const earlier of this.#sentAt.keys()) if (earlier < number) this.#sentAt.delete(earlier);
  }

  /** Pongs may be left out while the server's socket is backpressured (section 5.5.3); none may be invented. */
  #takePong(/** @type {Buffer} */ payload) {
    const number = Number(payload.toString('latin1'));
    if (!(number > this.#ponged && number < this.#pings)) {
      fault('altered', `peer ${this.#id}: pong ${payload.toString('latin1')}`);
    }
    this.#ponged = number;
    found.pongs++;
  }

  #takeClose(/** @type {Buffer} */ payload) {
    this.#closeCame = true;
    const code = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    if (this.#closedWith === 0) fault('cut', `peer ${this.#id}: closed with ${code}`);
    else if (code !== this.#closedWith) fault('altered', `peer ${this.#id}: Close ${code}`);
    this.#socket?.end();
  }

  /**
   * What was to come in this visit, and did not.
   *
   * @param {boolean} stayed until the last broadcast; a peer that left earlier may have missed some
   */
  #sumUp(stayed) {
    const unseen =
      stayed && this.#broadcasts ? Math.max(0, course.afterTheLast - this.#broadcasts.next) : 0;
    const lost = {
      echo: this.#number - this.#echoes.next + this.#echoes.missing,
      broadcast: (this.#broadcasts?.missing ?? 0) + unseen,
    };
    for (const [kind, count] of Object.entries(lost)) {
      if (count > 0) fault('lost', `peer ${this.#id}: ${count} ${kind} lost`, count);
    }
    if (this.#reader.rest > 0) fault('altered', `peer ${this.#id}: half a frame at the end`);
  }
}

/**
 * Connections share a slab, prepared frames, and what is joined at the end of a tick. Whatever several of
 * them send at once, and however little their sockets take, each peer gets the bytes meant for it, in the
 * order of the calls, and not one of another's.
 */
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { createConnection, type WebSocketConnection } from '../../src/connection/connection.js';
import { sharedSlab } from '../../src/connection/send/slab.js';
import {
  type PreparedMessage,
  prepareMessage,
} from '../../src/protocol/framing/prepared-message.js';
import { check } from '../support/arbitraries.js';
import { clientClose, clientFrame, serverFrame } from '../support/frames.js';
import { DETAILS, HandClock, settingsOf, turns } from '../support/connection.js';

/** What the sequences have reached, so that this test cannot come to test nothing. */
const seen = { reused: 0, shared: 0, inPart: 0, backpressured: 0, compared: 0 };
/** Where in the shared slab the last write from there began. */
let last = { slab: sharedSlab.bytes.buffer, at: -1 };
/** Every buffer that a socket was given, but for prepared frames, which any number may be given. */
const written = new WeakSet<Buffer>();
const prepared = new WeakSet<Buffer>();

/**
 * A socket that takes what it has room for and looks at the rest again when there is more room, as the
 * kernel does. A write is done when all of it is taken.
 */
class Kernel extends Duplex {
  readonly #copies: boolean;
  readonly #taken: Buffer[] = [];
  #room = Infinity;
  #rest: Buffer[] = [];
  #done: (() => void) | undefined;

  /** @param copies whether bytes are copied when they are taken; else they are looked at in the end. */
  constructor(copies: boolean, writableHighWaterMark: number) {
    super({ allowHalfOpen: true, writableHighWaterMark });
    this.#copies = copies;
  }

  /** What the peer got. */
  get bytes(): Buffer {
    return Buffer.concat(this.#taken);
  }

  /** Take so many bytes more, and then no more. */
  limit(room: number): void {
    this.#room = room;
    this.#take();
  }

  override _read(): void {
    // What the peer sends is pushed by the test.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#begin([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    const pieces = chunks.map(({ chunk }) => chunk);
    this.#begin(pieces, done);
  }

  #begin(pieces: Buffer[], done: () => void): void {
    for (const piece of pieces) {
      if (written.has(piece)) seen.shared++;
      else if (piece.length > 0 && !prepared.has(piece)) written.add(piece);
      if (piece.buffer !== sharedSlab.bytes.buffer) continue;
      if (last.slab === piece.buffer && last.at === piece.byteOffset) seen.reused++;
      last = { slab: piece.buffer, at: piece.byteOffset };
    }
    this.#rest = pieces;
    this.#done = done;
    this.#take();
    if (this.#rest.length > 0) seen.inPart++;
  }

  #take(): void {
    while (this.#rest.length > 0 && this.#room > 0) {
      const piece = this.#rest.shift()!;
      const part = piece.subarray(0, this.#room);
      this.#room -= part.length;
      this.#taken.push(this.#copies ? Buffer.from(part) : part);
      if (part.length < piece.length) this.#rest.unshift(piece.subarray(part.length));
    }
    if (this.#rest.length > 0) return;
    const done = this.#done;
    this.#done = undefined;
    done?.();
  }
}

const NOISE = 256 * 1024;
let state = 1;
/** Bytes without a pattern: one that is lost, doubled or another's shows. */
const noise = Buffer.from(
  Array.from({ length: NOISE }, () => (state = (state * 48_271) % 0x7fff_ffff) >> 8),
);
/** Characters of one byte, and of one to four; cut anywhere, so that half a surrogate pair is among them. */
const ascii = Buffer.from(noise.map((byte) => 0x20 + (byte % 0x5f))).toString('latin1');
const mixed = Array.from(noise, (byte) => ['a', 'é', '€', '😀'][byte & 3]).join('');

/** Different data for every message of a run. */
function dataOf(number: number, length: number, as: Step['as']): string | Buffer {
  const at = (number * 7919) % (NOISE - length);
  if (as === 'ascii') return ascii.slice(at, at + length);
  if (as === 'mixed') return mixed.slice(at, at + length);
  return Buffer.from(noise.subarray(at, at + length));
}

const frameOf = (data: string | Buffer): Buffer =>
  serverFrame({ opcode: typeof data === 'string' ? 1 : 2, payload: data });

interface Pong {
  frame: Buffer;
  /** Its Ping came while the socket had not written an earlier frame yet. */
  mayMiss: boolean;
}

/** A connection, and what its peer is to get. */
class Peer {
  readonly kernel: Kernel;
  readonly connection: WebSocketConnection;
  /** All that was called for, in order; answers to Pings have a place of their own. */
  readonly due: Buffer[] = [];
  /** Answers to Pings, in order. */
  readonly pongs: Pong[] = [];
  #callbacks = 0;
  /** The connection ended before everything had left. */
  cut = false;

  constructor(copies: boolean, highWaterMark: number) {
    this.kernel = new Kernel(copies, highWaterMark);
    const settings = settingsOf(new HandClock(), { maxBufferedAmount: Infinity });
    this.connection = createConnection(this.kernel, settings, {
      ...DETAILS,
      nodeSocket: copies ? 'tcp' : undefined,
    });
    this.connection.on('ping', (payload) => {
      const mayMiss = this.kernel.writableNeedDrain || this.kernel.writableLength > 0;
      if (mayMiss) seen.backpressured++;
      this.pongs.push({ frame: serverFrame({ opcode: 10, payload }), mayMiss });
    });
    this.connection.start(Buffer.alloc(0));
  }

  get isOpen(): boolean {
    return this.connection.readyState === 'open';
  }

  send(data: string | Buffer | PreparedMessage, frame: Buffer, watched: boolean): void {
    if (!this.isOpen) return;
    this.due.push(frame);
    if (!watched) return void this.connection.send(data);
    this.#callbacks++;
    this.connection.send(data, undefined, () => this.#callbacks--);
  }

  /** That the peer got what was due. */
  check(): void {
    const bytes = this.kernel.bytes;
    const due = this.due[Symbol.iterator]();
    const pongs = this.pongs[Symbol.iterator]();
    for (let at = 0; at < bytes.length;) {
      const frame = bytes[at] === 0x8a ? this.#pong(bytes.subarray(at), pongs) : due.next().value;
      if (frame === undefined) throw new Error(`byte ${at} is one too many`);
      const got = bytes.subarray(at, at + frame.length);
      const expected = this.cut ? frame.subarray(0, got.length) : frame;
      if (!got.equals(expected)) {
        const wrong = expected.findIndex((byte, index) => byte !== got[index]);
        throw new Error(`byte ${at + wrong} is wrong, ${wrong} of ${frame.length} of its frame`);
      }
      at += frame.length;
    }
    seen.compared += bytes.length;
    expect(this.#callbacks).toBe(0);
    if (this.cut) return;
    expect(due.next().done).toBe(true);
    expect(pongs.next().done).toBe(true); // the newest of the answers is never left out
  }

  /** The answer that `bytes` begin with, and none before it was left out that may not be. */
  #pong(bytes: Buffer, pongs: Iterator<Pong>): Buffer | undefined {
    let next = pongs.next();
    while (next.done !== true) {
      const { frame, mayMiss } = next.value;
      if (!mayMiss || bytes.subarray(0, frame.length).equals(frame)) return frame;
      next = pongs.next();
    }
    return undefined;
  }
}

interface Step {
  do: 'send' | 'broadcast' | 'ping' | 'peerPings' | 'limit' | 'tick' | 'turn' | 'end';
  /** The connections that it happens to, as bits. */
  to: number;
  length: number;
  times: number;
  as: 'ascii' | 'mixed' | 'bytes' | 'prepared';
  watched: boolean;
  how: 'close' | 'peer' | 'terminate';
}

/** Header and payload together, or the payload alone, end next to `threshold`. */
const around = (threshold: number) => fc.integer({ min: threshold - 10, max: threshold + 2 });
const length = fc.oneof(
  { weight: 6, arbitrary: fc.nat(200) },
  { weight: 4, arbitrary: fc.oneof(around(126), around(128)) },
  { weight: 3, arbitrary: fc.nat(4000) },
  // A character has room for three bytes.
  { weight: 1, arbitrary: fc.oneof(around(5461), around(21_845)) },
  { weight: 1, arbitrary: fc.oneof(around(16_384), around(16_400)) },
  { weight: 1, arbitrary: around(65_536) },
);
const step: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom<Step['do'][]>(
    ...(['send', 'send', 'send', 'send', 'broadcast', 'broadcast', 'broadcast'] as const),
    ...(['ping', 'peerPings', 'limit', 'limit', 'limit', 'tick', 'tick', 'tick'] as const),
    ...(['turn', 'end'] as const),
  ),
  to: fc.oneof(fc.constant(15), fc.integer({ min: 1, max: 15 })),
  length,
  times: fc.oneof({ weight: 3, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: fc.nat(25) }),
  as: fc.constantFrom('ascii', 'mixed', 'bytes', 'prepared'),
  watched: fc.oneof(...[false, false, false, true].map((value) => fc.constant(value))),
  how: fc.constantFrom('close', 'peer', 'terminate'),
});

async function run(
  steps: Step[],
  [copies, count, highWaterMark]: [boolean, number, number],
  lengths: number[],
): Promise<void> {
  let numbers = 0;
  const messages = lengths.map((each) => prepareMessage(dataOf(numbers++, each, 'bytes')));
  for (const { frame } of messages) prepared.add(frame);
  const peers = Array.from({ length: count }, () => new Peer(copies, highWaterMark));
  const chosen = (bits: number) => peers.filter((_, i) => (bits >> i) & 1);

  const deeds: Record<Step['do'], (peer: Peer, each: Step) => void | Promise<void>> = {
    send(peer, { length: size, as, watched, times }) {
      for (let i = 0; i < Math.min(times, 100_000 / size); i++) {
        const data = dataOf(numbers++, size, as);
        const frame = frameOf(data);
        peer.send(as === 'prepared' ? prepareMessage(data) : data, frame, watched);
        // A payload of up to 16 KiB may be changed at once.
        if (Buffer.isBuffer(data) && size <= 16_384) data.fill(0);
      }
    },
    broadcast(peer, { length: which, watched, times }) {
      for (let i = 0; i <= times % 3; i++) {
        const message = messages[(which + i) % messages.length]!;
        peer.send(message, frameOf(message.payload), watched);
      }
    },
    ping(peer, { length: size }) {
      const payload = dataOf(numbers++, size % 126, 'bytes');
      if (peer.isOpen) peer.due.push(serverFrame({ opcode: 9, payload }));
      peer.connection.ping(payload);
    },
    async peerPings(peer, { times }) {
      for (let i = 0; i <= times; i++) {
        peer.kernel.push(clientFrame({ opcode: 9, payload: `ping ${numbers++}` }));
      }
      await turns(1);
    },
    limit(peer, { length: size }) {
      peer.kernel.limit(size);
    },
    async end(peer, { how }) {
      if (!peer.isOpen) return;
      if (how === 'terminate') {
        peer.cut = true;
        peer.connection.terminate();
        return;
      }
      peer.due.push(serverFrame({ opcode: 8, payload: Buffer.of(0x03, 0xe8) }));
      if (how === 'close') {
        void peer.connection.close(1000);
        return;
      }
      peer.kernel.push(clientClose(1000));
      await turns(1);
    },
    tick: () => new Promise<void>((resolve) => process.nextTick(resolve)),
    turn: () => turns(1),
  };
  for (const each of steps) {
    for (const peer of chosen(each.to)) await deeds[each.do](peer, each);
  }
  for (const { kernel } of peers) kernel.limit(Infinity);
  await turns(2);
  for (const peer of peers) peer.check();
  for (const { kernel } of peers) kernel.destroy();
  await turns(1);
}

test('every peer gets what was sent to it, byte for byte', async () => {
  await check(
    2000,
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.tuple(
        fc.constantFrom(true, true, false),
        fc.integer({ min: 2, max: 4 }),
        fc.constantFrom(100, 1000, 16_384, 65_536),
      ),
      fc.array(fc.oneof(around(126), fc.nat(300), length), { minLength: 2, maxLength: 3 }),
      run,
    ),
  );
  expect(seen.compared).toBeGreaterThan(10_000_000);
  expect(seen.reused).toBeGreaterThan(1000);
  expect(seen.shared).toBeGreaterThan(100);
  expect(seen.inPart).toBeGreaterThan(300);
  expect(seen.backpressured).toBeGreaterThan(100);
});

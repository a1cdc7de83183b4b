import { randomInt } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { faultySocket, slowed, withoutPings } from '../../../../src/cli/listen/faulty-socket.js';
import { clientFrame } from '../../../support/frames.js';
import { settle, transportPair } from '../../../support/server.js';

async function* chunks(...parts: Buffer[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield part;
}

async function collect(bytes: AsyncIterable<Buffer>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const chunk of bytes) all.push(chunk);
  return all;
}

const PING = 9;
const TEXT = 1;
const BINARY = 2;

const frames = [
  [PING, Buffer.from('ping')],
  [TEXT, Buffer.from('hello')],
  [PING, Buffer.alloc(0)],
  [BINARY, Buffer.alloc(200, 1)],
  [PING, Buffer.alloc(125)],
  [BINARY, Buffer.alloc(70_000, 2)],
  [TEXT, Buffer.alloc(0)],
] as const;
const all = Buffer.concat(frames.map(([opcode, payload]) => clientFrame({ opcode, payload })));
const wanted = Buffer.concat(
  frames
    .filter(([opcode]) => opcode !== PING)
    .map(([opcode, payload]) => clientFrame({ opcode, payload })),
);

describe('frames without Pings', () => {
  it('are all others, whole, byte by byte and cut at random', async () => {
    expect(Buffer.concat(await collect(withoutPings(chunks(all)))).equals(wanted)).toBe(true);
    const bytes = [...all].map((byte) => Buffer.of(byte));
    expect(Buffer.concat(await collect(withoutPings(chunks(...bytes)))).equals(wanted)).toBe(true);
    for (let run = 0; run < 50; run++) {
      const [one, other] = [randomInt(all.length), randomInt(all.length)].sort((a, b) => a - b);
      const parts = [all.subarray(0, one), all.subarray(one, other), all.subarray(other)];
      const rest = Buffer.concat(await collect(withoutPings(chunks(...parts))));
      expect(rest.equals(wanted)).toBe(true);
    }
  });

  it('are passed on as they come', async () => {
    const frame = clientFrame({ opcode: BINARY, payload: Buffer.alloc(1000) });
    const parts = await collect(withoutPings(chunks(frame.subarray(0, 500), frame.subarray(500))));
    expect(parts.map(({ length }) => length)).toEqual([500, frame.length - 500]);
  });

  it('pass on what breaks off, and what is not masked', async () => {
    const broken = Buffer.of(0x81);
    expect(await collect(withoutPings(chunks(broken)))).toEqual([broken]);
    const unmasked = Buffer.of(0x81, 2, 0x68, 0x69);
    expect(await collect(withoutPings(chunks(unmasked)))).toEqual([unmasked]);
  });
});

describe('slow bytes', () => {
  it('come in pieces of a tenth of the rate', async () => {
    const data = Buffer.from('0123456789abcdefghijklmno');
    const start = performance.now();
    const pieces = await collect(slowed(chunks(data), 100));
    expect(pieces.map(String)).toEqual(['0123456789', 'abcdefghij', 'klmno']);
    expect(performance.now() - start).toBeGreaterThan(200);
  });

  it('come one by one at the slowest', async () => {
    expect((await collect(slowed(chunks(Buffer.from('ab')), 9))).map(String)).toEqual(['a', 'b']);
  });
});

describe('a socket with faults', () => {
  const read = (socket: Duplex): Promise<Buffer[]> =>
    collect(socket.iterator({ destroyOnReturn: false }));

  it('loses Pings, reads slowly, and writes as ever', async () => {
    const [near, far] = transportPair();
    const faulty = faultySocket(near, { rate: 1_000_000, losesPings: true });
    far.end(all);
    expect(Buffer.concat(await read(faulty)).equals(wanted)).toBe(true);
    faulty.end('answer');
    expect(String(Buffer.concat(await read(far)))).toBe('answer');
  });

  it('has no other faults than those that were asked for', async () => {
    const [near, far] = transportPair();
    far.end(all);
    const faulty = faultySocket(near, { rate: undefined, losesPings: false });
    expect(Buffer.concat(await read(faulty)).equals(all)).toBe(true);
  });

  it('is destroyed with its socket', async () => {
    const [near, far] = transportPair();
    far.on('error', () => {});
    const faulty = faultySocket(near, { rate: undefined, losesPings: true });
    faulty.on('error', () => {});
    const closed = new Promise((resolve) => near.on('close', resolve));
    faulty.destroy();
    await closed;
    await settle();
    expect(near.destroyed).toBe(true);
  });
});

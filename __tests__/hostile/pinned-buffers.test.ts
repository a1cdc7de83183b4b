/**
 * Small things that keep the read they came in, 64 KiB each, for as long as a connection lives (fixed in ws
 * 8.22.2). The reads are watched through weak references: each must be collectable once it has been handled.
 */
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterAll(stopChildren);

  const PROGRAM = `
  const wss = new hawser.WebSocketServer(server, { closeTimeout: 60_000, textAs: 'buffer' });
  const reads = [];
  let bytes = 0;
  const kept = []; // an application that keeps all it is given
  wss.on('connection', (conn, { stream, socket }) => {
    (stream ?? socket).on('data', (chunk) => {
      bytes += chunk.length;
      reads.push([new WeakRef(chunk.buffer), chunk.buffer.byteLength]);
    });
    conn.on('message', (data) => kept.push(data));
    conn.on('ping', (data) => kept.push(data));
    conn.on('pong', (data) => kept.push(data));
    conn.on('close', (code, reason) => kept.push(reason));
    kept.push(conn);
  });
  commands.hasRead = async (count) => {
    while (bytes < count) await new Promise((resolve) => setTimeout(resolve, 5));
    bytes = 0;
  };
  commands.alive = async () => {
    // A weak reference that was made in this turn keeps what it points to until the next.
    for (let turn = 0; turn < 5; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      globalThis.gc();
    }
    const alive = reads.filter(([ref]) => ref.deref() !== undefined);
    return { reads: reads.length, alive: alive.map(([, size]) => size) };
  };
  commands.keepOne = () => reads.push([new WeakRef(kept[kept.push(Buffer.alloc(65_536)) - 1].buffer), 65_536]);
`;

  let child: Child;
  beforeEach(async () => {
    child = await Child.serveOver(version, PROGRAM, '--expose-gc');
  });
  afterEach(async () => {
    expect(child.stderr).toBe('');
    await stopChildren();
  });

  /** Long enough that the data after it shares a large read with it. */
  const before = Buffer.concat(
    Array<Buffer>(500).fill(clientFrame({ opcode: 10, payload: 'x'.repeat(100) })),
  );

  const small = Buffer.alloc(100, 7);

  test.each([
    ['a message', clientFrame({ opcode: 2, payload: small })],
    ['a text', clientFrame({ opcode: 1, payload: 'x'.repeat(100) })],
    ['a Ping and its payload', clientFrame({ opcode: 9, payload: small })],
    ['a Pong and its payload', clientFrame({ opcode: 10, payload: small })],
    ['the beginning of a header', clientFrame({ opcode: 2, payload: small }).subarray(0, 3)],
    ['a header', clientFrame({ opcode: 2, length: 4_000_000, payload: '' })],
    ['the beginning of a message', clientFrame({ opcode: 2, length: 4_000_000, payload: small })],
    ['the beginning of a text', clientFrame({ opcode: 1, length: 4000, payload: 'x' })],
    ['the beginning of a Ping', clientFrame({ opcode: 9, length: 100, payload: 'x' })],
    ['a fragment', clientFrame({ opcode: 2, fin: false, payload: small })],
    ['a Close with a reason, half open from then on', clientClose(4000, 'x'.repeat(100))],
    [
      'the beginning of a Close',
      clientFrame({ opcode: 8, length: 100, payload: Buffer.of(3, 232) }),
    ],
    [
      'a frame that breaks a rule, half open from then on',
      clientFrame({ opcode: 3, payload: small }),
    ],
  ])(
    '%s at the end of a large read does not keep it, while the connection stays',
    async (_what, bytes) => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => child.open()));
      await child.ask('hasRead', 0);
      const all = Buffer.concat([before, bytes]);
      for (const client of clients) client.send(all);
      await child.ask('hasRead', 20 * all.length);
      const { reads, alive } = await child.ask<{ reads: number; alive: number[] }>('alive');
      expect(reads).toBeGreaterThanOrEqual(20);
      expect(alive).toStrictEqual([]);
      for (const client of clients) {
        expect(client.ending).not.toBe('reset');
        client.destroy();
      }
    },
  );

  test('a read that is kept would have been seen', async () => {
    await child.ask('keepOne');
    expect(await child.ask('alive')).toStrictEqual({ reads: 1, alive: [65_536] });
  });
});

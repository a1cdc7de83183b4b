/**
 * Little that becomes much when it is decompressed (CVE-2016-10544, CVE-2026-1526, CVE-2018-1000518), or gets
 * around a limit by it (CVE-2026-54464).
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { isRawZlibSupported, Output } from '../../src/protocol/deflate/raw-zlib.js';
import { Child, stopChildren } from '../support/child.js';
import { compressedFrame, gigabyteOfZeros, openCompressed } from '../support/compressed-client.js';
import { clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);
  afterEach(stopChildren);

  const KIB = 1024;
  const MIB = 1024 * KIB;

  /** A server that watches how much memory it takes at most, looking whenever it can; with garbage or without. */
  const PROGRAM = `
  const wss = new hawser.WebSocketServer(server, { perMessageDeflate: PER_MESSAGE_DEFLATE });
  let peak = 0;
  let turns = 0;
  let watching = false;
  const now = () => { const { heapUsed, external } = process.memoryUsage(); return heapUsed + external; };
  let collects = false;
  const look = () => {
    if (collects) globalThis.gc();
    peak = Math.max(peak, now());
    turns++;
    if (watching) setImmediate(look);
  };
  wss.on('connection', (conn) => {
    conn.on('message', (data) => conn.send(String(data.length)));
  });
  commands.watch = (without) => { collects = without; peak = 0; turns = 0; watching = true; look(); return now(); };
  commands.peak = () => { watching = false; return { peak, turns, connections: wss.connections.size }; };
  commands.resources = () => process.getActiveResourcesInfo().filter((name) => /zlib|inflate|deflate/i.test(name));
`;
  const serve = (perMessageDeflate: string): Promise<Child> =>
    Child.serveOver(
      version,
      PROGRAM.replace('PER_MESSAGE_DEFLATE', perMessageDeflate),
      '--expose-gc',
    );

  test('the bomb is one: a gigabyte in about a megabyte', () => {
    expect(gigabyteOfZeros().length).toBeLessThan(1.1 * MIB);
    // A sixty-fourth of it, which is as much as a test should inflate.
    const part = gigabyteOfZeros().subarray(0, (gigabyteOfZeros().length - 1) / 64);
    expect(inflateRawSync(part, { finishFlush: 2 })).toHaveLength(16 * MIB);
  });

  test.each(['true', "{ contextTakeover: 'both' }"])(
    'a gigabyte of zeros in a megabyte costs no more than maxPayload, with %s',
    async (perMessageDeflate) => {
      const child = await serve(perMessageDeflate);
      await child.expectAlive();
      const frame = clientFrame({ opcode: 2, rsv: 4, payload: gigabyteOfZeros() });
      const { client } = await openCompressed(child);
      // At the first long message hawser allocates 31 MiB, which count until they are collected.
      client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(128 * KIB) }));
      await client.frame();
      await child.ask('memory');
      const before = await child.ask<number>('watch', true);
      client.send(frame);
      expect((await client.close()).code).toBe(1009);
      const { peak, turns } = await child.ask<{ peak: number; turns: number }>('peak');
      // Beside the message as far as it may go there is the payload, once: as it came.
      expect(peak - before).toBeLessThan(4 * MIB + gigabyteOfZeros().length + 512 * KIB);
      expect(turns).toBeGreaterThanOrEqual(8); // the event loop went on after each 512 KiB
      client.destroy();
      const { heapUsed, external } = await child.ask<{ heapUsed: number; external: number }>(
        'memory',
      );
      expect(heapUsed + external - before).toBeLessThan(MIB);
      expect(await child.ask('resources')).toStrictEqual([]);
      await child.expectAlive();
      expect(child.stderr).toBe('');
    },
  );

  test('a hundred of them at once are decompressed a few at a time', async () => {
    const child = await serve('true');
    const payload = deflateRawSync(Buffer.alloc(64 * MIB)); // 64 KiB
    const frame = clientFrame({ opcode: 2, rsv: 4, payload });
    const clients = await Promise.all(Array.from({ length: 100 }, () => openCompressed(child)));
    await child.ask('memory');
    const before = await child.ask<number>('watch', false);
    for (const { client } of clients) client.send(frame);
    for (const { client } of clients) expect((await client.close()).code).toBe(1009);
    const { peak } = await child.ask<{ peak: number }>('peak');
    // Four in progress, and what is not collected yet: not a hundred times 4 MiB.
    expect(peak - before).toBeLessThan(200 * MIB);
    // Nor does anything keep them, while the clients leave their sockets as they are.
    const { heapUsed, external } = await child.ask<{ heapUsed: number; external: number }>(
      'memory',
    );
    expect(heapUsed + external - before).toBeLessThan(20 * MIB);
    for (const { client } of clients) client.destroy();
    await child.expectAlive();
    expect(child.stderr).toBe('');
  });

  describe('in one turn of the event loop', () => {
    let added: jest.SpiedFunction<Output['advance']>;
    /** The most bytes that zlib has put out in one turn of the event loop. */
    let most: number;
    beforeEach(() => {
      isRawZlibSupported(); // whose trial is not part of it
      let inTurn = (most = 0);
      // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called with `this` below
      const real = Output.prototype.advance;
      added = jest.spyOn(Output.prototype, 'advance');
      added.mockImplementation(function (this: Output, count) {
        if (inTurn === 0) process.nextTick(() => (inTurn = 0));
        most = Math.max(most, (inTurn += count));
        real.call(this, count);
      });
    });
    afterEach(() => {
      jest.restoreAllMocks();
    });

    test.each([
      ['60 KB that become 60 MB', compressedFrame(Buffer.alloc(60 * MIB), 2), 1009],
      ['60 KB that become 4 MiB', compressedFrame(Buffer.alloc(4 * MIB), 2), undefined],
      [
        '60 KB of final blocks that begin thirty thousand streams',
        clientFrame({ opcode: 2, rsv: 4, payload: Buffer.alloc(60 * KIB, Buffer.of(3, 0)) }),
        1007,
      ],
      [
        '60 KB of final blocks after half a megabyte',
        clientFrame({
          opcode: 2,
          rsv: 4,
          payload: Buffer.concat([
            deflateRawSync(Buffer.alloc(500_000)),
            Buffer.alloc(60_000, Buffer.of(3, 0)),
          ]),
        }),
        1007,
      ],
    ])('%s bring out at most 576 KiB', async (_what, frame, code) => {
      const host = await Host.startOver(version, { perMessageDeflate: true });
      const { client } = await openCompressed(host);
      const ours = await host.connection();
      client.send(frame);
      if (code === undefined) expect((await ours.receive(1))[0]).toHaveLength(4 * MIB);
      else expect((await client.close()).code).toBe(code);
      expect(most).toBeLessThanOrEqual(512 * KIB + 64 * KIB);
      client.destroy();
    });
  });

  test('the limit is that of the whole message, whatever its fragments are', async () => {
    const host = await Host.startOver(version, { perMessageDeflate: true, maxPayload: 10_000 });
    for (const [length, code] of [
      [10_000, 1000],
      [10_001, 1009],
    ] as const) {
      const { client } = await openCompressed(host);
      const ours = await host.connection();
      const payload = deflateRawSync(Buffer.alloc(length));
      for (const [i, byte] of payload.entries()) {
        const fin = i === payload.length - 1;
        const first = i === 0 ? { opcode: 2, rsv: 4 } : { opcode: 0 };
        client.send(clientFrame({ ...first, fin, payload: Buffer.of(byte) }));
      }
      if (code === 1000) expect((await ours.receive(1))[0]).toHaveLength(length);
      else expect((await client.close()).code).toBe(code);
      client.destroy();
    }
  });
});

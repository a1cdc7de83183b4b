/** Peers that read nothing while the server sends and broadcasts, and what they cost it in memory (CVE-2020-35896). */
import type { Duplex } from 'node:stream';
import { Child, stopChildren } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  const MIB = 1_048_576;
  const GIB = 1024 * MIB;
  const LIMIT = 4 * MIB;
  const BUDGET = 32 * MIB;

  const PROGRAM = `
  // These peers answer no Ping, and some of this takes its time.
  const wss = new hawser.WebSocketServer(server, { heartbeat: false, ...SETTINGS });
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const ends = [];
  let quick;
  let dropped = 0;
  let most = 0;
  let mostResident = 0;
  wss.on('connection', (conn, { url }) => {
    if (url === '/quick') quick = conn;
    conn.on('dropped', () => dropped++);
    conn.on('close', (code, _reason, { cause }) => ends.push([url, code, cause?.code]));
  });
  const look = async () => {
    const { heapUsed, external } = await commands.memory();
    most = Math.max(most, heapUsed + external);
    mostResident = Math.max(mostResident, process.memoryUsage().rss);
  };
  // Broadcasts so many messages of a size, as fast as the quick peer takes them.
  commands.broadcast = async (size, count) => {
    const payload = Buffer.alloc(size, 7);
    const aTurn = Math.min(5000, Math.max(1, Math.floor(1024 * 1024 / (size + 1))));
    const aLook = Math.ceil(count / 4);
    for (let sent = 0; sent < count; ) {
      for (const stop = Math.min(count, sent + aLook); sent < stop; ) {
        for (let i = 0; i < aTurn && sent < stop; i++, sent++) wss.broadcast(payload);
        await turn();
        await quick?.drained();
      }
      await look();
    }
  };
  // Sends each peer messages of its own.
  commands.sendEach = async (size, count) => {
    for (let i = 0; i < count; i++) {
      for (const conn of wss.connections) if (conn !== quick) conn.send(Buffer.alloc(size, i));
      await turn();
      if (i % 10 === 0) await look();
    }
  };
  commands.look = look;
  commands.report = () => ({
    most, mostResident, dropped, ends, held: [...wss.connections].map((conn) => conn.bufferedAmount),
  });
`;

  interface Report {
    most: number;
    mostResident: number;
    dropped: number;
    ends: [string, number, string | undefined][];
    held: number[];
  }

  const sockets: Duplex[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await stopChildren();
  });

  const serve = (settings: string): Promise<Child> =>
    Child.serveOver(version, PROGRAM.replace('SETTINGS', settings), '--expose-gc');

  /** A peer that reads nothing after the 101. */
  async function stalled(child: Child): Promise<RawClient> {
    const client = await child.open({ target: '/stalled' });
    client.socket.pause();
    sockets.push(client.socket);
    return client;
  }

  /** A peer that reads everything as fast as it can, and counts it. */
  async function quick(child: Child): Promise<() => number> {
    let bytes = 0;
    const { socket } = await child.open({ target: '/quick' });
    sockets.push(socket);
    socket.removeAllListeners('data').on('data', (chunk: Buffer) => (bytes += chunk.length));
    return () => bytes;
  }

  async function memoryNow(child: Child): Promise<{ most: number; resident: number }> {
    await child.ask('look');
    const { most, mostResident } = await child.ask<Report>('report');
    return { most, resident: mostResident };
  }

  describe('a peer that reads nothing', () => {
    test('costs at most its limit while 1 GB is broadcast, and is closed; the others get every byte', async () => {
      const child = await serve(`{ maxBufferedAmount: ${LIMIT} }`);
      const received = await quick(child);
      await stalled(child);
      const before = await memoryNow(child);
      const count = GIB / 65_536;
      for (let part = 0; part < 8; part++) await child.ask('broadcast', 65_536, count / 8);
      let report = await child.ask<Report>('report');
      // It has a second to take its Close, and a gigabyte may be faster.
      while (report.ends.length === 0) report = await child.ask<Report>('report');
      expect(report.ends).toStrictEqual([['/stalled', 1013, 'ERR_SLOW_CONSUMER']]);
      expect(report.most - before.most).toBeLessThan(LIMIT * 1.5);
      expect(report.mostResident - before.resident).toBeLessThan(5 * LIMIT + 64 * MIB);
      while (received() < count * 65_546) await child.ask('report');
      expect(received()).toBe(count * 65_546);
    });

    test.each([
      ['1 GB of long ones', 65_536, GIB / 65_536, LIMIT],
      ['a million short ones', 64, 1_000_000, LIMIT],
      ['three million empty ones', 0, 3_000_000, MIB],
    ])(
      'costs at most its limit if it is kept open and messages are dropped: %s',
      async (_what, size, count, limit) => {
        const child = await serve(`{ maxBufferedAmount: ${limit}, slowConsumer: 'drop' }`);
        const client = await stalled(child);
        const before = await memoryNow(child);
        for (let part = 0; part < 4; part++) await child.ask('broadcast', size, count / 4);
        const report = await child.ask<Report>('report');
        expect(report.ends).toStrictEqual([]);
        expect(report.dropped).toBeGreaterThan(0);
        expect(report.most - before.most).toBeLessThan(limit * 1.5 + MIB);
        // A stream hands its session 32 KiB at a time, also after the last message was dropped.
        const piece = version === 'HTTP/2' ? 32 * 1024 : 0;
        expect(report.held[0]).toBeGreaterThanOrEqual(limit - piece);
        expect(report.held[0]).toBeLessThan(limit + size + 10);
        client.destroy();
      },
    );
  });

  describe('many peers that read nothing', () => {
    test('cost no more than maxTotalBuffered together, each with messages of its own', async () => {
      const child = await serve(`{ maxTotalBuffered: ${BUDGET} }`);
      for (let i = 0; i < 30; i++) await stalled(child);
      const before = await memoryNow(child);
      // 12.5 MiB for each, 375 MiB for all.
      for (let part = 0; part < 4; part++) await child.ask('sendEach', 65_536, 50);
      const report = await child.ask<Report>('report');
      expect(report.ends.length).toBeGreaterThan(5);
      expect(new Set(report.ends.map(String))).toStrictEqual(
        new Set(['/stalled,1013,ERR_SLOW_CONSUMER']),
      );
      expect(report.held.length).toBeGreaterThan(0);
      expect(report.most - before.most).toBeLessThan(BUDGET * 1.5);
    });

    test('are all kept while one broadcast waits for all of them: its bytes are in memory once', async () => {
      const child = await serve(`{ maxTotalBuffered: ${BUDGET} }`);
      for (let i = 0; i < 30; i++) await stalled(child);
      const before = await memoryNow(child);
      await child.ask('broadcast', 65_536, 192); // 12 MiB
      const report = await child.ask<Report>('report');
      expect(report.ends).toStrictEqual([]);
      expect(report.held.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(3 * BUDGET);
      expect(report.most - before.most).toBeLessThan(BUDGET);
    });

    test('are all kept while a few with messages of their own exceed the limit, which are terminated', async () => {
      const child = await serve(`{ maxTotalBuffered: ${BUDGET} }`);
      for (let i = 0; i < 30; i++) await stalled(child);
      await child.ask('broadcast', 65_536, 192); // 12 MiB wait for each of them, in memory once
      const target = '/attacker';
      for (let i = 0; i < 12; i++) {
        const { socket } = await child.open({ target });
        sockets.push(socket);
        const payload = Buffer.alloc(3 * MIB);
        socket.write(clientFrame({ opcode: 2, length: 4 * MIB, form: 64, payload }));
      }
      let report: Report;
      do report = await child.ask<Report>('report');
      while (report.ends.length === 0);
      for (let i = 0; i < 10; i++) await child.ask('look');
      report = await child.ask<Report>('report');
      expect(new Set(report.ends.map(String))).toStrictEqual(
        new Set(['/attacker,1013,ERR_SLOW_CONSUMER']),
      );
      expect(report.held.filter((bytes) => bytes > 3 * MIB)).toHaveLength(30);
    });

    test('cost no more than maxTotalBuffered together if they leave long messages unfinished', async () => {
      const child = await serve(`{ maxTotalBuffered: ${BUDGET} }`);
      const received = await quick(child);
      const clients = await Promise.all(Array.from({ length: 60 }, () => stalled(child)));
      const before = await memoryNow(child);
      const begun = clientFrame({
        opcode: 2,
        length: 4 * MIB,
        form: 64,
        payload: Buffer.alloc(3 * MIB),
      });
      for (const client of clients) {
        client.socket.resume();
        client.send(begun); // 180 MiB in all
      }
      let report: Report;
      do {
        await child.ask('look');
        report = await child.ask<Report>('report');
      } while (
        report.ends.length + clients.filter(({ ending }) => ending !== undefined).length <=
        40
      );
      expect(report.most - before.most).toBeLessThan(BUDGET * 2); // a block is at most twice what it holds
      await child.ask('broadcast', 100, 100);
      while (received() === 0) await child.ask('look');
      await child.expectAlive();
    });

    test('keep no memory of other peers alive that connect and leave while a broadcast waits for both', async () => {
      const child = await Child.serveOver(
        version,
        `
      const wss = new hawser.WebSocketServer(server, { heartbeat: false, maxTotalBuffered: 64 * ${MIB} });
      const large = Buffer.alloc(12 * ${MIB}); // more than the kernel takes
      wss.on('connection', (conn) => conn.send(large));
      commands.broadcast = () => void wss.broadcast(Buffer.alloc(500));
      commands.open = () => wss.connections.size;
      commands.bytesReceived = () => wss.stats().bytesReceived;
      `,
        '--expose-gc',
      );
      await stalled(child);
      const held = async (): Promise<number> =>
        (await child.ask<{ arrayBuffers: number }>('memory')).arrayBuffers;
      const before = await held();
      const begun = clientFrame({
        opcode: 2,
        length: 4 * MIB,
        form: 64,
        payload: Buffer.alloc(3 * MIB),
      });
      for (let round = 1; round <= 20; round++) {
        const client = await stalled(child);
        await child.ask('broadcast');
        client.send(begun);
        while ((await child.ask<number>('bytesReceived')) < round * begun.length);
        client.reset();
        while ((await child.ask<number>('open')) > 1);
      }
      expect((await held()) - before).toBeLessThan((20 * begun.length) / 5);
    });
  });
});

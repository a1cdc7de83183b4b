/** Pings from a peer that never reads the answers (fixed in ws 8.23.0, curl 21911). */
import { setTimeout as delay } from 'node:timers/promises';
import { Child, stopChildren } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);
  afterAll(stopChildren);

  /** As many pings as fit into so many bytes, numbered. */
  function pings(from: number, count: number, padding: number): Buffer {
    const payload = (number: number): string => String(number).padStart(padding, '0');
    // With a key of zeros the payload is masked as it is, so each number can be written into a copy of one frame.
    const key = Buffer.alloc(4);
    const frame = clientFrame({ opcode: 9, payload: payload(0), key });
    const all = Buffer.alloc(count * frame.length, frame);
    for (let i = 0; i < count; i++) {
      all.write(payload(from + i), (i + 1) * frame.length - padding, 'latin1');
    }
    return all;
  }

  test.each([
    ['short', 32, 250_000],
    ['long', 125, 80_000],
  ])(
    '%s pings that are never read hold at most one pong once the socket is backpressuredAt',
    async (_what, length, total) => {
      const host = await Host.startOver(version);
      const client = await host.open();
      const { connection } = await host.connection();
      client.socket.pause();
      let seen = 0;
      let held = 0;
      /** Pongs that wait in addition to those when the socket became backpressured. */
      let most = 0;
      let backpressuredAt: number | undefined;
      connection.on('ping', () => {
        seen++;
        held = connection.bufferedAmount;
        most = Math.max(most, held);
      });
      for (let sent = 0; sent < total; sent += 5000) {
        client.send(pings(sent, 5000, length));
        while (seen < sent + 5000) await delay(1);
        // Whether anything waits for a whole turn of the event loop: then the socket is backpressured.
        if (connection.bufferedAmount === 0) continue;
        backpressuredAt ??= connection.bufferedAmount;
        expect(connection.bufferedAmount).toBeLessThanOrEqual(backpressuredAt + 127);
      }
      expect(backpressuredAt).toBeDefined();
      // One read of 64 KiB is answered in full; nothing accumulates from read to read.
      expect(most).toBeLessThan(3 * 65_536);
      expect(connection.readyState).toBe('open');

      // When the peer reads at last, it gets whole pongs, in order, and the last is that of the last ping.
      client.socket.resume();
      const last = String(total - 1).padStart(length, '0');
      while (client.frames.at(-1)?.payload.toString() !== last) await client.frame();
      const numbers = client.frames.map(({ payload }) => Number(payload.toString()));
      expect(numbers.at(-1)).toBe(total - 1);
      expect(numbers.length).toBeLessThan(total);
      expect(numbers.every((number, i) => i === 0 || number > numbers[i - 1]!)).toBe(true);
      client.destroy();
    },
  );

  test('pings in one packet from a peer that does read get a pong each', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    client.send(pings(0, 1000, 4));
    for (let i = 0; i < 1000; i++) {
      expect((await client.frame()).payload.toString()).toBe(String(i).padStart(4, '0'));
    }
    client.destroy();
  });

  test('400 000 pings of 125 bytes from a peer that never reads leave the memory where it was', async () => {
    const child = await Child.serveOver(
      version,
      `
    const wss = new hawser.WebSocketServer(server);
    let pings = 0;
    let connection;
    wss.on('connection', (conn) => {
      connection = conn;
      conn.on('ping', () => pings++);
    });
    commands.held = () => connection.bufferedAmount;
    commands.hasSeen = async (count) => {
      while (pings < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    `,
      '--expose-gc',
    );
    const client = await child.open();
    client.socket.pause();
    const flood = async (from: number): Promise<void> => {
      for (let sent = from; sent < from + 200_000; sent += 5000) {
        client.send(pings(sent, 5000, 125));
        await child.ask('hasSeen', sent + 5000);
      }
    };
    const use = async (): Promise<number> => {
      const { heapUsed, external } = await child.ask<Record<string, number>>('memory');
      return heapUsed! + external!;
    };
    await flood(0); // now the kernel's buffers are full
    const [before, held] = [await use(), await child.ask<number>('held')];
    await flood(200_000);
    // The pongs to these would be 25 MB.
    expect(await use()).toBeLessThan(before + 500_000);
    expect(await child.ask('held')).toBeLessThanOrEqual(held + 127);
    expect(held).toBeLessThan(3 * 65_536);
    client.destroy();
    await child.expectAlive();
    expect(child.stderr).toBe('');
  });
});

/**
 * Messages in a million fragments, or without an end (CVE-2026-12151, CVE-2026-48779, ws 8.21.1,
 * CVE-2014-0193, CVE-2020-36049).
 */
import { Child, stopChildren } from '../support/child.js';
import { COUNT_WORK, COUNTING, type Work } from '../support/counted-work.js';
import { clientFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  const PROGRAM = `
  ${COUNT_WORK}
  const wss = new hawser.WebSocketServer(server);
  const impatient = new hawser.WebSocketServer(server, { path: '/impatient', messageTimeout: 300 });
  new hawser.WebSocketServer(server, {
    path: '/braking',
    messageTimeout: 300,
    messageRate: { perSecond: 10, burst: 10, fragments: 50, action: 'pause' },
  });
  let read = 0;
  let pings = 0;
  wss.on('connection', (conn, request) => {
    (request.stream ?? request.socket).on('data', (chunk) => { read += chunk.length; });
    conn.on('ping', () => pings++);
    conn.on('message', (data) => say('message', data.length));
  });
  commands.hasRead = async (count) => {
    while (read < count) await new Promise((resolve) => setTimeout(resolve, 5));
    read = 0;
    return { pings };
  };
`;

  const MILLION = 1_000_000;
  const first = clientFrame({ opcode: 1, fin: false, payload: 'a' });
  const last = clientFrame({ opcode: 0, payload: 'z' });
  const fragment = (payload: string): Buffer => clientFrame({ opcode: 0, fin: false, payload });
  const times = (count: number, frame: Buffer): Buffer =>
    Buffer.concat(Array<Buffer>(count).fill(frame));

  let child: Child;
  afterEach(async () => {
    await child.expectAlive();
    expect(child.stderr).toBe('');
    await stopChildren();
  });

  describe('a million fragments', () => {
    /** A peer, and a way to send and wait until the server has read it all. */
    async function talk(): Promise<{ client: RawClient; send: (bytes: Buffer) => Promise<void> }> {
      const client = await child.open();
      await child.ask('hasRead', 0);
      const send = async (bytes: Buffer): Promise<void> => {
        client.send(bytes);
        await child.ask('hasRead', bytes.length);
      };
      return { client, send };
    }

    test.each([
      ['of one byte', 'x', 2_000_000],
      ['of no byte', '', 0],
    ])(
      '%s hold at most twice their bytes until the message ends, and then are one message',
      async (_what, payload, bytes) => {
        child = await Child.serveOver(version, PROGRAM, '--expose-gc');
        const { client, send } = await talk();
        await send(Buffer.concat([first, times(1000, fragment(payload))]));
        const before = await child.ask<Record<string, number>>('memory');
        await send(times(MILLION, fragment(payload)));
        const after = await child.ask<Record<string, number>>('memory');
        // A list of fragments would take a hundred megabytes.
        const grown =
          after['heapUsed']! + after['external']! - before['heapUsed']! - before['external']!;
        expect(grown).toBeLessThan(bytes + 500_000);
        await send(last);
        expect(await child.says('message')).toEqual([2 + payload.length * (MILLION + 1000)]);
        client.destroy();
      },
    );

    test.each([
      ['of one byte', fragment('x')],
      ['of no byte', fragment('')],
      ['with a Ping before each', Buffer.concat([clientFrame({ opcode: 9 }), fragment('x')])],
    ])('%s cost the same for each byte as ten thousand', async (_what, unit) => {
      child = await Child.serveOver(version, PROGRAM, ...COUNTING);
      const { client, send } = await talk();
      client.socket.resume();
      await send(first);
      const perByte = async (count: number): Promise<Work> => {
        const bytes = times(count, unit);
        await child.ask('work'); // counts from here
        await send(bytes);
        const { steps, moved } = await child.ask<Work>('work');
        return { steps: steps / bytes.length, moved: moved / bytes.length };
      };
      await perByte(1000); // what happens only once is not of interest
      const few = await perByte(10_000);
      const many = await perByte(MILLION / 4);
      expect(few.steps).toBeGreaterThan(1);
      expect(many.steps).toBeLessThan(2 * few.steps);
      expect(many.steps).toBeLessThan(30);
      // Reads of 64 KiB are moved once; what is gathered, about twice.
      expect(many.moved).toBeLessThan(10);
      client.destroy();
    });
  });

  describe('a message that never ends', () => {
    test.each([
      ['in fragments of one byte', [first, fragment('x')]],
      ['in empty fragments', [first, fragment('')]],
      ['with Pings in between', [first, clientFrame({ opcode: 9 })]],
      [
        'a byte of a payload at a time',
        [clientFrame({ opcode: 2, length: 4000 }), Buffer.from('x')],
      ],
      ['in a header that is never whole', [first.subarray(0, 1)]],
      ['in a payload that stops', [clientFrame({ opcode: 2, length: 4000, payload: 'x' })]],
      ['in a Ping that stops', [clientFrame({ opcode: 9, length: 100, payload: 'x' })]],
    ])('%s is closed with 1008 after messageTimeout', async (_what, [start, more]) => {
      child = await Child.serveOver(version, PROGRAM);
      const client = await child.open({ target: '/impatient' });
      client.send(start!);
      const dripping = setInterval(() => more && client.send(more), 5);
      const { code, reason } = await client.close().finally(() => clearInterval(dripping));
      expect([code, reason]).toEqual([1008, expect.stringContaining('messageTimeout')]);
      expect(await client.ended()).toBe('end');
      client.destroy();
    });

    test.each([
      ['a fragment too many now and then', 12],
      ['a flood of fragments', 20_000],
      ['a flood of Pings', 20_000, clientFrame({ opcode: 9 })],
    ])(
      'has no more time where messageRate makes the peer wait for %s',
      async (_what, count, unit = fragment('')) => {
        child = await Child.serveOver(version, PROGRAM);
        const client = await child.open({ target: '/braking' });
        client.socket.resume();
        client.send(first);
        const bytes = times(count, unit);
        const flooding = setInterval(
          () => client.socket.writableNeedDrain || client.send(bytes),
          20,
        );
        const { code, reason } = await client.close().finally(() => clearInterval(flooding));
        expect([code, reason]).toEqual([1008, expect.stringContaining('messageTimeout')]);
        client.destroy();
      },
    );
  });

  test('fragments that together are longer than maxPayload are rejected with 1009 at the header that exceeds it', async () => {
    child = await Child.serveOver(version, PROGRAM);
    const client = await child.open();
    const big = clientFrame({ opcode: 0, fin: false, payload: Buffer.alloc(65_536) });
    client.send(Buffer.concat([clientFrame({ opcode: 2, fin: false }), times(64, big)]));
    client.send(clientFrame({ opcode: 0, fin: false, length: 1 }));
    expect((await client.close()).code).toBe(1009);
    client.destroy();
  });
});

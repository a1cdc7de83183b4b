/**
 * Handshakes and frames that are sent a byte at a time, to be parsed from the beginning for every byte
 * (CVE-2023-43669), and headers without an end (CVE-2026-54463).
 */
import { Child, stopChildren } from '../support/child.js';
import { COUNT_WORK, COUNTING, type Work } from '../support/counted-work.js';
import { clientFrame } from '../support/frames.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { connectFrame, RawSession, Type } from '../support/raw-http2.js';
import { ACCEPTED, VERSIONS } from '../support/versions.js';

const PROGRAM = `
  ${COUNT_WORK}
  const wss = new hawser.WebSocketServer(server);
  let chunks = 0;
  let bytes = 0;
  wss.on('connection', (conn, request) => {
    (request.stream ?? request.socket).on('data', (chunk) => {
      chunks++;
      bytes += chunk.length;
    });
    conn.on('message', (data) => say('message', data.length));
  });
  commands.begin = () => {
    chunks = bytes = 0;
  };
  commands.hasRead = async (count) => {
    while (bytes < count) await new Promise(setImmediate);
    return chunks;
  };
`;

describe.each(VERSIONS)('over %s', (version) => {
  let child: Child;
  beforeEach(async () => {
    child = await Child.serveOver(version, PROGRAM, ...COUNTING);
    await child.expectAlive(); // what happens only once is not of interest
  });
  afterEach(async () => {
    await child.expectAlive();
    expect(child.stderr).toBe('');
    await stopChildren();
  });

  const byBytes = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]));

  /** At most so many pieces are on their way: a busy kernel joins pieces that are not read yet. */
  const UNREAD = 100;

  /** What is done for bytes, sent in these pieces, from the connection on to where all have been read. */
  async function workFor(pieces: Buffer[]): Promise<Work & { chunks: number }> {
    const client = await child.open();
    await child.ask('work'); // counts from here
    await child.ask('begin');
    let chunks = 0;
    for (let sent = 0, bytes = 0; sent < pieces.length; sent += UNREAD) {
      const some = pieces.slice(sent, sent + UNREAD);
      await client.sendChunks(some);
      bytes += some.reduce((sum, { length }) => sum + length, 0);
      chunks = await child.ask<number>('hasRead', bytes);
    }
    const work = await child.ask<Work>('work');
    client.destroy();
    return { ...work, chunks };
  }

  test('a handshake of 10 KB costs the same in one piece and byte by byte', async () => {
    const fields = Array.from({ length: 100 }, (_, i) => [`x-${i}`, 'x'.repeat(94)] as const);
    const headers = Object.fromEntries(fields);
    const request =
      version === 'HTTP/1.1' ? Buffer.from(upgradeRequest({ headers })) : connectFrame(1, headers);
    const cost = async (pieces: Buffer[]): Promise<number> => {
      await child.ask('work');
      if (version === 'HTTP/1.1') {
        const client = await RawClient.connect(child.port);
        await client.sendChunks(pieces);
        expect((await client.response()).status).toBe(ACCEPTED[version]);
        client.destroy();
      } else {
        const session = await RawSession.open(child.port);
        for (const piece of pieces) {
          session.send(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
        const answer = await session.has('an answer', ({ type }) => type === Type.HEADERS);
        expect(answer?.payload[0]).toBe(0x88); // :status 200 (RFC 7541 appendix A)
        session.socket.destroy();
      }
      return (await child.ask<Work>('work')).steps;
    };
    await cost([request]);
    const whole = await cost([request]);
    const dripped = await cost(byBytes(request));
    // Node parses the headers, and hawser sees them when they are complete. (A few steps are the closing's.)
    expect(whole).toBeGreaterThan(100);
    expect(dripped).toBeLessThan(2 * whole);
  });

  test('a frame of 40 KB byte by byte costs a few steps for each read and a few moved bytes for each byte', async () => {
    const frame = clientFrame({ opcode: 2, payload: Buffer.alloc(40_000, 7) });
    const { steps, moved, chunks } = await workFor(byBytes(frame));
    expect(chunks).toBeGreaterThanOrEqual(frame.length / UNREAD); // or it was no drip
    expect(steps).toBeLessThan(chunks * 80);
    expect(moved).toBeLessThan(frame.length * 15);
    expect(await child.says('message')).toEqual([40_000]);
  });

  // A byte on a stream is a frame of HTTP/2, which costs the client as much as the server.
  const less = version === 'HTTP/1.1' ? 2000 : 500;
  const more = 4 * less;
  test(`${more} frames byte by byte, headers and all, cost the same for each read and frame as ${less}`, async () => {
    const frames = (count: number): Buffer[] =>
      byBytes(Buffer.concat(Array<Buffer>(count).fill(clientFrame({ opcode: 9, payload: 'p' }))));
    // How many bytes come in one read is chance.
    const perReadAndFrame = async (count: number): Promise<number> => {
      const { steps, chunks } = await workFor(frames(count));
      return steps / (chunks + count);
    };
    await perReadAndFrame(less / 4);
    const few = await perReadAndFrame(less);
    const many = await perReadAndFrame(more);
    expect(many).toBeLessThan(2 * few);
    expect(many).toBeLessThan(100);
  });

  // A HEADERS frame without an end is for the floods of HTTP/2.
  if (version === 'HTTP/1.1')
    describe('a handshake that never ends is cut off after Node’s 16 KB', () => {
      test.each([
        ['one header', 'GET / HTTP/1.1\r\nX: ', 'x'],
        ['one name', 'GET / HTTP/1.1\r\n', 'x'],
        ['a target', 'GET /', 'x'],
        ['many headers', 'GET / HTTP/1.1\r\n', 'X: y\r\n'],
      ])('%s', async (_what, start, unit) => {
        const client = await RawClient.connect(child.port);
        client.send(start);
        // As much as it takes: what Node has not read when it answers turns its 431 into a reset.
        const endless = Buffer.from(unit.repeat(4000));
        for (let sent = 0; client.ending === undefined && sent < 50 * endless.length;) {
          await client.sendChunks([endless]);
          sent += endless.length;
        }
        expect(['end', 'reset']).toContain(await client.ended());
        client.destroy();
      });
    });
});

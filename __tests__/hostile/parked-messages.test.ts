/** Whole messages that many peers send to connections whose application does not take them (yet). */
import { Child, stopChildren } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  const MIB = 1_048_576;
  const BUDGET = 16 * MIB;

  const PROGRAM = `
  const wss = new hawser.WebSocketServer(server, { heartbeat: false, maxTotalBuffered: ${BUDGET} });
  const ends = [];
  let most = 0;
  wss.on('connection', async (conn, { url }) => {
    conn.on('close', (code, _reason, { cause }) => ends.push([code, cause?.code]));
    if (url === '/paused') conn.on('message', () => {}).pause();
    if (url === '/slow') for await (const _ of conn) await new Promise(() => {});
  });
  commands.look = async () => {
    const { heapUsed, external } = await commands.memory();
    const now = heapUsed + external;
    most = Math.max(most, now);
    return { now, most, ends, open: wss.connections.size };
  };
`;

  interface Look {
    now: number;
    most: number;
    ends: [number, string | undefined][];
    open: number;
  }

  afterEach(stopChildren);

  test.each([
    ['before there is a listener', '/none'],
    ['while the connection is paused', '/paused'],
    ['to an iterator that takes one and then no more', '/slow'],
  ])('messages that come %s take no more than maxTotalBuffered together', async (_when, target) => {
    const child = await Child.serveOver(version, PROGRAM, '--expose-gc');
    const clients: RawClient[] = [];
    for (let i = 0; i < 40; i++) {
      clients.push(await child.open({ target }));
    }
    const { most: before } = await child.ask<Look>('look');
    const message = Buffer.concat([
      clientFrame({ opcode: 1, payload: 'first' }),
      clientFrame({ opcode: 1, payload: Buffer.alloc(2 * MIB, 'x') }),
    ]);
    for (const client of clients) client.send(message); // 80 MiB in all
    let look: Look;
    do look = await child.ask<Look>('look');
    while (look.ends.length < 40 - BUDGET / (2 * MIB));
    expect(new Set(look.ends.map(String))).toStrictEqual(new Set(['1013,ERR_SLOW_CONSUMER']));
    expect(look.open).toBeGreaterThan(0);
    // Until the end of a tick it may be more. Streams and their sessions have buffers of their own, which Node frees
    // as it gets round to it: over HTTP/2 the highest of all looks varies between 1.5 and 3 budgets.
    expect(look.most - before).toBeLessThan(BUDGET * (version === 'HTTP/2' ? 4 : 2));
    do look = await child.ask<Look>('look');
    while (look.now - before >= BUDGET);
    expect(look.open).toBeGreaterThan(0);
    for (const client of clients) client.destroy();
    await child.expectAlive();
  });
});

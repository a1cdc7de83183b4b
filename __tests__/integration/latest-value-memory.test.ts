/** What a server holds for a peer that does not read while the values of 1000 keys change, measured in its own process. */
import { Child, stopChildren } from '../support/child.js';
import { VERSIONS } from '../support/versions.js';

const KEYS = 1000;
const PUBLISHES = 50_000;
/** Digits that begin each value. */
const DIGITS = 6;
const VALUE_BYTES = 128;
const FRAME_BYTES = VALUE_BYTES + 4;

const PROGRAM = `
  const clock = { now: () => 0, setTimeout: () => 0, clearTimeout: () => {} };
  const wss = new hawser.WebSocketServer(server, { clock });
  const turn = () => new Promise(setImmediate);
  wss.on('connection', (conn) => conn.subscribe('values'));
  commands.fill = async () => {
    const [conn] = wss.connections;
    while (conn.bufferedAmount < 200000) {
      wss.publish('values', 'filling'.padEnd(60000, '.'));
      await turn();
    }
  };
  commands.publish = async (count) => {
    for (let i = 0; i < count; i++) {
      const value = String(i).padStart(${DIGITS}, '0').padEnd(${VALUE_BYTES}, 'x');
      wss.publish('values', value, { key: 'key ' + ((i * 7919) % ${KEYS}) });
      if (i % 1000 === 999) await turn();
    }
  };
  commands.topics = () => wss.stats().topics;
`;

interface Memory {
  heapUsed: number;
  external: number;
}

afterEach(stopChildren);

test.each(VERSIONS)(
  'over %s it holds one message for each key, and the peer gets the last of each',
  async (version) => {
    const child = await Child.serveOver(version, PROGRAM, '--expose-gc');
    const client = await child.open();
    client.socket.pause();
    await child.ask('fill');
    const before = await child.ask<Memory>('memory');
    await child.ask('publish', PUBLISHES);
    // What was replaced may take a moment to be freed on a busy machine. What is held stays.
    const most = KEYS * (FRAME_BYTES + 256) + 1024 * 1024;
    let held = Infinity;
    for (let look = 0; look < 50 && held >= most; look++) {
      const after = await child.ask<Memory>('memory');
      held = after.heapUsed + after.external - before.heapUsed - before.external;
    }
    expect(held).toBeLessThan(most);
    expect(await child.ask('topics')).toMatchObject({ conflated: PUBLISHES - KEYS, dropped: 0 });

    client.socket.resume();
    const last = new Set(Array.from({ length: KEYS }, (_, i) => PUBLISHES - KEYS + i));
    while (last.size > 0)
      last.delete(Number((await client.frame()).payload.toString('latin1', 0, DIGITS)));
    client.destroy();
    expect(child.stderr).toBe('');
  },
);

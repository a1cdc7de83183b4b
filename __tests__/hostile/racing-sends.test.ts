/**
 * `send` at the same time as `close`, `terminate`, `'drain'` and the peer's own end (CVE-2022-25762 sent the bytes
 * of one connection on another). Whatever races: each callback is called once, `'close'` comes once, every promise
 * settles, nothing throws, and on the wire are whole frames in the order of the calls.
 */
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  const PROGRAM = `
  const wss = new hawser.WebSocketServer(server, { closeTimeout: 300 });
  const big = Buffer.alloc(100_000, 0x62);
  let number = 0;

  wss.on('connection', (conn) => {
    const counts = { sent: 0, called: 0, twice: 0, closes: 0, promises: 0, settled: 0 };
    const settles = (promise) => {
      counts.promises++;
      void promise.then(() => counts.settled++);
    };
    /** A text that starts with its index, small or followed by 100 KB. */
    const send = (then) => {
      counts.sent++;
      let calls = 0;
      conn.send(String(number++), (error) => {
        if (calls++ === 0) counts.called++;
        else counts.twice++;
        then?.(error);
      });
    };
    const sendMany = (count) => {
      for (let i = 0; i < count; i++) {
        send();
        if (i % 3 === 0) conn.send(big);
      }
    };
    const races = {
      'close between sends'() { sendMany(20); settles(conn.close(4000)); sendMany(20); settles(conn.drained()); },
      'terminate between sends'() { sendMany(20); conn.terminate(); sendMany(20); settles(conn.drained()); },
      'close and terminate'() { sendMany(20); settles(conn.close()); conn.terminate(); settles(conn.close()); sendMany(5); },
      'terminate in a callback of send'() { sendMany(3); send(() => conn.terminate()); sendMany(20); },
      'close in a callback of send'() { sendMany(3); send(() => settles(conn.close(4000))); sendMany(20); },
      'send in a callback of send'() { let left = 50; const again = () => { if (left-- > 0) send(again); else settles(conn.close()); }; again(); },
      'send and close at drain'() { conn.on('drain', () => { sendMany(5); settles(conn.close()); sendMany(5); }); sendMany(60); settles(conn.drained()); },
      'terminate at drain'() { conn.on('drain', () => { sendMany(5); conn.terminate(); sendMany(5); }); sendMany(60); settles(conn.drained()); },
      'send after drained'() { sendMany(60); settles(conn.drained().then(() => { sendMany(5); return conn.close(); })); },
      'drained with an abort'() { sendMany(60); const abort = new AbortController(); settles(conn.drained(abort.signal).catch(() => {})); abort.abort(); settles(conn.close()); },
      'send at closing'() { conn.on('closing', (code, reason, reply) => { sendMany(5); reply(4001); sendMany(5); reply(4002); }); },
      'send at close'() { conn.on('close', () => { sendMany(5); settles(conn.close()); conn.terminate(); settles(conn.drained()); }); settles(conn.close()); },
      'broadcasts and close of the server'() { sendMany(5); wss.broadcast('to all'); settles(conn.close()); wss.broadcast('to all'); sendMany(5); },
      'an unfinished message and close'() { conn.sendFrame('half', { fin: false }); sendMany(20); settles(conn.close()); sendMany(5); },
      'an unfinished message and terminate'() { conn.sendFrame('half', { fin: false }); sendMany(20); conn.terminate(); conn.sendFrame('rest', { opcode: 0 }); },
      'pings and pongs and close'() { for (let i = 0; i < 50; i++) { conn.ping('x'); send(); conn.pong('y'); } settles(conn.close()); conn.ping(); conn.pong(); },
    };
    conn.on('message', (data) => races[data]?.());
    conn.on('close', () => {
      counts.closes++;
      // Callbacks come in ticks of their own.
      setTimeout(() => say('over', counts, conn.readyState), 20);
    });
  });
`;

  const RACES = [...PROGRAM.matchAll(/^ {6}'([^']+)'\(\)/gm)].map(([, name]) => name!);

  let child: Child;
  beforeAll(async () => {
    child = await Child.serveOver(version, PROGRAM);
  });
  afterAll(stopChildren);
  afterEach(async () => {
    await child.expectAlive();
    expect(child.stderr).toBe('');
  });

  /** What the peer does meanwhile. */
  const PEERS: [name: string, act: (client: RawClient) => Promise<void> | void][] = [
    [
      'reads and answers',
      async (client) => {
        await client.close().catch(() => undefined); // a terminated client receives no Close
        if (client.ending === undefined) client.send(clientClose(1000));
        client.finish();
      },
    ],
    [
      'closes at the same time',
      (client) => {
        client.send(clientClose(1000));
      },
    ],
    ['resets', (client) => client.reset()],
    ['ends without a Close', (client) => client.finish()],
    [
      'reads nothing for a while, and then closes',
      async (client) => {
        client.socket.pause();
        await new Promise((resolve) => setTimeout(resolve, 50));
        client.socket.resume();
        client.send(clientClose(1000));
      },
    ],
    ['reads nothing and says nothing', (client) => void client.socket.pause()],
  ];

  describe.each(PEERS)('with a peer that %s', (_name, act) => {
    test.each(RACES)('%s: every callback once, one close, whole frames in order', async (race) => {
      const already = child.said.filter(([word]) => word === 'over').length;
      const client = await child.open();
      client.send(clientFrame({ opcode: 1, payload: race }));
      // A race that does not close leaves it to the peer, and one that says nothing to us.
      if (race === 'send at closing') client.send(clientClose(1000));
      await act(client);
      if (race === 'send after drained') client.send(clientClose(1000));
      const late = setTimeout(() => client.reset(), 1000);
      const [counts, state] = await child.saysTimes(already + 1, 'over');
      clearTimeout(late);
      expect(state).toBe('closed');
      const { sent, promises } = counts as Record<string, number>;
      expect(counts).toStrictEqual({
        sent,
        called: sent,
        twice: 0,
        closes: 1,
        promises,
        settled: promises,
      });
      client.destroy();
      // The frame reader has thrown if anything was no frame; numbers only rise, and others' bytes never appear.
      const texts = client.frames
        .filter(({ opcode }) => opcode === 1)
        .map(({ payload }) => String(payload));
      const numbers = texts.filter((text) => /^\d+$/.test(text)).map(Number);
      expect(numbers).toStrictEqual([...numbers].sort((a, b) => a - b));
      for (const { opcode, payload } of client.frames) {
        if (opcode === 2) expect(payload.equals(Buffer.alloc(100_000, 0x62))).toBe(true);
      }
      expect(client.frames.filter(({ opcode }) => opcode === 8).length).toBeLessThanOrEqual(1);
    });
  });
});

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/connect.js';
import type { ConnectOptions } from '../../src/client/connect-options.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { Opcode } from '../../src/protocol/framing/frame.js';
import { describeIf, runs } from '../support/requires.js';
import { later } from '../support/server.js';

/** Conversations of the client with servers that others wrote, each in a process of its own. */

const PYTHON = '/usr/bin/python3';
const UWS = join(__dirname, 'uws.cjs');

/** The package of uWebSockets.js is C++ for Node 20 alone. */
const IS_NODE_20 = process.versions.node.startsWith('20.');

const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The program of the servers in Go, built from Debian's packages of them; `undefined` without these. */
const GO = buildGo();
function buildGo(): string | undefined {
  const program = join(folder, 'server');
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: '/usr/share/gocode',
    GOCACHE: join(folder, 'cache'),
  };
  const args = ['build', '-o', program, join(__dirname, 'golang.go')];
  return spawnSync('/usr/bin/go', args, { env, stdio: 'ignore' }).status === 0
    ? program
    : undefined;
}

/** What is listed of a server: its name, whether it is here, and its command. */
type Row = [name: string, isPresent: boolean, command: string[]];
const row = (...columns: Row): Row => columns;

/** Text of every length of UTF-8, and lengths of all three forms. */
const MESSAGES: (string | Buffer)[] = [
  '',
  'Grüße, Ελλάδα, 日本語, 𝒽𝒶𝓌𝓈𝑒𝓇, nul \0 and bom \ufeff',
  'é'.repeat(40_000),
  ...[0, 1, 125, 126, 65_535, 65_536, 1_048_576].map((length) => Buffer.alloc(length, 'hawser')),
];

/** What is asked for of compression, by the parameter that a server must confirm. */
const COMPRESSION: readonly [parameter: string, ConnectOptions['perMessageDeflate']][] = [
  ['', false],
  ['server_no_context_takeover', { threshold: 0 }],
  ['', { threshold: 0, contextTakeover: 'server' }],
  ['', { threshold: 0, contextTakeover: 'both' }],
  ['server_max_window_bits', { threshold: 0, contextTakeover: 'both', windowBits: 10 }],
];

/** The parameters that a server accepts without confirming them, which RFC 7692 section 7.1 does not allow. */
const UNCONFIRMED: Record<string, string[]> = {
  'uWebSockets.js': ['server_max_window_bits'],
  Mojolicious: ['server_no_context_takeover', 'server_max_window_bits'],
  'gorilla/websocket': ['server_max_window_bits'],
};

describe.each<Row>([
  ['ws', true, [process.execPath, join(__dirname, 'ws.cjs')]],
  ...(IS_NODE_20
    ? [row('uWebSockets.js', runs(process.execPath, UWS, '--check'), [process.execPath, UWS])]
    : []),
  [
    'Python’s websockets',
    runs(PYTHON, '-c', 'import websockets'),
    [PYTHON, join(__dirname, 'python.py')],
  ],
  [
    'Mojolicious',
    runs('perl', '-MMojolicious', '-e', '1'),
    ['perl', join(__dirname, 'mojolicious.pl')],
  ],
  ['gorilla/websocket', GO !== undefined, [GO ?? '', 'gorilla']],
  ['nhooyr.io/websocket', GO !== undefined, [GO ?? '', 'nhooyr']],
])('connect, to a server of', (name, isPresent, [command, ...args]) => {
  describeIf(name, isPresent)(name, () => {
    let server: ChildProcess;
    let url: string;

    beforeAll(async () => {
      server = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const [line] = (await once(server.stdout!, 'data')) as [Buffer];
      url = `ws://127.0.0.1:${Number(line)}/`;
    });
    afterAll(() => server.kill('SIGKILL'));

    async function open(options: ConnectOptions = {}): Promise<WebSocketConnection> {
      const connection = await connect(url, options);
      later(() => {
        connection.terminate();
      });
      return connection;
    }

    test.each(COMPRESSION)(
      'has all kinds of messages echoed; asked for %p with %j',
      async (parameter, perMessageDeflate) => {
        const opening = connect(url, { perMessageDeflate: perMessageDeflate! });
        if (UNCONFIRMED[name]?.includes(parameter)) {
          await expect(opening).rejects.toThrow(`accepted without ${parameter}, which was asked`);
          return;
        }
        if (name === 'nhooyr.io/websocket' && parameter === 'server_max_window_bits') {
          await expect(opening).rejects.toMatchObject({ status: 400 });
          return;
        }
        const conn = await opening;
        // Those in Go compress without takeover or not at all.
        const isGo = command === GO && perMessageDeflate !== COMPRESSION[1]![1];
        if (!isGo) expect(conn.extensions !== '').toBe(perMessageDeflate !== false);
        for (const round of [1, 2]) {
          for (const data of MESSAGES) {
            // The second time Mojolicious compresses an empty message to no octet at all, which is not a block of
            // DEFLATE: RFC 7692 section 7.2.3.6 wants 0x00.
            if (name === 'Mojolicious' && conn.extensions !== '' && data.length === 0) continue;
            conn.send(data);
            const [echoed, isBinary] = (await once(conn, 'message')) as [typeof data, boolean];
            expect([round, isBinary, echoed.length]).toEqual([
              round,
              Buffer.isBuffer(data),
              data.length,
            ]);
            expect(Buffer.from(echoed).equals(Buffer.from(data))).toBe(true);
          }
        }
        expect(await conn.close(1000, 'done')).toMatchObject({ code: 1000, clean: true });
      },
    );

    test('has a thousand messages in flight, in order', async () => {
      const conn = await open();
      for (let number = 0; number < 1000; number++) conn.send(`${number}`);
      let next = 0;
      for await (const message of conn) {
        expect(message).toBe(`${next++}`);
        if (next === 1000) break;
      }
      await conn.close();
    });

    test('sends fragments with a Ping between them, and measures a round trip', async () => {
      const conn = await open();
      const pong = once(conn, 'pong');
      conn.sendFrame('hel', { opcode: Opcode.Text, fin: false });
      conn.ping('between');
      conn.sendFrame('lo', { opcode: Opcode.Continuation });
      const message = await once(conn, 'message');
      expect(message).toEqual(['hello', false]);
      expect(await pong).toEqual([Buffer.from('between')]);
      expect(await conn.roundTrip()).toBeGreaterThan(0);
      await conn.close();
    });

    test('has the subprotocol that the server chooses', async () => {
      const conn = await open({ subprotocols: ['other', 'chat'] });
      expect(conn.subprotocol).toBe('chat');
      await conn.close();
    });

    test('learns how the server closes', async () => {
      const conn = await open();
      conn.resume();
      const closed = new Promise((resolve) => {
        conn.on('close', (code, reason, info) => {
          resolve({ code, reason, clean: info.clean, initiator: info.initiator });
        });
      });
      conn.send('close');
      expect(await closed).toEqual({ code: 4001, reason: 'bye', clean: true, initiator: 'peer' });
    });

    test('ends with 1006 when the server dies', async () => {
      const conn = await open();
      conn.resume();
      const closed = new Promise<number>((resolve) => {
        conn.on('close', resolve);
      });
      const exited = once(server, 'exit');
      server.kill('SIGKILL');
      await exited;
      expect(await closed).toBe(1006);
      await expect(connect(url)).rejects.toMatchObject({
        code: 'ERR_HANDSHAKE_UNREACHABLE',
        cause: { code: 'ECONNREFUSED' },
      });
    });
  });
});

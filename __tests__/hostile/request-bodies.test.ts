/** Bodies after upgrade requests, which are never read (CVE-2020-36048 let them fill the memory). */
import { Child, stopChildren } from '../support/child.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

const PROGRAM = `
  let admit;
  const admitted = new Promise((resolve) => (admit = resolve));
  let socket;
  let opened = 0;
  const wss = new hawser.WebSocketServer(server, {
    logger: { warn() {}, error() {} },
    authorize: async (request) => {
      if (request.url !== '/slow') return;
      socket = request.socket;
      say('asked');
      await admitted;
    },
  });
  wss.on('rejected', ({ status }) => say('rejected', status));
  wss.on('connection', (conn) => {
    opened++;
    conn.on('message', () => say('message'));
  });
  commands.admit = () => admit();
  commands.opened = () => opened;
  commands.read = () => socket.bytesRead;
`;

let child: Child;
beforeEach(async () => {
  child = await Child.serve(PROGRAM, '--expose-gc');
});
afterEach(async () => {
  await child.expectAlive();
  expect(child.stderr).toBe('');
  await stopChildren();
});

const MIB = 1_048_576;

/** Sends 64 MiB of a body, or as much as is taken before the server ends it. */
async function pour(client: RawClient): Promise<void> {
  const block = Buffer.alloc(MIB, 0x78);
  for (let sent = 0; sent < 64 && client.ending === undefined; sent++) {
    await client.sendChunks([block]);
    for (let turn = 0; turn < 20 && client.socket.writableNeedDrain; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

describe.each([
  ['a length', { 'Content-Length': '1000000000000' }],
  ['chunks', { 'Transfer-Encoding': 'chunked' }],
  ['both', { 'Content-Length': '10', 'Transfer-Encoding': 'chunked' }],
  ['two lengths', { 'Content-Length': ['10', '20'] }],
])('a body with %s', (_what, headers) => {
  test.each(['GET', 'POST', 'PUT'])(
    'after a %s with Upgrade is not kept, and is not a message',
    async (method) => {
      const before = await child.ask<Record<string, number>>('memory');
      const client = await RawClient.connect(child.port);
      client.send(upgradeRequest({ method, headers }));
      await pour(client);
      await client.ended();
      // What the kernel had when the server ended the socket may still be read, and thrown away, on a busy machine.
      let grown = Infinity;
      for (let look = 0; look < 50 && grown >= 2 * MIB; look++) {
        const after = await child.ask<Record<string, number>>('memory');
        grown = after['heapUsed']! + after['external']! - before['heapUsed']! - before['external']!;
      }
      expect(grown).toBeLessThan(2 * MIB);
      client.destroy();
      expect(await child.ask('opened')).toBe(0);
      expect(child.said).not.toContainEqual(['message']);
    },
  );
});

test('what is sent while authorize thinks is read up to 64 KiB, and the rest left to the kernel', async () => {
  const client = await RawClient.connect(child.port);
  client.send(upgradeRequest({ target: '/slow' }));
  await child.says('asked');
  const before = await child.ask<number>('read');
  for (let sent = 0; sent < 64; sent++) await client.sendChunks([Buffer.alloc(MIB)]);
  const readSoFar = async (): Promise<number> => (await child.ask<number>('read')) - before;
  while ((await readSoFar()) < 65_536);
  await new Promise((resolve) => setTimeout(resolve, 50)); // it may read on, if it would
  const read = await readSoFar();
  expect(read).toBeLessThanOrEqual(4 * 65_536);
  await child.ask('admit');
  await client.ended();
  client.destroy();
});

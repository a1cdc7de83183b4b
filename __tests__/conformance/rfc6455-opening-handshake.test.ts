import type { AddressInfo } from 'node:net';
import { WebSocketServer, type ServerOptions } from '../../src/index.js';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { clientFrame } from '../support/frames.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { openingHandshake, type HandshakeRow } from './tables/opening-handshake.js';

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);
const quiet = { warn: () => {}, error: () => {} };

const SERVERS: Record<string, ServerOptions> = {
  plain: {},
  example: { path: '/chat', origin: ['http://example.com'], subprotocols: ['chat'] },
  path: { path: '/chat' },
  listed: { origin: ['https://page.example'] },
  subprotocols: { subprotocols: ['v2', 'v1'] },
  full: { maxConnections: 0 },
};

const servers = new Map<string, WebSocketServer>();

function start(name: string): WebSocketServer {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    logger: quiet,
    ...SERVERS[name],
  });
  servers.set(name, server);
  server.on('connection', (connection) => {
    connection.on('message', (data) => connection.send(data));
  });
  return server;
}

function portOf(name: string): number {
  return (servers.get(name)!.address() as AddressInfo).port;
}

beforeAll(async () => {
  await Promise.all(
    Object.keys(SERVERS).map(
      (name) => new Promise((resolve) => start(name).on('listening', () => resolve(undefined))),
    ),
  );
});

afterAll(async () => {
  await Promise.all([...servers.values()].map((server) => server.close({ timeout: 200 })));
});

describe.each([...new Set(openingHandshake.map((row) => row.section))])(
  'RFC 6455, section %s',
  (section) => {
    it.each(
      openingHandshake
        .filter((row) => row.section === section)
        .map((row) => [row.title, row] as const),
    )('%s', async (_title, row) => {
      await expectAnswer(row, []);
      await expectAnswer(row, everyByte(row.request));
      await expectAnswer(row, randomCuts(row.request, SEED));
    });
  },
);

async function expectAnswer(row: HandshakeRow, cuts: number[]): Promise<void> {
  const client = await RawClient.connect(portOf(row.server));
  try {
    await client.sendChunks(cutAt(row.request, cuts));
    const response = await client.response();
    expect({ status: response.status, body: response.body }).toEqual({
      status: row.status,
      body: response.body,
    });
    const actual = row.headers.map(([name]) => [name, response.header(name)]);
    expect(actual).toEqual(row.headers);
    if (row.status === 101) {
      // Section 4.2.2: what every server's handshake has; and nothing the client did not ask for.
      expect(response.statusLine).toBe('HTTP/1.1 101 Switching Protocols');
      expect(response.header('Upgrade')?.toLowerCase()).toBe('websocket');
      expect(response.header('Connection')?.toLowerCase()).toBe('upgrade');
      expect(response.header('Sec-WebSocket-Accept')).toMatch(/^[+/\w]{27}=$/);
      const names = response.headers.map(([name]) => name);
      const offered = /^Sec-WebSocket-Protocol:/m.test(row.request.toString('latin1'))
        ? ['sec-websocket-protocol']
        : [];
      expect(['upgrade', 'connection', 'sec-websocket-accept', ...offered]).toEqual(
        expect.arrayContaining(names),
      );
      return;
    }
    // A refusal is short and plain, says so, and ends.
    expect(response.body).toMatch(/^[\x20-\x7e\n]{1,300}$/);
    expect(response.header('Content-Type')).toMatch(/^text\/plain/);
    expect(response.header('Connection')).toMatch(/\bclose\b/);
    expect(response.header('Sec-WebSocket-Accept')).toBeUndefined();
    expect(await client.ended()).toBe('end');
  } finally {
    client.destroy();
  }
}

describe('RFC 6455, section 4: around the table', () => {
  it('5 a server may be told at once: a frame in the packet of the request is answered', async () => {
    const client = await RawClient.connect(portOf('plain'));
    client.send(
      Buffer.concat([Buffer.from(upgradeRequest()), clientFrame({ opcode: 1, payload: 'early' })]),
    );
    expect((await client.response()).status).toBe(101);
    expect(await client.words()).toBe('text 6561726c79');
    client.destroy();
  });

  it('4.2.2 a refusal says when to come back, where that is the reason', async () => {
    const client = await RawClient.connect(portOf('full'));
    client.send(upgradeRequest());
    const response = await client.response();
    expect(response.status).toBe(503);
    expect(Number(response.header('Retry-After'))).toBeGreaterThan(0);
    client.destroy();
  });

  it('4.2.2 a refusal keeps nothing of a request that goes on and on', async () => {
    const client = await RawClient.connect(portOf('path'));
    client.send(upgradeRequest({ target: '/other' }));
    client.send(Buffer.alloc(300_000));
    expect((await client.response()).status).toBe(404);
    expect(await client.ended()).toBe('end');
    client.destroy();
  });

  it('4.2.1 a request of half a header gets no answer, and does not hang the server', async () => {
    const client = await RawClient.connect(portOf('plain'));
    client.send(upgradeRequest().slice(0, -2));
    const other = await RawClient.open(portOf('plain'));
    expect(client.ending).toBeUndefined();
    other.destroy();
    client.send('\r\n');
    expect((await client.response()).status).toBe(101);
    client.destroy();
  });
});

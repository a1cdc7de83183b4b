/** Runs the rows of compressed messages over real sockets. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  type CloseInfo,
  type ProtocolError,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.js';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { clientClose } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { openOver, type Version, VERSIONS } from '../support/versions.js';
import { digest } from './decoder-rows.js';
import { deflateMessages, type DeflateRow } from './tables/deflate-messages.js';

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);

/** A server for each version of HTTP, policy and limit that rows ask for. */
const servers = new Map<string, WebSocketServer>();

async function serverFor(
  version: Version,
  { takeover, maxPayload }: DeflateRow['options'],
): Promise<WebSocketServer> {
  const name = `${version} ${takeover} ${maxPayload}`;
  const known = servers.get(name);
  if (known !== undefined) return known;
  const contextTakeover = takeover ? 'client' : 'none';
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    http2: version === 'HTTP/2',
    maxPayload,
    perMessageDeflate: { contextTakeover, windowBits: 15 },
    logger: { warn: () => {}, error: () => {} },
  });
  servers.set(name, server);
  await once(server, 'listening');
  return server;
}

/** Sends the bytes of each row to a server: whole, byte by byte, and cut at random. */
export function testDeflateRows(): void {
  afterAll(() =>
    Promise.all([...servers.values()].map((server) => server.close({ timeout: 200 }))),
  );

  for (const section of new Set(deflateMessages.map((row) => row.section))) {
    describe(`RFC ${/^(8|10)/.test(section) ? 6455 : 7692}, section ${section}`, () => {
      it.each(
        deflateMessages
          .filter((row) => row.section === section)
          .map((row) => [row.title, row] as const),
      )('%s', async (_title, row) => {
        for (const version of VERSIONS) await expectRow(row, [], 'whole', version);
        if (row.bytes.length < 500) await expectRow(row, everyByte(row.bytes), 'byte by byte');
        for (let seed = SEED; seed < SEED + 2; seed++) {
          await expectRow(row, randomCuts(row.bytes, seed), `cut at random, HAWSER_SEED=${seed}`);
        }
      });
    });
  }
}

async function expectRow(
  row: DeflateRow,
  cuts: readonly number[],
  how: string,
  version: Version = 'HTTP/1.1',
): Promise<void> {
  const server = await serverFor(version, row.options);
  const connected = once(server, 'connection') as Promise<[WebSocketConnection]>;
  const client = await open(version, server, row.options);
  try {
    const [connection] = await connected;
    const events: string[] = [];
    const ended = new Promise<CloseInfo>((done) => {
      connection
        .on('message', (data, isBinary) => {
          events.push(words(isBinary ? 'binary' : 'text', Buffer.from(data as Buffer)));
        })
        .on('ping', (payload) => events.push(words('ping', payload)))
        .on('pong', (payload) => events.push(words('pong', payload)))
        .on('close', (code, reason, info) => {
          if (info.cause === undefined) events.push(words(`close ${code}`, Buffer.from(reason)));
          done(info);
        });
    });
    await client.sendChunks(cutAt(row.bytes, cuts));
    // What is expected to live on shows it by how it ends: with a code that is in no row.
    const closes = row.events.some((event) => event.startsWith('close'));
    if (row.failure === undefined && !closes) client.send(clientClose(4999));
    expect(await client.ended()).toBe('end'); // the server ends first, then we
    client.finish();
    const cause = (await ended).cause as ProtocolError | undefined;
    const failure = cause && { code: cause.code, closeCode: (await client.close()).code };
    expect({ version, how, failure, events: events.map(digest) }).toEqual({
      version,
      how,
      failure: row.failure,
      events: [...row.events, ...(failure || closes ? [] : ['close 4999'])].map(digest),
    });
  } finally {
    client.destroy();
  }
}

/** Connects, and makes sure that what the row says was agreed on. */
async function open(
  version: Version,
  server: WebSocketServer,
  options: DeflateRow['options'],
): Promise<RawClient> {
  const { takeover, window } = options;
  const offer = `permessage-deflate; client_max_window_bits${window < 15 ? `=${window}` : ''}`;
  const { port } = server.address() as AddressInfo;
  const headers = { 'Sec-WebSocket-Extensions': offer };
  const client = await openOver(version, port, { headers });
  const { header } = await client.response();
  expect(header('Sec-WebSocket-Extensions')).toBe(
    [
      'permessage-deflate',
      ...(takeover ? [] : ['client_no_context_takeover']),
      ...(window < 15 ? [`client_max_window_bits=${window}`] : []),
    ].join('; '),
  );
  return client;
}

const words = (name: string, payload: Buffer): string =>
  `${name} ${payload.toString('hex')}`.trim();

import { connect } from '../../src/client/connect.js';
import type { CloseInfo, ProtocolError } from '../../src/index.js';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { serverFrame } from '../support/frames.js';
import { RawServer } from '../support/raw-server.js';
import { digest } from './decoder-rows.js';
import { unmask } from './tables/client.js';
import { deflateMessages, type DeflateRow } from './tables/deflate-messages.js';

/** The rows about compressed messages, once more with a client and a server by hand: the parts are exchanged. */

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);
const logger = { warn: () => {}, error: () => {} };
let server: RawServer;

beforeAll(async () => {
  server = await RawServer.start();
});
afterAll(() => {
  server.close();
});

// What begins inside a mask says something else without it.
const rows = deflateMessages.filter(
  (row) => !unmask(row.bytes).endsInKey && row.failure?.code !== 'ERR_MASK_REQUIRED',
);

test('nearly all rows are there', () => {
  expect(rows.length).toBeGreaterThan(deflateMessages.length - 4);
});

describe.each([...new Set(rows.map((row) => row.section))])(
  'as a client: RFC 7692 and RFC 6455, section %s',
  (section) => {
    it.each(rows.filter((row) => row.section === section).map((row) => [row.title, row] as const))(
      '%s',
      async (_title, row) => {
        const { bytes } = unmask(row.bytes);
        await expectRow(row, [bytes], 'whole');
        if (bytes.length < 500)
          await expectRow(row, cutAt(bytes, everyByte(bytes)), 'byte by byte');
        for (let seed = SEED; seed < SEED + 2; seed++) {
          const chunks = cutAt(bytes, randomCuts(bytes, seed));
          await expectRow(row, chunks, `cut at random, HAWSER_SEED=${seed}`);
        }
      },
    );
  },
);

async function expectRow(row: DeflateRow, chunks: Iterable<Buffer>, how: string): Promise<void> {
  const { takeover, window, maxPayload } = row.options;
  server.extensions = [
    'permessage-deflate',
    ...(takeover ? [] : ['server_no_context_takeover']),
    'client_no_context_takeover',
    ...(window < 15 ? [`server_max_window_bits=${window}`] : []),
  ].join('; ');
  const opening = connect(server.url, {
    logger,
    maxPayload,
    perMessageDeflate: {
      contextTakeover: takeover ? 'server' : 'none',
      ...(takeover ? { compressor: 'zlib' } : {}),
      windowBits: window,
    },
  });
  const peer = await server.peer();
  try {
    const events: string[] = [];
    const connection = await opening;
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
    await peer.send(...chunks);
    // What is expected to live on shows it by how it ends: with a code that is in no row.
    const closes = row.events.some((event) => event.startsWith('close'));
    if (row.failure === undefined && !closes) {
      await peer.send(serverFrame({ opcode: 8, payload: Buffer.from([0x13, 0x87]) }));
    }
    await peer.until('a Close', () => peer.frames.some(({ opcode }) => opcode === 8));
    peer.socket.end();
    const cause = (await ended).cause as ProtocolError | undefined;
    const close = peer.frames.find(({ opcode }) => opcode === 8)!;
    const failure = cause && { code: cause.code, closeCode: close.payload.readUInt16BE(0) };
    expect({ how, failure, events: events.map(digest) }).toEqual({
      how,
      failure: row.failure,
      events: [...row.events, ...(failure || closes ? [] : ['close 4999'])].map(digest),
    });
  } finally {
    peer.socket.destroy();
  }
}

const words = (name: string, payload: Buffer): string =>
  `${name} ${payload.toString('hex')}`.trim();

import { connect } from '../../src/client/connect.js';
import type { CloseInfo } from '../../src/index.js';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { RawServer } from '../support/raw-server.js';
import { applicationOf } from './closing-applications.js';
import { unmask } from './tables/client.js';
import { closingHandshake, type ClosingRow } from './tables/closing-handshake.js';

/** The rows about how connections end, once more with a client and a server by hand. */

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);
const logger = { warn: () => {}, error: () => {} };
let server: RawServer;

beforeAll(async () => {
  server = await RawServer.start();
});
afterAll(() => {
  server.close();
});

describe.each([...new Set(closingHandshake.map((row) => row.section))])(
  'as a client: RFC 6455, section %s',
  (section) => {
    it.each(
      closingHandshake
        .filter((row) => row.section === section)
        .map((row) => [row.title, asClientRow(row)] as const),
    )('%s', async (_title, row) => {
      await expectEnd(row, () => []);
      await expectEnd(row, (bytes) => (bytes.length < 1000 ? everyByte(bytes) : [1000]));
      await expectEnd(row, (bytes) => randomCuts(bytes, SEED));
    });
  },
);

/** The row of a server, whose faults about masks are the other way round. */
function asClientRow(row: ClosingRow): ClosingRow {
  const isUnmasked = row.told.cause === 'ERR_MASK_REQUIRED';
  return {
    ...row,
    steps: row.steps.map((step) =>
      typeof step === 'string'
        ? step
        : isUnmasked
          ? Buffer.from('81810000000061', 'hex')
          : unmask(step).bytes,
    ),
    told: { ...row.told, cause: isUnmasked ? 'ERR_MASK_FORBIDDEN' : row.told.cause },
  };
}

async function expectEnd(row: ClosingRow, cuts: (bytes: Buffer) => number[]): Promise<void> {
  const opening = connect(server.url, { logger, closeTimeout: 20_000 });
  const peer = await server.peer();
  let closes = 0;
  const told = opening.then(
    (connection) =>
      new Promise<CloseInfo>((resolve) => {
        connection.on('close', (code, reason, info) => {
          closes++;
          expect({ code, reason }).toEqual({ code: info.code, reason: info.reason });
          resolve(info);
        });
        applicationOf(row.server)(connection);
      }),
  );
  try {
    for (const step of row.steps) {
      if (step === 'wait') await peer.frame();
      else if (step === 'FIN') peer.socket.end();
      else if (step === 'RST') peer.socket.resetAndDestroy();
      else await peer.send(...cutAt(step, cuts(step)));
    }
    if (!row.steps.includes('RST')) {
      await peer.until('the frames', () => peer.frames.length >= row.received.length);
      // "SHOULD be closed first by the server" (section 7.1.1)
      if (row.told.clean) peer.socket.end();
      expect(await peer.ended()).toBe('end');
    }
    const received = peer.received();
    expect(
      received.map((words, i) =>
        row.received[i]?.endsWith('*') ? words.replace(/ [0-9a-f]+$/, ' *') : words,
      ),
    ).toEqual(row.received);
    peer.socket.end();
    const { code, reason, clean, initiator, cause } = await told;
    const failed = row.received.at(-1)?.endsWith('*');
    expect({
      code,
      reason: failed ? '' : reason,
      clean,
      initiator,
      cause: (cause as { code?: string } | undefined)?.code,
    }).toEqual(row.told);
    if (failed) expect(reason).toBe(Buffer.from(received.at(-1)!.split(' ')[2]!, 'hex').toString());
    expect(closes).toBe(1);
  } finally {
    peer.socket.destroy();
  }
}

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type CloseInfo, type WebSocketConnection } from '../../src/index.js';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { clientClose, clientFrame, parseFrames, serverFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { openOver, VERSIONS } from '../support/versions.js';
import { applicationOf, echo } from './closing-applications.js';
import { closingHandshake, type ClosingRow } from './tables/closing-handshake.js';

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);

describe.each(VERSIONS)('over %s', (version) => {
  /** What the application is told of a reset, which is RST_STREAM over HTTP/2. */
  const causeOver = (cause: string | undefined) =>
    version === 'HTTP/2' && cause === 'ECONNRESET' ? 'ERR_STREAM_RESET' : cause;

  /** Two servers: one that waits as long as a busy machine may need, and one that hardly waits. */
  let servers: Record<'patient' | 'hasty', WebSocketServer>;
  /** What the application does with the next connection. */
  let application: (connection: WebSocketConnection) => void;

  function serverWith(closeTimeout: number): WebSocketServer {
    const logger = { warn: () => {}, error: () => {} };
    const http2 = version === 'HTTP/2';
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', http2, closeTimeout, logger });
    return server.on('connection', (connection) => application(connection));
  }

  beforeAll(async () => {
    servers = { patient: serverWith(20_000), hasty: serverWith(150) };
    await Promise.all(Object.values(servers).map((server) => once(server, 'listening')));
  });

  afterAll(() =>
    Promise.all(Object.values(servers).map((server) => server.close({ timeout: 200 }))),
  );

  /** Connects; `told` is what the application learns in the end. */
  async function open(
    behaviour: (connection: WebSocketConnection) => void,
    server = servers.patient,
  ): Promise<{ client: RawClient; told: Promise<CloseInfo>; closes: () => number }> {
    let closes = 0;
    const told = new Promise<CloseInfo>((resolve) => {
      application = (connection) => {
        connection.on('close', (code, reason, info) => {
          closes++;
          expect({ code, reason }).toEqual({ code: info.code, reason: info.reason });
          resolve(info);
        });
        behaviour(connection);
      };
    });
    const { port } = server.address() as AddressInfo;
    return { client: await openOver(version, port), told, closes: () => closes };
  }

  describe.each([...new Set(closingHandshake.map((row) => row.section))])(
    'RFC 6455, section %s',
    (section) => {
      it.each(
        closingHandshake
          .filter((row) => row.section === section)
          .map((row) => [row.title, row] as const),
      )('%s', async (_title, row) => {
        await expectEnd(row, () => []);
        await expectEnd(row, (bytes) => (bytes.length < 1000 ? everyByte(bytes) : [1000]));
        await expectEnd(row, (bytes) => randomCuts(bytes, SEED));
      });
    },
  );

  async function expectEnd(row: ClosingRow, cuts: (bytes: Buffer) => number[]): Promise<void> {
    const { client, told, closes } = await open(applicationOf(row.server));
    try {
      for (const step of row.steps) {
        if (step === 'wait') await client.frame();
        else if (step === 'FIN') client.finish();
        else if (step === 'RST') client.reset();
        else await client.sendChunks(cutAt(step, cuts(step)));
      }
      // The server ends first: we have not, unless the row says FIN.
      if (!row.steps.includes('RST')) {
        const isReset = version === 'HTTP/2' && row.server === 'hangs up'; // RFC 8441 section 5
        expect(await client.ended()).toBe(isReset ? 'reset' : 'end');
      }
      const received = client.received();
      expect(
        received.map((words, i) =>
          row.received[i]?.endsWith('*') ? words.replace(/ [0-9a-f]+$/, ' *') : words,
        ),
      ).toEqual(row.received);
      client.finish();
      const { code, reason, clean, initiator, cause } = await told;
      const failed = row.received.at(-1)?.endsWith('*');
      expect({
        code,
        reason: failed ? '' : reason,
        clean,
        initiator,
        cause: (cause as { code?: string } | undefined)?.code,
      }).toEqual({ ...row.told, cause: causeOver(row.told.cause) });
      if (failed)
        expect(reason).toBe(Buffer.from(received.at(-1)!.split(' ')[2]!, 'hex').toString());
      expect(closes()).toBe(1);
    } finally {
      client.destroy();
    }
  }

  describe('RFC 6455, section 7: around the table', () => {
    it('7.1.1 a client that never answers is cut after closeTimeout', async () => {
      const { client, told } = await open(
        (connection) => void connection.close(4000, 'bye'),
        servers.hasty,
      );
      expect(await client.words()).toBe('close 4000 627965');
      expect(await told).toMatchObject({
        code: 1006,
        clean: false,
        initiator: 'local',
        cause: { code: 'ERR_CLOSE_TIMEOUT' },
      });
      await client.ended();
      client.destroy();
    });

    it('7.1.1 a client that answers but never ends its half is cut after closeTimeout', async () => {
      const { client, told } = await open(echo, servers.hasty);
      client.send(clientClose(1000));
      expect(await client.ended()).toBe('end');
      // Both have closed; that the transport ends late does not make it unclean.
      expect(await told).toMatchObject({ code: 1000, clean: true, initiator: 'peer' });
      client.destroy();
    });

    it('7.1.1 a client that was refused and goes on sending is read until it has the Close', async () => {
      const { client, told } = await open(echo);
      client.send(clientFrame({ opcode: 3 }));
      for (let i = 0; i < 40 && client.ending === undefined; i++) {
        client.send(Buffer.alloc(65_536));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await client.close()).code).toBe(1002);
      expect(await client.ended()).toBe('end');
      client.finish();
      await told;
      client.destroy();
    });

    it('5.5.1 close() twice sends one Close', async () => {
      const { client, told } = await open((connection) => {
        void connection.close(4000);
        void connection.close(4001);
      });
      expect(await client.close()).toEqual({ code: 4000, reason: '' });
      client.send(clientClose(4000));
      expect(await client.ended()).toBe('end');
      expect(client.received()).toEqual(['close 4000']);
      client.finish();
      await told;
      client.destroy();
    });

    it('7.4.1 the application cannot send a code that must not be sent', async () => {
      let connection: WebSocketConnection | undefined;
      const { client, told } = await open((opened) => (connection = opened));
      for (const code of [0, 999, 1004, 1006, 1015, 1016, 2999, 5000, 1000.5, NaN]) {
        expect(() => connection!.close(code)).toThrow(/must not be sent/);
      }
      expect(() => connection!.close(1000, 'x'.repeat(124))).toThrow(/124/);
      client.send(clientClose());
      await client.ended();
      client.finish();
      expect(await told).toMatchObject({ code: 1005, clean: true });
      client.destroy();
    });

    it('the reader of these tests refuses what a server must not send', () => {
      expect(() => parseFrames(clientFrame({ opcode: 1 }))).toThrow('masked');
      expect(() => parseFrames(serverFrame({ opcode: 1, form: 16 }))).toThrow('shortest');
      expect(() => parseFrames(Buffer.from('8101', 'hex'))).toThrow('after the last whole frame');
    });
  });
});

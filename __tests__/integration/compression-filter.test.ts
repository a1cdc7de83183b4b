/** What a `filter` calls on the connection that it is asked about. */
import type { WebSocketConnection } from '../../src/index.js';
import { inflateRawSync } from 'node:zlib';
import { openCompressed } from '../support/compressed-client.js';
import { Host, stopHosts } from '../support/host.js';

afterEach(stopHosts);

const TAIL = Buffer.of(0, 0, 0xff, 0xff);
const LENGTHS = { short: 200, long: 200_000 };

/** What arrives when the filter has done something about the message that begins with "outer". */
async function arrives(
  length: number,
  contextTakeover: 'none' | 'both',
  act: (conn: WebSocketConnection) => void,
): Promise<string[]> {
  let asked = false;
  const filter = (message: string | Uint8Array, conn: unknown): boolean => {
    if (!asked && message.toString().startsWith('outer')) {
      asked = true;
      act(conn as WebSocketConnection);
    }
    return true;
  };
  const host = await Host.start({ perMessageDeflate: { filter, contextTakeover, threshold: 100 } });
  const { client } = await openCompressed(host.port);
  const { connection } = await host.connection();
  connection.send('outer'.padEnd(length));
  void connection.close(1000, 'done');
  await client.close();
  let before = Buffer.alloc(0); // what a message may refer to
  const all = client.frames.map(({ opcode, rsv, payload }) => {
    if (opcode !== 1 || rsv === 0) return `${opcode} ${payload.toString().trimEnd()}`;
    const options = { finishFlush: 2, ...(before.length > 0 && { dictionary: before }) };
    const message = inflateRawSync(Buffer.concat([payload, TAIL]), options);
    before = Buffer.concat([before, message]).subarray(-32_768);
    return `${opcode} ${message.toString().trimEnd()}`;
  });
  client.destroy();
  return all;
}
describe.each(['none', 'both'] as const)('with context takeover of %s', (takeover) => {
  it.each(Object.entries(LENGTHS))(
    'what the filter sends about a %s message comes behind it',
    async (_name, length) => {
      const all = await arrives(length, takeover, (conn) => {
        conn.send('inner');
        conn.send('inner, long'.padEnd(100_000));
        conn.ping('and a ping');
        conn.send('inner, last'.padEnd(1000));
      });
      expect(all.slice(0, -1)).toStrictEqual([
        '1 outer',
        '1 inner',
        '1 inner, long',
        '9 and a ping',
        '1 inner, last',
      ]);
      expect(all.at(-1)).toMatch(/^8 .*done$/);
    },
  );

  it.each(Object.entries(LENGTHS))(
    'a filter that closes lets the %s message go before the Close, and nothing after it',
    async (_name, length) => {
      const all = await arrives(length, takeover, (conn) => {
        conn.send('inner');
        void conn.close(4000, 'by the filter');
        conn.send('too late');
      });
      expect(all.slice(0, -1)).toStrictEqual(['1 outer', '1 inner']);
      expect(all.at(-1)).toMatch(/^8 .*by the filter$/);
    },
  );
});

test('a filter that terminates the connection lets the message go before, if the kernel takes it', async () => {
  const filter = (_message: string | Uint8Array, conn: unknown): boolean => {
    (conn as WebSocketConnection).terminate();
    return true;
  };
  const host = await Host.start({ perMessageDeflate: { filter } });
  const { client } = await openCompressed(host.port);
  const ours = await host.connection();
  const called = new Promise<Error | undefined>((resolve) => {
    expect(ours.connection.send('outer'.padEnd(2000), resolve)).toBe(false);
  });
  expect(await called).toBeUndefined();
  await client.ended();
  expect(client.frames.map(({ payload }) => payload.toString().trimEnd())).toStrictEqual(['outer']);
  expect((await ours.ended).initiator).toBe('local');
  client.destroy();
});

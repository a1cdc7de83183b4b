/** Lengths at the limits of signed, unsigned and floating-point numbers (CVE-2026-1528, CVE-2020-13935, CVE-2020-27813). */
import { Buffer } from 'node:buffer';
import { clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  /** The largest block that is allocated while `run` runs. */
  async function largestBlock(run: () => Promise<void>): Promise<number> {
    let largest = 0;
    const spies = (['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const).map((name) => {
      const original = Buffer[name].bind(Buffer) as (size: number) => Buffer;
      return jest.spyOn(Buffer, name as 'allocUnsafe').mockImplementation(((size: number) => {
        largest = Math.max(largest, size);
        return original(size);
      }) as never);
    });
    await run();
    for (const spy of spies) spy.mockRestore();
    return largest;
  }

  const row = (name: string, length: bigint, code: number): [string, bigint, number] => [
    name,
    length,
    code,
  ];
  const LENGTHS = [
    row('4 MiB + 1', 4_194_305n, 1009),
    row('2^31 - 1', (1n << 31n) - 1n, 1009),
    row('2^31', 1n << 31n, 1009),
    row('2^32 - 1', (1n << 32n) - 1n, 1009),
    row('2^32', 1n << 32n, 1009),
    row('2^32 + 5', (1n << 32n) + 5n, 1009),
    row('2^33 + 2^31', (1n << 33n) + (1n << 31n), 1009),
    row('2^53 - 1', (1n << 53n) - 1n, 1009),
    row('2^53', 1n << 53n, 1009),
    row('2^53 + 1', (1n << 53n) + 1n, 1009),
    row('2^62', 1n << 62n, 1009),
    row('2^63 - 1', (1n << 63n) - 1n, 1009),
    row('2^63', 1n << 63n, 1002),
    row('2^63 + 1', (1n << 63n) + 1n, 1002),
    row('2^64 - 1', (1n << 64n) - 1n, 1002),
  ];

  describe.each([
    ['a first frame', Buffer.alloc(0), 2],
    ['a second fragment', clientFrame({ opcode: 2, fin: false, payload: 'ten bytes.' }), 0],
  ])('%s', (_which, before, opcode) => {
    test.each(LENGTHS)(
      'of %s bytes is refused before anything is allocated for it',
      async (_name, length, code) => {
        const host = await Host.startOver(version);
        const client = await host.open();
        const largest = await largestBlock(async () => {
          client.send(Buffer.concat([before, clientFrame({ opcode, form: 64, length })]));
          expect((await client.close()).code).toBe(code);
        });
        expect(largest).toBeLessThanOrEqual(65_536);
        client.destroy();
      },
    );
  });

  describe('with the largest maxPayload there can be', () => {
    test.each([
      ['2^53', 1n << 53n, 1009],
      ['2^53 + 1', (1n << 53n) + 1n, 1009],
      ['2^63', 1n << 63n, 1002],
    ])('a length of %s is refused', async (_name, length, code) => {
      const host = await Host.startOver(version, { maxPayload: Number.MAX_SAFE_INTEGER });
      const client = await host.open();
      client.send(clientFrame({ opcode: 2, form: 64, length }));
      expect((await client.close()).code).toBe(code);
      client.destroy();
    });

    test('fragments that add up to more than 2^53 are refused', async () => {
      const host = await Host.startOver(version, { maxPayload: Number.MAX_SAFE_INTEGER });
      const client = await host.open();
      client.send(clientFrame({ opcode: 2, fin: false, payload: 'x' }));
      client.send(clientFrame({ opcode: 0, form: 64, length: (1n << 53n) - 1n }));
      expect((await client.close()).code).toBe(1009);
      client.destroy();
    });

    test('a length of 4 GiB - 1, the longest there is, costs only what has arrived of it', async () => {
      const host = await Host.startOver(version, { maxPayload: Number.MAX_SAFE_INTEGER });
      const client = await host.open();
      const largest = await largestBlock(async () => {
        client.send(
          clientFrame({ opcode: 2, form: 64, length: (1n << 32n) - 1n, payload: 'some' }),
        );
        for (let i = 0; i < 10; i++) await client.sendChunks([Buffer.alloc(1000)]);
      });
      expect(largest).toBeLessThanOrEqual(65_536);
      expect((await host.connection()).connection.readyState).toBe('open');
      client.destroy();
    });
  });

  test.each([126, 127, 1000, 65_535, 65_536])(
    'a control frame of %i bytes is refused at its header',
    async (length) => {
      const host = await Host.startOver(version);
      const client = await host.open();
      const form = length < 65_536 ? 16 : 64;
      client.send(clientFrame({ opcode: 9, form, length }));
      expect((await client.close()).code).toBe(1002);
      client.destroy();
    },
  );
});

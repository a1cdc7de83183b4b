/**
 * Bytes of one connection in the messages of another, through contexts that all of them share: a pooled object
 * that was handed on too early has done that before (CVE-2022-25762), and so has hawser's own first engine, where a
 * context begun in the middle of a message kept the beginning of that message for good.
 */
import { deflateRawSync } from 'node:zlib';
import { Host, stopHosts } from '../support/host.js';
import { clientFrame } from '../support/frames.js';
import { hex } from '../support/bytes.js';
import { inflateStrictly } from '../support/inflate.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  const SECRET = 'the secret of another client ';
  const OFFER = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } };

  const stored = (text: string): Buffer => {
    const head = Buffer.from([0, text.length, 0, text.length ^ 0xff, 0xff]);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const final = deflateRawSync(SECRET);
  const EMPTY = hex('00');

  /** What the other one sends before; what is left in a context after it must not matter. */
  const BEFORE: [string, Buffer[]][] = [
    ['a message', [Buffer.concat([stored(SECRET), EMPTY])]],
    ['a message that ends with BFINAL=1', [Buffer.concat([final, EMPTY])]],
    ['a message with BFINAL=1 and nothing after it', [final]],
    ['a message with blocks after BFINAL=1', [Buffer.concat([final, stored(SECRET), EMPTY])]],
    ['two of these', Array<Buffer>(2).fill(Buffer.concat([final, final, stored(SECRET), EMPTY]))],
    ['a final block that only the tail completes', [Buffer.concat([stored(SECRET), hex('01')])]],
    ['a message that is cut short', [stored(SECRET).subarray(0, 20)]],
    ['a message that becomes faulty', [Buffer.concat([stored(SECRET), hex('06')])]],
    ['a message that becomes faulty after BFINAL=1', [Buffer.concat([final, hex('06')])]],
    [
      'a message above the limit',
      [Buffer.concat([stored(SECRET.repeat(5)), stored(SECRET.repeat(5)), EMPTY])],
    ],
    [
      'a message above the limit after BFINAL=1',
      [Buffer.concat([final, stored(SECRET.repeat(8)), EMPTY])],
    ],
  ];

  /** Messages that do nothing but refer back: 3 bytes from 1 ago, 5 from 5, 10 from 28, 8 from 100. */
  const REFERENCES = [hex('02020000'), hex('02130000'), hex('42c80100'), hex('82d90100')];

  async function open(host: Host): Promise<RawClient> {
    return host.open(OFFER);
  }

  describe.each(['none', 'both'] as const)('with takeover by %s', (contextTakeover) => {
    test.each(BEFORE)(
      'a copy from nowhere gets nothing after %s of another client',
      async (_what, payloads) => {
        const host = await Host.startOver(version, {
          maxPayload: 200,
          perMessageDeflate: { contextTakeover },
        });
        for (const reference of REFERENCES) {
          const victim = await open(host);
          const { connection } = await host.connection();
          for (const payload of payloads) victim.send(clientFrame({ opcode: 2, rsv: 4, payload }));
          victim.send(clientFrame({ opcode: 9 }));
          await Promise.race([victim.frame(), victim.ended()]);
          const attacker = await open(host);
          const ours = await host.connection();
          const messages: unknown[] = [];
          ours.connection.on('message', (data) => messages.push(data));
          attacker.send(clientFrame({ opcode: 2, rsv: 4, payload: reference }));
          expect((await attacker.close()).code).toBe(1007);
          expect(messages).toEqual([]);
          attacker.destroy();
          victim.destroy();
          connection.terminate();
        }
      },
    );
  });

  test('the bytes sent to one client reveal nothing about those sent to another', async () => {
    const host = await Host.startOver(version, { perMessageDeflate: { threshold: 0 } });
    const clients = [await open(host), await open(host)];
    const ours = [await host.connection(), await host.connection()];
    for (let i = 0; i < 20; i++) {
      for (const { connection } of ours) connection.send(SECRET.repeat(i));
    }
    for (const client of clients) {
      for (let i = 0; i < 20; i++) {
        const { rsv, payload } = await client.frame();
        // It can be read with nothing before it.
        const message = rsv === 4 ? inflateStrictly(payload) : payload;
        expect(message.toString()).toBe(SECRET.repeat(i));
      }
      client.destroy();
    }
  });
});

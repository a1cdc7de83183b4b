/** Payloads that are not valid compressed messages: the peer is told, and no other connection with the same context is affected. */
import { deflateRawSync } from 'node:zlib';
import type { DeflateOptions } from '../../src/index.js';
import { compressedFrame, openCompressed } from '../support/compressed-client.js';
import { DeflateWriter } from '../support/deflate-blocks.js';
import { hex } from '../support/bytes.js';
import { clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  const text = (payload: Buffer): Buffer => clientFrame({ opcode: 1, rsv: 4, payload });
  const whole = deflateRawSync('a whole message, of which a part is cut off');

  const FAULTS: [string, Buffer, number][] = [
    ['RSV1 on a continuation', Buffer.concat([clientFrame({ opcode: 1, rsv: 4, fin: false, payload: whole.subarray(0, 9) }), clientFrame({ opcode: 0, rsv: 4, payload: whole.subarray(9) })]), 1002], // prettier-ignore
    ['RSV1 on a Ping', clientFrame({ opcode: 9, rsv: 4 }), 1002],
    ['RSV1 on a Pong', clientFrame({ opcode: 10, rsv: 4, payload: whole }), 1002],
    ['RSV1 on a Close', clientFrame({ opcode: 8, rsv: 4 }), 1002],
    ['RSV1 and RSV2', clientFrame({ opcode: 1, rsv: 6, payload: whole }), 1002],
    ['a block of the reserved type', text(hex('07')), 1007],
    ['noise', text(hex('deadbeefdeadbeefdeadbeef')), 1007],
    ['no payload', text(Buffer.alloc(0)), 1007],
    ['the tail that should have been removed, and nothing else', text(hex('0000ffff')), 1007],
    ['a message cut short', text(whole.subarray(0, 20)), 1007],
    ['a message of zlib, with its header', text(hex('789c' + '4b4c4a0600024d0127')), 1007],
    ['a reference to before the beginning', text(new DeflateWriter().fixed([{ length: 9, distance: 99 }]).end().bytes), 1007], // prettier-ignore
    ['text that is not UTF-8', text(deflateRawSync(hex('c328'))), 1007],
    ['text that ends inside a character', text(deflateRawSync(hex('61e282'))), 1007],
    ['long text that is not UTF-8', text(deflateRawSync(Buffer.alloc(1_000_000, 0xff))), 1007],
    ['seventeen streams', text(hex('(4b04 00)x17')), 1007],
  ];

  describe.each<true | DeflateOptions>([true, { contextTakeover: 'both' }])(
    'with perMessageDeflate: %j',
    (perMessageDeflate) => {
      test.each(FAULTS)('%s closes its connection and no other', async (_what, fault, code) => {
        const host = await Host.startOver(version, { perMessageDeflate });
        const { client: neighbour } = await openCompressed(host);
        const neighbours = await host.connection();
        neighbour.send(compressedFrame('before'));
        expect(await neighbours.receive(1)).toStrictEqual(['before']);
        const { client } = await openCompressed(host);
        const ours = await host.connection();
        client.send(Buffer.concat([compressedFrame('good'), fault, compressedFrame('too late')]));
        expect((await client.close()).code).toBe(code);
        client.finish();
        expect(await ours.ended).toMatchObject({ code, clean: false });
        expect(await ours.receive(1)).toStrictEqual(['good']);
        neighbour.send(compressedFrame('behind'));
        neighbour.send(compressedFrame(Buffer.alloc(700_000), 2));
        neighbour.send(compressedFrame('last'));
        const [behind, long, last] = await neighbours.receive(3);
        expect([behind, long!.length, last]).toStrictEqual(['behind', 700_000, 'last']);
        expect(ours.connection.readyState).toBe('closed');
        for (const each of [client, neighbour]) each.destroy();
      });
    },
  );

  test('what is legal though no library sends it is a message', async () => {
    const host = await Host.startOver(version, { perMessageDeflate: true });
    const { client } = await openCompressed(host);
    const ours = await host.connection();
    const writer = (): DeflateWriter => new DeflateWriter();
    const messages: [Buffer, string][] = [
      [hex('00'), ''],
      [hex('01'), ''],
      [hex('030000'), ''],
      [writer().stored('stored').end().bytes, 'stored'],
      [writer().stored('one ').fixed(['two ']).stored('three').end().bytes, 'one two three'],
      [writer().stored('final', true).bytes, 'final'],
      [writer().fixed(['final, '], true).fixed(['and more']).end().bytes, 'final, and more'],
      [hex('000000ffff 000000ffff 00'), ''],
    ];
    for (const [payload] of messages) client.send(text(payload));
    expect(await ours.receive(messages.length)).toStrictEqual(
      messages.map(([, message]) => message),
    );
    client.destroy();
  });
});

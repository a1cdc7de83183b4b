/**
 * A server without a single listener meets everything that a peer can do wrong (CVE-2022-39386). The process
 * must stay alive, log nothing, and answer with the right code.
 */
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame, type FrameParts } from '../support/frames.js';
import { upgradeRequest } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  type Row = [name: string, bytes: Buffer, code: number];

  const frame = (name: string, parts: FrameParts, code = 1002): Row => [
    name,
    clientFrame(parts),
    code,
  ];
  const frames = (name: string, parts: FrameParts[], code = 1002): Row => [
    name,
    Buffer.concat(parts.map(clientFrame)),
    code,
  ];
  const hex = (text: string): Buffer => Buffer.from(text, 'hex');

  const ROWS: Row[] = [
    frame('an unmasked frame', { opcode: 1, payload: 'a', key: null }),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) =>
      frame(`the reserved opcode ${String(opcode)}`, { opcode }),
    ),
    ...[1, 2, 4].flatMap((rsv) =>
      [1, 2, 8, 9, 10].map((opcode) =>
        frame(`reserved bits ${String(rsv)} on opcode ${String(opcode)}`, { opcode, rsv }),
      ),
    ),
    frames('RSV1 on a continuation', [
      { opcode: 1, fin: false },
      { opcode: 0, rsv: 4 },
    ]),
    ...[8, 9, 10].flatMap((opcode) => [
      frame(`126 bytes of payload with opcode ${String(opcode)}`, {
        opcode,
        payload: Buffer.alloc(126),
      }),
      frame(`a fragment with opcode ${String(opcode)}`, { opcode, fin: false }),
    ]),
    frame('a continuation of nothing', { opcode: 0 }),
    frames('a message inside another', [
      { opcode: 1, fin: false },
      { opcode: 2, payload: 'x' },
    ]),
    frame('a short length in 16 bits', { opcode: 2, payload: Buffer.alloc(125), form: 16 }),
    frame('a medium length in 64 bits', { opcode: 2, payload: Buffer.alloc(200), form: 64 }),
    frame('a length with the top bit set', { opcode: 2, form: 64, length: 1n << 63n }),
    frame('a length of 2^63 - 1', { opcode: 2, form: 64, length: (1n << 63n) - 1n }, 1009),
    frame('a Close of one byte', { opcode: 8, payload: hex('03') }),
    ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
      (code): Row => [`a Close with code ${String(code)}`, clientClose(code), 1002],
    ),
    frame('a Close whose reason is not UTF-8', { opcode: 8, payload: hex('03e8ff') }, 1007),
    frame('overlong UTF-8', { opcode: 1, payload: hex('c0af') }, 1007),
    frame('a surrogate in UTF-8', { opcode: 1, payload: hex('eda080') }, 1007),
    frame('UTF-8 above U+10FFFF', { opcode: 1, payload: hex('f4908080') }, 1007),
    frame('UTF-8 that ends too early', { opcode: 1, payload: hex('e282') }, 1007),
    frames(
      'a character spoiled in the next fragment',
      [
        { opcode: 1, fin: false, payload: hex('e2') },
        { opcode: 0, fin: false, payload: hex('28') },
      ],
      1007,
    ),
    [
      'a frame of which only the spoiled beginning ever comes',
      clientFrame({ opcode: 1, payload: hex('ff'), length: 100 }),
      1007,
    ],
    frame('4 MiB and one byte announced', { opcode: 2, form: 64, length: 4_194_305 }, 1009),
    frames(
      'fragments that together are too big',
      [
        { opcode: 2, fin: false, payload: Buffer.alloc(4_194_304) },
        { opcode: 0, payload: Buffer.alloc(1) },
      ],
      1009,
    ),
    ['a message after a Close', Buffer.concat([clientClose(1000), clientClose(4000)]), 1000],
    [
      'rubbish after a Close',
      Buffer.concat([clientClose(1000), Buffer.from('GET / HTTP/1.1\r\n\r\n')]),
      1000,
    ],
    ['an HTTP request instead of a frame', Buffer.from(upgradeRequest()), 1002],
  ];

  const PROGRAMS = {
    'without any listener': 'new hawser.WebSocketServer(server);',
    'without any listener, fed through handleUpgrade': `
    const wss = new hawser.WebSocketServer({ noServer: true });
    server.on('upgrade', (request, socket, head) => void wss.handleUpgrade(request, socket, head));
    const { Http2ServerRequest } = require('node:http2');
    server.on('stream', (stream, headers, flags, raw) => {
      void wss.handleUpgrade(new Http2ServerRequest(stream, headers, {}, raw), stream, Buffer.alloc(0));
    });
    server.updateSettings?.({ enableConnectProtocol: true });
  `,
  };

  describe.each(Object.entries(PROGRAMS))('a server %s', (_name, program) => {
    let child: Child;
    beforeAll(async () => {
      child = await Child.serveOver(version, program);
    });
    afterAll(stopChildren);
    afterEach(() => {
      // Neither a stack trace nor a warning: a peer must not be able to fill a log.
      expect({ running: child.running, stderr: child.stderr }).toEqual({
        running: true,
        stderr: '',
      });
    });

    test.each(ROWS)('answers %s with its code and lives on', async (_row, bytes, code) => {
      const client = await child.open();
      client.send(bytes);
      expect((await client.close()).code).toBe(code);
      expect(await client.ended()).toBe('end');
      expect(client.frames).toHaveLength(1);
      client.destroy();
    });

    test('still serves after all that', async () => {
      await expect(child.expectAlive()).resolves.toBeUndefined();
    });
  });
});

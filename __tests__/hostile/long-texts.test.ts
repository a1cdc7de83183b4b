/**
 * A Text message of more characters than a string can have used to end the process, where `maxPayload` let
 * it in; compressed, half a megabyte was enough. Here a string has at most 1000 UTF-16 code units.
 */
jest.mock('node:buffer', () => {
  const actual = jest.requireActual<{ constants: object }>('node:buffer');
  return { ...actual, constants: { ...actual.constants, MAX_STRING_LENGTH: 1000 } };
});

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import { builtPackage } from '../support/built-package.js';
import type { AnyRequest, ServerOptions } from '../../src/server/options/options.js';
import { createWebSocketStream } from '../../src/ws/stream.js';
import { WebSocketServer as WsServer } from '../../src/ws/server.js';
import { WebSocket } from '../../src/ws/web-socket.js';
import type { WebSocketServer } from '../../src/server/server.js';
import { clientFrame, type Frame, serverFrame } from '../support/frames.js';
import { RawServer } from '../support/raw-server.js';
import { serveHttp2 } from '../support/http2.js';
import { ask, eventually, later, serve, settle } from '../support/server.js';
import { openOver, type Version, VERSIONS } from '../support/versions.js';

afterEach(async () => {
  await settle();
});

const MAX = 1000;
const whole = (text: string) => [clientFrame({ opcode: 1, payload: text })];
const cut = (text: string) => {
  const [frame] = whole(text) as [Buffer];
  return [frame.subarray(0, 500), frame.subarray(500)];
};
const fragmented = (text: string) => {
  const bytes = Buffer.from(text);
  return [
    clientFrame({ opcode: 1, fin: false, payload: bytes.subarray(0, 400) }),
    clientFrame({ opcode: 0, payload: bytes.subarray(400) }),
  ];
};
const compressed = (text: string) => [
  clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(text) }),
];

const WAYS: [string, (text: string) => Buffer[]][] = [
  ['in one frame', whole],
  ['in two reads', cut],
  ['in fragments', fragmented],
  ['compressed', compressed],
];
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };

/** A server on a version of HTTP. */
async function serveOver(version: Version, options: ServerOptions<undefined, AnyRequest> = {}) {
  if (version === 'HTTP/2') return serveHttp2(options);
  const served = await serve(options as ServerOptions);
  return { ...served, wss: served.wss as unknown as WebSocketServer<undefined, AnyRequest> };
}

/** What becomes of a text that comes in these pieces. */
async function become(
  version: Version,
  pieces: Buffer[],
  options: ServerOptions<undefined, AnyRequest> = {},
) {
  const { wss, port, log } = await serveOver(version, { perMessageDeflate: true, ...options });
  const heard: unknown[] = [];
  const ends: unknown[] = [];
  wss.on('connection', (conn) => {
    conn.on('message', (data) => heard.push(data));
    conn.on('close', (code, _reason, { cause }) =>
      ends.push(code, (cause as { code?: string } | undefined)?.code),
    );
  });
  const client = await openOver(version, port, { headers: OFFER });
  for (const piece of pieces) {
    client.send(piece);
    await settle();
  }
  const errors = () => wss.stats().protocolErrors.ERR_MESSAGE_TOO_BIG;
  await eventually('a verdict', () => heard.length > 0 || errors() === 1);
  const frames: Frame[] = [];
  if (heard.length === 0) {
    frames.push(await client.frame());
    client.socket.end();
    await eventually('the end', () => ends.length > 0);
  }
  return { heard, ends, frames, log };
}

const BOTH = VERSIONS.flatMap((version) => WAYS.map(([way, encode]) => ({ version, way, encode })));

describe.each(BOTH)('A text over $version $way', ({ version, encode }) => {
  it.each([
    ['ASCII', 'a'.repeat(MAX)],
    ['of two bytes each', 'é'.repeat(MAX)],
    ['of three bytes each', '漢'.repeat(MAX)],
    ['of four bytes each', '🚀'.repeat(MAX / 2)],
    ['mixed', 'aé漢🚀'.repeat(MAX / 5)],
  ])('of as many characters as a string can have is delivered, %s', async (_what, text) => {
    expect((await become(version, encode(text))).heard).toEqual([text]);
  });

  it.each([
    ['ASCII', 'a'.repeat(MAX + 1)],
    ['of two bytes each', 'é'.repeat(MAX + 1)],
    ['of three bytes each', '漢'.repeat(MAX + 1)],
    ['of four bytes each', '🚀'.repeat(MAX / 2 + 1)],
    ['mixed, in the last character', `${'aé漢🚀'.repeat(MAX / 5)}a`],
  ])('of one more closes with 1009, and nothing is thrown, %s', async (_what, text) => {
    const { heard, ends, frames, log } = await become(version, encode(text));
    expect(heard).toEqual([]);
    expect(ends).toEqual([1009, 'ERR_MESSAGE_TOO_BIG']);
    expect(frames[0]!.payload.toString('latin1', 2)).toMatch(
      /^byte \d+: a Text message of \d+ bytes is longer than a string can be, 1000 UTF-16 code units/,
    );
    expect(log.lines).toHaveLength(1);
  });

  it('of one more is delivered as bytes, as the message of the error advises', async () => {
    const text = 'a'.repeat(MAX + 1);
    const { heard } = await become(version, encode(text), { textAs: 'buffer' });
    expect(heard).toEqual([Buffer.from(text)]);
  });
});

/** How a program that uses hawser/ws gets strings: each tells what it has got. */
const LISTENERS: [string, (ws: WebSocket, got: (value: unknown) => void) => void][] = [
  ['onmessage', (ws, got) => (ws.onmessage = ({ data }) => got(data))],
  ['addEventListener', (ws, got) => ws.addEventListener('message', ({ data }) => got(data))],
  [
    'addEventListener, once, with an object',
    (ws, got) => {
      const handler = { handleEvent: (event: { data: unknown }) => got(event.data) };
      ws.addEventListener('message', handler, { once: true });
    },
  ],
  [
    'a listener of both kinds',
    (ws, got) => {
      ws.on('message', (data) => got((data as Buffer).toString()));
      ws.addEventListener('message', () => undefined);
    },
  ],
  ['a stream of objects', (ws, got) => streamOf(ws, { readableObjectMode: true }, got)],
  ['a stream with an encoding', (ws, got) => streamOf(ws, { encoding: 'utf8' }, got)],
  [
    'a stream whose encoding is set later',
    (ws, got) => void streamOf(ws, {}, got).setEncoding('utf8'),
  ],
];

function streamOf(
  ws: WebSocket,
  options: Parameters<typeof createWebSocketStream>[1],
  got: (value: unknown) => void,
): Duplex {
  const stream = createWebSocketStream(ws, options);
  stream.on('error', () => undefined);
  return stream.on('data', got);
}

/** What becomes of what a client sends to a server of hawser/ws without a limit. */
async function becomeThere(
  listen: (ws: WebSocket, got: (value: unknown) => void) => void,
  pieces: Buffer[],
) {
  const wss = new WsServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, maxPayload: 0 });
  later(() => wss.close());
  await once(wss, 'listening');
  const got: unknown[] = [];
  const errors: Error[] = [];
  let closed: unknown;
  wss.on('connection', (ws) => {
    listen(ws, (value) => got.push(value));
    ws.on('error', (error) => errors.push(error));
    ws.on('close', (code) => (closed = code));
  });
  const client = await ask((wss.address() as AddressInfo).port, { headers: OFFER });
  await client.response();
  for (const piece of pieces) {
    client.send(piece);
    await settle();
  }
  await eventually('a verdict', () => got.length > 0 || errors.length > 0);
  if (errors.length === 0) return { got, closed, errors, reason: '' };
  const { payload } = await client.frame();
  client.socket.end();
  await eventually('the end', () => closed !== undefined);
  return { got, closed: payload.readUInt16BE(0), errors, reason: payload.toString('latin1', 2) };
}

describe.each(LISTENERS)('A text that hawser/ws gives to %s', (name, listen) => {
  const longest = name.includes('encoding') ? MAX - 3 : MAX; // Node's decoder may have kept 3 bytes

  it.each(WAYS)('is delivered if it is as long as a string can be, %s', async (_, encode) => {
    const text = 'a'.repeat(longest);
    expect((await becomeThere(listen, encode(text))).got).toEqual([text]);
  });

  it.each(WAYS)(
    'closes with 1009 if it is longer, and nothing is thrown, %s',
    async (_, encode) => {
      const { got, closed, errors, reason } = await becomeThere(
        listen,
        encode('a'.repeat(longest + 1)),
      );
      expect(got).toEqual([]);
      expect(closed).toBe(1009);
      expect(reason).toMatch(
        /^byte \d+: a message of \d+ bytes is longer than a string can be, 1000 /,
      );
      expect(errors).toMatchObject([
        { code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', cause: { code: 'ERR_MESSAGE_TOO_BIG' } },
      ]);
    },
  );
});

describe('A long message in hawser/ws', () => {
  it.each(['é'.repeat(MAX), '🚀'.repeat(MAX / 2)])(
    'is counted in the units of a string, not in bytes',
    async (text) => {
      for (const [, listen] of LISTENERS.slice(0, 5)) {
        expect((await becomeThere(listen, whole(text))).got).toEqual([text]);
      }
    },
  );

  const binary = (length: number) => [clientFrame({ opcode: 2, payload: Buffer.alloc(length) })];

  it.each([
    ['hex', 497],
    ['HEX', 497],
    ['base64', 747],
    ['base64url', 747],
    ['latin1', 997],
    ['utf8', 997],
  ] as const)('of Binary has to fit into a string of the encoding %s', async (encoding, most) => {
    const listen = (ws: WebSocket, got: (value: unknown) => void) =>
      streamOf(ws, { encoding: encoding as BufferEncoding }, got);
    const fits = await becomeThere(listen, binary(most));
    expect(fits.got).toHaveLength(1);
    expect((await becomeThere(listen, binary(most + 1))).closed).toBe(1009);
  });

  it('reaches listeners that take bytes, however long it is', async () => {
    const text = 'a'.repeat(5000);
    const bytes: typeof LISTENERS = [
      ['on', (ws, got) => ws.on('message', got)],
      ['once', (ws, got) => ws.once('message', got)],
      ['a stream', (ws, got) => streamOf(ws, {}, got)],
    ];
    for (const [, listen] of bytes) {
      expect((await becomeThere(listen, whole(text))).got).toEqual([Buffer.from(text)]);
    }
    const [, events] = LISTENERS[0]!;
    expect((await becomeThere(events, binary(5000))).got).toEqual([Buffer.alloc(5000)]);
  });

  it('closes the connection of a client, too, also if it was held by pause()', async () => {
    const server = await RawServer.start();
    later(() => {
      server.close();
    });
    const ws = new WebSocket(server.url, { maxPayload: 0 });
    const got: unknown[] = [];
    ws.onmessage = ({ data }) => got.push(data);
    const failed = once(ws, 'error');
    await once(ws, 'open');
    ws.pause();
    const peer = await server.peer();
    const texts = ['first', 'a'.repeat(MAX + 1), 'last'];
    for (const payload of texts) await peer.send(serverFrame({ opcode: 1, payload }));
    await settle();
    ws.resume();
    expect(await failed).toMatchObject([{ code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' }]);
    expect((await peer.frame()).payload.readUInt16BE(0)).toBe(1009);
    peer.socket.end();
    expect((await once(ws, 'close'))[0]).toBe(1006);
    expect(got).toEqual(['first']);
  });
});

describe.each(VERSIONS)('A long message over %s that is taken in parts', (version) => {
  it.each([
    ['Text', 1, Buffer.alloc(MAX + 1, 'a')],
    ['Binary that is UTF-8', 2, Buffer.alloc(MAX + 1, 'a')],
    ['Binary that is not', 2, Buffer.alloc(MAX + 1, 0xff)],
  ])(
    'rejects text() if it is %s, with advice that helps, and not bytes()',
    async (_what, opcode, payload) => {
      const { wss, port } = await serveOver(version);
      const outcomes: unknown[] = [];
      wss.on('connection', (conn) => {
        void (async () => {
          for await (const message of conn.incoming()) {
            outcomes.push(await message[outcomes.length === 0 ? 'text' : 'bytes']().catch(String));
          }
        })();
      });
      const client = await openOver(version, port);
      for (let count = 0; count < 2; count++) client.send(clientFrame({ opcode, payload }));
      await eventually('both', () => outcomes.length === 2);
      expect(outcomes).toEqual([
        'ProtocolError: the message of 1001 bytes is longer than a string can be, 1000 UTF-16 code units; take it with bytes(), or send less at a time',
        payload,
      ]);
    },
  );
});

describe('The longest string of a real process', () => {
  it('is a limit of `text` alone: the decoder throws a ProtocolError, and has the bytes', () => {
    const program = `
      const { FrameDecoder, ProtocolError } = require(${JSON.stringify(builtPackage())});
      const length = require('node:buffer').constants.MAX_STRING_LENGTH + 1;
      const frame = Buffer.alloc(14 + length, 'a');
      frame.set([0x81, 0xff]);
      frame.writeBigUInt64BE(BigInt(length), 2);
      frame.fill(0, 10, 14); // the masking key
      const decoder = new FrameDecoder({ maxPayload: Number.MAX_SAFE_INTEGER });
      decoder.push(frame);
      const found = decoder.next();
      const whole = decoder.payload.length === length;
      let caught;
      try { decoder.text } catch (error) { caught = error }
      console.log(found, whole, caught instanceof ProtocolError, caught.closeCode, decoder.next());
    `;
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['true true true 1009 false\n', '']);
  });
});

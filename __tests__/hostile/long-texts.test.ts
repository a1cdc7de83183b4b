/**
 * A Text message of more characters than a string can have used to end the process, where `maxPayload` let
 * it in; compressed, half a megabyte was enough. Here a string has at most 1000 UTF-16 code units.
 */
jest.mock('node:buffer', () => {
  const actual = jest.requireActual<{ constants: object }>('node:buffer');
  return { ...actual, constants: { ...actual.constants, MAX_STRING_LENGTH: 1000 } };
});

import { spawnSync } from 'node:child_process';
import { deflateRawSync } from 'node:zlib';
import { builtPackage } from '../support/built-package.js';
import type { ServerOptions } from '../../src/server/options/options.js';
import { clientFrame, type Frame } from '../support/frames.js';
import { ask, eventually, serve, settle } from '../support/server.js';

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

/** What becomes of a text that comes in these pieces. */
async function become(pieces: Buffer[], options: ServerOptions = {}) {
  const { wss, port, log } = await serve({ perMessageDeflate: true, ...options });
  const heard: unknown[] = [];
  const ends: unknown[] = [];
  wss.on('connection', (conn) => {
    conn.on('message', (data) => heard.push(data));
    conn.on('close', (code, _reason, { cause }) =>
      ends.push(code, (cause as { code?: string } | undefined)?.code),
    );
  });
  const client = await ask(port, { headers: OFFER });
  await client.response();
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

describe.each(WAYS)('A text %s', (_, encode) => {
  it.each([
    ['ASCII', 'a'.repeat(MAX)],
    ['of two bytes each', 'é'.repeat(MAX)],
    ['of three bytes each', '漢'.repeat(MAX)],
    ['of four bytes each', '🚀'.repeat(MAX / 2)],
    ['mixed', 'aé漢🚀'.repeat(MAX / 5)],
  ])('of as many characters as a string can have is delivered, %s', async (_what, text) => {
    expect((await become(encode(text))).heard).toEqual([text]);
  });

  it.each([
    ['ASCII', 'a'.repeat(MAX + 1)],
    ['of two bytes each', 'é'.repeat(MAX + 1)],
    ['of three bytes each', '漢'.repeat(MAX + 1)],
    ['of four bytes each', '🚀'.repeat(MAX / 2 + 1)],
    ['mixed, in the last character', `${'aé漢🚀'.repeat(MAX / 5)}a`],
  ])('of one more closes with 1009, and nothing is thrown, %s', async (_what, text) => {
    const { heard, ends, frames, log } = await become(encode(text));
    expect(heard).toEqual([]);
    expect(ends).toEqual([1009, 'ERR_MESSAGE_TOO_BIG']);
    expect(frames[0]!.payload.toString('latin1', 2)).toMatch(
      /^byte \d+: a Text message of \d+ bytes is longer than a string can be, 1000 UTF-16 code units/,
    );
    expect(log.lines).toHaveLength(1);
  });

  it('of one more is delivered as bytes, as the message of the error advises', async () => {
    const text = 'a'.repeat(MAX + 1);
    const { heard } = await become(encode(text), { textAs: 'buffer' });
    expect(heard).toEqual([Buffer.from(text)]);
  });
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

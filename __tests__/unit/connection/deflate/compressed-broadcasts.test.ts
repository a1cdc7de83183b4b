import { constants, inflateRawSync } from 'node:zlib';
import {
  compressBroadcast,
  compressBroadcastAsync,
  framesOf,
} from '../../../../src/connection/deflate/compressed-broadcasts.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import type { DeflateParameters } from '../../../../src/protocol/deflate/negotiation.js';
import { RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { hex, random } from '../../../support/bytes.js';
import { compressing, parametersOf } from '../../../support/connection.js';
import { describeFrame, parseFrames } from '../../../support/frames.js';

const LIMIT = 4 * 1024 * 1024;
const { Z_SYNC_FLUSH } = constants;
const next = random(3);
const NOISE = Buffer.from(Uint8Array.from({ length: 150 * 1024 }, () => next() * 256));
const PROSE = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${(i * i) % 977} `).join(''));
const TAIL = hex('0000ffff');

function made(
  parameters: Partial<DeflateParameters> = {},
  settings: Parameters<typeof compressing>[0] = {},
): PermessageDeflate {
  return new PermessageDeflate(compressing(settings), parametersOf(parameters), 'server');
}

afterEach(() => {
  jest.restoreAllMocks();
});

it('keeps the frames of a prepared message, apart from those of any other', () => {
  const [one, other] = [prepareMessage('same'), prepareMessage('same')];
  framesOf(one).set(15, one.frame);
  expect(framesOf(one).get(15)).toBe(one.frame);
  expect(framesOf(other).size).toBe(0);
  expect(one).not.toHaveProperty('compressed');
});

describe.each([true, false])('Compression of a broadcast, driven: %s', (drive) => {
  const opened = (frame: Buffer): Buffer => parseFrames(frame)[0]!.payload;

  it('makes one frame for each size of the window, and remembers it', () => {
    const message = prepareMessage(PROSE.subarray(0, 5000).toString());
    const frame = compressBroadcast(message, made({}, { drive }))!;
    expect(describeFrame(parseFrames(frame)[0]!)).toMatch(/^rsv4 text /);
    expect(made({}, { drive }).inflate(opened(frame), LIMIT)?.equals(message.payload)).toBe(true);
    expect(compressBroadcast(message, made({}, { drive }))).toBe(frame);
    expect(compressBroadcast(message, made({ clientMaxWindowBits: 9 }, { drive }))).toBe(frame);
    const other = compressBroadcast(message, made({ serverMaxWindowBits: 9 }, { drive }))!;
    expect(other).not.toBe(frame);
    expect([...framesOf(message).keys()]).toStrictEqual([15, 9]);
  });

  it('keeps the frame as it is where nothing is gained', () => {
    const message = prepareMessage(NOISE.subarray(0, 500));
    expect(compressBroadcast(message, made({}, { drive }))).toBe(message.frame);
    expect(framesOf(message).get(15)).toBe(message.frame);
  });

  it('compresses a long one once for all connections that wait for it', async () => {
    const message = prepareMessage(PROSE);
    const concurrency = new ConcurrencyLimit();
    const compression = made({}, { drive, concurrency });
    expect(compressBroadcast(message, compression)).toBeUndefined();
    const frames: Buffer[] = [];
    await new Promise<void>((resolve) => {
      for (let i = 0; i < 5; i++)
        compressBroadcastAsync(message, compression, (frame) => frames.push(frame));
      expect(compressBroadcast(message, compression)).toBeUndefined(); // it is on its way
      compressBroadcastAsync(message, made({}, { drive, concurrency }), (frame) => {
        frames.push(frame);
        resolve();
      });
      expect(concurrency.waiting).toBe(0);
    });
    expect(frames).toHaveLength(6);
    expect(new Set(frames).size).toBe(1);
    expect(compressBroadcast(message, compression)).toBe(frames[0]);
    expect(
      inflateRawSync(Buffer.concat([opened(frames[0]!), TAIL]), { finishFlush: Z_SYNC_FLUSH }),
    ).toStrictEqual(PROSE);
  });

  it('sends a long one as it is if nothing is gained, or zlib has no memory', async () => {
    const zlib = jest.requireActual<{ deflateRaw: () => void }>('node:zlib');
    let compression = made({}, { drive });
    const noise = prepareMessage(NOISE);
    const framed = (message: typeof noise): Promise<Buffer> =>
      new Promise((resolve) => {
        compressBroadcastAsync(message, compression, resolve);
      });
    expect(await framed(noise)).toBe(noise.frame);
    const fails = (_message: unknown, _options: unknown, callback: (error: Error) => void) =>
      void setImmediate(callback, new Error('insufficient memory'));
    jest.spyOn(zlib, 'deflateRaw').mockImplementation(fails as never);
    jest.spyOn(RawZlib, 'deflate').mockImplementation(() => {
      throw new Error('insufficient memory');
    });
    compression = made({}, { drive });
    const prose = prepareMessage(PROSE);
    expect(await framed(prose)).toBe(prose.frame);
  });
});

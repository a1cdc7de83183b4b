jest.mock('node:buffer', () => {
  const actual = jest.requireActual<{ constants: object }>('node:buffer');
  return { ...actual, constants: { ...actual.constants, MAX_STRING_LENGTH: 100 } };
});

import type { AnyMessage } from '../../../../src/connection/receive/receive-queue.js';
import { IncomingMessage } from '../../../../src/connection/stream/incoming-message.js';
import {
  createMessageStream,
  type MessageStream,
  type StreamFormat,
} from '../../../../src/connection/stream/message-stream.js';

let message: IncomingMessage;
let log: string[];
const owner = { onTaken: () => undefined, onFinished: () => log.push('finished') };

function make(isBinary: boolean, changed: Partial<StreamFormat> = {}): MessageStream {
  log = [];
  message = new IncomingMessage(owner, isBinary);
  return createMessageStream(message, {
    textAs: 'string',
    binaryAs: 'buffer',
    maxCollected: 100_000,
    tooLong: () => {
      log.push('too long');
      message.fail(new Error('failed'));
    },
    ...changed,
  });
}

const euro = Buffer.from('\u20ac');

/** Add parts, each in a tick of its own. */
async function push(...parts: Buffer[]): Promise<void> {
  for (const part of parts) {
    message.push(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  message.complete();
}

async function read(stream: AsyncIterable<AnyMessage>): Promise<AnyMessage[]> {
  const chunks: AnyMessage[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

describe('MessageStream, its chunks', () => {
  it('are strings of whole characters for Text', async () => {
    const stream = make(false);
    expect(stream.binary).toBe(false);
    const chunks = read(stream);
    await push(
      Buffer.from('a'),
      euro.subarray(0, 1),
      euro.subarray(1, 2),
      euro.subarray(2),
      Buffer.from('b'),
    );
    expect(await chunks).toEqual(['a', '\u20ac', 'b']);
  });

  it.each<[string, boolean, Partial<StreamFormat>, AnyMessage]>([
    ['Buffers for Binary', true, {}, euro],
    ['ArrayBuffers with binaryAs', true, { binaryAs: 'arraybuffer' }, Uint8Array.from(euro).buffer],
    ['Buffers for Text with textAs', false, { textAs: 'buffer' }, euro],
  ])('are %s', async (_name, isBinary, format, expected) => {
    const stream = make(isBinary, format);
    await push(euro);
    expect(await read(stream)).toEqual([expected]);
  });

  it('are what was held, as it is', async () => {
    const stream = make(false);
    message.pushWhole('held');
    expect(await read(stream)).toEqual(['held']);
  });

  it('come in order, to calls of next() that do not wait for each other', async () => {
    const iterator = make(true)[Symbol.asyncIterator]();
    const all = [iterator.next(), iterator.next(), iterator.next(), iterator.next()];
    await push(Buffer.alloc(5000, 1), Buffer.alloc(5000, 2));
    const values = (await Promise.all(all)).map(({ value }) => (value as Buffer | undefined)?.[0]);
    expect(values).toEqual([1, 2, undefined, undefined]);
  });

  it('end after return(), which skips the rest', async () => {
    const iterator = make(true)[Symbol.asyncIterator]();
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator);
    message.push(Buffer.alloc(5000));
    expect(await iterator.return!()).toEqual({ done: true, value: undefined });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(message.isDiscarded).toBe(true);
  });

  it('fail for the call that waits, and for the next', async () => {
    const iterator = make(true)[Symbol.asyncIterator]();
    const first = iterator.next();
    const second = iterator.next();
    message.fail(new Error('lost'));
    await expect(first).rejects.toThrow('lost');
    await expect(second).rejects.toThrow('lost');
  });
});

describe('MessageStream.readable', () => {
  it('is a stream, pulled as it is read', async () => {
    const stream = make(false);
    const { readable } = stream;
    expect(stream.readable).toBe(readable);
    await push(Buffer.from('a'));
    const reader = readable.getReader();
    expect(await reader.read()).toEqual({ done: false, value: 'a' });
    expect(await reader.read()).toEqual({ done: true, value: undefined });
    expect(log).toEqual(['finished']);
  });

  it('skips the rest when it is cancelled', async () => {
    const stream = make(false);
    await stream.readable.cancel();
    expect(message.isDiscarded).toBe(true);
  });

  it('fails with the message', async () => {
    const { readable } = make(false);
    message.fail(new Error('lost'));
    await expect(readable.getReader().read()).rejects.toThrow('lost');
  });
});

describe('MessageStream.text() and bytes()', () => {
  it('collect the message', async () => {
    const text = make(false).text();
    await push(Buffer.from('a'), euro.subarray(0, 1), euro.subarray(1));
    expect(await text).toBe('a\u20ac');
    const bytes = make(false).bytes();
    await push(euro.subarray(0, 1), euro.subarray(1));
    expect(await bytes).toEqual(euro);
    const held = make(false).bytes();
    message.pushWhole('\u20ac');
    expect(await held).toEqual(euro);
    const buffer = make(true, { binaryAs: 'arraybuffer' }).bytes();
    message.pushWhole(Uint8Array.from(euro).buffer);
    expect(await buffer).toEqual(euro);
  });

  it('make text of Binary, too', async () => {
    const text = make(true).text();
    await push(Buffer.from([0x61, 0xff]));
    expect(await text).toBe('a\ufffd');
  });

  it.each([
    ['Text', false, 0x61],
    ['Binary that is UTF-8', true, 0x61],
    ['Binary that is not', true, 0xff],
  ])('reject a text that is longer than a string can be, of %s', async (_, isBinary, byte) => {
    const longest = make(isBinary).text();
    await push(Buffer.alloc(100, byte));
    expect(await longest).toHaveLength(100);
    const text = make(isBinary).text();
    text.catch(() => undefined);
    await push(Buffer.alloc(101, byte));
    await expect(text).rejects.toMatchObject({
      code: 'ERR_MESSAGE_TOO_BIG',
      message:
        'the message of 101 bytes is longer than a string can be, 100 UTF-16 code units; take it with bytes(), or send less at a time',
    });
  });

  it('collect no more than they may', async () => {
    const bytes = make(true, { maxCollected: 10 }).bytes();
    message.push(Buffer.alloc(10));
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toEqual([]);
    message.push(Buffer.alloc(1));
    await expect(bytes).rejects.toThrow('failed');
    expect(log).toEqual(['too long', 'finished']);
    const whole = make(true, { maxCollected: 10 }).bytes();
    message.pushWhole(Buffer.alloc(11));
    await expect(whole).rejects.toThrow('failed');
  });

  it('read a message once', async () => {
    const stream = make(false);
    message.pushWhole('a');
    await stream.text();
    await expect(stream.bytes()).rejects.toThrow(/is being read already/);
    expect(() => stream.readable).toThrow(TypeError);
    const other = make(false);
    other.discard();
    await expect(other.text()).rejects.toThrow(/the message was discarded/);
  });
});

import { Readable } from 'node:stream';
import {
  type ChunkSource,
  openSource,
  type ReadableStreamLike,
} from '../../../../src/connection/stream/chunk-source.js';
import { turns } from '../../../support/connection.js';

/** Read a source to its end. */
async function read(source: ChunkSource): Promise<unknown[]> {
  const chunks: unknown[] = [];
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) return chunks;
    chunks.push(value);
  }
}

/** What each source is told when it is cancelled. */
let told: string[];
beforeEach(() => {
  told = [];
});

const reason = new Error('enough');

function* generate(): Generator<string> {
  try {
    yield 'a';
    yield 'b';
  } finally {
    told.push('returned');
  }
}

async function* generateLater(): AsyncGenerator<string> {
  for (const each of generate()) yield await Promise.resolve(each);
}

const stream = (): ReadableStream<string> =>
  new ReadableStream<string>({
    start: (controller) => {
      controller.enqueue('a');
      controller.enqueue('b');
      controller.close();
    },
    cancel: (why: unknown) => {
      told.push(`cancelled: ${(why as Error).message}`);
    },
  });

const endless = (): ReadableStream<string> =>
  new ReadableStream<string>({
    pull: (controller) => {
      controller.enqueue('a');
    },
    cancel: (why: unknown) => {
      told.push(`cancelled: ${(why as Error).message}`);
      return Promise.reject(new Error('ignored'));
    },
  });

describe('openSource', () => {
  it.each<[string, () => unknown]>([
    ['an array', () => ['a', 'b']],
    ['a set', () => new Set(['a', 'b'])],
    ['a generator', generate],
    ['an async generator', generateLater],
    ['a Readable of Node', () => Readable.from(['a', 'b'])],
    ['a ReadableStream', stream],
  ])('reads %s', async (_name, make) => {
    expect(await read(openSource(make()))).toEqual(['a', 'b']);
  });

  it('unlocks a ReadableStream at its end', async () => {
    const whole = stream();
    const source = openSource(whole);
    expect(whole.locked).toBe(true);
    await read(source);
    expect(whole.locked).toBe(false);
  });

  it.each<[string, () => unknown, string[]]>([
    ['a generator', generate, ['returned']],
    ['an async generator', generateLater, ['returned']],
    ['a ReadableStream, with the reason', endless, ['cancelled: enough']],
    [
      'an iterator without return()',
      () => ({ [Symbol.iterator]: () => ({ next: () => ({ value: 'a' }) }) }),
      [],
    ],
  ])('cancels %s', async (_name, make, expected) => {
    const source = openSource(make());
    await source.next();
    source.cancel(reason);
    await turns();
    expect(told).toEqual(expected);
  });

  it('ignores how a source takes its end', async () => {
    const iterator = {
      next: () => ({ value: 'a' }),
      return: () => {
        throw new Error('ignored');
      },
    };
    const source = openSource({ [Symbol.iterator]: () => iterator });
    expect(() => {
      source.cancel(reason);
    }).not.toThrow();
    await turns();
  });

  it.each<[string, unknown, RegExp]>([
    ['a string', 'Hi', /got Hi \(string\); use send for a message that is there already$/],
    ['bytes', Buffer.from('Hi'), /got an object of a class; use send for/],
    ['a DataView', new DataView(new ArrayBuffer(1)), /use send for/],
    ['an ArrayBuffer', new ArrayBuffer(1), /use send for/],
    ['a Blob', new Blob(['Hi']), /pass its stream\(\)$/],
    ['an object', {}, /got an object; pass one of these$/],
    ['nothing', undefined, /got undefined \(undefined\); pass one of these$/],
    ['null', null, /got null/],
    ['a number', 5, /got 5 \(number\); pass one of these$/],
  ])('rejects %s', (_name, source, message) => {
    expect(() => openSource(source)).toThrow(TypeError);
    expect(() => openSource(source)).toThrow(message);
  });

  it('rejects a locked ReadableStream', () => {
    const locked = stream();
    (locked as unknown as ReadableStreamLike<string>).getReader();
    expect(() => openSource(locked)).toThrow(/locked/);
  });
});

import type { WebSocketConnection } from '../../../src/connection/connection.js';
import { broadcast, type BroadcastOptions, prepare } from '../../../src/server/broadcast.js';
import { describeFrame, parseFrames } from '../../support/frames.js';
import { connectionOn, Sink, turns } from '../../support/connection.js';
import { FREES, own } from '../../support/memory.js';

let sinks: Sink[];
let connections: Set<WebSocketConnection>;
let all: WebSocketConnection[];

beforeEach(() => {
  sinks = Array.from({ length: 4 }, () => new Sink());
  all = sinks.map((sink) => connectionOn(sink));
  connections = new Set(all);
});

const send = (data: unknown, options?: BroadcastOptions<undefined>): number =>
  broadcast(connections, data as string, options);

/** Which of the connections have got something, and what. */
async function got(): Promise<string[]> {
  await turns();
  return sinks.flatMap((sink, i) =>
    parseFrames(sink.bytes).map((frame) => `${i} ${describeFrame(frame)}`),
  );
}

describe('broadcast', () => {
  it('offers the message to all that are open', async () => {
    void all[1]!.close();
    expect(send('a')).toBe(3);
    expect(await got()).toEqual(['0 text 61', '1 close 1000', '2 text 61', '3 text 61']);
  });

  it.each<[string, () => Iterable<WebSocketConnection>]>([
    ['an array, with one of them twice', () => [all[2]!, all[0]!, all[2]!]],
    ['a Set', () => new Set([all[0]!, all[2]!])],
    ['the values of a Map', () => new Map(all.map((each, i) => [i, each])).values()],
    [
      'a generator',
      function* () {
        yield all[0]!;
        yield all[2]!;
      },
    ],
  ])('offers it to those in `to`, once each: %s', async (name, to) => {
    const expected = name.includes('Map') ? [0, 1, 2, 3] : [0, 2];
    expect(send('a', { to: to() })).toBe(expected.length);
    expect(await got()).toEqual(expected.map((i) => `${i} text 61`));
  });

  it('visits only the connections in `to`', () => {
    const looked: number[] = [];
    all.forEach((each, i) => {
      Object.defineProperty(each, 'readyState', {
        get: () => {
          looked.push(i);
          return 'open';
        },
      });
    });
    expect(send('a', { to: [all[3]!] })).toBe(1);
    expect(looked).toEqual([3]);
  });

  it('ignores connections of another server, and those that are not open', async () => {
    const sink = new Sink();
    const foreign = connectionOn(sink);
    void all[0]!.close();
    expect(send('a', { to: [foreign, all[0]!, all[1]!], except: foreign })).toBe(1);
    expect(await got()).toEqual(['0 close 1000', '1 text 61']);
    expect(sink.writes).toEqual([]);
  });

  it('leaves out those in `except`, and those that the filter does not want', async () => {
    expect(send('a', { except: all[0]! })).toBe(3);
    expect(send('b', { except: [all[0]!, all[1]!] })).toBe(2);
    expect(send('c', { to: all.slice(0, 2), except: new Set([all[0]!]) })).toBe(1);
    expect(send('d', { filter: (each) => each === all[3], except: [] })).toBe(1);
    expect(await got()).toEqual([
      '1 text 61',
      '1 text 63',
      '2 text 61',
      '2 text 62',
      '3 text 61',
      '3 text 62',
      '3 text 64',
    ]);
  });

  it('throws what the filter throws, and no further connection gets the message', async () => {
    let asked = 0;
    const filter = (): boolean => {
      if (++asked === 3) throw new Error('mine');
      return true;
    };
    expect(() => send('a', { filter })).toThrow('mine');
    expect(await got()).toEqual(['0 text 61', '1 text 61']);
  });

  it('rejects a filter that returns a promise, before any connection gets the message', async () => {
    const filter = (() => Promise.resolve(false)) as unknown as () => boolean;
    expect(() => send('secret', { filter })).toThrow(
      new TypeError('broadcast: expected filter to answer at once, got a promise'),
    );
    expect(await got()).toEqual([]);
    expect(send('a', { filter: (() => ({})) as unknown as () => boolean })).toBe(4);
  });

  it('handles the rejection of a filter that is an async function', () => {
    const answer = Promise.reject(new Error('the database is gone'));
    const then = jest.spyOn(answer, 'then');
    const filter = (() => answer) as unknown as () => boolean;
    expect(() => send('secret', { filter })).toThrow('expected filter to answer at once');
    expect(then).toHaveBeenCalledTimes(1);
    answer.catch(() => undefined);
  });

  it('goes on while connections end and come', async () => {
    const filter = (each: WebSocketConnection): boolean => {
      if (each === all[0]) {
        all[1]!.terminate();
        connections.delete(all[2]!);
      }
      return true;
    };
    expect(send('a', { filter })).toBe(2);
    expect(await got()).toEqual(['0 text 61', '3 text 61']);
  });

  it('may be dropped, unless it says otherwise', async () => {
    const options = { maxBufferedAmount: 1000, highWaterMark: 500, slowConsumer: 'drop' } as const;
    sinks = [new Sink()];
    all = [connectionOn(sinks[0]!, options)];
    connections = new Set(all);
    sinks[0]!.backpressured = true;
    let dropped = 0;
    all[0]!.on('dropped', () => dropped++);
    send(Buffer.alloc(1000));
    expect(send('a')).toBe(1);
    expect(send('b', { droppable: true })).toBe(1);
    expect(dropped).toBe(2);
    expect(send('c', { droppable: false })).toBe(1);
    expect(dropped).toBe(2);
    expect(all[0]!.bufferedAmount).toBe(1004 + 3);
    await turns();
  });

  it('has a key: the latest replaces what waits, and is never dropped', async () => {
    const options = { maxBufferedAmount: 1000, highWaterMark: 500, slowConsumer: 'drop' } as const;
    sinks = [new Sink()];
    all = [connectionOn(sinks[0]!, options)];
    connections = new Set(all);
    sinks[0]!.backpressured = true;
    send(Buffer.alloc(20_000));
    await turns();
    all[0]!.on('error', () => undefined);
    expect(() => send('a', { key: '' })).toThrow(RangeError);
    send('a1', { key: 'a' });
    expect(all[0]!.readyState).toBe('closing'); // 20 000 bytes are twice too much already

    sinks = [new Sink()];
    all = [connectionOn(sinks[0]!, { ...options, maxBufferedAmount: 15_000 })];
    connections = new Set(all);
    sinks[0]!.backpressured = true;
    send(Buffer.alloc(20_000));
    await turns();
    for (const data of ['a1', 'a2', 'a3']) send(data, { key: 'a', droppable: true });
    sinks[0]!.backpressured = false;
    sinks[0]!.release();
    expect((await got()).slice(1)).toEqual(['0 text 6133']);
  });

  it('takes a prepared message as it is', async () => {
    const text = prepare('a', undefined);
    expect(send(text)).toBe(4);
    expect(send(text, { binary: false, to: [all[0]!] })).toBe(1);
    expect(() => send(text, { binary: true })).toThrow('the message was prepared as Text');
    await turns();
    expect(sinks[0]!.bytes.toString('hex')).toBe('810161810161');
  });

  it.each<[string, unknown, string]>([
    ['exept', undefined, 'unknown option exept (got an object of a class); did you mean except?'],
    ['fin', false, 'unknown option fin (got false (boolean)); send a part of a message with'],
    ['key', 5, 'expected option key to be a string, got 5 (number)'],
    ['except', 5, 'expected option except to be a connection, or several in an array, a Set or'],
    ['except', 'id', 'expected option except to be a connection, or several'],
    ['except', ['id'], 'expected except to have connections, got id (string)'],
    ['except', [undefined], 'expected except to have connections, got undefined'],
    ['to', {}, 'expected option to to be connections in an array, a Set or another iterable'],
    ['to', [null], 'expected to to have connections, got null (object)'],
    ['filter', 'all', 'expected option filter to be a function, got all (string)'],
    ['binary', 'yes', 'expected option binary to be a boolean, got yes (string)'],
    ['compress', 1, 'expected option compress to be a boolean, got 1 (number)'],
    ['droppable', null, 'expected option droppable to be a boolean, got null (object)'],
  ])('rejects %s: %p', async (name, value, message) => {
    const attempt = () => send('secret', { [name]: name === 'exept' ? all[0] : value });
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(`broadcast: ${message}`);
    expect(await got()).toEqual([]);
  });

  it('rejects options that are not an object, and data that cannot be sent', () => {
    expect(() => send('a', null as never)).toThrow('broadcast: expected options to be an object');
    expect(() => send('a', all[0] as never)).toThrow(TypeError);
    expect(() => send({ a: 1 })).toThrow('send JSON.stringify(data)');
    expect(() => send(new Blob(['a']))).toThrow('await its arrayBuffer() first');
  });
});

describe('prepare', () => {
  it('encodes as the options say', () => {
    expect(prepare('a', undefined).opcode).toBe(1);
    expect(prepare('a', {}).opcode).toBe(1);
    expect(prepare('a', { binary: true }).opcode).toBe(2);
    const message = prepare('a', undefined);
    expect(prepare(message, undefined)).toBe(message);
  });

  it.each<[unknown, string]>([
    [{ compress: true }, 'prepare: unknown option compress'],
    [{ binary: 1 }, 'prepare: expected option binary to be a boolean, got 1 (number)'],
    [null, 'prepare: expected options to be an object, got null (object)'],
  ])('rejects %p', (options, message) => {
    expect(() => prepare('a', options as object)).toThrow(message);
  });
});

describe('transfer', () => {
  it.each([
    ['broadcast', (data: Uint8Array) => send(data, { transfer: true }), 4],
    [
      'prepare',
      (data: Uint8Array) => prepare(data, { transfer: true, binary: true }).payloadLength,
      20_000,
    ],
  ])('frees the data once %s has encoded it', (_, call, result) => {
    const data = own(20_000);
    expect(call(data)).toBe(result);
    expect(data).toHaveLength(FREES ? 0 : 20_000);
  });

  it('takes nothing if the call throws', () => {
    const data = own(20_000, 0xff);
    expect(() => prepare(data, { transfer: true, binary: false })).toThrow('UTF-8');
    expect(() => prepare(data.subarray(1), { transfer: true })).toThrow(
      'prepare: transfer: the data is 19999 of the 20000 bytes',
    );
    expect(() => send('text', { transfer: true })).toThrow(
      'broadcast: transfer: a string has no ArrayBuffer',
    );
    expect(data).toHaveLength(20_000);
  });
});

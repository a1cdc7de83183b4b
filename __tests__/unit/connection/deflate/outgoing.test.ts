import { framesOf } from '../../../../src/connection/deflate/compressed-broadcasts.js';
import { randomBytes } from 'node:crypto';
import {
  PermessageDeflate,
  type PermessageDeflateSettings,
} from '../../../../src/connection/deflate/permessage-deflate.js';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import type { ConnectionEvents } from '../../../../src/connection/events.js';
import type { SendOptions } from '../../../../src/connection/send/send-options.js';
import { Sender } from '../../../../src/connection/send/sender.js';
import type { ConnectionSettings } from '../../../../src/connection/settings.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { formatClosePayload } from '../../../../src/protocol/framing/close-frame.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';
import type { DeflateParameters } from '../../../../src/protocol/deflate/negotiation.js';
import { type Data, prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { parseFrames } from '../../../support/frames.js';
import { detach, FREES, TAKING } from '../../../support/memory.js';
import {
  compressing,
  HandClock,
  ownerOf,
  parametersOf,
  settingsOf,
  Sink,
  TAKEOVER,
  turns,
  until,
} from '../../../support/connection.js';

// A compressor has no use but in a Sender, and is driven by one here.

let sink: Sink;
let connection: TypedEmitter<ConnectionEvents>;
let sender: Sender;
let drains: number;
let called: string[];
let settings: ConnectionSettings;

/** A connection of which only `'drain'` is heard, while it is the one under test. */
function listening(): TypedEmitter<ConnectionEvents> {
  const emitter = (connection = new TypedEmitter<ConnectionEvents>());
  return emitter.on('drain', () => {
    if (emitter === connection) drains++;
  });
}

beforeEach(() => {
  drains = 0;
  called = [];
});

const note =
  (name: string) =>
  (error?: Error): void =>
    void called.push(error === undefined ? name : `${name} ${(error as { code?: string }).code}`);

describe.each([true, false])('Compressor, zlib driven: %s', (drive) => {
  const PROSE = Buffer.from(Array.from({ length: 500 }, (_, i) => `${i % 77} é `).join(''));
  const LONG = Buffer.concat(Array<Buffer>(100).fill(PROSE));
  const NOISE = randomBytes(LONG.length);
  let concurrency: ConcurrencyLimit;

  function compress(
    chosen: Partial<PermessageDeflateSettings> = {},
    parameters: Partial<DeflateParameters> = {},
    role: 'server' | 'client' = 'server',
  ): PermessageDeflate {
    sink = new Sink(1024 * 1024);
    concurrency = new ConcurrencyLimit();
    const compression = new PermessageDeflate(
      compressing({ drive, concurrency, ...chosen }),
      parametersOf(parameters),
      role,
    );
    settings = settingsOf(new HandClock(), { role, highWaterMark: 1000 });
    sender = new Sender(ownerOf(listening(), settings), sink, undefined, compression);
    return compression;
  }

  /** Every frame that was sent, inflated if it was compressed. */
  async function inflated(compression: PermessageDeflate): Promise<string[]> {
    await until('all to be sent', () => sender.bufferedAmount === 0);
    const role = sink.bytes[1]! >= 0x80 ? 'client' : 'server';
    const parameters = parametersOf(compression.isShareable ? {} : TAKEOVER);
    const peer = new PermessageDeflate(
      compressing(),
      parameters,
      role === 'server' ? 'client' : 'server',
    );
    return parseFrames(sink.bytes, role).map((frame) => {
      const { opcode, rsv, fin } = frame;
      const payload = rsv === 4 ? peer.inflate(frame.payload, 10_000_000) : frame.payload;
      const known: [string, Buffer][] = [
        ['PROSE', PROSE],
        ['LONG', LONG],
        ['NOISE', NOISE],
      ];
      const name = known.find(([, bytes]) => payload!.equals(bytes))?.[0] ?? payload!.toString();
      return `${rsv === 4 ? 'compressed ' : ''}${opcode}${fin ? '' : '+'} ${name}`;
    });
  }
  const send = (data: Data, options?: SendOptions): boolean =>
    sender.send(data, options, note(typeof data === 'string' ? data.slice(0, 5) : 'bytes'));

  it.each<[string, Data, SendOptions | undefined, string]>([
    ['a string', PROSE.toString(), undefined, 'compressed 1 PROSE'],
    ['a string as Binary', PROSE.toString(), { binary: true }, 'compressed 2 PROSE'],
    ['bytes', PROSE, undefined, 'compressed 2 PROSE'],
    ['bytes as Text', PROSE, { binary: false }, 'compressed 1 PROSE'],
    ['a prepared message', prepareMessage(PROSE), undefined, 'compressed 2 PROSE'],
    ['a long string', LONG.toString(), undefined, 'compressed 1 LONG'],
    ['long bytes', LONG, undefined, 'compressed 2 LONG'],
    ['a long prepared message', prepareMessage(LONG.toString()), undefined, 'compressed 1 LONG'],
    ['what does not shrink', NOISE.subarray(0, 5), { binary: true }, `2 ${NOISE.toString('utf8', 0, 5)}`], // prettier-ignore
    ['what is long and does not shrink', NOISE, undefined, '2 NOISE'],
    ['a prepared message that does not shrink', prepareMessage(NOISE), undefined, '2 NOISE'],
    ['a string that is not to be', PROSE.toString(), { compress: false }, '1 PROSE'],
    ['bytes that are not to be', PROSE, { compress: false }, '2 PROSE'],
    ['a prepared message that is not to be', prepareMessage(PROSE), { compress: false }, '2 PROSE'],
    ['an empty string', '', undefined, '1 '],
  ])('sends %s, from both roles', async (_what, data, options, expected) => {
    for (const role of ['server', 'client'] as const) {
      called = [];
      const compression = compress({}, {}, role);
      send(data, options);
      expect(await inflated(compression)).toStrictEqual([expected]);
      await turns();
      expect(called).toHaveLength(1);
    }
  });

  it('compresses what does not shrink too, where something may refer to it', async () => {
    const compression = compress({}, TAKEOVER);
    const message = NOISE.subarray(0, 1000);
    send(message);
    send(message);
    send(prepareMessage(message));
    await inflated(compression);
    const [first, second, third] = parseFrames(sink.bytes);
    expect([first!.rsv, second!.rsv, third!.rsv]).toStrictEqual([4, 4, 4]);
    expect(first!.payload.length).toBeGreaterThan(1000);
    expect(second!.payload.length).toBeLessThan(30);
    expect(third!.payload.length).toBeLessThan(30);
  });

  it('compresses from the threshold on, in bytes, or as the application says', async () => {
    const compression = compress({ threshold: 30 });
    send('é'.repeat(14)); // 28 bytes
    send('é'.repeat(15));
    send('a'.repeat(29));
    send('a'.repeat(9)); // cannot be 30 bytes
    send(Buffer.alloc(29, 'b'));
    send(Buffer.alloc(30, 'b'));
    send(prepareMessage('c'.repeat(29)));
    send(prepareMessage('c'.repeat(30)));
    send('d'.repeat(9), { compress: true });
    send(Buffer.alloc(29, 'e'), { compress: true });
    send(prepareMessage('f'.repeat(29)), { compress: true });
    expect((await inflated(compression)).map((each) => each.slice(0, 12))).toStrictEqual([
      '1 éééééééééé',
      'compressed 1',
      '1 aaaaaaaaaa',
      '1 aaaaaaaaa',
      '2 bbbbbbbbbb',
      'compressed 2',
      '1 cccccccccc',
      'compressed 1',
      'compressed 1',
      'compressed 2',
      'compressed 1',
    ]);
  });

  it('keeps the order of calls while a long message is being compressed', async () => {
    const compression = compress();
    expect(send(LONG)).toBe(false);
    send('a');
    expect(sender.control(Opcode.Ping, 'b')).toBe(false);
    send(prepareMessage(LONG.toString()));
    send('c', { compress: false });
    sender.control(Opcode.Pong, Buffer.from('d'));
    send(NOISE);
    send('e'.repeat(50));
    expect(sink.bytes).toHaveLength(0);
    expect(await inflated(compression)).toStrictEqual([
      'compressed 2 LONG',
      '1 a',
      '9 b',
      'compressed 1 LONG',
      '1 c',
      '10 d',
      '2 NOISE',
      `compressed 1 ${'e'.repeat(50)}`,
    ]);
    await turns();
    expect(called).toStrictEqual(['bytes', 'a', 'bytes', 'c', 'bytes', 'eeeee']);
    expect(drains).toBe(1);
  });

  it('counts what is being compressed and what waits for it', async () => {
    const compression = compress({}, {}, 'client');
    send(LONG);
    expect(sender.bufferedAmount).toBe(LONG.length);
    send('abc'); // and a header of two bytes, and a masking key
    expect(sender.bufferedAmount).toBe(LONG.length + 9);
    sender.control(Opcode.Ping, 'xy');
    expect(sender.bufferedAmount).toBe(LONG.length + 11);
    const drained = sender.drained(undefined);
    await inflated(compression);
    expect(await drained).toBe(true);
    await until("'drain'", () => drains === 1);
  });

  it('sends what waits as it was at the call', async () => {
    const compression = compress();
    send(LONG);
    const [message, ping] = [Buffer.from('message'), Buffer.from('ping')];
    send(message);
    sender.control(Opcode.Ping, ping);
    message.fill('x');
    ping.fill('x');
    expect((await inflated(compression)).slice(1)).toStrictEqual(['2 message', '9 ping']);
  });

  it.each(TAKING)(
    'sends a message that is %s while it is being compressed',
    async (_name, make) => {
      const compression = compress();
      const [bytes, take] = make(LONG.length);
      bytes.set(LONG);
      send(bytes);
      take();
      send('x');
      expect(await inflated(compression)).toEqual(['compressed 2 LONG', '1 x']);
      expect(called).toEqual(['bytes', 'x']);
    },
  );

  it.each(TAKING)(
    'sends a message uncompressed if it does not shrink or cannot wait, and is %s',
    async (_name, make) => {
      const compression = compress();
      const [noise, takeNoise] = make(NOISE.length);
      noise.set(NOISE);
      send(noise);
      takeNoise();
      await until('it to be sent', () => sender.bufferedAmount === 0);
      const [long, takeLong] = make(LONG.length);
      long.set(LONG);
      send(long);
      takeLong();
      sender.stop();
      sender.close(formatClosePayload(1000));
      expect((await inflated(compression)).slice(0, 2)).toEqual(['2 NOISE', '2 LONG']);
      expect(called).toEqual(['bytes', 'bytes']);
    },
  );

  it('compresses a prepared message of which the application takes the memory meanwhile', async () => {
    const compression = compress();
    const message = prepareMessage(LONG);
    send(message);
    detach(message.frame);
    expect(await inflated(compression)).toEqual(['compressed 2 LONG']);
  });

  it('does not wait for the compression where a raw frame or a Close comes after it', async () => {
    let compression = compress();
    send(LONG);
    send('a');
    send(prepareMessage(LONG));
    send('b');
    sender.frame(Opcode.Text, Buffer.from('c'), { fin: false });
    send('d');
    send(LONG);
    send('e');
    sender.frame(Opcode.Continuation, Buffer.from('f'), {});
    expect(sink.writes.length).toBeGreaterThan(0); // all but the second LONG and "e" have left
    expect(await inflated(compression)).toStrictEqual(
      ['2 LONG', '1 a', '2 LONG', '1 b', '1+ c', '0 f', '1 d', 'compressed 2 LONG', '1 e'], // prettier-ignore
    );
    compression = compress({}, TAKEOVER);
    called = [];
    send(LONG);
    send('a');
    sender.stop();
    sender.close(formatClosePayload(1000));
    send('b');
    expect(sender.control(Opcode.Ping, 'c')).toBe(false);
    const all = await inflated(compression);
    expect(all.slice(0, -1)).toStrictEqual(['2 LONG', 'compressed 1 a']);
    expect(all.at(-1)).toMatch(/^8 /);
    // The compressed message is not sent a second time.
    await until('the end of the compression', () => concurrency.waiting === 0);
    await turns(20);
    expect(await inflated(compression)).toStrictEqual(all);
    expect(called.sort()).toStrictEqual(['a', 'b ERR_CONNECTION_NOT_OPEN', 'bytes']);
  });

  it('tells the callbacks of what waited when the transport is gone', async () => {
    compress();
    sink.backpressured = true;
    send(LONG);
    send('a');
    sender.stop();
    sender.onTransportClosed(new ConnectionError('ERR_CONNECTION_CLOSED'));
    await turns();
    expect(called).toStrictEqual(['bytes ERR_CONNECTION_CLOSED', 'a ERR_CONNECTION_CLOSED']);
  });

  it('compresses a prepared message once for all connections that share it, long or short', async () => {
    const calls: number[] = [];
    const [prose, long] = [prepareMessage(PROSE), prepareMessage(LONG)];
    const sinks: Sink[] = [];
    const compression = compress();
    const real = compression.deflate.bind(compression);
    jest.spyOn(compression, 'deflate').mockImplementation((message) => {
      calls.push(message.length);
      return real(message);
    });
    const senders = Array.from({ length: 5 }, () => {
      sinks.push(new Sink(1024 * 1024));
      return new Sender(ownerOf(listening(), settings), sinks.at(-1)!, undefined, compression);
    });
    for (const each of senders) {
      each.send(prose, undefined, undefined);
      each.send(long, undefined, undefined);
    }
    await until('all to be sent', () => senders.every((each) => each.bufferedAmount === 0));
    expect(calls.filter((length) => length === PROSE.length)).toHaveLength(1);
    const pieces = sinks.map(({ writes }) => writes.flat());
    for (const written of pieces) {
      expect(written).toContain(framesOf(prose).get(15));
      expect(written).toContain(framesOf(long).get(15));
    }
  });

  it('frees a compressed payload once it is written, where it is all of its memory', async () => {
    const compression = compress();
    const own = new Sender(ownerOf(listening(), settings), sink, 'tcp', compression);
    const half = Buffer.concat([NOISE.subarray(0, 40_000), Buffer.alloc(20_000)]);
    own.send(half, undefined, undefined);
    await until('it to be sent', () => own.bufferedAmount === 0);
    const [, payload] = sink.writes.flat();
    // zlib's documented calls may give a part of a larger chunk.
    const isWhole = drive || payload!.length === 0;
    expect(payload!.length).toBeLessThan(FREES && isWhole ? 1 : 45_000);
    expect(half).toHaveLength(60_000);
  });

  it('gives up what is on its way, and what waits, when nothing can be sent any more', async () => {
    compress();
    sender.send(LONG, undefined, note('long'));
    sender.send('behind', undefined, note('behind'));
    sender.control(Opcode.Ping, 'too');
    sender.discard(new ConnectionError('ERR_SLOW_CONSUMER'));
    expect(sender.bufferedAmount).toBe(0);
    await until('the callbacks', () => called.length === 2);
    await turns();
    expect(called).toStrictEqual(['behind ERR_SLOW_CONSUMER', 'long ERR_SLOW_CONSUMER'].reverse());
    expect(sink.bytes).toHaveLength(0);
  });
});

describe('OutgoingDeflate.begin', () => {
  const begin = (
    first: Buffer,
    compress: boolean | undefined,
    threshold = 0,
  ): Buffer | undefined => {
    settings = settingsOf(new HandClock());
    const compression = new PermessageDeflate(compressing({ threshold }), parametersOf(), 'server');
    sender = new Sender(ownerOf(listening(), settings), new Sink(), undefined, compression);
    const begun = sender.compressor!.begin(first, compress);
    begun?.deflater.release();
    return begun?.payload;
  };
  const random = randomBytes(1000);

  it.each<[string, Buffer, boolean | undefined, number, boolean]>([
    ['what becomes shorter', Buffer.alloc(1000), undefined, 1000, true],
    ['not what does not', random, undefined, 0, false],
    ['what does not, if it is told to', random, true, 2000, true],
    ['not what is below the threshold', Buffer.alloc(1000), undefined, 1001, false],
    ['not if it is told not to', Buffer.alloc(1000), false, 0, false],
  ])('compresses %s', (_name, first, compress, threshold, expected) => {
    const payload = begin(first, compress, threshold);
    expect(payload !== undefined).toBe(expected);
  });
});

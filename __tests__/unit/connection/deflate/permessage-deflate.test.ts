import { deflateRawSync } from 'node:zlib';
import {
  PermessageDeflate,
  contextBytes,
} from '../../../../src/connection/deflate/permessage-deflate.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import type { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import type { DeflateParameters } from '../../../../src/protocol/deflate/negotiation.js';
import { RawZlib } from '../../../../src/protocol/deflate/raw-zlib.js';
import { hex, random } from '../../../support/bytes.js';
import { readDeflate } from '../../../support/deflate-blocks.js';
import { compressing, HandClock, parametersOf, TAKEOVER } from '../../../support/connection.js';

const LIMIT = 4 * 1024 * 1024;
const KIB = 1024;
const next = random(3);
const NOISE = Buffer.from(Uint8Array.from({ length: 150 * KIB }, () => next() * 256));
const PROSE = Buffer.from(Array.from({ length: 60_000 }, (_, i) => `${(i * i) % 977} `).join(''));
const TAIL = hex('0000ffff');
const HELLO = hex('f248cdc9c90700');

function made(
  parameters: Partial<DeflateParameters> = {},
  settings: Parameters<typeof compressing>[0] = {},
  role: 'server' | 'client' = 'server',
): PermessageDeflate {
  return new PermessageDeflate(compressing(settings), parametersOf(parameters), role);
}

const deflateOnPool = (
  compression: PermessageDeflate,
  message: Buffer,
): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    compression.deflateAsync(message, resolve);
  });
const inflateOnPool = (
  compression: PermessageDeflate,
  payload: Buffer,
  maxPayload = LIMIT,
): Promise<Buffer | ProtocolError | undefined> =>
  new Promise((resolve) => {
    compression.inflateAsync(
      () => payload,
      maxPayload,
      (error, message) => {
        resolve(error ?? message);
      },
    );
  });

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([true, false])('Compression, driven: %s', (drive) => {
  const COMBINATIONS = [
    [true, true, 15, 15],
    [true, false, 12, 9],
    [false, true, 8, 15],
    [false, false, 15, 8],
    [false, false, 9, 12],
  ] as const;

  it.each(COMBINATIONS)(
    'carries messages both ways (server takes over: not %s, client: not %s, windows %i and %i)',
    async (serverNoContextTakeover, clientNoContextTakeover, server, client) => {
      const parameters = {
        serverNoContextTakeover,
        clientNoContextTakeover,
        serverMaxWindowBits: server,
        clientMaxWindowBits: client,
      };
      const ends = [made(parameters, { drive }), made(parameters, { drive }, 'client')];
      for (const [one, other] of [ends, [...ends].reverse()] as [
        PermessageDeflate,
        PermessageDeflate,
      ][]) {
        for (const message of [
          PROSE.subarray(0, 500),
          PROSE.subarray(0, 500),
          PROSE,
          NOISE.subarray(0, 1000),
          NOISE,
          NOISE.subarray(-1000),
          PROSE.subarray(0, 500),
          Buffer.alloc(LIMIT),
          PROSE.subarray(-500),
        ]) {
          const payload = one.deflate(message) ?? (await deflateOnPool(one, message))!;
          const result =
            other.inflate(payload, LIMIT) ?? ((await inflateOnPool(other, payload)) as Buffer);
          expect(result.equals(message)).toBe(true);
        }
      }
    },
  );

  it('sends with the window of its role, and says whether the bytes will do for everyone', () => {
    const parameters = { serverMaxWindowBits: 10, clientMaxWindowBits: 12 };
    const server = made({ ...parameters, serverNoContextTakeover: false }, { drive });
    const client = made({ ...parameters, serverNoContextTakeover: false }, { drive }, 'client');
    expect([server.windowBits, server.isShareable]).toStrictEqual([10, false]);
    expect([client.windowBits, client.isShareable]).toStrictEqual([12, true]);
  });

  it('refers to messages before only with takeover', () => {
    const message = NOISE.subarray(0, 1000);
    for (const [parameters, length] of [
      [{}, 1000],
      [TAKEOVER, 30],
    ] as const) {
      const compression = made(parameters, { drive });
      compression.deflate(message);
      const again = compression.deflate(message)!.length;
      expect(again > 30).toBe(length > 30);
    }
  });

  it('refers to nothing before or in a long message', async () => {
    const [server, client] = [made(TAKEOVER, { drive }), made(TAKEOVER, { drive }, 'client')];
    client.inflate(server.deflate(NOISE.subarray(0, 1000))!, LIMIT);
    const payload = (await deflateOnPool(server, NOISE))!;
    expect(payload.length).toBeGreaterThan(NOISE.length); // it repeats an earlier message
    expect(await inflateOnPool(client, payload)).toStrictEqual(NOISE);
    const last = server.deflate(NOISE.subarray(-1000))!;
    expect(last.length).toBeGreaterThan(1000);
    expect(client.inflate(last, LIMIT)).toStrictEqual(Buffer.from(NOISE.subarray(-1000)));
  });

  it('opens a compressor for a message in parts, which refers to nothing before the message', () => {
    for (const parameters of [{}, TAKEOVER]) {
      const [server, client] = [made(parameters, { drive }), made(parameters, { drive }, 'client')];
      const part = NOISE.subarray(0, 1000);
      client.inflate(server.deflate(part)!, LIMIT);
      const deflater = server.openDeflater();
      const [one, two] = [deflater.deflate(part), deflater.deflate(part)];
      deflater.release();
      expect(one.length).toBeGreaterThan(1000);
      expect(two.length).toBeLessThan(100);
      const payload = Buffer.concat([one, Buffer.from('0000ffff', 'hex'), two]);
      expect(client.inflate(payload, LIMIT)).toStrictEqual(Buffer.concat([part, part]));
      const last = server.deflate(part)!;
      expect(last.length).toBeGreaterThan(1000);
      expect(client.inflate(last, LIMIT)).toStrictEqual(Buffer.from(part));
    }
  });

  it('opens a decompressor for messages in parts', () => {
    const [server, client] = [made(TAKEOVER, { drive }), made(TAKEOVER, { drive }, 'client')];
    const part = NOISE.subarray(0, 1000);
    client.inflate(server.deflate(part)!, LIMIT);
    const inflater = client.openInflater(LIMIT);
    inflater.begin();
    const payload = server.deflate(part)!;
    expect(payload.length).toBeLessThan(100);
    inflater.push(payload);
    expect(Buffer.concat([inflater.next() ?? Buffer.alloc(0), inflater.end()])).toStrictEqual(
      Buffer.from(part),
    );
    inflater.close();
  });

  it('knows a long message if the peer refers to it', async () => {
    const compression = made(TAKEOVER, { drive });
    const [first, second] = [NOISE.subarray(0, 20 * KIB), NOISE.subarray(10 * KIB, 30 * KIB)];
    const long = deflateRawSync(Buffer.concat([Buffer.alloc(600 * KIB), first]));
    expect(compression.inflate(long, LIMIT)).toBeUndefined();
    expect(await inflateOnPool(compression, long)).toHaveLength(620 * KIB);
    const reference = deflateRawSync(second, { dictionary: first });
    expect(reference.length).toBeLessThan(11 * KIB);
    expect(compression.inflate(reference, LIMIT)?.equals(second)).toBe(true);
  });

  describe('at once or in steps', () => {
    it('compresses up to 64 KiB at once', () => {
      const compression = made({}, { drive });
      expect(compression.deflate(Buffer.alloc(64 * KIB))).toBeDefined();
      expect(compression.deflate(Buffer.alloc(64 * KIB + 1))).toBeUndefined();
    });

    it('decompresses payloads of up to 64 KiB at once', () => {
      const compression = made({}, { drive });
      const stored = (length: number): Buffer =>
        Buffer.concat([
          hex('00'),
          Buffer.of(length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff),
          NOISE.subarray(0, length),
          hex('00'),
        ]);
      expect(compression.inflate(stored(64 * KIB - 6), LIMIT)).toHaveLength(64 * KIB - 6);
      expect(compression.inflate(stored(64 * KIB - 5), LIMIT)).toBeUndefined();
    });

    it('decompresses messages of up to 512 KiB at once, however short their payload', () => {
      const compression = made({}, { drive });
      const most = deflateRawSync(Buffer.alloc(512 * KIB));
      expect(compression.inflate(most, LIMIT)).toHaveLength(512 * KIB);
      const longer = deflateRawSync(Buffer.alloc(512 * KIB + 1));
      expect(longer.length).toBeLessThan(1000);
      expect(compression.inflate(longer, LIMIT)).toBeUndefined();
    });

    it('fails a message above maxPayload: at once where that is no more than 512 KiB', async () => {
      const compression = made({}, { drive });
      const tooBig = {
        code: 'ERR_MESSAGE_TOO_BIG',
        closeCode: 1009,
        message:
          'a compressed message is longer than maxPayload once decompressed, which is 1000 bytes',
      };
      expect(compression.inflate(deflateRawSync(Buffer.alloc(1000)), 1000)).toHaveLength(1000);
      const payload = deflateRawSync(Buffer.alloc(1001));
      expect(() => compression.inflate(payload, 1000)).toThrow(
        expect.objectContaining(tooBig) as Error,
      );
      expect(await inflateOnPool(compression, payload, 1000)).toMatchObject(tooBig);
      expect(await inflateOnPool(compression, payload, 1001)).toHaveLength(1001);
    });

    it('fails what is no compressed message', async () => {
      const compression = made(TAKEOVER, { drive });
      expect(() => compression.inflate(hex('06'), LIMIT)).toThrow('invalid block type');
      const error = await inflateOnPool(compression, hex('06'));
      expect(error).toMatchObject({ code: 'ERR_INVALID_DEFLATE', closeCode: 1007 });
      expect(compression.inflate(HELLO, LIMIT)?.toString()).toBe('Hello');
    });

    it('waits for its turn, whether it compresses or decompresses', async () => {
      const concurrency = new ConcurrencyLimit();
      const held: (() => void)[] = [];
      for (let i = 0; i < 4; i++) concurrency.run((done) => held.push(done));
      const compression = made({}, { drive, concurrency });
      const order: string[] = [];
      const both = [
        deflateOnPool(compression, PROSE).then(() => order.push('deflated')),
        inflateOnPool(compression, HELLO).then(() => order.push('inflated')),
      ];
      expect(concurrency.waiting).toBe(2);
      held[0]!();
      await both[0];
      await both[1];
      expect(order).toStrictEqual(['deflated', 'inflated']);
      expect(concurrency.waiting).toBe(0);
      for (let i = 0; i < 3; i++) held[i + 1]!();
    });

    it('skips discarded messages when their turn has come, however many', async () => {
      const concurrency = new ConcurrencyLimit();
      const held: (() => void)[] = [];
      for (let i = 0; i < 4; i++) concurrency.run((done) => held.push(done));
      const compression = made({}, { drive, concurrency });
      const callback = jest.fn();
      for (let i = 0; i < 20_000; i++) compression.inflateAsync(() => undefined, LIMIT, callback);
      const wanted = inflateOnPool(compression, HELLO);
      held[0]!();
      expect(await wanted).toStrictEqual(Buffer.from('Hello'));
      expect(callback).not.toHaveBeenCalled();
      for (let i = 0; i < 3; i++) held[i + 1]!();
    });
  });
});

describe('Compression, the contexts of one connection', () => {
  /** Compressors of zlib that are open; for what is received a connection has only a window. */
  let open: number;
  let clock: HandClock;
  let compression: PermessageDeflate;
  let closed: number;

  function make(parameters: Partial<DeflateParameters>): void {
    const settings = compressing({
      idleRelease: 1000,
      deadlines: new Deadlines(clock),
      drive: true,
    });
    compression = new PermessageDeflate(
      settings,
      parametersOf(parameters),
      'server',
      () => closed++,
    );
  }

  beforeEach(() => {
    open = closed = 0;
    clock = new HandClock();
    const real = RawZlib.deflate.bind(RawZlib);
    jest.spyOn(RawZlib, 'deflate').mockImplementation((options) => {
      open++;
      const context = real(options);
      const close = context.close.bind(context);
      jest.spyOn(context, 'close').mockImplementation(() => {
        open--;
        close();
      });
      return context;
    });
    make(TAKEOVER);
  });

  it('are made for the first message that is sent', () => {
    compression.inflate(HELLO, LIMIT);
    expect(open).toBe(0);
    compression.deflate(PROSE.subarray(0, 100));
    expect(open).toBe(1);
    compression.deflate(PROSE.subarray(0, 100));
    compression.inflate(HELLO, LIMIT);
    expect(open).toBe(1);
  });

  it('are released when no message is sent for a while', () => {
    const use = (): unknown => compression.deflate(PROSE.subarray(0, 100));
    use();
    for (let times = 0; times < 20; times++) {
      clock.advance(900);
      use();
      expect(open).toBe(1);
    }
    clock.advance(2000); // at the latest
    expect(open).toBe(0);
    expect(clock.timers.size).toBe(0);
    use();
    expect(open).toBe(1);
    clock.advance(999);
    expect(open).toBe(1);
    clock.advance(1001);
    expect(open).toBe(0);
  });

  it('are not kept by messages that come, which need none', () => {
    compression.inflate(HELLO, LIMIT);
    expect(clock.timers.size).toBe(0);
    compression.deflate(PROSE.subarray(0, 100));
    for (let times = 0; times < 20; times++) {
      clock.advance(100);
      compression.inflate(HELLO, LIMIT);
    }
    expect([open, clock.timers.size]).toStrictEqual([0, 0]);
  });

  it('can be released between messages that refer to each other', () => {
    const peer = new PermessageDeflate(compressing(), parametersOf(TAKEOVER), 'client');
    const message = NOISE.subarray(0, 1000);
    compression.inflate(peer.deflate(message)!, LIMIT);
    peer.inflate(compression.deflate(message)!, LIMIT);
    clock.advance(2000);
    expect(open).toBe(0 + 1); // that of the peer, whose clock stands still
    const reference = peer.deflate(message)!;
    expect(reference.length).toBeLessThan(30);
    expect(compression.inflate(reference, LIMIT)).toStrictEqual(Buffer.from(message));
    const fresh = compression.deflate(message)!;
    expect(fresh.length).toBeGreaterThan(1000); // what was said before is forgotten
    expect(peer.inflate(fresh, LIMIT)).toStrictEqual(Buffer.from(message));
    peer.close();
  });

  it('go with the connection', () => {
    compression.deflate(PROSE.subarray(0, 100));
    compression.inflate(HELLO, LIMIT);
    compression.close();
    expect([open, closed, clock.timers.size]).toStrictEqual([0, 1, 0]);
  });

  it('go with a connection that never used them', () => {
    compression.close();
    expect([open, closed]).toStrictEqual([0, 1]);
  });

  it('are not needed for what had come already when the connection went', () => {
    compression.inflate(HELLO, LIMIT);
    compression.close();
    expect(compression.inflate(hex('f200110000'), LIMIT)?.toString()).toBe('Hello'); // refers to the first
    expect([open, clock.timers.size]).toStrictEqual([0, 0]);
  });

  it('are not made by a long message that is done after the connection has ended', async () => {
    compression.inflate(HELLO, LIMIT);
    const done = inflateOnPool(compression, deflateRawSync(PROSE));
    compression.close();
    expect((await done) as Buffer).toHaveLength(PROSE.length);
    expect(open).toBe(0); // the decompressor is the server's
  });

  it('are not kept for what is compressed after the end', () => {
    compression.deflate(PROSE.subarray(0, 100));
    compression.close();
    expect(compression.deflate(PROSE.subarray(0, 100))).toBeDefined();
    expect(compression.inflate(HELLO, LIMIT)?.toString()).toBe('Hello');
    expect([open, clock.timers.size, closed]).toStrictEqual([0, 0, 1]);
  });

  it('are a compressor, where the server takes over', () => {
    for (const [parameters, timers, count] of [
      [{ serverNoContextTakeover: false }, 1, 1],
      [{ clientNoContextTakeover: false }, 0, 0],
      [{}, 0, 0],
    ] as const) {
      make(parameters);
      compression.deflate(PROSE.subarray(0, 100));
      compression.inflate(HELLO, LIMIT);
      expect(clock.timers.size).toBe(timers);
      const before = open;
      compression.close();
      expect(before - open).toBe(count);
      expect(clock.timers.size).toBe(0);
    }
    expect(closed).toBe(3);
  });
});

describe("Compression, with hawser's own compressor", () => {
  const settings = { compressor: 'compact' } as const;
  const SHORT = PROSE.subarray(0, 500);

  it('writes in the fixed codes, without a compressor of its own from zlib', () => {
    const opened = jest.spyOn(RawZlib, 'deflate');
    const compression = made(TAKEOVER, settings);
    for (const message of [SHORT, SHORT]) {
      const { blocks } = readDeflate(Buffer.concat([compression.deflate(message)!, TAIL]), PROSE);
      expect(blocks.map(({ type }) => type)).toStrictEqual(['fixed', 'stored']);
    }
    expect(opened).not.toHaveBeenCalled();
  });

  it.each([true, false])('is for those that take over only (zlib driven: %s)', (drive) => {
    const compression = made({}, { ...settings, drive });
    const first = compression.deflate(SHORT);
    const { blocks } = readDeflate(Buffer.concat([first!, TAIL]));
    expect(blocks[0]?.type).toBe('dynamic');
    expect(compression.deflate(SHORT)).toStrictEqual(first);
  });

  it('keeps within the window of its role', () => {
    for (const [role, size] of [
      ['server', 256],
      ['client', 512],
    ] as const) {
      const parameters = { ...TAKEOVER, serverMaxWindowBits: 8, clientMaxWindowBits: 9 };
      const compression = made(parameters, settings, role);
      compression.deflate(NOISE.subarray(0, 600));
      const again = (distance: number): number =>
        compression.deflate(NOISE.subarray(600 - distance, 620 - distance))!.length;
      expect(again(size)).toBeLessThan(10);
      compression.deflate(NOISE.subarray(0, 600));
      expect(again(size + 1)).toBeGreaterThan(20);
    }
  });

  it('leaves long messages to the compressor that all share, and knows them later', () => {
    const [shared, compression] = [made({}, settings), made(TAKEOVER, settings)];
    compression.deflate(SHORT);
    const long = PROSE.subarray(0, 5000);
    expect(compression.deflate(long)).toStrictEqual(shared.deflate(long));
    const again = compression.deflate(long.subarray(-700))!;
    expect(again.length).toBeLessThan(20);
    const { output } = readDeflate(Buffer.concat([again, TAIL]), Buffer.from(long));
    expect(output).toStrictEqual(Buffer.from(long.subarray(-700)));
  });

  it('forgets all at a long message', async () => {
    const [server, client] = [made(TAKEOVER, settings), made(TAKEOVER, settings, 'client')];
    for (const message of [SHORT, Buffer.concat([PROSE, NOISE]), SHORT]) {
      const payload = server.deflate(message) ?? (await deflateOnPool(server, message))!;
      const result = client.inflate(payload, LIMIT) ?? (await inflateOnPool(client, payload));
      expect(result).toStrictEqual(Buffer.from(message));
      expect(payload.length).toBeGreaterThan(100); // no reference to the first message
    }
  });
});

describe('PermessageDeflate, which messages', () => {
  it('knows the threshold', () => {
    expect(made({}, { threshold: 7 }).threshold).toBe(7);
    expect(made(TAKEOVER, { threshold: 7 }).threshold).toBe(7);
  });

  it('has another threshold where our window is kept', () => {
    const thresholds = { threshold: 7, takeoverThreshold: 2 };
    expect(made({}, thresholds).threshold).toBe(7);
    expect(made(TAKEOVER, thresholds).threshold).toBe(2);
    const server = { ...TAKEOVER, clientNoContextTakeover: true };
    expect(made(server, thresholds, 'server').threshold).toBe(2);
    expect(made(server, thresholds, 'client').threshold).toBe(7);
  });
});

describe('contextBytes', () => {
  it.each<[Partial<DeflateParameters>, number, number]>([
    [{}, 8, 0],
    [{ serverNoContextTakeover: false }, 8, 2 ** 17 + 2 ** 17 + 73_728], // zlib.h: 256 KiB and a little
    [{ serverNoContextTakeover: false, serverMaxWindowBits: 12 }, 5, 2 ** 14 + 2 ** 14 + 73_728],
    [{ serverNoContextTakeover: false, serverMaxWindowBits: 8 }, 1, 2 ** 10 + 2 ** 10 + 73_728],
    [{ clientNoContextTakeover: false }, 8, 2 ** 15],
    [{ clientNoContextTakeover: false, clientMaxWindowBits: 8 }, 8, 2 ** 8],
    [TAKEOVER, 8, 2 ** 18 + 73_728 + 2 ** 15],
  ])("of %p with zlib's memLevel %i is %i", (parameters, memLevel, expected) => {
    const settings = { memLevel, compressor: 'zlib' } as const;
    expect(contextBytes(parametersOf(parameters), settings)).toBe(expected);
  });

  it.each<[Partial<DeflateParameters>, number]>([
    [{}, 0],
    [{ serverNoContextTakeover: false, serverMaxWindowBits: 12 }, 18 * KIB],
    [{ serverNoContextTakeover: false }, 130 * KIB],
    [{ clientNoContextTakeover: false }, 32 * KIB],
    [{ ...TAKEOVER, serverMaxWindowBits: 12, clientMaxWindowBits: 12 }, 22 * KIB],
  ])("of %p with hawser's own compressor is %i", (parameters, expected) => {
    const settings = { memLevel: 9, compressor: 'compact' } as const;
    expect(contextBytes(parametersOf(parameters), settings)).toBe(expected);
  });
});

it('opens a decompressor for messages in parts by what the runtime can do', () => {
  const inflater = made({}, {}).openInflater(10);
  expect(inflater.takeover).toBe(false);
  inflater.close();
});

import { runInNewContext } from 'node:vm';
import type { DeflateOptions, ServerOptions } from '../../../../src/server/options/options.js';
import { resolveOptions } from '../../../../src/server/options/resolve-options.js';
import type { Broker } from '../../../../src/server/topics/broker.js';
import { SharedLimits } from '../../../../src/server/admission/shared-limits.js';
import { HandClock, MemoryLogger } from '../../../support/server.js';

const resolve = (options: object): unknown => resolveOptions(options, []);

/** The message of the TypeError; what Jest's realm makes of it does not matter here. */
function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('expected a TypeError');
}

const DURATION = 'a number of milliseconds above 0, or Infinity';
const CLOCK = 'an object with the methods now, setTimeout and clearTimeout, and perhaps afterPoll';
const BYTES = 'a number of bytes above 0, or Infinity';
const COUNT = 'a whole number from 0, or Infinity';
const RATE = 'a number above 0';
const A_PATH = 'a string that begins with /, a RegExp without the flags g and y, or a function';
const AN_ORIGIN =
  "'same-origin', '*', a function, or an array of origins such as 'https://example.com' (scheme and host, no path)";
const PROXIES =
  'false, a number of proxies from 1, an array of addresses and networks, or a function';
const BROKER = 'a broker, such as redisBroker(…) of hawser/redis';
const BUFFER = 'an object with messages, bytes and age';
const durations = (...names: string[]): [string, unknown, string, string][] =>
  names.flatMap((name): [string, unknown, string, string][] => [
    [name, 0, DURATION, '0 (number)'],
    [name, -1, DURATION, '-1 (number)'],
    [name, Number.NaN, DURATION, 'NaN (number)'],
    [name, '5s', DURATION, '5s (string)'],
  ]);

/** A broker that is never started. */
const broker: Broker = {
  start: () => undefined,
  join: () => undefined,
  leave: () => undefined,
  publish: () => 0,
  maxMessage: 1,
  close: () => Promise.resolve(),
};

/** Option, wrong value, what is expected, how the value is shown. */
const WRONG: [string, unknown, string, string][] = [
  ['path', 'chat', A_PATH, 'chat (string)'],
  ['path', 5, A_PATH, '5 (number)'],
  ['path', /chat/g, A_PATH, '/chat/g'],
  ['path', /chat/y, A_PATH, '/chat/y'],
  ['path', null, A_PATH, 'null (object)'],
  ['subprotocols', 'chat', 'an array of strings or a function', 'chat (string)'],
  [
    'subprotocols',
    ['chat', 1n],
    'an array of strings or a function',
    '[chat (string), 1 (bigint)]',
  ],
  ['subprotocols', [['chat']], 'an array of strings or a function', '[an array]'],
  ['origin', 'https://example.com', AN_ORIGIN, 'https://example.com (string)'],
  ['origin', [5], AN_ORIGIN, '[5 (number)]'],
  ['origin', true, AN_ORIGIN, 'true (boolean)'],
  ['allowedHosts', 'example.com', 'an array of host names', 'example.com (string)'],
  ['allowedHosts', [null], 'an array of host names', '[null (object)]'],
  ['authorize', {}, 'a function', 'an object'],
  ...durations('upgradeTimeout', 'closeTimeout', 'messageTimeout', 'idleTimeout', 'maxLifetime'),
  ...durations('heartbeat.interval', 'heartbeat.timeout', 'perMessageDeflate.idleRelease'),
  ['maxPayload', 0, 'a number of bytes from 1 to 9007199254740991', '0 (number)'],
  ['maxPayload', 1.5, 'a number of bytes from 1 to 9007199254740991', '1.5 (number)'],
  ['maxPayload', Infinity, 'a number of bytes from 1 to 9007199254740991', 'Infinity (number)'],
  ['maxPayload', '1', 'a number of bytes from 1 to 9007199254740991', '1 (string)'],
  ['textAs', 'text', 'one of "string", "buffer"', 'text (string)'],
  ['binaryAs', 'ArrayBuffer', 'one of "buffer", "arraybuffer"', 'ArrayBuffer (string)'],
  ['highWaterMark', 0, BYTES, '0 (number)'],
  ['maxBufferedAmount', '1', BYTES, '1 (string)'],
  ['maxTotalBuffered', -1, BYTES, '-1 (number)'],
  ['slowConsumer', 'pause', 'one of "close", "drop"', 'pause (string)'],
  ['heartbeat', true, 'false or an object with interval and timeout', 'true (boolean)'],
  ['heartbeat', [], 'false or an object with interval and timeout', '[]'],
  ['maxConnections', -1, COUNT, '-1 (number)'],
  ['maxConnections', 1.5, COUNT, '1.5 (number)'],
  ['maxPendingUpgrades', '1024', COUNT, '1024 (string)'],
  ['maxConnectionsPerAddress', Number.NaN, COUNT, 'NaN (number)'],
  ['broker', 'redis://localhost', BROKER, 'redis://localhost (string)'],
  ['broker', {}, BROKER, 'an object'],
  ['broker', { ...broker, publish: undefined }, BROKER, 'an object'],
  ['broker', { ...broker, maxMessage: '1' }, BROKER, 'an object'],
  ['broker', null, BROKER, 'null (object)'],
  ['brokerBuffer', 5, BUFFER, '5 (number)'],
  ['brokerBuffer', [], BUFFER, '[]'],
  ['brokerBuffer', {}, BUFFER, 'an object'],
  ['brokerBuffer', { messages: 1, bytes: 1 }, BUFFER, 'an object'],
  ['brokerBuffer', { messages: 1, age: 1 }, BUFFER, 'an object'],
  ['brokerBuffer', { bytes: 1, age: 1 }, BUFFER, 'an object'],
  ['brokerBuffer', { messages: 1, bytes: 1, age: undefined }, BUFFER, 'an object'],
  ['brokerBuffer.messages', -1, COUNT, '-1 (number)'],
  ['brokerBuffer.messages', 1.5, COUNT, '1.5 (number)'],
  ['brokerBuffer.bytes', 0, BYTES, '0 (number)'],
  ['brokerBuffer.bytes', '1', BYTES, '1 (string)'],
  ['brokerBuffer.age', 0, DURATION, '0 (number)'],
  ['brokerBuffer.age', '5s', DURATION, '5s (string)'],
  ['messageRate', 5, 'an object with perSecond, burst and action', '5 (number)'],
  [
    'messageRate',
    { burst: 1, action: 'close' },
    'an object with perSecond, burst and action',
    'an object',
  ],
  [
    'messageRate',
    { perSecond: 1, action: 'close' },
    'an object with perSecond, burst and action',
    'an object',
  ],
  [
    'messageRate',
    { perSecond: 1, burst: 1 },
    'an object with perSecond, burst and action',
    'an object',
  ],
  [
    'messageRate',
    { perSecond: undefined, burst: 1, action: 'close' },
    'an object with perSecond, burst and action',
    'an object',
  ],
  ['messageRate.perSecond', 0, RATE, '0 (number)'],
  ['messageRate.burst', '1', 'a number from 1', '1 (string)'],
  ['messageRate.burst', 0.5, 'a number from 1', '0.5 (number)'],
  ['messageRate.fragments', -1, RATE, '-1 (number)'],
  ['messageRate.action', 'drop', 'one of "close", "pause"', 'drop (string)'],
  ['trustProxy', true, PROXIES, 'true (boolean)'],
  ['trustProxy', 0, PROXIES, '0 (number)'],
  ['trustProxy', 1.5, PROXIES, '1.5 (number)'],
  ['trustProxy', -1, PROXIES, '-1 (number)'],
  ['trustProxy', Number.NaN, PROXIES, 'NaN (number)'],
  ['trustProxy', Infinity, PROXIES, 'Infinity (number)'],
  ['trustProxy', '10.0.0.1', PROXIES, '10.0.0.1 (string)'],
  ['trustProxy', [1], PROXIES, '[1 (number)]'],
  ['limits', { maxConnections: 1 }, 'a SharedLimits', 'an object'],
  ['perMessageDeflate', 1, 'a boolean or an object', '1 (number)'],
  ['perMessageDeflate.threshold', -1, COUNT, '-1 (number)'],
  [
    'perMessageDeflate.contextTakeover',
    true,
    'one of "none", "server", "client", "both"',
    'true (boolean)',
  ],
  ['perMessageDeflate.windowBits', 7, 'a number of bits from 8 to 15', '7 (number)'],
  ['perMessageDeflate.windowBits', 16, 'a number of bits from 8 to 15', '16 (number)'],
  ['perMessageDeflate.level', 10, 'a zlib level from 0 to 9', '10 (number)'],
  ['perMessageDeflate.memLevel', 0, 'a zlib memLevel from 1 to 9', '0 (number)'],
  ['perMessageDeflate.compressor', 'fast', 'one of "compact", "zlib"', 'fast (string)'],
  ['perMessageDeflate.memoryBudget', 0, BYTES, '0 (number)'],
  ['logger', { warn: () => {} }, 'an object with the methods warn and error', 'an object'],
  ['logger', { error: () => {} }, 'an object with the methods warn and error', 'an object'],
  ['logger', () => {}, 'an object with the methods warn and error', 'a function'],
  ['clock', { now: () => 0, setTimeout: () => 0 }, CLOCK, 'an object'],
  ['clock', { now: () => 0, clearTimeout: () => {} }, CLOCK, 'an object'],
  ['clock', { setTimeout: () => 0, clearTimeout: () => {} }, CLOCK, 'an object'],
  [
    'clock',
    { now: () => 0, setTimeout: () => 0, clearTimeout: () => {}, afterPoll: 1 },
    CLOCK,
    'an object',
  ],
  ['clock', 'now', CLOCK, 'now (string)'],
];

/** Around a nested option what its object needs besides. */
function optionsWith(name: string, value: unknown): object {
  const [outer = '', inner] = name.split('.');
  if (inner === undefined) return { [outer]: value };
  const needed: Record<string, object> = {
    messageRate: { perSecond: 1, burst: 1, action: 'close' },
    brokerBuffer: { messages: 1, bytes: 1, age: 1 },
  };
  return { [outer]: { ...needed[outer], [inner]: value } };
}

/** Option, a value that could never do what it says, and the words for it. */
const POINTLESS: [string, unknown, string][] = [
  [
    'path',
    '/live?room=1',
    '"/live?room=1" has a query or a fragment, which is not part of a path; write "/live"',
  ],
  [
    'path',
    /^live$/,
    '/^live$/ matches no path, because every path begins with a slash; write /^\\/live$/',
  ],
  ['path', '/a b', '"/a b" is never asked for in this form; write "/a%20b"'],
  ['path', '/a/../b', '"/a/../b" is never asked for in this form; write "/b"'],
  [
    'subprotocols',
    ['chat v1'],
    '"chat v1" is not a name that a client can offer: letters, digits, and of other characters - . _ ~ ! # $ % & \' * + ^ ` |',
  ],
  ['subprotocols', [''], '"" is not a name that a client can offer: letters'],
  ['subprotocols', ['a/1'], '"a/1" is not a name that a client can offer: letters'],
  ['subprotocols', ['a', 'b', 'a'], '"a" is listed twice'],
  ['origin', ['example.com'], '"example.com" has no scheme; write "https://example.com"'],
  [
    'origin',
    ['https://a.example', 'https://b.example/'],
    '"https://b.example/" goes on after the host and port',
  ],
  [
    'origin',
    ['https://a*.example.com'],
    '"https://a*.example.com" matches nothing: a * stands only for whole subdomains',
  ],
  ['origin', ['*'], `"*" in a list matches no page; write origin: '*' to admit every page`],
  ['allowedHosts', [], 'an empty array admits no host; leave it out to serve every host'],
  [
    'allowedHosts',
    ['a', 'https://b.example'],
    '"https://b.example" is more than a Host header has',
  ],
  ['allowedHosts', ['a*.example.com'], '"a*.example.com" matches nothing'],
  [
    'trustProxy',
    ['10.0.0.1', 'loopback'],
    '"loopback" is neither an address nor a network such as "10.0.0.0/8" or "fd00::/8"',
  ],
  ['trustProxy', [''], '"" is neither an address nor a network'],
];

describe('resolveOptions', () => {
  it('has the defaults of the contract', () => {
    expect(resolve({})).toEqual({
      subprotocols: [],
      origin: 'same-origin',
      upgradeTimeout: 10_000,
      closeTimeout: 10_000,
      maxPayload: 4 * 1024 * 1024,
      messageTimeout: 60_000,
      textAs: 'string',
      binaryAs: 'buffer',
      highWaterMark: 64 * 1024,
      maxBufferedAmount: 16 * 1024 * 1024,
      slowConsumer: 'close',
      maxTotalBuffered: Infinity,
      heartbeat: { interval: 25_000, timeout: 10_000 },
      idleTimeout: Infinity,
      maxLifetime: Infinity,
      maxConnections: Infinity,
      maxPendingUpgrades: 1024,
      maxConnectionsPerAddress: Infinity,
      maxTopicsPerConnection: 128,
      maxRetained: 64 * 1024 * 1024,
      trustProxy: false,
      perMessageDeflate: false,
    });
  });

  it.each(WRONG)(
    '%s: %p is rejected with what was expected and got',
    (name, value, expected, got) => {
      expect(complaint(() => resolve(optionsWith(name, value)))).toBe(
        `WebSocketServer: expected option ${name} to be ${expected}, got ${got}`,
      );
    },
  );

  it.each(POINTLESS)('%s: %j is rejected with what is wrong with it', (name, value, fault) => {
    expect(complaint(() => resolve({ [name]: value }))).toContain(
      `WebSocketServer: option ${name}: ${fault}`,
    );
  });

  it('takes what another realm made', () => {
    const options = runInNewContext(
      '({ path: /^.a$/, origin: ["https://a.example"], messageRate: { perSecond: 1, burst: 1, action: "close" } })',
    ) as object;
    expect(resolve(options)).toMatchObject({ origin: ['https://a.example'] });
    expect(complaint(() => resolve({ path: runInNewContext('/a/g') as RegExp }))).toContain(
      'got /a/g',
    );
  });

  it('accepts every option of the contract and keeps what was given', () => {
    const given: Required<ServerOptions> = {
      path: /^\/chat\/\d+$/i,
      subprotocols: () => undefined,
      origin: [
        'https://example.com',
        'http://localhost:3000',
        'null',
        'same-origin',
        'https://*.a.example',
        'file://',
      ],
      allowedHosts: ['example.com'],
      authorize: () => undefined,
      upgradeTimeout: 0.5,
      closeTimeout: Infinity,
      maxPayload: 1,
      messageTimeout: 1,
      textAs: 'buffer',
      binaryAs: 'arraybuffer',
      highWaterMark: 1,
      maxBufferedAmount: 2,
      slowConsumer: 'drop',
      maxTotalBuffered: 3,
      heartbeat: { interval: 4, timeout: 5 },
      idleTimeout: 6,
      maxLifetime: 7,
      maxConnections: 0,
      maxPendingUpgrades: Infinity,
      maxConnectionsPerAddress: 8,
      maxTopicsPerConnection: 0,
      maxRetained: 10,
      broker,
      brokerBuffer: { messages: 11, bytes: 12, age: 13 },
      messageRate: { perSecond: 0.5, burst: 9, fragments: Infinity, action: 'pause' },
      trustProxy: () => true,
      limits: new SharedLimits({ maxConnections: 1 }),
      perMessageDeflate: {
        threshold: 0,
        contextTakeover: 'both',
        windowBits: 8,
        compressor: 'zlib',
        level: 0,
        memLevel: 9,
        memoryBudget: 1,
        idleRelease: Infinity,
      },
      logger: new MemoryLogger(),
      clock: new HandClock(),
    };
    expect(resolve(given)).toEqual(given);
  });

  it.each([
    { path: '/' },
    { path: () => true },
    { subprotocols: ['chat.v2', 'chat.v1'] },
    { subprotocols: [] },
    { origin: '*' },
    { origin: [] },
    { origin: () => true },
    { heartbeat: false },
    { trustProxy: 2 },
    { trustProxy: ['10.0.0.0/8', '::1'] },
    { trustProxy: [] },
    { trustProxy: false },
    { logger: console },
    { brokerBuffer: { messages: 0, bytes: 1, age: 0.5 } },
    { brokerBuffer: { messages: Infinity, bytes: Infinity, age: Infinity } },
  ])('accepts %p', (options) => {
    expect(resolve(options)).toMatchObject(options);
  });

  it('takes an option that is undefined for one that is left out', () => {
    const names: (keyof ServerOptions)[] = ['path', 'maxPayload', 'heartbeat', 'logger', 'origin'];
    const options = Object.fromEntries(names.map((name) => [name, undefined]));
    expect(resolve(options)).toEqual(resolve({}));
    expect(resolve({ heartbeat: { interval: undefined } })).toEqual(resolve({}));
  });

  it('fills in the half of heartbeat that was left out', () => {
    expect(resolve({ heartbeat: { interval: 5 } })).toMatchObject({
      heartbeat: { interval: 5, timeout: 10_000 },
    });
    expect(resolve({ heartbeat: { timeout: 5 } })).toMatchObject({
      heartbeat: { interval: 25_000, timeout: 5 },
    });
  });

  it.each([
    [
      'maxPaylod',
      { maxPaylod: 5 },
      'unknown option maxPaylod (got 5 (number)); did you mean maxPayload?',
    ],
    [
      'one that every object has',
      { constructor: 5 },
      'unknown option constructor (got 5 (number)); the API reference lists the options',
    ],
    [
      'heartbeat.seconds',
      { heartbeat: { seconds: 5 } },
      'unknown option heartbeat.seconds (got 5 (number)); expected one of interval, timeout',
    ],
    [
      'verifyClient',
      { verifyClient: () => true },
      'unknown option verifyClient (got a function); use authorize: return to accept',
    ],
    [
      'heartbeat.every',
      { heartbeat: { every: 5 } },
      'unknown option heartbeat.every (got 5 (number)); use heartbeat.interval',
    ],
    [
      'perMessageDeflate.serverNoContextTakeover',
      { perMessageDeflate: { serverNoContextTakeover: true } },
      'unknown option perMessageDeflate.serverNoContextTakeover (got true (boolean)); use perMessageDeflate.contextTakeover',
    ],
    [
      'messageRate.per',
      { messageRate: { perSecond: 1, burst: 1, action: 'close', per: Symbol('x') } },
      'unknown option messageRate.per (got Symbol(x) (symbol)); expected one of perSecond, burst, fragments, action',
    ],
    [
      'brokerBuffer.ttl',
      { brokerBuffer: { messages: 1, bytes: 1, age: 1, ttl: 5 } },
      'unknown option brokerBuffer.ttl (got 5 (number)); expected one of messages, bytes, age',
    ],
    [
      'perMessageDeflate.bits',
      { perMessageDeflate: { bits: 9 } },
      'unknown option perMessageDeflate.bits (got 9 (number)); expected one of threshold, contextTakeover, ',
    ],
  ])('rejects an unknown option: %s', (_name, options, expected) => {
    expect(complaint(() => resolve(options))).toContain(`WebSocketServer: ${expected}`);
  });

  it.each([
    [null, 'null (object)'],
    [5, '5 (number)'],
    [[], '[]'],
    [() => {}, 'a function'],
  ])('rejects %p in the place of the options', (options, got) => {
    expect(complaint(() => resolve(options as object))).toBe(
      `WebSocketServer: expected options to be an object, got ${got}`,
    );
  });

  it('knows port, host and noServer only where they belong', () => {
    expect(resolveOptions({ port: 0, host: '::1' }, ['port', 'host'])).toMatchObject({ port: 0 });
    expect(resolveOptions({ noServer: true }, ['noServer'])).toMatchObject({ noServer: true });
    expect(complaint(() => resolve({ port: 0 }))).toContain('unknown option port');
    expect(complaint(() => resolveOptions({ port: 1, noServer: true }, ['port']))).toContain(
      'unknown option noServer',
    );
  });

  const ALL = ['port', 'host', 'socketPath', 'tls', 'backlog', 'signal', 'noServer'] as const;

  it.each([
    [{ port: -1 }, 'port to be a port from 0 to 65535, got -1 (number)'],
    [{ port: 65_536 }, 'port to be a port from 0 to 65535, got 65536 (number)'],
    [{ port: '80' }, 'port to be a port from 0 to 65535, got 80 (string)'],
    [{ socketPath: '' }, "socketPath to be the path of a Unix socket, got '' (string)"],
    [{ socketPath: 5 }, 'socketPath to be the path of a Unix socket, got 5 (number)'],
    [{ tls: true }, 'tls to be an object with the options of tls.createServer, got true (boolean)'],
    [{ backlog: 0 }, 'backlog to be a number of connections from 1 to 2147483647, got 0 (number)'],
    [{ signal: 'stop' }, 'signal to be an AbortSignal, got stop (string)'],
    [{ host: 5 }, 'host to be a string, got 5 (number)'],
    [{ noServer: false }, 'noServer to be one of true, got false (boolean)'],
  ])('rejects the attachment %p', (options, expected) => {
    expect(complaint(() => resolveOptions(options, ALL))).toBe(
      `WebSocketServer: expected option ${expected}`,
    );
  });
});

describe('resolveOptions, perMessageDeflate', () => {
  const SHARED = {
    threshold: 512,
    contextTakeover: 'none',
    windowBits: 15,
    level: 6,
    memLevel: 8,
    compressor: 'zlib',
    memoryBudget: 128 * 1024 * 1024,
    idleRelease: 30_000,
  };
  const OWN = { threshold: 128, windowBits: 12, level: 3, memLevel: 5, compressor: 'compact' };

  it.each<[unknown, unknown]>([
    [undefined, false],
    [false, false],
    [true, SHARED],
    [{}, SHARED],
    [{ contextTakeover: 'none' }, SHARED],
    [{ contextTakeover: undefined, level: undefined }, SHARED],
    // What each connection pays for is smaller.
    [{ contextTakeover: 'both' }, { ...SHARED, contextTakeover: 'both', ...OWN }], // prettier-ignore
    [{ contextTakeover: 'server', compressor: 'compact' }, { ...SHARED, contextTakeover: 'server', ...OWN }], // prettier-ignore
    [{ contextTakeover: 'client' }, { ...SHARED, contextTakeover: 'client', ...OWN, compressor: 'zlib' }], // prettier-ignore
    [{ contextTakeover: 'server', compressor: 'zlib', windowBits: 15, memLevel: 9 }, { ...SHARED, contextTakeover: 'server', ...OWN, compressor: 'zlib', windowBits: 15, memLevel: 9 }], // prettier-ignore
    [{ contextTakeover: 'client', level: 9 }, { ...SHARED, contextTakeover: 'client', ...OWN, compressor: 'zlib', level: 9 }], // prettier-ignore
    [{ compressor: 'zlib', windowBits: 8, threshold: 0, level: 0 }, { ...SHARED, windowBits: 8, threshold: 0, level: 0 }], // prettier-ignore
    [{ threshold: Infinity, idleRelease: Infinity, memoryBudget: Infinity }, { ...SHARED, threshold: Infinity, idleRelease: Infinity, memoryBudget: Infinity }], // prettier-ignore
  ])('%p becomes %p', (perMessageDeflate, expected) => {
    expect(resolve({ perMessageDeflate })).toHaveProperty('perMessageDeflate', expected);
  });

  it.each(['none', 'client', undefined] as const)(
    'refuses the compact compressor where contextTakeover is %p',
    (contextTakeover) => {
      const perMessageDeflate = { contextTakeover, compressor: 'compact' };
      expect(complaint(() => resolve({ perMessageDeflate }))).toBe(
        `WebSocketServer: option perMessageDeflate.compressor: 'compact' is for contextTakeover 'server' or 'both', and it is '${contextTakeover ?? 'none'}'; leave compressor out`,
      );
      expect(resolve({ perMessageDeflate: { contextTakeover } })).toBeDefined();
    },
  );

  it.each([
    [{ contextTakeover: 'server', level: 3 }, 'level'],
    [{ contextTakeover: 'both', memLevel: 5 }, 'memLevel'],
    [{ contextTakeover: 'both', compressor: 'compact', level: 6, memLevel: 8 }, 'level'],
  ])('refuses for the compact compressor what only zlib knows: %p', (given, name) => {
    const options = given as DeflateOptions;
    expect(complaint(() => resolve({ perMessageDeflate: options }))).toBe(
      `WebSocketServer: option perMessageDeflate.${name}: it is for zlib, and with contextTakeover '${options.contextTakeover}' the compressor is 'compact'; add compressor: 'zlib', or leave it out`,
    );
    const withZlib = { ...options, compressor: 'zlib' };
    expect(resolve({ perMessageDeflate: withZlib })).toHaveProperty('perMessageDeflate', {
      ...SHARED,
      ...OWN,
      ...withZlib,
    });
  });

  it('names the function that took the options, if it is not a WebSocketServer', () => {
    expect(() => resolveOptions({ perMessageDeflate: { level: 10 } }, [], 'connect')).toThrow(
      /^connect: expected option perMessageDeflate.level/,
    );
    expect(() =>
      resolveOptions({ perMessageDeflate: { compressor: 'compact' } }, [], 'connect'),
    ).toThrow(/^connect: option perMessageDeflate.compressor: /);
  });
});

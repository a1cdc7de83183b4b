/**
 * Whatever ws has, and which test of ours fails if hawser/ws lacks it or does otherwise. The lists are compared with
 * what the installed ws has, so a new version of it shows here what is new.
 */
import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Writable } from 'node:stream';
import type * as ws from 'ws';
import type * as hawser from '../../src/ws/index.js';
import { builtPackage } from '../support/built-package.js';

const ROOT = join(__dirname, '../..');
const DOCUMENT = readFileSync(join(ROOT, 'docs/ws.md'), 'utf8');
const LIBRARY = dirname(require.resolve('ws'));

/** The files with tests, by the names that the lists below have for them. */
const FILES: Readonly<Record<string, string>> = {
  parity: 'integration/ws-parity.test.ts',
  client: 'integration/ws-client-parity.test.ts',
  differences: 'integration/ws-differences.test.ts',
  'no more': 'integration/ws-no-more.test.ts',
  receiver: 'unit/ws/receiver.test.ts',
  deflate: 'unit/ws/per-message-deflate.test.ts',
  extension: 'unit/ws/extension.test.ts',
  subprotocol: 'unit/ws/subprotocol.test.ts',
  sender: 'unit/ws/sender.test.ts',
  package: 'package/hawser-ws.test.ts',
};

/** Members and their tests: the file, and a part of the test's name as the file has it. */
type Tests = Readonly<Record<string, `${string}: ${string}`>>;

const EXPORTS: Tests = {
  PerMessageDeflate: 'deflate: has the name of the extension',
  Receiver: 'receiver: tells of %s what ws tells',
  Sender: 'parity: Sender.frame of ${name}',
  Server: 'package: has the class and its properties in CommonJS',
  WebSocket: 'package: gets the classes of hawser/ws from import and from require',
  WebSocketServer: 'package: gets the classes of hawser/ws from import and from require',
  createWebSocketStream: 'parity: stream: chunks are messages',
  extension: 'extension: writes what parse has read',
  subprotocol: 'subprotocol: tells what is wrong',
  CONNECTING: 'parity: constants',
  OPEN: 'parity: constants',
  CLOSING: 'parity: constants',
  CLOSED: 'parity: constants',
};

const WEB_SOCKET: Tests = {
  CONNECTING: 'parity: constants',
  OPEN: 'parity: constants',
  CLOSING: 'parity: constants',
  CLOSED: 'parity: constants',
  addEventListener: 'parity: listeners as attributes and objects',
  removeEventListener: 'parity: listeners as attributes and objects',
  onopen: 'client: events of the WebSocket API',
  onmessage: 'parity: listeners as attributes and objects',
  onclose: 'parity: listeners as attributes and objects',
  onerror: 'parity: listeners as attributes and objects',
  binaryType: 'parity: binaryType ${type}',
  bufferedAmount: 'differences: counts in bufferedAmount',
  extensions: 'client: answer: ${name}',
  isPaused: 'parity: pause and resume',
  protocol: 'client: answer: ${name}',
  readyState: 'parity: terminate while open',
  url: 'client: address: ${name}',
  close: 'parity: close with ${name}',
  pause: 'parity: pause and resume',
  ping: 'parity: callbacks in each position',
  pong: 'parity: callbacks in each position',
  resume: 'parity: pause and resume',
  send: 'parity: send ${name}',
  setSocket: 'parity: a request and a stream that a program has made',
  terminate: 'parity: terminate while open',
};

const SERVER: Tests = {
  address: 'parity: close a server: ${attached}',
  close: 'parity: close a server: ${attached}',
  handleUpgrade: 'parity: handleUpgrade twice with one socket',
  shouldHandle: 'parity: shouldHandle that is assigned',
  clients: 'parity: a broadcast to all clients',
  options: 'parity: options that change',
};

const PARTS: Readonly<Record<string, Tests>> = {
  'Sender.': { frame: 'parity: Sender.frame of ${name}' },
  'Sender#': { sendFrame: 'parity: Sender.frame of ${name}' },
  'Receiver.': {},
  'Receiver#': {},
  'PerMessageDeflate.': { extensionName: 'deflate: has the name of the extension' },
  'PerMessageDeflate#': {
    accept: 'deflate: it.each<[Given, string]>',
    cleanup: 'deflate: compresses and decompresses a message in parts',
    compress: 'deflate: compresses and decompresses a message in parts',
    decompress: 'deflate: gives the codes of ws for what cannot be decompressed',
    offer: 'deflate: it.each<[Given | undefined]>',
  },
  'extension.': {
    format: 'extension: writes what parse has read',
    parse: 'extension: tells what is wrong',
  },
  'subprotocol.': { parse: 'subprotocol: tells what is wrong' },
};

/** What ws itself calls private, though its name does not begin with `_`. */
const PRIVATE: Readonly<Record<string, readonly string[]>> = {
  'WebSocket#': ['emitClose'],
  'WebSocketServer#': ['completeUpgrade'],
  'Sender#': ['close', 'dequeue', 'dispatch', 'enqueue', 'getBlobData', 'ping', 'pong', 'send'],
  'Receiver#': [
    'consume',
    'controlMessage',
    'createError',
    'dataMessage',
    'decompress',
    'getData',
    'getInfo',
    'getMask',
    'getPayloadLength16',
    'getPayloadLength64',
    'haveLength',
    'startLoop',
  ],
  'PerMessageDeflate#': ['acceptAsClient', 'acceptAsServer', 'normalizeParams'],
};

/** The names that the code of ws reads of its options, by its files. Those that are ignored are in docs/ws.md. */
const OPTIONS: Readonly<Record<string, Tests>> = {
  'websocket-server.js': {
    WebSocket: 'parity: a subclass of WebSocket',
    allowSynchronousEvents: 'differences: delivers one message in each turn',
    autoPong: 'parity: autoPong false',
    backlog: 'parity: listen with ${JSON.stringify(options)}',
    clientTracking: 'parity: clientTracking false',
    closeTimeout: 'parity: the peer does not answer a Close',
    handleProtocols: 'parity: handleProtocols: ${name}',
    host: 'parity: listen with ${JSON.stringify(options)}',
    maxBufferedChunks: 'differences: has limits of parts',
    maxFragments: 'differences: has limits of parts',
    maxPayload: 'parity: fault: ${name}',
    maxPendingAutoPongs: 'differences: ends a peer that does not read the answers to its Pings',
    noServer: 'parity: close a server: ${attached}',
    path: 'parity: another path',
    perMessageDeflate: 'parity: compressed messages',
    port: 'parity: a port that is taken',
    server: 'parity: close a server: ${attached}',
    skipUTF8Validation: 'differences: may leave text unchecked',
    verifyClient: 'parity: verifyClient: ${name}',
  },
  'websocket.js': {
    allowSynchronousEvents: 'differences: delivers one message in each turn',
    auth: 'client: auth and a header',
    autoPong: 'client: autoPong false',
    binary: 'parity: a Buffer as text',
    closeTimeout: 'client: closeTimeout',
    compress: 'parity: compress with ${JSON.stringify(perMessageDeflate)}',
    createConnection: 'client: createConnection makes the socket',
    defaultPort: 'client: another default port',
    fin: 'parity: a part and the rest',
    finishRequest: 'client: finishRequest sends the request',
    followRedirects: 'client: without the option',
    generateMask: 'differences: masks with a key of the application',
    handshakeTimeout: 'client: answer: none in time',
    headers: 'client: headers of the handshake',
    host: 'client: what the URL decides',
    mask: 'differences: masks what a server sends when it is told to',
    maxBufferedChunks: 'differences: has limits of parts',
    maxFragments: 'differences: has limits of parts',
    maxPayload: 'client: maxPayload',
    maxPendingAutoPongs: 'differences: ends a peer that does not read the answers to its Pings',
    maxRedirects: 'client: more often than allowed',
    origin: 'client: an origin in both places',
    path: 'client: what the URL decides',
    perMessageDeflate: 'client: windows of compression',
    port: 'client: what the URL decides',
    protocolVersion: 'client: version 8',
    protocols: 'client: subprotocols among the options',
    servername: 'client: TLS',
    skipUTF8Validation: 'differences: may leave text unchecked',
    socketPath: 'client: a Unix socket',
    timeout: 'client: what the URL decides',
  },
  'permessage-deflate.js': {
    clientMaxWindowBits: 'parity: negotiate',
    clientNoContextTakeover: 'parity: negotiate',
    concurrencyLimit: 'differences: takes the options of zlib',
    isServer: 'deflate: it.each<[Given, string]>',
    maxPayload: 'deflate: gives the codes of ws for what cannot be decompressed',
    serverMaxWindowBits: 'parity: negotiate',
    serverNoContextTakeover: 'parity: negotiate',
    threshold: 'parity: compress with ${JSON.stringify(perMessageDeflate)}',
    zlibDeflateOptions: 'differences: takes the options of zlib',
    zlibInflateOptions: 'differences: takes the options of zlib',
  },
  'receiver.js': {
    allowSynchronousEvents: 'differences: delivers one message in each turn',
    binaryType: 'receiver: tells of %s what ws tells',
    extensions: 'receiver: tells of %s what ws tells',
    isServer: 'receiver: tells of %s what ws tells',
    maxBufferedChunks: 'differences: has limits of parts',
    maxFragments: 'differences: has limits of parts',
    maxPayload: 'receiver: tells of %s what ws tells',
    skipUTF8Validation: 'differences: may leave text unchecked',
  },
  'sender.js': {
    // Of Sender.frame; the first three are of a method that is left out.
    binary: 'parity: a Buffer as text',
    compress: 'parity: compress with ${JSON.stringify(perMessageDeflate)}',
    fin: 'parity: Sender.frame of ${name}',
    generateMask: 'differences: masks with a key of the application',
    mask: 'sender: masks a copy of the data',
    maskBuffer: 'differences: masks with a key of the application',
    opcode: 'parity: Sender.frame of ${name}',
    readOnly: 'sender: masks a copy of the data',
    rsv1: 'parity: Sender.frame of ${name}',
  },
  'event-target.js': {
    // What its events are made of, and the option of addEventListener.
    code: 'parity: listeners as attributes and objects',
    data: 'parity: binaryType ${type}',
    error: 'parity: listeners as attributes and objects',
    message: 'parity: listeners as attributes and objects',
    once: 'parity: listeners as attributes and objects',
    reason: 'parity: listeners as attributes and objects',
    wasClean: 'parity: the peer breaks the connection',
  },
};

/** The events that the code of ws names, by its files. */
const EVENTS: Readonly<Record<string, Tests>> = {
  'websocket-server.js': {
    close: 'parity: close a server: ${attached}',
    connection: 'parity: what a connection is when it is announced',
    error: 'parity: a port that is taken',
    headers: 'parity: what a connection is when it is announced',
    listening: 'parity: close a server: ${attached}',
    wsClientError: 'parity: handshake: ${name}',
  },
  'websocket.js': {
    close: 'parity: close with ${name}',
    error: 'parity: fault: ${name}',
    message: 'parity: messages of each kind and control frames',
    open: 'client: answer: ${name}',
    ping: 'parity: messages of each kind and control frames',
    pong: 'parity: messages of each kind and control frames',
    redirect: 'client: redirect ${name}',
    'unexpected-response': 'client: unexpected-response is for its listener',
    upgrade: 'client: answer: ${name}',
  },
  'receiver.js': {
    conclude: 'receiver: tells of %s what ws tells',
    message: 'receiver: tells of %s what ws tells',
    ping: 'receiver: tells of %s what ws tells',
    pong: 'receiver: tells of %s what ws tells',
  },
};

const CODES: Tests = {
  WS_ERR_EXPECTED_FIN: 'parity: a fragmented Ping',
  WS_ERR_EXPECTED_MASK: 'parity: a frame without a mask',
  WS_ERR_INVALID_CLOSE_CODE: 'parity: a Close with code 1004',
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: 'parity: a Ping with 126 bytes',
  WS_ERR_INVALID_OPCODE: 'parity: opcode 3',
  WS_ERR_INVALID_UTF8: 'parity: text that is not UTF-8',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'differences: has limits of parts',
  WS_ERR_UNEXPECTED_MASK: 'client: a frame with a mask',
  WS_ERR_UNEXPECTED_RSV_1: 'parity: RSV1 without compression',
  WS_ERR_UNEXPECTED_RSV_2_3: 'parity: RSV2',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'parity: a length of 2 ** 53',
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'parity: a length that is too long',
};

type Classes = Record<string, (new (...args: never[]) => object) & Record<string, unknown>> & {
  WebSocketServer: new (options: object) => object;
};
// Those that a program requires: the classes with everything else on them.
// eslint-disable-next-line @typescript-eslint/no-require-imports -- the door of CommonJS is what is looked at
const stock = require('ws') as Classes;
// eslint-disable-next-line @typescript-eslint/no-require-imports
const built = require(join(dirname(builtPackage()), 'ws/index.js')) as Classes;

/** The names that a program may use. */
const publicNames = (of: object): string[] =>
  Object.getOwnPropertyNames(of)
    .filter(
      (name) =>
        !name.startsWith('_') && !['constructor', 'length', 'name', 'prototype'].includes(name),
    )
    .sort();

/** What a member is: programs call it, assign it, or find it with for-in. */
function kindOf(name: string, holder: object): unknown {
  let owner: object | null = holder;
  while (owner !== null && !Object.hasOwn(owner, name))
    owner = Object.getPrototypeOf(owner) as object | null;
  if (owner === null) return 'missing';
  const descriptor = Object.getOwnPropertyDescriptor(owner, name)!;
  const { writable, enumerable, configurable } = descriptor;
  if (!('value' in descriptor)) {
    return { set: descriptor.set !== undefined, enumerable, configurable };
  }
  const value: unknown = descriptor.value;
  if (typeof value === 'function') return 'a function';
  return {
    value: typeof value === 'object' ? 'an object' : value,
    writable,
    enumerable,
    configurable,
  };
}

/** The places with names, and their tests. */
const PLACES: [place: string, holder: (library: Classes) => object, tests: Tests][] = [
  ['WebSocket#', ({ WebSocket }) => WebSocket!.prototype as object, WEB_SOCKET],
  [
    'WebSocketServer#',
    ({ WebSocketServer }) => {
      const { prototype } = WebSocketServer as unknown as { prototype: object };
      const methods = publicNames(prototype).map((name) => [name, prototype[name as never]]);
      // Beside them its fields.
      return {
        ...new WebSocketServer({ noServer: true }),
        ...Object.fromEntries(methods),
      } as object;
    },
    SERVER,
  ],
  ...Object.entries(PARTS).map(([place, tests]): (typeof PLACES)[number] => {
    const [name, isPrototype] = [place.slice(0, -1), place.endsWith('#')];
    return [
      place,
      (library) => (isPrototype ? (library[name]!.prototype as object) : library[name]!),
      tests,
    ];
  }),
];

describe('what ws has, hawser/ws has', () => {
  it('as exports', () => {
    expect(Object.keys(stock).sort()).toEqual(Object.keys(EXPORTS).sort());
    // entries/ws.cjs puts them on the class; the test of the package looks there.
    const { WebSocket, ...others } = built;
    expect(
      Object.keys(EXPORTS).filter(
        (name) => !(name in others) && !(name in built) && !(name in WebSocket!),
      ),
    ).toEqual([]);
  });

  it.each(PLACES)('as %s members', (place, holder, tests) => {
    const left = PRIVATE[place] ?? [];
    const names = publicNames(holder(stock));
    expect(names).toEqual([...Object.keys(tests), ...left].sort());
    const kinds = (library: Classes): unknown[] =>
      Object.keys(tests).map((name) => [name, kindOf(name, holder(library))]);
    expect(kinds(built)).toEqual(kinds(stock));
    // What is left out is not there by chance, and the document says so.
    expect(left.filter((name) => name in holder(built))).toEqual([]);
  });

  it('as classes of Node', () => {
    for (const { WebSocket, WebSocketServer, Receiver } of [stock, built]) {
      expect(WebSocket!.prototype).toBeInstanceOf(EventEmitter);
      expect(WebSocketServer.prototype).toBeInstanceOf(EventEmitter);
      expect(Receiver!.prototype).toBeInstanceOf(Writable);
    }
  });
});

/** What the code of a file of ws names. */
function named(file: string, pattern: RegExp): string[] {
  const code = readFileSync(join(LIBRARY, 'lib', file), 'utf8');
  return [
    ...new Set([...code.matchAll(pattern)].flatMap(([, ...names]) => names.filter(Boolean))),
  ].sort();
}
/** The names of all files of ws. */
const FILES_OF_WS = [
  'websocket-server.js',
  'websocket.js',
  'receiver.js',
  'permessage-deflate.js',
  'sender.js',
];

describe('the lists have what the code of ws names', () => {
  it.each(Object.entries(OPTIONS))('options, %s', (file, tests) => {
    expect(named(file, /\b(?:options|opts|_options)\.(\w+)/g)).toEqual(Object.keys(tests).sort());
  });

  it.each(Object.entries(EVENTS))('events, %s', (file, tests) => {
    const emitted = /\bemit(?:\.bind)?\((?:this, |websocket, )?(?:.* \? '(\w+)' : )?'([\w-]+)'/g;
    expect(named(file, emitted)).toEqual(Object.keys(tests).sort());
  });

  it('codes', () => {
    const codes = FILES_OF_WS.flatMap((file) => named(file, /'(WS_ERR_\w+)'/g));
    expect([...new Set(codes)].sort()).toEqual(Object.keys(CODES).sort());
  });
});

const LISTS: [string, Tests][] = [
  ['exports', EXPORTS],
  ['WebSocket', WEB_SOCKET],
  ['WebSocketServer', SERVER],
  ['codes', CODES],
  ...Object.entries({ ...PARTS }),
  ...Object.entries(OPTIONS).map(([file, tests]): [string, Tests] => [`options, ${file}`, tests]),
  ...Object.entries(EVENTS).map(([file, tests]): [string, Tests] => [`events, ${file}`, tests]),
];

describe('the tests that the lists name are there', () => {
  it.each(LISTS)('%s', (_name, tests) => {
    const missing = Object.values(tests).filter((test) => {
      const [file, name] = [test.slice(0, test.indexOf(': ')), test.slice(test.indexOf(': ') + 2)];
      return !readFileSync(join(ROOT, '__tests__', FILES[file]!), 'utf8').includes(name);
    });
    expect(missing).toEqual([]);
  });

  it('and the document names what is left out or ignored', () => {
    const ignored = LISTS.flatMap(([list, tests]) =>
      list.startsWith('options')
        ? Object.entries(tests).flatMap(([name, test]) =>
            test.startsWith('differences') ? [name] : [],
          )
        : [],
    );
    const names = new Set([...ignored, 'emitClose', 'completeUpgrade', 'Sender']);
    expect(
      [...names].filter((name) => !new RegExp(`\`[^\`]*\\b${name}\\b[^\`]*\``).test(DOCUMENT)),
    ).toEqual([]);
  });
});

/** Names that `@types/ws` has. Each has to be in the types of hawser/ws, or strict programs do not compile. */
type Missing<Theirs, Ours> = Exclude<keyof Theirs, keyof Ours>;
/** Compiles only if nothing is missing. */
interface Complete<Names extends never> {
  readonly missing: Names;
}

it('has the names of @types/ws in its types', () => {
  // `npm run typecheck` is the judge.
  type Proof = [
    Complete<Missing<ws.ServerOptions, hawser.ServerOptions>>,
    // ws ignores `protocol`: the URL has it.
    Complete<Exclude<Missing<ws.ClientOptions, hawser.ClientOptions>, 'protocol'>>,
    Complete<Missing<ws.PerMessageDeflateOptions, hawser.PerMessageDeflateOptions>>,
    Complete<Missing<ws.WebSocket, hawser.WebSocket>>,
    // A server of ws has no `path`, whatever its types say.
    Complete<Exclude<Missing<ws.WebSocketServer, hawser.WebSocketServer>, 'path'>>,
    Complete<Missing<ws.MessageEvent, hawser.MessageEvent>>,
    Complete<Missing<ws.CloseEvent, hawser.CloseEvent>>,
    Complete<Missing<ws.ErrorEvent, hawser.ErrorEvent>>,
  ];
  const pairs: Proof['length'] = 8;
  expect(pairs).toBe(8);
});

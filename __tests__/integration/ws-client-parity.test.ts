import { once } from 'node:events';
import { Agent, type ClientRequest, createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type NetConnectOpts,
} from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import * as ws from 'ws';
import { acceptKey } from '../../src/protocol/handshake/opening-handshake.js';
import * as hawser from '../../src/ws/index.js';
import { CERTIFICATE } from '../support/certificate.js';
import { type FrameParts, serverFrame } from '../support/frames.js';
import { RawPeer } from '../support/raw-server.js';
import { eventually } from '../support/server.js';
import {
  ended,
  fault,
  play,
  type Program,
  type Stage,
  thrown,
  turns,
  words,
} from '../support/ws-stage.js';

/**
 * The same small programs on the client of ws and on that of hawser/ws, with a server by hand. Each writes down what
 * it sees, and both must have seen the same. What differs on purpose is not here but in docs/ws.md.
 */

const PROGRAMS: Record<string, Program> = {};

type Arguments = [protocols?: unknown, options?: unknown];

/** A server by hand. */
interface Hand {
  readonly port: number;
  /** Those that have sent a request, in order. */
  readonly peers: RawPeer[];
  /** The next of them. */
  peer(): Promise<RawPeer>;
}

/** What a server answers to a request; the accept value is put for KEY, the port for PORT. */
type Answer = string | ((target: string, request: string) => string);

const OPEN =
  'HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: KEY';
const bytesOf = (lines: string): string => `${lines.replaceAll('\n', '\r\n')}\r\n\r\n`;

/** Listen, and answer each request. */
async function byHand(stage: Stage, answer: Answer = OPEN): Promise<Hand> {
  const peers: RawPeer[] = [];
  let taken = 0;
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.once('data', (head) => {
      const request = head.toString('latin1');
      const key = /^sec-websocket-key: (.*)\r$/im.exec(request)?.[1] ?? '';
      const target = request.split(' ')[1]!;
      peers.push(new RawPeer(socket, request));
      const lines = typeof answer === 'string' ? answer : answer(target, request);
      if (lines === '') return;
      const [fields, ...body] = lines.split('\n\n');
      const filled = fields!.replace('KEY', acceptKey(key)).replaceAll('PORT', String(port));
      socket.write(bytesOf(filled) + body.join('\n\n'));
    });
  });
  const port = await stage.listen(server);
  return {
    port,
    peers,
    async peer() {
      const next = taken++;
      await eventually('a request', () => peers.length > next);
      return peers[next]!;
    },
  };
}

/** A client of the library; it is terminated with the stage. */
function open(stage: Stage, address: string | URL, ...args: Arguments): ws.WebSocket {
  const client = new stage.library.WebSocket(address, ...(args as [string, ws.ClientOptions]));
  stage.later(() => {
    client.on('error', () => undefined);
    client.terminate();
  });
  return client;
}

/** A client that is watched from its first event on. */
function watched(
  stage: Stage,
  address: string | URL,
  ...args: Arguments
): { client: ws.WebSocket; closed: Promise<void> } {
  const client = open(stage, address, ...args);
  client.on('upgrade', (response) => {
    stage.saw('upgrade', response.statusCode, `state ${client.readyState}`);
  });
  return { client, closed: stage.watch(client) };
}

/** A client that is open, and its peer. */
async function opened(
  stage: Stage,
  options: object = {},
  answer: Answer = OPEN,
): Promise<{ client: ws.WebSocket; closed: Promise<void>; peer: RawPeer }> {
  const hand = await byHand(stage, answer);
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}`, options);
  await once(client, 'open');
  return { client, closed, peer: await hand.peer() };
}

/** A request without what is different each time, its fields in the order of their names. */
function requestOf(peer: RawPeer, port: number): string[] {
  const [line, ...fields] = peer.request.trimEnd().split('\r\n');
  const lower = fields.map((field) =>
    field
      .replace(/^[^:]*/, (name) => name.toLowerCase())
      .replace(/^sec-websocket-key: .*/, 'sec-websocket-key: KEY')
      .replaceAll(String(port), 'PORT'),
  );
  return [line!.replaceAll(String(port), 'PORT'), ...lower.sort()];
}

/** Frames, and whether each is masked. */
const sent = (peer: RawPeer): string[] =>
  peer.received().map((frame, at) => `${frame}${peer.frames[at]!.masked ? '' : ' unmasked'}`);

const close = (code?: number, reason = ''): Buffer => {
  const payload = Buffer.alloc(code === undefined ? 0 : 2);
  if (code !== undefined) payload.writeUInt16BE(code);
  return serverFrame({ opcode: 8, payload: Buffer.concat([payload, Buffer.from(reason)]) });
};

// The request

/** The path is that of the request; what follows it are the arguments after the address. */
const REQUESTS: Record<string, [target: string, ...args: Arguments]> = {
  'no arguments': [''],
  'undefined for both': ['/', undefined, undefined],
  'a query': ['/a/b?c=d&e'],
  'characters to be escaped': ['/grüße?ä=ö b'],
  'a subprotocol': ['/', 'a'],
  subprotocols: ['/', ['a', 'b']],
  'no subprotocols': ['/', []],
  'subprotocols among the options': ['/', { protocols: ['a', 'b'] }],
  'a subprotocol among the options': ['/', undefined, { protocols: 'a' }],
  'subprotocols in both places': ['/', 'a', { protocols: 'b' }],
  'compression off': ['/', { perMessageDeflate: false }],
  'empty options of compression': ['/', { perMessageDeflate: {} }],
  'windows of compression': [
    '/',
    { perMessageDeflate: { serverMaxWindowBits: 10, clientMaxWindowBits: 11 } },
  ],
  'no window of the client': ['/', { perMessageDeflate: { clientMaxWindowBits: false } }],
  'a window of the client': ['/', { perMessageDeflate: { clientMaxWindowBits: true } }],
  'windows that are not taken over': [
    '/',
    { perMessageDeflate: { serverNoContextTakeover: true, clientNoContextTakeover: true } },
  ],
  'an origin': ['/', { origin: 'http://a' }],
  'an empty origin': ['/', { origin: '' }],
  'version 8': ['/', { protocolVersion: 8, origin: 'http://a' }],
  'version 13': ['/', { protocolVersion: 13 }],
  headers: ['/', { headers: { 'X-One': '1', Cookie: 'a=b', 'X-List': ['a', 'b'] } }],
  'headers of the handshake': [
    '/',
    {
      headers: {
        Upgrade: 'x',
        Connection: 'x',
        'Sec-WebSocket-Key': 'x',
        'Sec-WebSocket-Version': '1',
        'Sec-WebSocket-Extensions': 'x',
        'Sec-WebSocket-Protocol': 'x',
      },
      perMessageDeflate: true,
    },
  ],
  'extensions of its own': [
    '/',
    { headers: { 'Sec-WebSocket-Extensions': 'x' }, perMessageDeflate: false },
  ],
  'an origin in the headers': ['/', { headers: { Origin: 'http://a' } }],
  'an origin in both places': ['/', { headers: { Origin: 'http://a' }, origin: 'http://b' }],
  'a host': ['/', { headers: { Host: 'example.com' } }],
  auth: ['/', { auth: 'user:pass' }],
  'auth and a header': ['/', { auth: 'user:pass', headers: { Authorization: 'Bearer x' } }],
  'what the URL decides': [
    '/a',
    {
      host: 'x.invalid',
      hostname: 'x.invalid',
      port: 1,
      path: '/x',
      method: 'POST',
      protocol: 'https:',
      socketPath: '/x',
      timeout: 1,
    },
  ],
  'another default port': ['/', { defaultPort: 1 }],
  'options that a client does not have': ['/', { noServer: true, verifyClient: 1, foo: 'bar' }],
};
for (const [name, [target, ...args]] of Object.entries(REQUESTS)) {
  PROGRAMS[`request: ${name}`] = async (stage) => {
    const hand = await byHand(stage, '');
    const client = open(stage, `ws://127.0.0.1:${hand.port}${target}`, ...args);
    client.on('error', () => undefined);
    stage.saw(client.url.replace(String(hand.port), 'PORT'));
    stage.saw(requestOf(await hand.peer(), hand.port));
  };
}
const ADDRESSES: Record<string, (port: number) => string | URL> = {
  'a URL object': (port) => new URL(`ws://127.0.0.1:${port}/a?b`),
  'the scheme http': (port) => `http://127.0.0.1:${port}/a`,
  'a URL object with the scheme http': (port) => new URL(`http://127.0.0.1:${port}`),
  'capitals and dots': (port) => `WS://LOCALHOST:${port}/a/./b/../c`,
  'a user and a password': (port) => `ws://us%40er:pa%3Ass@127.0.0.1:${port}/`,
  'a user alone': (port) => `ws://user@127.0.0.1:${port}/`,
  'spaces around it': (port) => ` ws://127.0.0.1:${port}/ `,
};
for (const [name, address] of Object.entries(ADDRESSES)) {
  PROGRAMS[`address: ${name}`] = async (stage) => {
    const hand = await byHand(stage, '');
    const client = open(stage, address(hand.port), { family: 4 });
    stage.saw(client.url.replace(String(hand.port), 'PORT'));
    stage.saw(requestOf(await hand.peer(), hand.port));
    client.on('error', () => undefined);
  };
}
const CONSTRUCTIONS: Record<string, [address: unknown, ...args: Arguments]> = {
  'no address': [undefined],
  'an empty address': [''],
  'no URL': ['foo'],
  'another scheme': ['ftp://a'],
  'a fragment': ['ws://a/#b'],
  'an empty fragment': ['ws://127.0.0.1:1/#'],
  'a Unix socket without a path': ['ws+unix:'],
  'a scheme alone': ['ws:'],
  'a bad port': ['ws://a:99999'],
  'an empty subprotocol': ['ws://a', ''],
  'null as a subprotocol': ['ws://a', null],
  'null as a subprotocol among the options': ['ws://a', { protocols: null }],
  'a subprotocol with a space': ['ws://a', 'a b'],
  'a subprotocol twice': ['ws://a', ['a', 'a']],
  'a number as a subprotocol': ['ws://a', [1]],
  'a list within the list': ['ws://a', [['a']]],
  'version 12': ['ws://a', { protocolVersion: 12 }],
  'version 12 with a bad address': ['foo', { protocolVersion: 12 }],
  'a bad address and a bad subprotocol': ['ftp://a', ''],
  'a header with a line break': ['ws://a', { headers: { 'X-One': 'a\nb' } }],
  'a header whose name has a space': ['ws://a', { headers: { 'X One': 'a' } }],
  'an agent that is not one': ['ws://a', { agent: 'x' }],
};
for (const [name, [address, ...args]] of Object.entries(CONSTRUCTIONS)) {
  PROGRAMS[`construct with ${name}`] = async (stage) => {
    stage.saw(
      thrown(() => {
        open(stage, address as string, ...args).on('error', () => undefined);
      }),
    );
    await turns(1);
  };
}
PROGRAMS['createConnection makes the socket'] = async (stage) => {
  const hand = await byHand(stage);
  const { client } = watched(stage, 'ws://example.invalid:1234/a', {
    createConnection(options: NetConnectOpts & { host: string; port: number | string }) {
      stage.saw(options.host, Number(options.port), arguments.length);
      return connectTcp(hand.port, '127.0.0.1');
    },
  });
  await once(client, 'open');
  stage.saw(requestOf(await hand.peer(), hand.port));
};
PROGRAMS['an agent makes the socket'] = async (stage) => {
  const hand = await byHand(stage);
  class Mine extends Agent {
    override createConnection(options: NetConnectOpts, ...more: unknown[]): never {
      stage.saw('the agent', (options as { host?: string }).host);
      return (super.createConnection as (...args: unknown[]) => unknown)(options, ...more) as never;
    }
  }
  const agent = new Mine();
  const { client } = watched(stage, `ws://127.0.0.1:${hand.port}/a`, { agent });
  await once(client, 'open');
  stage.saw(requestOf(await hand.peer(), hand.port));
  agent.destroy();
};
PROGRAMS['lookup, family and localAddress are those of Node'] = async (stage) => {
  const hand = await byHand(stage);
  const { client } = watched(stage, `ws://example.invalid:${hand.port}/a`, {
    family: 4,
    localAddress: '127.0.0.1',
    lookup(
      host: string,
      options: { all?: boolean; family?: number },
      done: (...args: unknown[]) => void,
    ) {
      stage.saw('lookup', host, options.family);
      if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
      else done(null, '127.0.0.1', 4);
    },
  });
  await once(client, 'open');
  stage.saw((await hand.peer()).socket.remoteAddress);
};
PROGRAMS['a Unix socket'] = async (stage) => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  stage.later(() => {
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, 'a.sock');
  const server = createServer();
  const wss = new ws.WebSocketServer({ server });
  wss.on('connection', (_socket, request) => {
    stage.saw(request.url, request.headers.host);
  });
  server.listen(path);
  await once(server, 'listening');
  stage.later(() => server.close());
  for (const target of [':/a?b', ':/', '']) {
    const client = open(stage, `ws+unix:${path}${target}`);
    stage.saw(client.url.replace(folder, ''));
    await once(client, 'open');
    client.terminate();
    await ended(client);
  }
};
PROGRAMS['TLS'] = async (stage) => {
  const server = createSecureServer(CERTIFICATE);
  const wss = new ws.WebSocketServer({ server });
  wss.on('connection', (socket, request) => {
    stage.saw(request.headers.host!.replace(/\d+$/, 'PORT'));
    socket.close(1000);
  });
  const port = await stage.listen(server);
  for (const options of [
    { ca: CERTIFICATE.cert },
    { rejectUnauthorized: false },
    { rejectUnauthorized: false, servername: 'localhost' },
    {},
    {
      ca: CERTIFICATE.cert,
      checkServerIdentity: (name: string) => {
        stage.saw('identity of', name);
        return new Error('not this one');
      },
    },
  ]) {
    const { client, closed } = watched(stage, `wss://127.0.0.1:${port}`, options);
    stage.saw(client.url.replace(/\d+\/$/, 'PORT/'));
    await closed;
  }
};
PROGRAMS['finishRequest sends the request'] = async (stage) => {
  const hand = await byHand(stage);
  const options = {
    finishRequest(this: unknown, request: ClientRequest, webSocket: ws.WebSocket) {
      stage.saw(arguments.length, webSocket.readyState, request.headersSent, request.method);
      request.setHeader('X-Late', 'yes');
      request.removeHeader('Sec-WebSocket-Extensions');
      setImmediate(() => request.end());
    },
  };
  const { client } = watched(stage, `ws://127.0.0.1:${hand.port}/`, options);
  await once(client, 'open');
  stage.saw(requestOf(await hand.peer(), hand.port));
};

// The answer

const PLAIN = 'Content-Length: 2\nConnection: close\n\nno';
const ANSWERS: Record<string, [answer: string, ...args: Arguments]> = {
  'an ordinary 101': [OPEN],
  'another reason phrase': [OPEN.replace('Switching Protocols', 'Come In')],
  'fields in capitals': [
    OPEN.toUpperCase().replace('SEC-WEBSOCKET-ACCEPT: KEY', 'Sec-WebSocket-Accept: KEY'),
  ],
  'other fields': [`${OPEN}\nX-One: 1\nSet-Cookie: a=b`],
  'another upgrade': [OPEN.replace('websocket', 'h2c')],
  'no accept': [OPEN.replace('\nSec-WebSocket-Accept: KEY', '')],
  'a wrong accept': [OPEN.replace('KEY', 'x')],
  'two accepts': [`${OPEN}\nSec-WebSocket-Accept: x`],
  'a subprotocol that was not asked for': [`${OPEN}\nSec-WebSocket-Protocol: a`],
  'the subprotocol': [`${OPEN}\nSec-WebSocket-Protocol: a`, 'a'],
  'the second subprotocol': [`${OPEN}\nSec-WebSocket-Protocol: b`, ['a', 'b']],
  'another subprotocol': [`${OPEN}\nSec-WebSocket-Protocol: c`, ['a', 'b']],
  'both subprotocols': [`${OPEN}\nSec-WebSocket-Protocol: a, b`, ['a', 'b']],
  'the subprotocol in capitals': [`${OPEN}\nSec-WebSocket-Protocol: A`, 'a'],
  'no subprotocol': [OPEN, 'a'],
  'an empty subprotocol': [`${OPEN}\nSec-WebSocket-Protocol:`, 'a'],
  compression: [`${OPEN}\nSec-WebSocket-Extensions: permessage-deflate`],
  'compression with windows': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9; client_max_window_bits=9`,
  ],
  'compression without takeover': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover`,
  ],
  'compression that was not asked for': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate`,
    { perMessageDeflate: false },
  ],
  'another extension': [`${OPEN}\nSec-WebSocket-Extensions: foo`],
  'another extension beside it': [`${OPEN}\nSec-WebSocket-Extensions: permessage-deflate, foo`],
  'extensions that cannot be read': [`${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; =`],
  'an unknown parameter': [`${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; foo`],
  'a window of the client that is too large': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12`,
    { perMessageDeflate: { clientMaxWindowBits: 11 } },
  ],
  'a window of the client that was not offered': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12`,
    { perMessageDeflate: { clientMaxWindowBits: false } },
  ],
  'a window of the client without a value': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits`,
  ],
  'a window of 7 bits': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=7`,
  ],
  'a takeover that the client refuses to give up': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover`,
    { perMessageDeflate: { clientNoContextTakeover: false } },
  ],
  'parameters that it ignores': [
    `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate`,
    { perMessageDeflate: { serverMaxWindowBits: 9, serverNoContextTakeover: true } },
  ],
  'a bad accept and a bad subprotocol': [
    `${OPEN.replace('KEY', 'x')}\nSec-WebSocket-Protocol: c`,
    'a',
  ],
  'a bad subprotocol and a bad extension': [
    `${OPEN}\nSec-WebSocket-Protocol: c\nSec-WebSocket-Extensions: foo`,
    'a',
  ],
  '100 first': [`HTTP/1.1 100 Continue\n\n${bytesOf(OPEN)}`.replace('\n\n', '\r\n\r\n')],
  200: [`HTTP/1.1 200 OK\n${PLAIN}`],
  204: ['HTTP/1.1 204 No Content\nConnection: close'],
  301: [`HTTP/1.1 301 Moved\nLocation: ws://127.0.0.1:1/\n${PLAIN}`],
  400: [`HTTP/1.1 400 Bad Request\n${PLAIN}`],
  401: [`HTTP/1.1 401 Unauthorized\n${PLAIN}`],
  426: [
    `HTTP/1.1 426 Upgrade Required\nUpgrade: websocket\nConnection: Upgrade\nContent-Length: 0`,
  ],
  503: [`HTTP/1.1 503 Service Unavailable\n${PLAIN}`],
  'a redirect without a location': [`HTTP/1.1 302 Found\n${PLAIN}`, { followRedirects: true }],
  'no HTTP': ['SSH-2.0-OpenSSH_9.2'],
  'a bad header': ['HTTP/1.1 101 Switching Protocols\nUpgrade websocket'],
};
for (const [name, [answer, ...args]] of Object.entries(ANSWERS)) {
  PROGRAMS[`answer: ${name}`] = async (stage) => {
    const hand = await byHand(stage, answer);
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}`, ...args);
    const peer = await hand.peer();
    await Promise.race([closed, new Promise((isOpen) => client.on('open', isOpen))]);
    stage.saw(client.protocol, client.extensions, client.readyState);
    if (client.readyState === 1) {
      client.close(1000);
      await peer.frame();
    } else {
      stage.saw(['end', 'reset'].includes(await peer.ended()));
    }
    stage.saw(sent(peer).map((frame) => frame.replace(/^rsv4 /, '')));
  };
}
PROGRAMS['answer: frames in the same packet'] = async (stage) => {
  const server = createTcpServer({ noDelay: true }, (socket) => {
    socket.once('data', (head) => {
      const key = /^sec-websocket-key: (.*)\r$/im.exec(head.toString('latin1'))![1]!;
      socket.write(
        Buffer.concat([
          Buffer.from(bytesOf(OPEN.replace('KEY', acceptKey(key)))),
          serverFrame({ opcode: 1, payload: 'early' }),
          serverFrame({ opcode: 9, payload: 'ping' }),
          close(1000, 'bye'),
        ]),
      );
      socket.on('data', () => socket.end());
    });
  });
  const { client, closed } = watched(stage, `ws://127.0.0.1:${await stage.listen(server)}`);
  client.on('open', () => {
    process.nextTick(() => {
      stage.saw('a tick after open');
    });
  });
  await closed;
};
PROGRAMS['answer: none, the server hangs up'] = async (stage) => {
  const hand = await byHand(stage, '');
  const { closed } = watched(stage, `ws://127.0.0.1:${hand.port}`);
  (await hand.peer()).socket.end();
  await closed;
};
PROGRAMS['answer: none, the server resets'] = async (stage) => {
  const hand = await byHand(stage, '');
  const { closed } = watched(stage, `ws://127.0.0.1:${hand.port}`);
  (await hand.peer()).socket.resetAndDestroy();
  await closed;
};
PROGRAMS['answer: none, there is no server'] = async (stage) => {
  const server = createTcpServer();
  const port = await stage.listen(server);
  server.close();
  await once(server, 'close');
  const { client, closed } = watched(stage, `ws://127.0.0.1:${port}`);
  client.onerror = ({ type, message, error }) => {
    stage.saw(type, message === (error as Error).message, (error as NodeJS.ErrnoException).syscall);
  };
  client.onclose = ({ code, reason, wasClean }) => {
    stage.saw(code, reason, wasClean);
  };
  await closed;
  const unnumbered = JSON.parse(JSON.stringify(stage.log).replaceAll(String(port), 'PORT')) as [];
  stage.log.splice(0, Infinity, ...unnumbered);
};
PROGRAMS['answer: none in time'] = async (stage) => {
  const hand = await byHand(stage, '');
  const { closed } = watched(stage, `ws://127.0.0.1:${hand.port}`, { handshakeTimeout: 20 });
  await closed;
  stage.saw(await (await hand.peer()).ended());
};
PROGRAMS['unexpected-response is for its listener'] = async (stage) => {
  const hand = await byHand(stage, 'HTTP/1.1 401 Unauthorized\nX-Why: a\nContent-Length: 3\n\nwhy');
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
  const [request, response] = (await once(client, 'unexpected-response')) as [
    ClientRequest,
    IncomingMessage,
  ];
  stage.saw(request.path, response.statusCode, response.headers['x-why'], client.readyState);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  stage.saw(body);
  await turns();
  stage.saw(client.readyState);
  client.close();
  stage.saw(client.readyState);
  await closed;
};
PROGRAMS['unexpected-response ends with the request'] = async (stage) => {
  const hand = await byHand(stage, 'HTTP/1.1 401 Unauthorized\nContent-Length: 3\n\nw');
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
  client.on('unexpected-response', (request, response) => {
    response.on('error', () => undefined);
    request.destroy(new Error('mine'));
  });
  await Promise.race([closed, (await hand.peer()).ended()]);
  await turns(20);
};

// Redirects

/** Where each path leads; other paths open. */
function redirecting(locations: Record<string, string>): Answer {
  return (target) => {
    const location = locations[target];
    if (location === undefined) return OPEN;
    const status = /^\d{3} /.exec(location)?.[0] ?? '302 ';
    const to = location.replace(/^\d{3} /, '');
    return `HTTP/1.1 ${status}Found\nLocation: ${to}\nContent-Length: 0\nConnection: close`;
  };
}
const REDIRECTS: Record<string, [locations: Record<string, string>, options?: object]> = {
  'to a path': [{ '/a': '/b' }],
  'to a path beside': [{ '/a': 'b?c' }],
  'to a query': [{ '/a': '?b' }],
  'to a URL': [{ '/a': 'ws://127.0.0.1:PORT/b' }],
  'to a URL with http': [{ '/a': 'http://127.0.0.1:PORT/b' }],
  'to a URL without a scheme': [{ '/a': '//127.0.0.1:PORT/b' }],
  twice: [{ '/a': '/b', '/b': '/c' }],
  'as often as allowed': [{ '/a': '/b', '/b': '/c' }, { maxRedirects: 2 }],
  'more often than allowed': [{ '/a': '/b', '/b': '/c' }, { maxRedirects: 1 }],
  'not once': [{ '/a': '/b' }, { maxRedirects: 0 }],
  'without the option': [{ '/a': '/b' }, { followRedirects: false }],
  'with 300': [{ '/a': '300 /b' }],
  'with 307': [{ '/a': '307 /b' }],
  'with 399': [{ '/a': '399 /b' }],
  'to what is no URL': [{ '/a': 'http://' }],
  'to another scheme': [{ '/a': 'ftp://a' }],
  'to a fragment': [{ '/a': '/b#c' }],
  'to a user': [{ '/a': 'ws://me:pass@127.0.0.1:PORT/b' }],
};
for (const [name, [locations, options]] of Object.entries(REDIRECTS)) {
  for (const listens of [false, true]) {
    PROGRAMS[`redirect ${name}${listens ? ', with a listener' : ''}`] = async (stage) => {
      const hand = await byHand(stage, redirecting(locations));
      const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`, 'x', {
        followRedirects: true,
        headers: { 'X-One': '1', Authorization: 'Basic x', Cookie: 'a=b' },
        handshakeTimeout: 60_000,
        ...options,
      });
      const unnumbered = (text: string): string => text.replaceAll(String(hand.port), 'PORT');
      if (listens) {
        client.on('redirect', (url, request) => {
          stage.saw('redirect', unnumbered(url), url === client.url, request.path);
          stage.saw(request.getHeader('authorization') ?? 'none', client.readyState);
          request.setHeader('X-Late', 'yes');
        });
      }
      await Promise.race([closed, new Promise((isOpen) => client.on('open', isOpen))]);
      // No subprotocol was answered.
      await closed;
      stage.saw(unnumbered(client.url), client.readyState);
      stage.saw(hand.peers.map((peer) => requestOf(peer, hand.port)));
    };
  }
}
for (const what of ['another host', 'another port', 'the same host'] as const) {
  PROGRAMS[`redirect to ${what} without a listener: what is sent along`] = async (stage) => {
    const other = await byHand(stage);
    const first = await byHand(stage, (target) => {
      if (target === '/b') return OPEN;
      const to =
        what === 'another host'
          ? `ws://localhost:${other.port}/b`
          : what === 'another port'
            ? `ws://127.0.0.1:${other.port}/b`
            : '/b';
      return `HTTP/1.1 302 Found\nLocation: ${to}\nContent-Length: 0\nConnection: close`;
    });
    const { client } = watched(stage, `ws://127.0.0.1:${first.port}/a`, {
      followRedirects: true,
      family: 4,
      origin: 'http://a',
      auth: 'user:pass',
      headers: { 'X-One': '1', cookie: 'a=b', HOST: 'x', authorization: 'Basic x' },
    });
    await once(client, 'open');
    for (const { peers, port } of [first, other])
      stage.saw(peers.map((peer) => requestOf(peer, port)));
  };
}
PROGRAMS['redirect from TLS to plain text without a listener: what is sent along'] = async (
  stage,
) => {
  const plain = createServer();
  const secure = createSecureServer(CERTIFICATE);
  const wss = new ws.WebSocketServer({ server: plain });
  wss.on('connection', (_socket, { headers }) => {
    stage.saw(
      headers.authorization ?? 'no authorization',
      headers.cookie ?? 'no cookie',
      headers.host,
    );
  });
  secure.on('upgrade', (_request, socket) => {
    socket.end(
      bytesOf(`HTTP/1.1 302 Found\nLocation: ws://127.0.0.1:${port}/b\nConnection: close`),
    );
  });
  // Both on one port, so that the host stays the same.
  const both = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer;
      socket.unshift(first);
      (first[0] === 22 ? secure : plain).emit('connection', socket);
    });
  });
  const port = await stage.listen(both);
  const { client } = watched(stage, `wss://127.0.0.1:${port}/a`, {
    followRedirects: true,
    rejectUnauthorized: false,
    headers: { Authorization: 'Basic x', Cookie: 'a=b', Host: 'x' },
  });
  await once(client, 'open');
  stage.saw(client.url.replace(String(port), 'PORT'));
  await eventually('the connection', () => wss.clients.size === 1);
};
PROGRAMS['redirect: the request is destroyed in the listener'] = async (stage) => {
  const hand = await byHand(stage, redirecting({ '/a': '/b' }));
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`, {
    followRedirects: true,
  });
  client.on('redirect', (_url, request) => {
    request.on('socket', () => {
      request.destroy();
    });
  });
  await closed;
};
for (const method of ['close', 'terminate'] as const) {
  PROGRAMS[`redirect: ${method} in the listener`] = async (stage) => {
    const hand = await byHand(stage, redirecting({ '/a': '/b' }));
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`, {
      followRedirects: true,
    });
    client.on('redirect', () => {
      client[method]();
      stage.saw(client.readyState);
    });
    await closed;
  };
  PROGRAMS[`${method} before there is a connection`] = async (stage) => {
    const hand = await byHand(stage, '');
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
    stage.saw(client.readyState);
    client[method]();
    stage.saw(client.readyState);
    client[method]();
    await closed;
    stage.saw(client.readyState);
    client[method]();
    await turns();
  };
  PROGRAMS[`${method} while the server is silent`] = async (stage) => {
    const hand = await byHand(stage, '');
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
    const peer = await hand.peer();
    client[method]();
    stage.saw(client.readyState);
    await closed;
    stage.saw(['end', 'reset'].includes(await peer.ended()));
  };
  PROGRAMS[`${method} in the listener of upgrade`] = async (stage) => {
    const hand = await byHand(stage);
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
    client.on('upgrade', () => {
      client[method]();
      stage.saw(client.readyState);
    });
    await closed;
    stage.saw(['end', 'reset'].includes(await (await hand.peer()).ended()));
  };
  PROGRAMS[`${method} in the listener of unexpected-response`] = async (stage) => {
    const hand = await byHand(stage, `HTTP/1.1 401 Unauthorized\n${PLAIN}`);
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
    client.on('unexpected-response', () => {
      client[method]();
      stage.saw(client.readyState);
    });
    await closed;
  };
  PROGRAMS[`${method} in finishRequest`] = async (stage) => {
    const { client, closed } = watched(stage, 'ws://127.0.0.1:1', {
      finishRequest: (_request: ClientRequest, webSocket: ws.WebSocket) => {
        webSocket[method]();
      },
    });
    stage.saw(client.readyState);
    await closed;
  };
  PROGRAMS[`${method} in the listener of open`] = async (stage) => {
    const hand = await byHand(stage);
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}/a`);
    client.on('open', () => {
      client[method]();
      stage.saw(client.readyState);
    });
    const peer = await hand.peer();
    if (method === 'close') {
      await peer.frame();
      await peer.send(close());
      peer.socket.end();
    }
    await closed;
    stage.saw(sent(peer));
  };
}

// Before the connection is open

PROGRAMS['every method before the connection is open'] = async (stage) => {
  const hand = await byHand(stage, '');
  const client = open(stage, `ws://127.0.0.1:${hand.port}/a`, ['a']);
  const any = client as unknown as Record<string, unknown> &
    Record<'send' | 'ping' | 'pong', (...args: unknown[]) => void>;
  for (const name of [
    'readyState',
    'protocol',
    'extensions',
    'binaryType',
    'bufferedAmount',
    'isPaused',
    '_socket',
    'onopen',
    'onmessage',
    'onclose',
    'onerror',
  ])
    stage.saw(name, any[name]);
  for (const method of ['send', 'ping', 'pong'] as const) {
    for (const args of [['a'], [], [() => undefined], ['a', () => undefined]])
      stage.saw(
        method,
        thrown(() => {
          any[method](...args);
        }),
      );
  }
  stage.saw(
    thrown(() => {
      client.pause();
    }),
    thrown(() => {
      client.resume();
    }),
    client.isPaused,
    client.bufferedAmount,
  );
  client.binaryType = 'arraybuffer';
  stage.saw(client.binaryType);
  client.on('error', (error) => {
    stage.saw(fault(error));
  });
  client.close();
  stage.saw(client.readyState);
  for (const method of ['send', 'ping', 'pong'] as const) {
    stage.saw(
      thrown(() => {
        any[method]('abc', (error: Error) => {
          stage.saw(method, fault(error));
        });
      }),
    );
    stage.saw(client.bufferedAmount);
  }
  await ended(client);
  any.send('abcd', (error: Error) => {
    stage.saw(fault(error));
  });
  any.send('more');
  stage.saw(client.bufferedAmount, client.readyState);
  await turns();
};

// A connection that is open

PROGRAMS['what is sent, and what is received'] = async (stage) => {
  const { client, closed, peer } = await opened(stage);
  stage.saw(client.readyState, client.bufferedAmount, client.binaryType, client.isPaused);
  stage.saw((client as unknown as { _isServer: unknown })._isServer);
  client.send('text');
  client.send(Buffer.from('bytes'));
  client.send('');
  client.send('part ', { fin: false });
  client.send('whole', { fin: true });
  client.ping('p');
  client.pong('q');
  for (let i = 0; i < 7; i++) await peer.frame();
  await peer.send(
    Buffer.concat([
      serverFrame({ opcode: 1, payload: 'grüße' }),
      serverFrame({ opcode: 2, payload: 'bytes' }),
      serverFrame({ opcode: 9, payload: 'ping' }),
      serverFrame({ opcode: 10, payload: 'pong' }),
      serverFrame({ opcode: 2, payload: 'a', fin: false }),
      serverFrame({ opcode: 0, payload: 'b' }),
    ]),
  );
  await peer.frame();
  client.close(4000, 'bye');
  await peer.frame();
  await peer.send(close(4000, 'bye'));
  peer.socket.end();
  await closed;
  stage.saw(sent(peer));
};
PROGRAMS['autoPong false'] = async (stage) => {
  const { closed, peer } = await opened(stage, { autoPong: false });
  await peer.send(serverFrame({ opcode: 9, payload: 'ping' }), close(1000));
  await peer.frame();
  peer.socket.end();
  await closed;
  stage.saw(sent(peer));
};
PROGRAMS['maxPayload'] = async (stage) => {
  const { closed, peer } = await opened(stage, { maxPayload: 10 });
  await peer.send(serverFrame({ opcode: 1, payload: 'x'.repeat(10) }));
  await peer.send(serverFrame({ opcode: 1, payload: 'x'.repeat(11) }));
  stage.saw((await peer.frame()).payload.readUInt16BE(0));
  peer.socket.end();
  await closed;
};
PROGRAMS['closeTimeout'] = async (stage) => {
  const { client, closed, peer } = await opened(stage, { closeTimeout: 20 });
  client.close(1000);
  await closed;
  stage.saw(sent(peer), await peer.ended());
};
PROGRAMS['the server closes, and waits for the end'] = async (stage) => {
  const { closed, peer } = await opened(stage);
  await peer.send(close(1001, 'going'));
  stage.saw((await peer.frame()).payload.toString('hex'));
  await turns(20);
  // A server ends the connection, and a client waits for that.
  stage.saw(peer.ending ?? 'not ended');
  peer.socket.end();
  await closed;
};
PROGRAMS['the client closes, and the server answers without an end'] = async (stage) => {
  const { client, closed, peer } = await opened(stage, { closeTimeout: 200 });
  client.close();
  await peer.frame();
  await peer.send(close());
  await closed;
  stage.saw(await peer.ended());
};
PROGRAMS['the server ends without a Close'] = async (stage) => {
  const { closed, peer } = await opened(stage);
  await peer.send(serverFrame({ opcode: 1, payload: 'last' }));
  peer.socket.end();
  await closed;
  stage.saw(sent(peer), await peer.ended());
};
PROGRAMS['the server resets the connection'] = async (stage) => {
  const { client, closed, peer } = await opened(stage);
  client.onclose = ({ code, reason, wasClean }) => {
    stage.saw(code, reason, wasClean);
  };
  peer.socket.resetAndDestroy();
  await closed;
};
PROGRAMS['events of the WebSocket API'] = async (stage) => {
  const hand = await byHand(stage);
  const client = open(stage, `ws://127.0.0.1:${hand.port}/`);
  const seen = (event: object): void => {
    const { type, target, data, code, reason, wasClean } = event as Record<string, unknown>;
    stage.saw(type, target === client, data === undefined ? 'no data' : words(data));
    stage.saw(code ?? 'no code', reason ?? 'no reason', wasClean ?? 'not told');
  };
  client.onopen = seen;
  client.onmessage = seen;
  client.onclose = seen;
  client.addEventListener('open', seen, { once: true });
  const closed = ended(client);
  const peer = await hand.peer();
  await peer.send(serverFrame({ opcode: 1, payload: 'a' }), close(1000, 'bye'));
  await peer.frame();
  peer.socket.end();
  await closed;
};

function streamed(stage: Stage, client: ws.WebSocket): Duplex {
  const duplex = stage.library.createWebSocketStream(client);
  for (const event of ['end', 'finish', 'close'])
    duplex.on(event, () => {
      stage.saw('stream', event);
    });
  duplex.on('error', (error) => {
    stage.saw('stream error', ...fault(error));
  });
  return duplex;
}
PROGRAMS['stream: what is written before the connection is open'] = async (stage) => {
  const hand = await byHand(stage);
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}`);
  const duplex = streamed(stage, client);
  duplex.write('early');
  duplex.end('last');
  duplex.resume();
  const peer = await hand.peer();
  for (let i = 0; i < 3; i++) await peer.frame();
  stage.saw(sent(peer));
  await peer.send(close());
  peer.socket.end();
  await closed;
  await turns();
};
PROGRAMS['stream: destroyed before the connection is open'] = async (stage) => {
  const hand = await byHand(stage, '');
  const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}`);
  const duplex = streamed(stage, client);
  duplex.destroy();
  await closed;
  await turns();
  stage.saw(duplex.destroyed);
};
for (const ends of [false, true]) {
  PROGRAMS[`stream: the handshake fails${ends ? ' after its end' : ''}`] = async (stage) => {
    const hand = await byHand(stage, OPEN.replace('KEY', 'x'));
    const { client, closed } = watched(stage, `ws://127.0.0.1:${hand.port}`);
    const duplex = streamed(stage, client);
    if (ends) duplex.end('never');
    await closed;
    await turns();
    stage.saw(duplex.destroyed, duplex.writableFinished);
  };
}

const FAULTS: Record<string, FrameParts[]> = {
  'a frame with a mask': [{ opcode: 1, payload: 'abc', key: Buffer.from('keys') }],
  'RSV1 without compression': [{ opcode: 1, rsv: 4 }],
  RSV2: [{ opcode: 1, rsv: 2 }],
  'opcode 5': [{ opcode: 5 }],
  'a continuation of nothing': [{ opcode: 0 }],
  'a text inside a message': [{ opcode: 1, fin: false }, { opcode: 1 }],
  'a fragmented Ping': [{ opcode: 9, fin: false }],
  'a Close with one byte': [{ opcode: 8, payload: 'x' }],
  'a Close with code 1006': [{ opcode: 8, payload: Buffer.from([3, 238]) }],
  'a length of 2 ** 53': [{ opcode: 2, form: 64, length: 2n ** 53n }],
  'text that is not UTF-8': [{ opcode: 1, payload: Buffer.from([0xff]) }],
};
for (const [name, frames] of Object.entries(FAULTS)) {
  PROGRAMS[`fault: ${name}`] = async (stage) => {
    const { closed, peer } = await opened(stage);
    await peer.send(
      Buffer.concat(frames.map((parts) => (parts.key ? serverFrameOf(parts) : serverFrame(parts)))),
    );
    stage.saw((await peer.frame()).payload.readUInt16BE(0));
    peer.socket.end();
    await closed;
  };
}
/** With a mask, which servers must not use. */
function serverFrameOf({ opcode, payload = '', key }: FrameParts): Buffer {
  const masked = Buffer.from(payload).map((byte, at) => byte ^ key![at % 4]!);
  return Buffer.concat([Buffer.of(0x80 | opcode, 0x80 | masked.length), key!, masked]);
}

const COMPRESSED = `${OPEN}\nSec-WebSocket-Extensions: permessage-deflate`;
const deflated = (data: string): Buffer =>
  deflateRawSync(data, { finishFlush: 2 /* Z_SYNC_FLUSH */ }).subarray(0, -4);
const COMPRESSED_FRAMES: Record<string, FrameParts[]> = {
  'a message': [{ opcode: 1, rsv: 4, payload: deflated('hello hello hello') }],
  'an empty message': [{ opcode: 2, rsv: 4, payload: Buffer.of(0) }],
  'a message in parts': [
    { opcode: 1, rsv: 4, payload: deflated('hello hello hello').subarray(0, 3), fin: false },
    { opcode: 0, payload: deflated('hello hello hello').subarray(3) },
  ],
  'a message that is not compressed': [{ opcode: 1, payload: 'plain' }],
  'RSV1 on a Ping': [{ opcode: 9, rsv: 4 }],
  'RSV1 on a continuation': [
    { opcode: 1, rsv: 4, fin: false },
    { opcode: 0, rsv: 4 },
  ],
  'a message that decompresses to too much': [
    { opcode: 1, rsv: 4, payload: deflated('x'.repeat(100_000)) },
  ],
  'text that is not UTF-8': [
    { opcode: 1, rsv: 4, payload: Buffer.from([0x00, 1, 0, 254, 255, 255, 0]) },
  ],
};
PROGRAMS['compressed: what is not compressed data'] = async (stage) => {
  const hand = await byHand(stage, COMPRESSED);
  const client = open(stage, `ws://127.0.0.1:${hand.port}`);
  // The text is zlib's in ws.
  client.on('error', (error) => {
    stage.saw(fault(error).slice(0, 2), (error as NodeJS.ErrnoException).errno);
  });
  const peer = await hand.peer();
  await peer.send(serverFrame({ opcode: 1, rsv: 4, payload: Buffer.from([6, 255, 255, 255]) }));
  stage.saw((await peer.frame()).payload.readUInt16BE(0));
  peer.socket.end();
  await ended(client);
};
for (const [name, frames] of Object.entries(COMPRESSED_FRAMES)) {
  PROGRAMS[`compressed: ${name}`] = async (stage) => {
    const { client, closed, peer } = await opened(stage, { maxPayload: 50_000 }, COMPRESSED);
    await peer.send(Buffer.concat([...frames.map(serverFrame), close(1000)]));
    stage.saw((await peer.frame()).payload.toString('hex').slice(0, 4));
    peer.socket.end();
    await closed;
    stage.saw(client.extensions);
  };
}

it.each(Object.entries(PROGRAMS))('%s', async (_name, program) => {
  const expected = await play(ws, program);
  expect(expected).not.toEqual([]);
  expect(await play(hawser, program)).toEqual(expected);
});

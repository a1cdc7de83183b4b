import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, Server as TcpServer } from 'node:net';
import type { Duplex } from 'node:stream';
import * as ws from 'ws';
import * as hawser from '../../src/ws/index.js';
import { clientClose, clientFrame, type FrameParts } from '../support/frames.js';
import { RawClient, type RequestParts, upgradeRequest } from '../support/raw-client.js';
import { eventually, transportPair } from '../support/server.js';
import {
  EMITTER,
  ended,
  fault,
  type Opened,
  type Options,
  play,
  type Program,
  type Stage,
  thrown,
  turns,
  words,
} from '../support/ws-stage.js';

/**
 * The same small programs on ws and on hawser/ws. Each writes down what it sees, and both must have seen
 * the same. What differs on purpose is not here but in docs/ws.md.
 */

type ClientInfo = Parameters<ws.VerifyClientCallbackSync>[0];

const PROGRAMS: Record<string, Program> = {};

const FAULTS: Record<string, FrameParts[] | Buffer> = {
  'RSV1 without compression': [{ opcode: 1, rsv: 4 }],
  RSV2: [{ opcode: 1, rsv: 2 }],
  RSV3: [{ opcode: 2, rsv: 1 }],
  'all reserved bits': [{ opcode: 2, rsv: 7 }],
  'RSV1 on a Ping': [{ opcode: 9, rsv: 4 }],
  'RSV1 on a continuation': [
    { opcode: 1, fin: false },
    { opcode: 0, rsv: 4 },
  ],
  'opcode 3': [{ opcode: 3 }],
  'opcode 7': [{ opcode: 7 }],
  'opcode 11': [{ opcode: 11 }],
  'opcode 15': [{ opcode: 15 }],
  'a continuation of nothing': [{ opcode: 0, payload: 'a' }],
  'a text inside a message': [
    { opcode: 1, fin: false, payload: 'a' },
    { opcode: 1, payload: 'b' },
  ],
  'a binary inside a message': [
    { opcode: 2, fin: false, payload: 'a' },
    { opcode: 2, payload: 'b' },
  ],
  'a fragmented Ping': [{ opcode: 9, fin: false }],
  'a fragmented Close': [{ opcode: 8, fin: false }],
  'a Ping with 126 bytes': [{ opcode: 9, payload: 'x'.repeat(126) }],
  'a Pong with 65536 bytes': [{ opcode: 10, payload: 'x'.repeat(65_536) }],
  'a Close with one byte': [{ opcode: 8, payload: 'x' }],
  'a frame without a mask': [{ opcode: 1, payload: 'abc', key: null }],
  'a length of 2 ** 63': [{ opcode: 2, form: 64, length: 2n ** 63n }],
  'a length of 2 ** 53': [{ opcode: 2, form: 64, length: 2n ** 53n }],
  'a length that is too long': [{ opcode: 2, payload: Buffer.alloc(1001) }],
  'fragments that are too long': [
    { opcode: 2, payload: Buffer.alloc(900), fin: false },
    { opcode: 0, payload: Buffer.alloc(101) },
  ],
  'text that is not UTF-8': [{ opcode: 1, payload: Buffer.from([0xff]) }],
  'a fragmented text that is not UTF-8': [
    { opcode: 1, payload: Buffer.from([0xc3]), fin: false },
    { opcode: 0, payload: Buffer.from([0x28]) },
  ],
  'a Close with code 999': clientClose(999),
  'a Close with code 1004': clientClose(1004),
  'a Close with code 1005': clientClose(1005),
  'a Close with code 1006': clientClose(1006),
  'a Close with code 1015': clientClose(1015),
  'a Close with code 2999': clientClose(2999),
  'a Close with code 5000': clientClose(5000),
  'a Close whose reason is not UTF-8': [{ opcode: 8, payload: Buffer.from([3, 232, 0xff]) }],
};
for (const [name, bytes] of Object.entries(FAULTS)) {
  PROGRAMS[`fault: ${name}`] = async (stage) => {
    const { client, socket } = await stage.open({ maxPayload: 1000 });
    const closed = stage.watch(socket);
    client.send(Buffer.isBuffer(bytes) ? bytes : Buffer.concat(bytes.map(clientFrame)));
    const { code } = await client.close();
    // RFC 6455 section 5.2 forbids this length, whatever an endpoint accepts; ws calls it too big.
    if (name !== 'a length of 2 ** 63') stage.saw(code);
    client.finish();
    await closed;
    stage.saw(socket.readyState);
  };
}

const HANDSHAKES: Record<string, RequestParts & { options?: Options }> = {
  'an ordinary one': {},
  POST: { method: 'POST', headers: { 'Content-Length': '0' } },
  'another upgrade': { headers: { Upgrade: 'h2c' } },
  'upgrade in capitals': { headers: { Upgrade: 'WEBSOCKET' } },
  'two upgrades': { headers: { Upgrade: 'websocket, h2c' } },
  'no key': { headers: { 'Sec-WebSocket-Key': null } },
  'a short key': { headers: { 'Sec-WebSocket-Key': 'YWJj' } },
  'two keys': { headers: { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'x'] } },
  'no version': { headers: { 'Sec-WebSocket-Version': null } },
  'version 8': { headers: { 'Sec-WebSocket-Version': '8' } },
  'version 12': { headers: { 'Sec-WebSocket-Version': '12' } },
  'version 13.0': { headers: { 'Sec-WebSocket-Version': '13.0' } },
  'no host': { headers: { Host: null }, version: 'HTTP/1.0' },
  'two subprotocols': { headers: { 'Sec-WebSocket-Protocol': 'a, b' } },
  'two headers with subprotocols': { headers: { 'Sec-WebSocket-Protocol': ['a', 'b'] } },
  'the same subprotocol twice': { headers: { 'Sec-WebSocket-Protocol': 'a, a' } },
  'an empty subprotocol': { headers: { 'Sec-WebSocket-Protocol': '' } },
  'a list with a hole': { headers: { 'Sec-WebSocket-Protocol': 'a,,b' } },
  'a list with a comma at the end': { headers: { 'Sec-WebSocket-Protocol': 'a,' } },
  'a subprotocol with a slash': { headers: { 'Sec-WebSocket-Protocol': 'a/b' } },
  'another path': { target: '/b', options: { path: '/a' } },
  'the path with a query': { target: '/a?b=/c', options: { path: '/a' } },
  'the path with a slash more': { target: '/a/', options: { path: '/a' } },
  'a bad version on another path': {
    target: '/b',
    headers: { 'Sec-WebSocket-Version': '1' },
    options: { path: '/a' },
  },
  'bad subprotocols on another path': {
    target: '/b',
    headers: { 'Sec-WebSocket-Protocol': ',' },
    options: { path: '/a' },
  },
  'extensions that cannot be read, compression off': {
    headers: { 'Sec-WebSocket-Extensions': ',;' },
  },
};
/** What clients offer. hawser also accepts a good offer after a bad one, and any window. */
const OFFERS = [
  '',
  'x-other',
  'x-other; a=1, permessage-deflate',
  'permessage-deflate',
  'Permessage-Deflate',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_max_window_bits=10',
  'permessage-deflate; client_max_window_bits=8',
  'permessage-deflate; client_max_window_bits="10"',
  'permessage-deflate; client_max_window_bits=16',
  'permessage-deflate; client_max_window_bits; client_max_window_bits',
  'permessage-deflate; server_max_window_bits=10',
  'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; server_max_window_bits',
  'permessage-deflate; server_no_context_takeover',
  'permessage-deflate; server_no_context_takeover=1',
  'permessage-deflate; client_no_context_takeover',
  'permessage-deflate; unknown',
  'permessage-deflate; server_max_window_bits=10, permessage-deflate',
  'permessage-deflate,',
  'permessage-deflate;',
  'permessage-deflate; a b',
  'permessage-deflate; a="',
  ' , ',
];
for (const extensions of OFFERS) {
  HANDSHAKES[`extensions "${extensions}"`] = {
    headers: { 'Sec-WebSocket-Extensions': extensions },
    options: { perMessageDeflate: true },
  };
}
for (const [name, { options, ...parts }] of Object.entries(HANDSHAKES)) {
  PROGRAMS[`handshake: ${name}`] = async (stage) => {
    const { wss, port } = await stage.serve(options);
    wss.on('connection', (socket) => {
      stage.saw(socket.protocol, socket.extensions, socket.url, socket.readyState);
    });
    const response = await (await stage.ask(port, parts)).response();
    stage.saw(response.statusLine, response.headers, response.body);
    wss.on('wsClientError', (error, socket, request) => {
      stage.saw(fault(error), request.method);
      socket.end('HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n');
    });
    stage.saw((await (await stage.ask(port, parts)).response()).status);
  };
}

const SENDS: Record<string, unknown[]> = {
  'a string': ['abc'],
  'an empty string': [''],
  'a Buffer': [Buffer.from('abc')],
  'an empty Buffer': [Buffer.alloc(0)],
  'an ArrayBuffer': [new Uint8Array([97, 98]).buffer],
  'a typed array': [new Uint16Array([0x6261])],
  'a DataView': [new DataView(new Uint8Array([97, 98]).buffer, 1)],
  'a Blob': [new Blob(['abc'])],
  nothing: [],
  undefined: [undefined],
  null: [null],
  false: [false],
  zero: [0],
  'a number': [1.5],
  NaN: [NaN],
  'a list': [[97, 98, 99]],
  'an empty list': [[]],
  true: [true],
  'an object': [{}],
  'an object with a length': [{ length: 2, 0: 97, 1: 98 }],
  'a symbol': [Symbol.iterator],
  'options null': ['abc', null],
  'options undefined': ['abc', undefined],
  'no options but true': ['abc', true],
  'empty options': [Buffer.from('abc'), {}],
  'a Buffer as text': [Buffer.from('abc'), { binary: false }],
  'a Buffer as text by undefined': [Buffer.from('abc'), { binary: undefined }],
  'a Buffer as text by zero': [Buffer.from('abc'), { binary: 0 }],
  'a string as binary': ['abc', { binary: true }],
  'a string as binary by one': ['abc', { binary: 1 }],
  'a number as binary': [12, { binary: true }],
  'null as text': [null, { binary: false }],
  'a Blob as text': [new Blob(['abc']), { binary: false }],
  'a list as text': [[97], { binary: false }],
  'the options of a mask': ['abc', { mask: false }],
  'a part and the rest': ['abc', { fin: false }],
};
for (const [name, args] of Object.entries(SENDS)) {
  PROGRAMS[`send ${name}`] = async (stage) => {
    const { client, socket } = await stage.open();
    const send = socket.send.bind(socket) as (...args: unknown[]) => void;
    stage.saw(
      thrown(() => {
        send(...args);
      }),
    );
    stage.saw(
      thrown(() => {
        send('end');
      }),
    );
    await turns();
    socket.close();
    await client.close();
    stage.saw(client.received());
  };
  PROGRAMS[`send ${name}, with a callback after it`] = async (stage) => {
    const { client, socket } = await stage.open();
    const send = socket.send.bind(socket) as (...args: unknown[]) => void;
    stage.saw(
      thrown(() => {
        send(...args, (error: unknown) => {
          stage.saw('callback', error ?? undefined);
        });
      }),
    );
    await turns();
    socket.close();
    await client.close();
    stage.saw(client.received());
  };
  for (const method of ['ping', 'pong'] as const) {
    if (args.length > 1 || args[0] instanceof Blob) continue; // hawser sends no Blob as a control frame
    PROGRAMS[`${method} ${name}`] = async (stage) => {
      const { client, socket } = await stage.open();
      const send = socket[method].bind(socket) as (...args: unknown[]) => void;
      stage.saw(
        thrown(() => {
          send(args[0]);
        }),
      );
      await turns();
      socket.close();
      await client.close();
      stage.saw(client.received());
    };
  }
}
const callbacks =
  (stage: Stage, name: string) =>
  (error: unknown): void => {
    stage.saw(name, error === undefined || error === null ? 'sent' : fault(error));
  };
PROGRAMS['callbacks in each position'] = async (stage) => {
  const { client, socket } = await stage.open();
  const at = (name: string) => callbacks(stage, name);
  const any = socket as unknown as Record<'send' | 'ping' | 'pong', (...args: unknown[]) => void>;
  any.send('a', at('second'));
  any.send('b', {}, at('third'));
  any.send('c', undefined, at('third after undefined'));
  any.send('d', null, at('third after null'));
  any.send('e', at('second of two'), at('third of two'));
  any.send('f', {}, null);
  any.send('g', null, null);
  await turns();
  for (const method of ['ping', 'pong'] as const) {
    any[method](at('first'));
    any[method]('p', at('second'));
    any[method]('q', false, at('third'));
    any[method]('r', undefined, at('third after undefined'));
    any[method](at('first of three'), at('second of three'), at('third of three'));
    any[method]('s', at('second of two'), at('third of two'));
    any[method]('t', false, null);
    any[method](undefined, undefined, undefined);
    await turns();
  }
  stage.saw(
    thrown(() => {
      any.ping('x'.repeat(126));
    }),
  );
  stage.saw(
    thrown(() => {
      any.pong(Buffer.alloc(126), at('never'));
    }),
  );
  await turns();
  socket.close();
  await client.close();
  stage.saw(client.received());
};
PROGRAMS['send, ping and pong before, during and after the end'] = async (stage) => {
  const { client, socket } = await stage.open();
  const closed = stage.watch(socket);
  const all = (when: string): void => {
    for (const method of ['send', 'ping', 'pong'] as const) {
      const any = socket[method].bind(socket) as (...args: unknown[]) => void;
      for (const data of [
        'abc',
        5,
        Buffer.from('ab'),
        undefined,
        '',
        null,
        [1, 2, 3],
        new Blob(['abcd']),
      ]) {
        stage.saw(
          when,
          method,
          thrown(() => {
            any(data, callbacks(stage, `${when} ${method}`));
          }),
        );
      }
      any();
      stage.saw(
        thrown(() => {
          any({});
        }),
        method,
      );
      stage.saw(
        thrown(() => {
          any('x'.repeat(200));
        }),
        method,
      );
    }
    stage.saw(when, socket.bufferedAmount > 0);
  };
  socket.close(4000, 'bye');
  all('closing');
  const before = socket.bufferedAmount;
  await turns();
  stage.saw(
    thrown(() => {
      socket.close(4001, 'again');
    }),
    thrown(() => {
      socket.close(1, 'again');
    }),
    thrown(() => {
      socket.close(1000, 'x'.repeat(124));
    }),
  );
  client.send(clientClose(4000, 'bye'));
  client.finish();
  await closed;
  const after = socket.bufferedAmount;
  all('closed');
  stage.saw(socket.bufferedAmount - after, before > 0);
  await turns();
  stage.saw(
    thrown(() => {
      socket.close(1, 'again');
    }),
    thrown(() => {
      socket.terminate();
    }),
    thrown(() => {
      socket.pause();
    }),
    thrown(() => {
      socket.resume();
    }),
  );
  stage.saw(socket.isPaused, socket.readyState);
  stage.saw(client.received());
};
PROGRAMS['a WebSocket that is never opened'] = async (stage) => {
  const socket = new (
    stage.library.WebSocket as unknown as new (...args: unknown[]) => ws.WebSocket
  )(null, undefined, {});
  stage.saw(
    socket.readyState,
    socket.extensions,
    socket.protocol,
    socket.isPaused,
    socket.binaryType,
    socket.url,
  );
  for (const method of ['send', 'ping', 'pong'] as const) {
    stage.saw(
      thrown(() => {
        socket[method]('a');
      }),
      thrown(() => {
        (socket[method] as (of: unknown) => void)(() => undefined);
      }),
    );
  }
  stage.saw(
    thrown(() => {
      socket.pause();
    }),
    thrown(() => {
      socket.resume();
    }),
  );
  stage.saw((socket as unknown as { _socket: unknown })._socket);
  await turns(1);
};
const CLOSES: Record<string, unknown[]> = {
  'without arguments': [],
  'undefined and a reason': [undefined, 'bye'],
  'a code': [1000],
  'a code and an empty reason': [1001, ''],
  'a code and a reason': [4321, 'grüße'],
  'a code and bytes': [3000, Buffer.from('bye')],
  'a code and a typed array': [3000, new Uint8Array([98, 121, 101])],
  'a code and undefined': [3000, undefined],
  'a reason of 123 bytes': [1000, 'x'.repeat(123)],
  'a reason of 124 bytes': [1000, 'x'.repeat(124)],
  'a reason of 124 bytes, as bytes': [1000, Buffer.alloc(124)],
  'a bad code and a long reason': [999, 'x'.repeat(124)],
  'code 999': [999],
  'code 1004': [1004],
  'code 1005': [1005],
  'code 1006': [1006],
  'code 1014': [1014],
  'code 1015': [1015],
  'code 2999': [2999],
  'code 5000': [5000],
  'code null': [null],
  'code as a string': ['1000'],
  'code NaN': [NaN],
};
for (const [name, args] of Object.entries(CLOSES)) {
  PROGRAMS[`close with ${name}`] = async (stage) => {
    const { wss, port } = await stage.serve();
    const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
    const client = new ws.WebSocket(`ws://127.0.0.1:${port}`);
    const ends = [stage.watch(client, 'client')];
    const [socket] = await connected;
    ends.push(stage.watch(socket, 'server'));
    await once(client, 'open');
    socket.addEventListener('close', ({ code, reason, wasClean, type }) => {
      stage.saw('event', code, reason, wasClean, type);
    });
    stage.saw(
      thrown(() => {
        (socket.close as (...args: unknown[]) => void).apply(socket, args);
      }),
    );
    stage.saw(socket.readyState);
    if (socket.readyState === 1) socket.close();
    socket.close();
    await Promise.all(ends);
    stage.log.sort((one, other) => String(one).localeCompare(String(other)));
  };
  if (args[0] === undefined || (typeof args[0] === 'number' && args[0] >= 1000)) {
    PROGRAMS[`the peer closes with ${name}`] = async (stage) => {
      const { socket, client } = await stage.open();
      const closed = stage.watch(socket);
      const [code, reason] = args as [number | undefined, string | undefined];
      client.send(
        code === undefined ? clientClose() : clientClose(code, (reason ?? '').slice(0, 123)),
      );
      stage.saw((await client.close()).code);
      client.finish();
      await closed;
    };
  }
}
PROGRAMS['the peer ends without a Close'] = async (stage) => {
  const { socket, client } = await stage.open();
  const closed = stage.watch(socket);
  client.send(clientFrame({ opcode: 1, payload: 'last' }));
  client.finish();
  await closed;
  stage.saw(client.received());
};
PROGRAMS['the peer breaks the connection'] = async (stage) => {
  const { socket, client } = await stage.open();
  const closed = stage.watch(socket);
  socket.addEventListener('close', ({ wasClean }) => {
    stage.saw(wasClean);
  });
  client.reset();
  await closed;
};
PROGRAMS['terminate while open'] = async (stage) => {
  const { socket } = await stage.open();
  const closed = stage.watch(socket);
  socket.terminate();
  stage.saw(socket.readyState);
  socket.terminate();
  stage.saw(socket.readyState);
  stage.saw(
    thrown(() => {
      socket.send('a', callbacks(stage, 'send'));
    }),
  );
  await closed;
  stage.saw(socket.readyState);
};
PROGRAMS['terminate while closing'] = async (stage) => {
  const { socket } = await stage.open();
  const closed = stage.watch(socket);
  socket.close(1000);
  socket.terminate();
  stage.saw(socket.readyState);
  await closed;
};
PROGRAMS['the peer does not answer a Close'] = async (stage) => {
  const { socket } = await stage.open({ closeTimeout: 1 } as Options);
  const closed = stage.watch(socket);
  socket.close(1000);
  await closed;
};
PROGRAMS['messages of each kind and control frames'] = async (stage) => {
  const { socket, client } = await stage.open();
  const closed = stage.watch(socket);
  client.send(
    Buffer.concat([
      clientFrame({ opcode: 1, payload: 'grüße' }),
      clientFrame({ opcode: 2, payload: 'bytes' }),
      clientFrame({ opcode: 1, payload: '' }),
      clientFrame({ opcode: 2, payload: '' }),
      clientFrame({ opcode: 9, payload: 'ping' }),
      clientFrame({ opcode: 9 }),
      clientFrame({ opcode: 1, payload: 'a', fin: false }),
      clientFrame({ opcode: 10, payload: 'pong' }),
      clientFrame({ opcode: 0, payload: 'b', fin: false }),
      clientFrame({ opcode: 0, payload: 'c' }),
      clientClose(1000, 'done'),
      clientFrame({ opcode: 1, payload: 'too late' }),
    ]),
  );
  await client.close();
  client.finish();
  await closed;
  stage.saw(client.received());
};
for (const type of ['nodebuffer', 'arraybuffer', 'fragments', 'blob', 'other', 'NodeBuffer']) {
  PROGRAMS[`binaryType ${type}`] = async (stage) => {
    const { socket, client } = await stage.open();
    const closed = stage.watch(socket);
    (socket as { binaryType: string }).binaryType = type;
    stage.saw(socket.binaryType);
    socket.addEventListener('message', ({ data }) => {
      stage.saw(words(data), typeof data);
    });
    client.send(
      Buffer.concat([
        clientFrame({ opcode: 2, payload: 'bytes' }),
        clientFrame({ opcode: 2, payload: '' }),
        clientFrame({ opcode: 1, payload: 'text' }),
      ]),
    );
    await turns();
    client.send(clientClose(1000));
    client.finish();
    await closed;
  };
}
PROGRAMS['autoPong false'] = async (stage) => {
  const { socket, client } = await stage.open({ autoPong: false });
  const closed = stage.watch(socket);
  client.send(Buffer.concat([clientFrame({ opcode: 9, payload: 'ping' }), clientClose(1000)]));
  client.finish();
  await closed;
  stage.saw(client.received());
};
PROGRAMS['autoPong by a pong that is overridden'] = async (stage) => {
  const { socket, client } = await stage.open();
  const closed = stage.watch(socket);
  const pong = socket.pong.bind(socket) as (...args: unknown[]) => void;
  socket.pong = (...args: unknown[]): void => {
    stage.saw('pong called', words(args[0]), args[1]);
    pong(...args);
  };
  client.send(Buffer.concat([clientFrame({ opcode: 9, payload: 'ping' }), clientClose(1000)]));
  client.finish();
  await closed;
  stage.saw(client.received());
};
PROGRAMS['listeners as attributes and objects'] = async (stage) => {
  const { socket, client } = await stage.open();
  const seen =
    (name: string) =>
    (event: { type: string; target: unknown }): void => {
      const { type, target } = event;
      stage.saw(
        name,
        type,
        target === socket,
        (event as { data?: unknown }).data,
        event.constructor.name,
      );
    };
  const any = socket as unknown as Record<
    'addEventListener' | 'removeEventListener',
    (...args: unknown[]) => void
  > &
    Record<'onmessage' | 'onopen' | 'onclose' | 'onerror', unknown>;
  stage.saw(any.onmessage, any.onopen, any.onclose, any.onerror);
  const first = seen('first');
  const second = seen('second');
  any.onmessage = first;
  stage.saw(any.onmessage === first);
  any.onmessage = second;
  stage.saw(any.onmessage === second, socket.listenerCount('message'));
  any.addEventListener('message', second);
  any.addEventListener('message', second);
  stage.saw(socket.listenerCount('message'));
  any.addEventListener('message', seen('once'), { once: true });
  const object = {
    name: 'object',
    handleEvent(this: { name: string }, event: { type: string }) {
      stage.saw(this.name, event.type);
    },
  };
  any.addEventListener('message', object);
  any.addEventListener('message', function (this: unknown) {
    stage.saw('this', this === socket);
  });
  any.addEventListener('ping', seen('no such type'));
  any.addEventListener('message', first, false);
  any.removeEventListener('message', first);
  any.removeEventListener('message', () => undefined);
  any.removeEventListener('nothing', first);
  stage.saw(socket.listenerCount('message'), socket.listenerCount('ping'));
  client.send(clientFrame({ opcode: 1, payload: 'one' }));
  await turns();
  any.removeEventListener('message', second);
  any.removeEventListener('message', object);
  client.send(clientFrame({ opcode: 2, payload: 'two' }));
  await turns();
  any.onmessage = 'not a function';
  stage.saw(any.onmessage, socket.listenerCount('message'));
  any.onmessage = null;
  any.onmessage = object;
  stage.saw(any.onmessage);
  any.onerror = ({ type, message, error }: ws.ErrorEvent) => {
    stage.saw(type, message, fault(error));
  };
  any.onclose = ({ type, code, reason, wasClean }: ws.CloseEvent) => {
    stage.saw(type, code, reason, wasClean);
  };
  stage.saw(Object.keys(socket).some((key) => key.startsWith('on')));
  const names = [];
  for (const name in socket) if (/^on[a-z]/.test(name) && !(name in EMITTER)) names.push(name);
  stage.saw(names.sort());
  client.send(clientFrame({ opcode: 3 }));
  client.finish();
  await ended(socket);
};
PROGRAMS['constants'] = async (stage) => {
  const { WebSocket } = stage.library;
  for (const name of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'] as const) {
    stage.saw(
      name,
      WebSocket[name],
      WebSocket.prototype[name],
      Object.getOwnPropertyDescriptor(WebSocket, name),
    );
  }
  const { socket } = await stage.open();
  const names = [];
  for (const name in socket) if (!name.startsWith('_') && !(name in EMITTER)) names.push(name);
  stage.saw(names.sort());
};
PROGRAMS['pause and resume'] = async (stage) => {
  const { socket, client } = await stage.open();
  const closed = stage.watch(socket);
  stage.saw(socket.isPaused);
  socket.pause();
  stage.saw(socket.isPaused);
  socket.pause();
  client.send(clientFrame({ opcode: 1, payload: 'held' }));
  await turns();
  socket.resume();
  stage.saw(socket.isPaused);
  await turns();
  socket.pause();
  socket.close();
  stage.saw(socket.isPaused);
  socket.resume();
  client.send(clientClose(1000));
  client.finish();
  await closed;
  stage.saw(socket.isPaused);
};
PROGRAMS['what a connection is when it is announced'] = async (stage) => {
  const { wss, port } = await stage.serve();
  const log: unknown[] = [];
  wss.on('headers', (lines, request) => {
    log.push('headers', lines.length, request.url);
    lines.push('X-Added: grüße', 'Set-Cookie: a=b');
    lines[0] = 'HTTP/1.1 101 Come In';
  });
  wss.on('connection', (socket, request) => {
    log.push(
      'connection',
      request.url,
      wss.clients.has(socket),
      wss.clients.size,
      socket.readyState,
    );
    log.push(
      socket.protocol,
      socket.extensions,
      socket.url,
      socket.binaryType,
      socket.bufferedAmount,
    );
    log.push((socket as unknown as { _socket: unknown })._socket === request.socket);
    socket.on('message', (data) => log.push(words(data)));
  });
  const client = await stage.ask(port, {
    target: '/a?b',
    headers: { 'Sec-WebSocket-Protocol': 'x, y' },
  });
  client.send(clientFrame({ opcode: 1, payload: 'early' }));
  const response = await client.response();
  stage.saw(response.statusLine, response.headers);
  await turns();
  stage.saw(...log);
};
PROGRAMS['frames in the same packet as the handshake'] = async (stage) => {
  const { wss, port } = await stage.serve();
  wss.on('connection', (socket) => {
    stage.saw('connection');
    socket.on('message', (data) => {
      stage.saw(words(data));
    });
    process.nextTick(() => {
      stage.saw('a tick later');
    });
  });
  const client = await RawClient.connect(port);
  stage.later(() => {
    client.destroy();
  });
  client.send(
    Buffer.concat([
      Buffer.from(upgradeRequest()),
      clientFrame({ opcode: 1, payload: 'early' }),
      clientClose(1000),
    ]),
  );
  await client.close();
};
const VERIFIERS: Record<string, Options['verifyClient']> = {
  yes: () => true,
  no: () => false,
  'without parameters, yes': (...args: unknown[]) => args.length === 1,
  'yes later': (_info, done) => {
    setImmediate(done, true);
  },
  'no later': (_info, done) => {
    setImmediate(done, false);
  },
  'no at once': (_info, done) => {
    done(false);
  },
  'with a code': (_info, done) => {
    done(false, 403);
  },
  'with a code of zero': (_info, done) => {
    (done as (...args: unknown[]) => void)(false, 0, 'none');
  },
  'with a code and a message': (_info, done) => {
    done(false, 404, 'not hére');
  },
  'with an empty message': (_info, done) => {
    done(false, 404, '');
  },
  'with null': (_info, done) => {
    (done as (...args: unknown[]) => void)(false, null, null, null);
  },
  'with headers': (_info, done) => {
    done(false, 401, undefined, {
      'WWW-Authenticate': 'Basic',
      'X-List': ['a', 'b'],
      'X-Number': 5,
      'Content-Type': 'text/plain',
    });
  },
  truthy: ((_info: unknown, done: (...args: unknown[]) => void) => {
    done(1);
  }) as never,
  'three parameters': ((_info: unknown, _done: unknown, _more: unknown) => true) as never,
};
for (const [name, verifyClient] of Object.entries(VERIFIERS)) {
  PROGRAMS[`verifyClient: ${name}`] = async (stage) => {
    const { wss, port } = await stage.serve({ verifyClient });
    wss.on('connection', (socket) => {
      stage.saw('connection', wss.clients.has(socket));
    });
    const { statusLine, headers, body } = await (
      await stage.ask(port, { headers: { Origin: 'http://a' } })
    ).response();
    stage.saw(statusLine, headers, body);
  };
}
PROGRAMS['verifyClient: what it gets'] = async (stage) => {
  const verifyClient: Options['verifyClient'] = (info: ClientInfo) => {
    stage.saw(Object.keys(info).sort(), info.origin, info.secure, info.req.url);
    return true;
  };
  const { port } = await stage.serve({ verifyClient });
  const headers = { Origin: 'http://a', 'Sec-WebSocket-Origin': 'http://b' };
  await (await stage.ask(port, { target: '/x', headers })).response();
  await (
    await stage.ask(port, { headers: { ...headers, 'Sec-WebSocket-Version': '8' } })
  ).response();
  await (await stage.ask(port)).response();
};
PROGRAMS['verifyClient: the client has gone meanwhile'] = async (stage) => {
  let answer: ((verified: boolean) => void) | undefined;
  const { wss, port } = await stage.serve({
    verifyClient: (_info, done) => {
      answer = done;
    },
  });
  wss.on('connection', () => {
    stage.saw('connection');
  });
  const client = await stage.ask(port);
  while (answer === undefined) await turns(1);
  client.reset();
  await turns(20);
  stage.saw(
    thrown(() => answer!(true)),
    wss.clients.size,
  );
};
PROGRAMS['verifyClient: the server closes meanwhile'] = async (stage) => {
  let answer: ((verified: boolean) => void) | undefined;
  const { wss, port } = await stage.serve({
    verifyClient: (_info, done) => {
      answer = done;
    },
  });
  const client = await stage.ask(port);
  while (answer === undefined) await turns(1);
  wss.close();
  answer(true);
  const { statusLine, headers, body } = await client.response();
  stage.saw(statusLine, headers, body);
};
PROGRAMS['verifyClient: answers twice'] = async (stage) => {
  const outcome: unknown[] = [];
  const { port } = await stage.serve({
    verifyClient: (_info, done) => {
      done(true);
      outcome.push(
        thrown(() => {
          done(true);
        }),
      );
    },
  });
  await (await stage.ask(port)).response();
  stage.saw(outcome);
};
const PROTOCOLS: Record<string, Options['handleProtocols']> = {
  'the last': (protocols) => [...protocols].at(-1)!,
  none: () => false,
  another: () => 'other',
  'an empty one': () => '',
  undefined: () => undefined as never,
  null: () => null as never,
};
for (const [name, handleProtocols] of Object.entries(PROTOCOLS)) {
  PROGRAMS[`handleProtocols: ${name}`] = async (stage) => {
    const { wss, port } = await stage.serve({
      handleProtocols: (protocols, request) => {
        stage.saw(protocols instanceof Set, [...protocols], request.url);
        return handleProtocols!(protocols, request);
      },
    });
    wss.on('connection', (socket) => {
      stage.saw(socket.protocol);
    });
    stage.saw(
      (await (await stage.ask(port, { headers: { 'Sec-WebSocket-Protocol': 'a, b' } })).response())
        .headers,
    );
    stage.saw((await (await stage.ask(port)).response()).headers);
  };
}
PROGRAMS['a subclass of WebSocket'] = async (stage) => {
  const { WebSocket } = stage.library;
  class Mine extends WebSocket {
    readonly args: unknown[];
    constructor(...args: unknown[]) {
      super(...(args as [never]));
      this.args = args;
    }
  }
  const { socket, wss } = await stage.open({ WebSocket: Mine });
  const { args } = socket as unknown as Mine;
  stage.saw(socket instanceof Mine, args.length, args[0], args[1], args[2] === wss.options);
};
PROGRAMS['options that change'] = async (stage) => {
  const { wss, port } = await stage.serve();
  stage.saw(
    wss.options.maxPayload,
    wss.options.perMessageDeflate,
    wss.options.clientTracking,
    wss.options.path,
  );
  const deflate = { 'Sec-WebSocket-Extensions': 'permessage-deflate' };
  const ask = async (): Promise<void> => {
    const { status, header } = await (
      await stage.ask(port, { headers: { ...deflate, 'Sec-WebSocket-Protocol': 'a, b' } })
    ).response();
    stage.saw(status, header('sec-websocket-extensions'), header('sec-websocket-protocol'));
  };
  await ask();
  wss.options.perMessageDeflate = true;
  await ask();
  wss.options.perMessageDeflate = {};
  wss.options.handleProtocols = () => 'b';
  await ask();
  wss.options.path = '/other';
  await ask();
  wss.options.path = '';
  wss.options.verifyClient = (): boolean => false;
  await ask();
  wss.options.verifyClient = undefined;
  wss.options.maxPayload = 10;
  wss.on('connection', (socket) => {
    void stage.watch(socket);
  });
  const client = await stage.ask(port);
  client.send(clientFrame({ opcode: 1, payload: 'x'.repeat(11) }));
  await client.close();
  client.finish();
  await turns();
};
PROGRAMS['shouldHandle that is assigned'] = async (stage) => {
  const { wss, port } = await stage.serve();
  wss.shouldHandle = function (this: unknown, request) {
    stage.saw(this === wss);
    return request.url === '/yes';
  };
  const { statusLine, headers, body } = await (await stage.ask(port, { target: '/no' })).response();
  stage.saw(statusLine, headers, body);
  stage.saw((await (await stage.ask(port, { target: '/yes' })).response()).status);
};
PROGRAMS['clientTracking false'] = async (stage) => {
  const { wss, socket, client } = await stage.open({ clientTracking: false });
  stage.saw(wss.clients, 'clients' in wss);
  const closed = once(wss, 'close');
  wss.close(callbacks(stage, 'closed'));
  await closed;
  stage.saw(socket.readyState);
  client.send(clientClose());
  client.finish();
  await ended(socket);
};
for (const attached of ['port', 'server', 'noServer']) {
  PROGRAMS[`close a server: ${attached}`] = async (stage) => {
    const server = createServer();
    const options = {
      port: { port: 0, host: '127.0.0.1' },
      server: { server },
      noServer: { noServer: true },
    }[attached]!;
    const wss = new stage.library.WebSocketServer(options, () => {
      stage.saw('callback of the constructor');
    });
    wss.on('listening', () => {
      stage.saw('listening', typeof wss.address());
    });
    wss.on('close', () => {
      stage.saw('close', wss.clients.size);
    });
    stage.saw(
      thrown(() => {
        wss.address();
      }),
    );
    let port: number;
    if (attached === 'port') {
      await once(wss, 'listening');
      ({ port } = wss.address() as AddressInfo);
    } else {
      if (attached === 'noServer') {
        server.on('upgrade', (request, socket, head) => {
          wss.handleUpgrade(request, socket, head, (...args) => wss.emit('connection', ...args));
        });
      }
      port = await stage.listen(server);
    }
    const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
    const client = await stage.ask(port);
    await client.response();
    const [socket] = await connected;
    wss.close(callbacks(stage, 'first'));
    wss.close(callbacks(stage, 'second'));
    stage.saw(
      thrown(() => {
        wss.address();
      }),
    );
    await turns();
    stage.saw(socket.readyState, wss.clients.size);
    if (attached === 'noServer') stage.saw((await (await stage.ask(port)).response()).status);
    stage.saw(
      server.listenerCount('upgrade'),
      server.listenerCount('listening'),
      server.listenerCount('error'),
    );
    const closed = once(wss, 'close');
    client.send(clientClose(1000));
    client.finish();
    await closed;
    wss.close(callbacks(stage, 'third'));
    await once(wss, 'close');
    wss.close();
    await once(wss, 'close');
  };
  PROGRAMS[`close a server that has no clients: ${attached}`] = async (stage) => {
    const server = createServer();
    const options = {
      port: { port: 0, host: '127.0.0.1' },
      server: { server },
      noServer: { noServer: true },
    }[attached]!;
    const wss = new stage.library.WebSocketServer(options);
    if (attached === 'port') await once(wss, 'listening');
    wss.on('close', () => {
      stage.saw('close');
    });
    wss.close(callbacks(stage, 'closed'));
    stage.saw('returned');
    await once(wss, 'close');
    server.close();
  };
}
const CONSTRUCTIONS: Record<string, () => unknown> = {
  nothing: () => undefined,
  'no attachment': () => ({}),
  'port null': () => ({ port: null }),
  'port and server': () => ({ port: 0, server: createServer() }),
  'port and noServer': () => ({ port: 0, noServer: true }),
  'server and noServer': () => ({ server: createServer(), noServer: true }),
  all: () => ({ port: 0, server: createServer(), noServer: true }),
};
for (const [name, options] of Object.entries(CONSTRUCTIONS)) {
  PROGRAMS[`construct with ${name}`] = async (stage) => {
    stage.saw(thrown(() => new stage.library.WebSocketServer(options() as Options)));
    await turns(1);
  };
}
PROGRAMS['a port as a string'] = async (stage) => {
  const wss = new stage.library.WebSocketServer({ port: '0' as never, host: '127.0.0.1' });
  await once(wss, 'listening');
  const { port } = wss.address() as AddressInfo;
  const client = await stage.ask(port);
  stage.saw((await client.response()).status);
  client.destroy();
  wss.close();
  await once(wss, 'close');
};
PROGRAMS['a port that is taken'] = async (stage) => {
  const { port } = await stage.serve();
  const wss = new stage.library.WebSocketServer({ port, host: '127.0.0.1' });
  const [error] = (await once(wss, 'error')) as [NodeJS.ErrnoException];
  stage.saw(error.code);
};
PROGRAMS['a request that is no upgrade'] = async (stage) => {
  const wss = new stage.library.WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(wss, 'listening');
  const client = await stage.ask((wss.address() as AddressInfo).port, {
    headers: { Connection: null, Upgrade: null },
  });
  const { statusLine, header, body } = await client.response();
  stage.saw(statusLine, header('content-type'), header('content-length'), body);
  client.destroy();
  wss.close();
  await once(wss, 'close');
};
PROGRAMS['handleUpgrade twice with one socket'] = async (stage) => {
  const wss = new stage.library.WebSocketServer({ noServer: true });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (_socket, of) => {
      stage.saw('upgraded', of === request);
    });
    stage.saw(
      thrown(() => {
        wss.handleUpgrade(request, socket, head, () => undefined);
      }),
    );
  });
  await (await stage.ask(await stage.listen(server))).response();
};
PROGRAMS['compressed messages'] = async (stage) => {
  const { wss, port } = await stage.serve({
    perMessageDeflate: { threshold: 0, zlibDeflateOptions: { level: -1 } },
  });
  const connected = once(wss, 'connection') as Promise<[ws.WebSocket]>;
  const client = new ws.WebSocket(`ws://127.0.0.1:${port}`);
  const ends = [stage.watch(client, 'client')];
  const [socket] = await connected;
  ends.push(stage.watch(socket, 'server'));
  await once(client, 'open');
  stage.saw(socket.extensions);
  for (const data of ['a'.repeat(100), 'b', '', Buffer.alloc(50)]) socket.send(data);
  socket.send('not compressed', { compress: false });
  socket.send('part one, ', { fin: false });
  socket.send('part two', { fin: true });
  client.send('c'.repeat(100));
  await once(socket, 'message');
  client.send('d', () => {
    client.close(1000);
  });
  await Promise.all(ends);
  stage.log.splice(0, Infinity, ...stage.log.map((line) => [line].flat().slice(0, 4)));
  stage.log.sort((one, other) => String(one).localeCompare(String(other)));
};
PROGRAMS['a broadcast to all clients'] = async (stage) => {
  const { wss, client, port } = await stage.open();
  const connected = once(wss, 'connection');
  const other = await stage.ask(port);
  await other.response();
  await connected;
  for (const each of wss.clients)
    if (each.readyState === stage.library.WebSocket.OPEN) each.send('all');
  stage.saw(await client.words(), await other.words());
};
function watchStream(stage: Stage, duplex: Duplex): void {
  for (const event of ['end', 'finish', 'close', 'pause', 'resume'])
    duplex.on(event, () => {
      stage.saw('stream', event);
    });
  duplex.on('error', (error) => {
    stage.saw('stream error', ...fault(error));
  });
}
async function streamed(
  stage: Stage,
  options?: object,
): Promise<Opened & { duplex: Duplex; closed: Promise<void> }> {
  const opened = await stage.open();
  const duplex = stage.library.createWebSocketStream(opened.socket, options);
  watchStream(stage, duplex);
  return { ...opened, duplex, closed: stage.watch(opened.socket) };
}
PROGRAMS['stream: chunks are messages'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  duplex.on('data', (chunk) => {
    stage.saw(words(chunk));
  });
  duplex.write('text');
  duplex.write(Buffer.from('bytes'));
  client.send(clientFrame({ opcode: 1, payload: 'a' }));
  client.send(clientFrame({ opcode: 2, payload: 'b' }));
  stage.saw(await client.words(), await client.words());
  await turns();
  duplex.end('last');
  stage.saw(await client.words(), (await client.close()).code);
  client.send(clientClose(1000));
  client.finish();
  await closed;
  await turns();
  stage.saw(duplex.destroyed);
};
PROGRAMS['stream: the peer closes'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  duplex.resume();
  client.send(clientClose(1000));
  client.finish();
  await closed;
  await turns();
  stage.saw(duplex.destroyed, duplex.writableFinished, duplex.readableEnded);
  duplex.end();
  await turns();
  stage.saw(duplex.destroyed);
};
PROGRAMS['stream: destroy'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  duplex.destroy();
  stage.saw(duplex.destroyed);
  await closed;
  await turns();
  stage.saw(await client.ended());
};
PROGRAMS['stream: destroy with an error'] = async (stage) => {
  const { duplex, closed } = await streamed(stage);
  duplex.destroy(new Error('mine'));
  await closed;
  await turns();
};
PROGRAMS['stream: destroy after the end'] = async (stage) => {
  const { client, duplex, closed, socket } = await streamed(stage);
  client.send(clientClose(1000));
  client.finish();
  await closed;
  await turns();
  stage.saw(socket.readyState, duplex.destroyed);
  duplex.destroy(new Error('late'));
  await turns();
};
PROGRAMS['stream: the peer breaks a rule'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  duplex.resume();
  client.send(clientFrame({ opcode: 5 }));
  stage.saw((await client.close()).code);
  client.finish();
  await closed;
  await turns();
  stage.saw(duplex.destroyed);
};
PROGRAMS['stream: an error that is not listened to on the WebSocket'] = async (stage) => {
  const { socket, client } = await stage.open();
  const duplex = stage.library.createWebSocketStream(socket);
  watchStream(stage, duplex);
  client.send(clientFrame({ opcode: 5 }));
  client.finish();
  await ended(duplex);
};
PROGRAMS['stream: readableObjectMode'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage, { readableObjectMode: true });
  duplex.on('data', (chunk) => {
    stage.saw(typeof chunk === 'string' ? `string ${chunk}` : words(chunk));
  });
  stage.saw(duplex.readableObjectMode, duplex.writableObjectMode);
  client.send(clientFrame({ opcode: 1, payload: 'a' }));
  client.send(clientFrame({ opcode: 1, payload: '' }));
  client.send(clientFrame({ opcode: 2, payload: 'b' }));
  await turns();
  client.send(clientClose(1000));
  client.finish();
  await closed;
};
PROGRAMS['stream: options that it overrides'] = async (stage) => {
  const { duplex, closed, client } = await streamed(stage, {
    objectMode: true,
    autoDestroy: true,
    emitClose: true,
    writableObjectMode: true,
    decodeStrings: false,
    encoding: 'utf8',
  });
  stage.saw(duplex.readableObjectMode, duplex.writableObjectMode);
  duplex.on('data', (chunk) => {
    stage.saw(typeof chunk, String(chunk));
  });
  duplex.write('text');
  stage.saw(await client.words());
  client.send(clientFrame({ opcode: 2, payload: 'b' }));
  await turns();
  duplex.end();
  await client.close();
  client.send(clientClose(1000));
  client.finish();
  await closed;
  await turns();
};
PROGRAMS['stream: a slow reader pauses the WebSocket'] = async (stage) => {
  const { client, duplex, closed, socket } = await streamed(stage, { readableHighWaterMark: 10 });
  client.send(clientFrame({ opcode: 1, payload: 'x'.repeat(20) }));
  await turns();
  stage.saw(socket.isPaused);
  stage.saw(words(duplex.read()));
  await turns();
  stage.saw(socket.isPaused);
  duplex.resume();
  client.send(clientClose(1000));
  client.finish();
  await closed;
};
PROGRAMS['stream: write after the end of the WebSocket'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  client.send(clientClose(1000));
  client.finish();
  await closed;
  duplex.write('late', callbacks(stage, 'write'));
  await turns();
  stage.saw(duplex.destroyed);
};
PROGRAMS['stream: end both at once'] = async (stage) => {
  const { client, duplex, closed } = await streamed(stage);
  duplex.resume();
  duplex.end();
  client.send(clientClose(1000));
  client.finish();
  await closed;
  await turns();
  stage.saw(duplex.destroyed);
};
PROGRAMS['stream: before the WebSocket is open'] = async (stage) => {
  const wss = new stage.library.WebSocketServer({ noServer: true });
  const server = createServer();
  class Early extends (stage.library.WebSocket as unknown as new (
    ...args: unknown[]
  ) => ws.WebSocket) {
    readonly duplex: Duplex;
    constructor(...args: unknown[]) {
      super(...args);
      this.duplex = stage.library.createWebSocketStream(this);
      watchStream(stage, this.duplex);
      void stage.watch(this);
      this.duplex.end('early');
    }
  }
  wss.options.WebSocket = Early as never;
  server.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, () => undefined);
  });
  const client = await stage.ask(await stage.listen(server));
  stage.saw(await client.words(), (await client.close()).code);
  const [socket] = wss.clients;
  client.send(clientClose(1000));
  client.finish();
  await ended(socket!);
  await turns();
};
PROGRAMS['paused while the peer sends and closes'] = async (stage) => {
  const { client, socket } = await stage.open();
  const closed = stage.watch(socket);
  socket.pause();
  for (let i = 0; i < 5; i++) client.send(clientFrame({ opcode: 1, payload: `message ${i}` }));
  client.send(clientClose(1000, 'done'));
  client.finish();
  await turns(50);
  socket.resume();
  await closed;
  const withoutState = stage.log.map((line) => (line as unknown[]).slice(0, -1));
  stage.log.splice(0, Infinity, ...withoutState);
};
for (const count of [1, 5000]) {
  PROGRAMS[`paused while it closes, and ${count} messages come after that`] = async (stage) => {
    const { client, socket } = await stage.open();
    const closed = stage.watch(socket);
    socket.pause();
    socket.close();
    await turns(5);
    const late = Array.from({ length: count }, (_, i) =>
      clientFrame({ opcode: 1, payload: `message ${i} ${'x'.repeat(100)}` }),
    );
    client.send(Buffer.concat([...late, clientClose(1000, 'done')]));
    await turns(50);
    stage.saw(socket.isPaused);
    socket.resume();
    await eventually('the messages', () => stage.log.length > count);
    client.finish();
    await closed;
    const withoutState = stage.log.map((line) => [line].flat().slice(0, 3));
    stage.log.splice(0, Infinity, ...withoutState);
  };
}
PROGRAMS['stream: a slow reader while the peer sends and closes'] = async (stage) => {
  const { client, duplex, socket } = await streamed(stage, { readableHighWaterMark: 10 });
  for (let i = 0; i < 20; i++)
    client.send(clientFrame({ opcode: 1, payload: `message number ${i}` }));
  client.send(clientClose(1000, 'done'));
  client.finish();
  await turns(50);
  stage.saw(socket.isPaused);
  stage.log.length = 0;
  let bytes = '';
  for await (const chunk of duplex) {
    bytes += String(chunk);
    await turns(2);
  }
  stage.log.length = 0;
  stage.saw(bytes);
};
PROGRAMS['stream: a slow reader while the peer sends and goes'] = async (stage) => {
  const { client, duplex } = await streamed(stage, { readableHighWaterMark: 10 });
  for (let i = 0; i < 20; i++)
    client.send(clientFrame({ opcode: 1, payload: `message number ${i}` }));
  client.finish();
  await turns(50);
  let bytes = '';
  for await (const chunk of duplex) {
    bytes += String(chunk);
    await turns(2);
  }
  stage.log.length = 0;
  stage.saw(bytes);
};
PROGRAMS['stream: a pipe of many bytes'] = async (stage) => {
  const { client, duplex } = await streamed(stage);
  for (let i = 0; i < 200; i++)
    client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(10_000, i) }));
  client.send(clientClose(1000, 'done'));
  client.finish();
  let length = 0;
  for await (const chunk of duplex) {
    length += (chunk as Buffer).length;
    await turns(1);
  }
  stage.log.length = 0;
  stage.saw(length);
};

// What is not tried above

PROGRAMS['a request and a stream that a program has made'] = async (stage) => {
  const { WebSocketServer, WebSocket } = stage.library;
  const [near, far] = transportPair();
  const wss = new WebSocketServer({ noServer: true });
  const request = {
    method: 'GET',
    url: '/a',
    headers: {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  } as unknown as IncomingMessage;
  far.once('data', (head: Buffer) => {
    stage.saw(String(head));
    // As injectWS of @fastify/websocket does.
    const client = new (WebSocket as unknown as new (...args: unknown[]) => ws.WebSocket)(
      null,
      undefined,
      { isServer: false },
    ) as ws.WebSocket & {
      _isServer: boolean;
      setSocket(socket: Duplex, head: Buffer, options: object): void;
    };
    client._isServer = false;
    void stage.watch(client, 'client');
    client.setSocket(far, Buffer.alloc(0), { maxPayload: 1000 });
    client.send('from the client');
  });
  const socket = await new Promise<ws.WebSocket>((resolve) => {
    wss.handleUpgrade(request, near, Buffer.alloc(0), (webSocket, of) => {
      stage.saw(of === request, (webSocket as unknown as { _socket: unknown })._socket === near);
      resolve(webSocket);
    });
  });
  const closed = stage.watch(socket, 'server');
  await once(socket, 'message');
  socket.send('from the server');
  socket.close(1000, 'bye');
  await closed;
  await turns(10);
};
PROGRAMS['a server that is a subclass'] = async (stage) => {
  class Mine extends stage.library.WebSocketServer {
    override shouldHandle(request: IncomingMessage): boolean {
      stage.saw('shouldHandle', request.url);
      return super.shouldHandle(request) as boolean;
    }
    override handleUpgrade(...args: Parameters<ws.WebSocketServer['handleUpgrade']>): void {
      stage.saw('handleUpgrade', args.length, typeof args[3]);
      super.handleUpgrade(...args);
    }
    override emit(event: string, ...args: unknown[]): boolean {
      stage.saw('emit', event, args.length);
      return super.emit(event, ...args);
    }
  }
  const server = createServer();
  const wss = new Mine({ server, path: '/a' });
  wss.on('connection', () => undefined);
  stage.saw(wss instanceof EventEmitter, wss instanceof stage.library.WebSocketServer);
  const port = await stage.listen(server);
  stage.saw((await (await stage.ask(port, { target: '/a' })).response()).status);
  stage.saw((await (await stage.ask(port, { target: '/b' })).response()).status);
};
for (const options of [
  { port: 0 },
  { port: 0, host: '127.0.0.1' },
  { port: 0, host: '127.0.0.1', backlog: 5 },
  { port: 0, host: undefined, backlog: undefined },
]) {
  PROGRAMS[`listen with ${JSON.stringify(options)}`] = async (stage) => {
    const listen = jest.spyOn(TcpServer.prototype, 'listen');
    const wss = new stage.library.WebSocketServer(options, () => {
      stage.saw('listening');
    });
    const [port, host, backlog] = listen.mock.calls[0] as unknown[];
    listen.mockRestore();
    stage.saw(port, host ?? 'no host', backlog ?? 'no backlog');
    await once(wss, 'listening');
    stage.saw((wss.address() as AddressInfo).address);
    wss.close();
    await once(wss, 'close');
  };
}
const FRAMES: Record<string, [data: string | Buffer, options: object]> = {
  'a text': ['grüße', { opcode: 1, fin: true }],
  bytes: [Buffer.from('abc'), { opcode: 2, fin: true, mask: false, readOnly: true }],
  nothing: ['', { opcode: 1, fin: true }],
  'no bytes': [Buffer.alloc(0), { opcode: 2, fin: true }],
  'a part': ['abc', { opcode: 1 }],
  RSV1: [Buffer.from('abc'), { opcode: 2, fin: true, rsv1: true }],
  'a Ping': ['abc', { opcode: 9, fin: true }],
  '125 bytes': ['x'.repeat(125), { opcode: 1, fin: true }],
  '126 bytes': ['x'.repeat(126), { opcode: 1, fin: true }],
  '65535 bytes': [Buffer.alloc(65_535, 1), { opcode: 2, fin: true }],
  '65536 bytes': [Buffer.alloc(65_536, 1), { opcode: 2, fin: true }],
};
for (const [name, [data, options]] of Object.entries(FRAMES)) {
  PROGRAMS[`Sender.frame of ${name}`] = async (stage) => {
    const { Sender } = stage.library as unknown as typeof hawser;
    const list = Sender.frame(data, options as never);
    stage.saw(Buffer.concat(list).subarray(0, 20).toString('hex'), Buffer.concat(list).length);
    const { socket, client } = await stage.open();
    const { _sender } = socket as unknown as hawser.WebSocket;
    _sender!.sendFrame(list, callbacks(stage, 'sent'));
    stage.saw((await client.frame()).payload.equals(Buffer.from(data)));
    _sender!.sendFrame(list);
    await client.frame();
    await turns();
    socket.close();
    await client.close();
    stage.saw(client.received().map((words) => words.slice(0, 20)));
  };
}
/** A Blob that is not one, as programs have them. */
const blobLike = (read: () => Promise<ArrayBuffer>): Blob =>
  ({
    [Symbol.toStringTag]: 'Blob',
    type: '',
    size: 3,
    stream: () => undefined,
    arrayBuffer: read,
  }) as unknown as Blob;
PROGRAMS['send a Blob, and more after it'] = async (stage) => {
  const { socket, client } = await stage.open();
  let answer: ((bytes: ArrayBuffer) => void) | undefined;
  socket.send(
    blobLike(() => new Promise((resolve) => (answer = resolve))) as never,
    callbacks(stage, 'blob'),
  );
  socket.send('after it', callbacks(stage, 'text'));
  socket.ping('and a Ping', false, callbacks(stage, 'ping'));
  socket.close(1000, 'bye');
  await turns();
  stage.saw(client.received(), socket.readyState);
  answer!(new Uint8Array([97, 98, 99]).buffer);
  await client.close();
  await turns();
  stage.saw(client.received());
};
/** Which messages are compressed, by the options and by what the client offers. */
const THRESHOLDS: [options: object, offer: string][] = [
  [{}, ''],
  [{ threshold: 10 }, ''],
  [{ serverNoContextTakeover: true }, '; server_no_context_takeover'],
  [{ serverNoContextTakeover: true, threshold: 100 }, '; server_no_context_takeover'],
  [{ threshold: 0 }, '; server_no_context_takeover'],
  [{}, '; server_no_context_takeover'],
  [{ clientNoContextTakeover: true }, '; client_no_context_takeover'],
];
for (const [perMessageDeflate, offer] of THRESHOLDS) {
  PROGRAMS[`compress with ${JSON.stringify(perMessageDeflate)}, offered${offer}`] = async (
    stage,
  ) => {
    const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate${offer}` };
    const { socket, client } = await stage.open({ perMessageDeflate }, { headers });
    const sizes = [20, 99, 100, 1023, 1024, 5000];
    for (const size of sizes) socket.send('x'.repeat(size));
    for (const size of sizes) socket.send(Buffer.alloc(size), { compress: true });
    for (const size of sizes) socket.send(Buffer.alloc(size), { compress: false });
    for (let i = 0; i < 3 * sizes.length; i++) stage.saw((await client.frame()).rsv);
  };
}
/** Options of compression, and what a client offers. Offers that the options exclude are among the differences. */
const NEGOTIATIONS: [options: object, ...offers: string[]][] = [
  [
    { serverNoContextTakeover: true },
    '; server_no_context_takeover',
    '; server_no_context_takeover; client_max_window_bits',
  ],
  [{ serverNoContextTakeover: false }, '', '; client_no_context_takeover'],
  [
    { clientNoContextTakeover: true },
    '',
    '; client_no_context_takeover',
    '; client_max_window_bits=10',
  ],
  [{ clientNoContextTakeover: false }, '', '; client_no_context_takeover'],
  [{ serverMaxWindowBits: 10 }, '; server_max_window_bits=10', '; server_max_window_bits=12'],
  [{ serverMaxWindowBits: true }, '', '; server_max_window_bits=9'],
  [{ serverMaxWindowBits: false }, '', '; client_max_window_bits'],
  [
    { clientMaxWindowBits: 10 },
    '; client_max_window_bits',
    '; client_max_window_bits=10',
    '; client_max_window_bits=12',
  ],
  [{ clientMaxWindowBits: true }, '', '; client_max_window_bits', '; client_max_window_bits=9'],
  [{ clientMaxWindowBits: false }, '', '; client_max_window_bits'],
  [
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 9,
    },
    '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=9',
  ],
  [{ threshold: 0, level: 1, memLevel: 9, unknown: 1 }, ''],
];
for (const [perMessageDeflate, ...offers] of NEGOTIATIONS) {
  for (const offer of offers) {
    PROGRAMS[`negotiate with ${JSON.stringify(perMessageDeflate)}: ${offer}`] = async (stage) => {
      const { port } = await stage.serve({ perMessageDeflate });
      const headers = { 'Sec-WebSocket-Extensions': `permessage-deflate${offer}` };
      const response = await (await stage.ask(port, { headers })).response();
      // Their order means nothing.
      const parameters = response.header('sec-websocket-extensions')?.split('; ').sort();
      stage.saw(response.status, parameters ?? 'none');
    };
  }
}

it.each(Object.entries(PROGRAMS))('%s', async (_name, program) => {
  const expected = await play(ws, program);
  expect(expected).not.toEqual([]);
  expect(await play(hawser, program)).toEqual(expected);
});

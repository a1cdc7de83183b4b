import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { takeSocket } from '../../../../src/server/http1/taken-sockets.js';
import { UpgradeDispatcher } from '../../../../src/server/http1/upgrade-dispatcher.js';
import type { UpgradeEndpoint } from '../../../../src/server/upgrade-endpoint.js';
import { type RequestParts, upgradeRequest } from '../../../support/raw-client.js';
import {
  ask,
  connect,
  eventually,
  fakeRequest,
  HandClock,
  listen,
  settle,
  transportPair,
} from '../../../support/server.js';

/** An endpoint that writes down what it is told and answers in one word. */
class FakeEndpoint implements UpgradeEndpoint {
  isClosed = false;
  ownsServer = false;
  heardListening = 0;
  readonly upgradeTimeout = 1000;
  readonly clock = new HandClock();
  readonly deadlines = new Deadlines(this.clock);
  readonly errors: unknown[] = [];
  readonly hints: unknown[] = [];
  readonly name: string;
  readonly path: UpgradeEndpoint['path'];

  constructor(name: string, path?: string | ((path: string) => boolean)) {
    this.name = name;
    this.path = path;
  }

  matches(path: string): boolean {
    if (typeof this.path === 'function') return (this.path as (path: string) => boolean)(path);
    return this.path === undefined || this.path === path;
  }

  handle(_request: IncomingMessage, socket: Duplex, head: Buffer): void {
    answer(socket, 200, `${this.name}${head.length > 0 ? ` head ${String(head)}` : ''}`);
  }

  reject(_request: IncomingMessage, socket: Duplex, error: unknown, hint?: string): void {
    if (error instanceof UpgradeRejection) {
      this.hints.push(hint);
      const { status, headers } = error;
      answer(socket, status, [this.name, ...Object.values(headers).map(String)].join(' '));
    } else {
      this.errors.push(error);
      answer(socket, 500, this.name);
    }
  }

  hint(message: string): void {
    this.hints.push(message);
  }

  listening(): void {
    this.heardListening++;
  }
}

function answer(socket: Duplex, status: number, body: string): void {
  socket.end(
    `HTTP/1.1 ${String(status)} X\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`,
  );
}

async function setUp(...endpoints: FakeEndpoint[]): Promise<{ server: Server; port: number }> {
  const server = createServer();
  for (const endpoint of endpoints) UpgradeDispatcher.of(server).add(endpoint);
  return { server, port: await listen(server) };
}

/** Status and body of the answer. */
async function answerTo(port: number, parts: RequestParts = {}): Promise<string> {
  const { status, body } = await (await ask(port, parts)).response();
  return `${String(status)} ${body}`;
}

describe('several servers on one http.Server', () => {
  it('has one dispatcher', () => {
    const server = createServer();
    const dispatcher = UpgradeDispatcher.of(server);
    expect(UpgradeDispatcher.of(server)).toBe(dispatcher);
    expect(server.listenerCount('upgrade')).toBe(2);
    expect(UpgradeDispatcher.of(createServer())).not.toBe(dispatcher);
  });

  it('asks the first that matches, in order of construction, those without a path last', async () => {
    const { port } = await setUp(
      new FakeEndpoint('rest'),
      new FakeEndpoint('letters', (path) => /^\/[a-z]+$/.test(path)),
      new FakeEndpoint('chat', '/chat'),
      new FakeEndpoint('news', '/News'),
      new FakeEndpoint('second rest'),
    );
    expect(await answerTo(port, { target: '/chat?room=1' })).toBe('200 letters');
    expect(await answerTo(port, { target: '/News' })).toBe('200 news');
    expect(await answerTo(port, { target: '/other/path' })).toBe('200 rest');
  });

  it('names the requested path and those of the open servers, if no server has it', async () => {
    const first = new FakeEndpoint('chat', '/chat');
    const closed = new FakeEndpoint('old', '/old');
    const { port } = await setUp(first, closed, new FakeEndpoint('picky', () => false));
    closed.isClosed = true;
    expect(await answerTo(port, { target: '/x?y' })).toBe('404 chat');
    expect(await answerTo(port, { headers: { Upgrade: 'h2c' } })).toBe('426 chat websocket');
    expect(first.hints).toEqual([
      'rejected path "/x": no WebSocket is served there; option path is "/chat", what a function decides',
      undefined,
    ]);
  });

  it('passes on the bytes that came after the request', async () => {
    const { port } = await setUp(new FakeEndpoint('a'));
    const client = await connect(port);
    client.send(`${upgradeRequest()}early`);
    expect((await client.response()).body).toBe('a head early');
  });

  it('lets the first say that a target is not a path', async () => {
    const never = (): never => {
      throw new Error('asked for an invalid path');
    };
    const { port } = await setUp(new FakeEndpoint('first', never), new FakeEndpoint('second'));
    expect(await answerTo(port, { target: '*' })).toBe('200 first');
  });

  it('takes a request without a target for one that is not a path', () => {
    const server = createServer();
    const endpoint = new FakeEndpoint('first');
    const handle = jest.spyOn(endpoint, 'handle').mockImplementation();
    UpgradeDispatcher.of(server).add(endpoint);
    const request = Object.assign(fakeRequest(), { url: undefined });
    server.emit('upgrade', request, transportPair()[0], Buffer.alloc(0));
    expect(handle).toHaveBeenCalledTimes(1);
  });

  it('is rejected by the endpoint whose path predicate throws, and no other is asked', async () => {
    const mistake = new Error('a mistake in the predicate');
    const broken = new FakeEndpoint('broken', () => {
      throw mistake;
    });
    const { port } = await setUp(broken, new FakeEndpoint('rest'));
    expect(await answerTo(port, { target: '/x' })).toBe('500 broken');
    expect(broken.errors).toEqual([mistake]);
  });
});

describe('a closed server', () => {
  it('still answers where no open one does', async () => {
    const [closed, open] = [new FakeEndpoint('closed', '/a'), new FakeEndpoint('open', '/b')];
    closed.isClosed = true;
    const { port } = await setUp(closed, open);
    expect(await answerTo(port, { target: '/a' })).toBe('200 closed');
    expect(await answerTo(port, { target: '/b' })).toBe('200 open');
  });

  it('comes after every open one', async () => {
    const [closed, rest] = [new FakeEndpoint('closed', '/a'), new FakeEndpoint('rest')];
    const { port } = await setUp(closed, rest);
    expect(await answerTo(port, { target: '/a' })).toBe('200 closed');
    closed.isClosed = true;
    expect(await answerTo(port, { target: '/a' })).toBe('200 rest');
  });

  it('is asked no more once it is removed, and the last one takes the listeners with it', async () => {
    const [first, second] = [new FakeEndpoint('first', '/a'), new FakeEndpoint('second', '/b')];
    const { server, port } = await setUp(first, second);
    const dispatcher = UpgradeDispatcher.of(server);
    expect([first.heardListening, second.heardListening]).toEqual([1, 1]);
    dispatcher.remove(first);
    expect(await answerTo(port, { target: '/a' })).toBe('404 second');
    const before = createServer();
    dispatcher.remove(second);
    for (const event of ['upgrade', 'listening', 'newListener']) {
      expect(server.listenerCount(event)).toBe(before.listenerCount(event));
    }
    expect(UpgradeDispatcher.of(server)).not.toBe(dispatcher);
  });
});

describe('a request that no server serves', () => {
  it('is rejected with 404 when there is no other upgrade listener', async () => {
    const { port } = await setUp(new FakeEndpoint('a', '/a'));
    expect(await answerTo(port, { target: '/x' })).toBe('404 a');
  });

  it('is rejected with 426 if it is not for websocket and there is no application', async () => {
    const { server, port } = await setUp(new FakeEndpoint('a', '/a'), new FakeEndpoint('b'));
    const headers = { Upgrade: 'h2c' };
    expect(await answerTo(port, { headers })).toBe('426 a websocket');
    server.on('request', (_request, response) => response.end('the API'));
    expect(await answerTo(port, { headers })).toBe('200 the API');
    server.maxHeadersCount = 5; // Node drops headers after these
    expect(await answerTo(port, { headers })).toBe('431 a');
  });

  it('is rejected with 426 on a server of our own, whose request listener is ours', async () => {
    const endpoint = new FakeEndpoint('a');
    endpoint.ownsServer = true;
    const { server, port } = await setUp(endpoint);
    server.on('request', (_request, response) => response.end('never'));
    expect(await answerTo(port, { target: '/x', headers: { Upgrade: 'h2c' } })).toBe(
      '426 a websocket',
    );
  });

  it.each([
    ['at another path', { target: '/x' }],
    ['to another protocol', { target: '/a', headers: { Upgrade: 'h2c' } }],
  ])('is left to other listeners when it is %s', async (_name, parts) => {
    const { server, port } = await setUp(new FakeEndpoint('a', '/a'));
    let left: Duplex | undefined;
    server.on('upgrade', (_request, socket) => (left ??= socket));
    const client = await ask(port, parts);
    await eventually('the other listener', () => left !== undefined);
    expect(await answerTo(port, { target: '/a' })).toBe('200 a'); // it had its turn
    expect([left?.destroyed, (left as Socket).bytesWritten]).toEqual([false, 0]);
    answer(left!, 200, 'other');
    expect((await client.response()).body).toBe('other');
  });

  it.each([
    [
      'at another path, with 404',
      { target: '/x' },
      '404 a',
      `rejected path "/x": no WebSocket is served there; option path is "/a"; no other 'upgrade' listener has answered within 1000 ms`,
    ],
    [
      'to another protocol, with 426',
      { target: '/a', headers: { Upgrade: 'h2c' } },
      '426 a websocket',
      `rejected an upgrade to "h2c": only WebSockets are served here; no other 'upgrade' listener has answered within 1000 ms`,
    ],
  ])(
    'is rejected after upgradeTimeout if no listener has used it: %s',
    async (_name, parts, expected, hint) => {
      const endpoint = new FakeEndpoint('a', '/a');
      const { server, port } = await setUp(endpoint);
      const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
      server.on('upgrade', () => undefined);
      const client = await ask(port, parts);
      const [, socket] = await seen;
      endpoint.clock.advance(999);
      expect([socket.destroyed, socket.bytesWritten]).toEqual([false, 0]);
      endpoint.clock.advance(1);
      const { status, body } = await client.response();
      expect(`${String(status)} ${body}`).toBe(expected);
      expect(endpoint.hints).toEqual([hint]);
    },
  );

  it.each([
    ['before upgradeTimeout', true],
    ['after it', false],
  ])(
    'is rejected although the response to an earlier request is written meanwhile, which ends %s',
    async (_when, isEarly) => {
      const endpoint = new FakeEndpoint('a', '/a');
      const { server, port } = await setUp(endpoint);
      const responses: ServerResponse[] = [];
      server.on('request', (_request, response) => responses.push(response));
      const seen = once(server, 'upgrade');
      server.on('upgrade', () => undefined);
      const client = await connect(port);
      let received = '';
      client.socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
      const first = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
      client.send(first + upgradeRequest({ target: '/x' }));
      await seen;
      responses[0]!.write('one');
      if (isEarly) responses[0]!.end('two');
      await eventually('its bytes', () => received.includes(isEarly ? '0\r\n\r\n' : 'one'));
      endpoint.clock.advance(1000);
      expect(endpoint.hints).toHaveLength(1);
      await eventually('the rejection', () => received.includes('HTTP/1.1 404 '));
    },
  );

  it('is destroyed after upgradeTimeout if all our servers have closed meanwhile', async () => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    server.on('upgrade', () => undefined);
    const client = await ask(port, { target: '/x' });
    const [, socket] = await seen;
    UpgradeDispatcher.of(server).remove(endpoint);
    endpoint.clock.advance(1000);
    expect(socket.destroyed).toBe(true);
    await client.ended();
    expect(endpoint.hints).toEqual([]);
  });

  it.each([
    ['at another path', { target: '/x' }],
    ['to another protocol', { target: '/a', headers: { Upgrade: 'h2c' } }],
  ])(
    'is left to a one-off listener before us when it is %s, and the next one is not',
    async (_name, parts) => {
      const server = createServer();
      const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
      UpgradeDispatcher.of(server).add(new FakeEndpoint('a', '/a'));
      const port = await listen(server);
      const client = await ask(port, parts);
      const [, socket] = await seen;
      expect(await answerTo(port, parts)).toMatch(/^4(04|26) a/);
      answer(socket, 200, 'one-off');
      expect((await client.response()).body).toBe('one-off');
    },
  );

  it.each<[string, (socket: Duplex) => unknown]>([
    ['written to it', (socket) => socket.write('HTTP/1.1 101 X\r\n\r\n')],
    ['begun to read it', (socket) => socket.resume()],
    ["listened for 'readable'", (socket) => socket.on('readable', () => undefined)],
    ['corked a write', (socket) => (socket.cork(), socket.write('x'))],
  ])(
    'is not touched by us once another listener has %s, however long it takes',
    async (_n, touch) => {
      const endpoint = new FakeEndpoint('a', '/a');
      const { server, port } = await setUp(endpoint);
      server.on('upgrade', (_request, socket: Duplex) => touch(socket));
      const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
      await ask(port, { target: '/x' });
      const [, socket] = await seen;
      const { bytesWritten } = socket;
      endpoint.clock.advance(10_000);
      expect([socket.destroyed, socket.bytesWritten]).toEqual([false, bytesWritten]);
    },
  );

  it.each([
    ['at another path, with a line in the log', { target: '/x' }, [/^path "\/x" is left without/]],
    ['to another protocol, without one', { headers: { Upgrade: 'h2c' } }, []],
  ])(
    'is left without an answer where another listener reads it and writes nothing: %s',
    async (_name, parts, hints) => {
      const endpoint = new FakeEndpoint('a', '/a');
      const { server, port } = await setUp(endpoint);
      server.on('upgrade', (_request, socket: Duplex) => socket.on('data', () => undefined));
      const seen = once(server, 'upgrade');
      await ask(port, parts);
      await seen;
      endpoint.clock.advance(10_000);
      expect(endpoint.hints).toEqual(
        hints.map((hint) => expect.stringMatching(hint) as unknown as string),
      );
    },
  );

  it('has no line in the log where another listener reads it and all our servers have closed', async () => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    server.on('upgrade', (_request, socket: Duplex) => socket.on('data', () => undefined));
    const seen = once(server, 'upgrade');
    await ask(port, { target: '/x' });
    await seen;
    UpgradeDispatcher.of(server).remove(endpoint);
    endpoint.clock.advance(10_000);
    expect(endpoint.hints).toEqual([]);
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ['paused it', (socket) => socket.pause()],
    ['set its timers', (socket) => socket.setTimeout(0).setNoDelay(true).setKeepAlive(true)],
    ['listened for its end', (socket) => socket.on('end', () => undefined).on('error', () => 0)],
    ['looked at its counter', (socket) => socket.on('close', () => socket.bytesRead)],
  ])('is rejected after upgradeTimeout where another listener has only %s', async (_n, look) => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    server.on('upgrade', (_request, socket: Socket) => look(socket));
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    const client = await ask(port, { target: '/x' });
    await seen;
    endpoint.clock.advance(1000);
    client.finish();
    expect((await client.response()).status).toBe(404);
  });

  it('is left to a listener that has given it to handleUpgrade', async () => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    server.on('upgrade', (request, socket: Duplex) => {
      takeSocket(request, socket);
    });
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    await ask(port, { target: '/x' });
    const [, socket] = await seen;
    endpoint.clock.advance(10_000);
    expect(socket.destroyed).toBe(false);
  });

  it('leaves no deadline when its client has left', async () => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    server.on('upgrade', (_request, socket: Duplex) => socket.resume());
    const client = await ask(port, { target: '/x' });
    await eventually('the deadline', () => endpoint.clock.timers.size === 1);
    client.reset();
    await eventually('its end', () => endpoint.clock.timers.size === 0);
    expect(client.frames).toEqual([]);
  });

  it('may also have been ended by another listener meanwhile', async () => {
    const endpoint = new FakeEndpoint('a', '/a');
    const { server, port } = await setUp(endpoint);
    server.on('upgrade', (_request, socket: Duplex) => socket.end());
    const client = await ask(port, { target: '/x' });
    expect(await client.ended()).toBe('end');
    endpoint.clock.advance(10_000);
    expect(client.ending).toBe('end');
  });
});

describe('a request that another listener has answered', () => {
  const ways: [string, (socket: Duplex) => unknown][] = [
    ['answered', (socket) => answer(socket, 200, 'other')],
    ['written to', (socket) => socket.write('HTTP/1.1 200 X\r\nContent-Length: 5\r\n\r\nother')],
    ['destroyed', (socket) => socket.destroy()],
    ['ended', (socket) => socket.end()],
  ];

  it.each(ways)('is not ours when it was %s by a listener before us', async (_name, act) => {
    const server = createServer();
    server.on('upgrade', (_request, socket: Duplex) => act(socket));
    const endpoint = new FakeEndpoint('a');
    const handle = jest.spyOn(endpoint, 'handle');
    UpgradeDispatcher.of(server).add(endpoint);
    const seen = once(server, 'upgrade');
    await ask(await listen(server));
    await seen;
    expect(handle).not.toHaveBeenCalled();
  });

  it('is not ours when something waits to be written, on a transport that does not count', () => {
    const server = createServer();
    const endpoint = new FakeEndpoint('a');
    const handle = jest.spyOn(endpoint, 'handle').mockImplementation();
    server.on('upgrade', (_request, socket: Duplex) => {
      socket.cork();
      socket.write('x');
    });
    UpgradeDispatcher.of(server).add(endpoint);
    server.emit('upgrade', fakeRequest(), transportPair()[0], Buffer.alloc(0));
    expect(handle).not.toHaveBeenCalled();
  });

  it.each<[string, (socket: Socket) => unknown]>([
    ["listens for 'data'", (socket) => socket.on('data', () => undefined)],
    ["listens for 'readable'", (socket) => socket.on('readable', () => undefined)],
    ['pauses', (socket) => socket.pause()],
    ['resumes', (socket) => socket.resume()],
    ['sets timers', (socket) => socket.setTimeout(1000).setNoDelay(true)],
  ])('is ours when a listener before us %s', async (_name, look) => {
    const server = createServer();
    server.on('upgrade', (_request, socket: Socket) => look(socket));
    UpgradeDispatcher.of(server).add(new FakeEndpoint('a'));
    expect(await answerTo(await listen(server))).toBe('200 a');
  });

  it.each(ways)(
    'is not ours when it was %s by a listener that was prepended later',
    async (_name, act) => {
      const endpoint = new FakeEndpoint('a');
      const { server, port } = await setUp(endpoint);
      const handle = jest.spyOn(endpoint, 'handle');
      server.prependListener('upgrade', (_request, socket: Duplex) => act(socket));
      const seen = once(server, 'upgrade');
      await ask(port);
      await seen;
      expect(handle).not.toHaveBeenCalled();
    },
  );

  it('moves before a prepended listener once, and leaves those that were only added where they are', async () => {
    const { server } = await setUp(new FakeEndpoint('a'));
    const [ours, dispatch] = server.listeners('upgrade');
    const [prepended, added] = [jest.fn(), jest.fn()];
    server.prependListener('upgrade', prepended).on('upgrade', added);
    await settle();
    expect(server.listeners('upgrade')).toEqual([ours, prepended, dispatch, added]);
    server.off('upgrade', prepended).prependListener('upgrade', prepended);
    await settle();
    expect(server.listeners('upgrade')).toEqual([prepended, ours, dispatch, added]);
  });

  it('comes to an end where another listener wants to be the first, too', async () => {
    const { server } = await setUp(new FakeEndpoint('a'));
    const wantsToBeFirst = jest.fn();
    let moves = 0;
    server.on('newListener', (event) => {
      if (event !== 'upgrade') return;
      process.nextTick(() => {
        if (server.listeners('upgrade')[0] === wantsToBeFirst) return;
        moves++;
        server.off('upgrade', wantsToBeFirst).prependListener('upgrade', wantsToBeFirst);
      });
    });
    server.prependListener('upgrade', wantsToBeFirst);
    await settle();
    expect([moves, server.listeners('upgrade')[0]]).toEqual([1, wantsToBeFirst]);
  });

  it('stays detached when a listener is added before it is removed', async () => {
    const endpoint = new FakeEndpoint('a');
    const { server } = await setUp(endpoint);
    const prepended = jest.fn();
    server.prependListener('upgrade', prepended);
    UpgradeDispatcher.of(server).remove(endpoint);
    await settle();
    expect(server.listeners('upgrade')).toEqual([prepended]);
  });

  it('is routed once where another listener has emitted the event again', async () => {
    const server = createServer();
    let again = false;
    server.on('upgrade', (...args) => {
      if (again) return;
      again = true;
      server.emit('upgrade', ...args);
    });
    const endpoint = new FakeEndpoint('a');
    const handle = jest.spyOn(endpoint, 'handle').mockImplementation();
    UpgradeDispatcher.of(server).add(endpoint);
    const seen = once(server, 'upgrade');
    await ask(await listen(server));
    await seen;
    await settle();
    expect(handle).toHaveBeenCalledTimes(1);
  });

  it('is ours when a listener before us has only looked', async () => {
    const server = createServer();
    const urls: unknown[] = [];
    server.on('upgrade', (request) => urls.push(request.url));
    UpgradeDispatcher.of(server).add(new FakeEndpoint('a'));
    expect(await answerTo(await listen(server), { target: '/x' })).toBe('200 a');
    expect(urls).toEqual(['/x']);
  });

  it('is not confused with earlier answers on the same connection', async () => {
    const server = createServer((_request, response) => response.end('plain'));
    UpgradeDispatcher.of(server).add(new FakeEndpoint('a'));
    const client = await connect(await listen(server));
    client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await client.response();
    let second = '';
    client.socket.on('data', (chunk: Buffer) => (second += chunk.toString()));
    client.send(upgradeRequest());
    await client.ended();
    expect(second).toMatch(/^HTTP\/1\.1 200 X\r\n[^]*\r\na$/);
  });
});

describe('a transport that fails', () => {
  it('is not an uncaught exception, whichever listener has the socket', async () => {
    const { server, port } = await setUp(new FakeEndpoint('a', '/a'));
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Socket]>;
    server.on('upgrade', (_request, socket: Duplex) => socket.resume());
    const client = await ask(port, { target: '/x' });
    const [, socket] = await seen;
    const errors: unknown[] = [];
    socket.on('error', (error) => errors.push((error as NodeJS.ErrnoException).code));
    expect(socket.listenerCount('error')).toBe(2);
    client.reset();
    await new Promise((resolve) => socket.on('close', resolve)); // `once` would throw the error
    expect(errors).toEqual(['ECONNRESET']);
  });
});

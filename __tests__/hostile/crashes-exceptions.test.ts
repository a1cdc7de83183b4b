/**
 * An exception of the application's own listener is the application's: it ends the process as any uncaught
 * exception does, and where the application catches those, the connection continues and loses nothing.
 */
import { Child, type Exit, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import type { RawClient } from '../support/raw-client.js';
import { openSession } from '../support/http2.js';
import { askOn, RESET, VERSIONS } from '../support/versions.js';

afterAll(stopChildren);

const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });

/** What the peer does, by the event that it causes. */
const CAUSES: Record<string, (client: RawClient) => void> = {
  connection: () => {},
  message: (client) => {
    client.send(text('x'));
  },
  frame: (client) => {
    client.send(text('x'));
  },
  ping: (client) => {
    client.send(clientFrame({ opcode: 9 }));
  },
  pong: (client) => {
    client.send(clientFrame({ opcode: 10 }));
  },
  closing: (client) => {
    client.send(clientClose(1000));
  },
  close: (client) => {
    client.send(clientClose(1000));
    client.finish();
  },
  error: (client) => {
    client.send(clientFrame({ opcode: 3 }));
  },
  connectionError: (client) => {
    client.send(clientFrame({ opcode: 3 }));
  },
  drain: (client) => {
    client.send(text('flood me'));
  },
  'the callback of send': (client) => {
    client.send(text('flood me'));
  },
  'a loop over the messages': (client) => {
    client.send(text('x'));
  },
};

/** A server whose listener for `event` throws, and does nothing else. */
const throwingAt = (event: string): string => `
  const wss = new hawser.WebSocketServer(server, { closeTimeout: 60_000 });
  const fail = () => { throw new Error('thrown at ${event}'); };
  wss.on('connection', (conn) => {
    ${event === 'connection' ? 'fail();' : ''}
    ${event === 'a loop over the messages' ? 'void (async () => { for await (const _ of conn) fail(); })(); return;' : ''}
    conn.on('message', (data) => {
      if (data === 'flood me') {
        for (let i = 0; i < 20; i++) {
          conn.send(Buffer.alloc(100_000)${event === 'the callback of send' ? ', fail' : ''});
        }
      }
    });
    ${['message', 'frame', 'ping', 'pong', 'closing', 'close', 'error', 'drain'].includes(event) ? `conn.on('${event}', fail);` : ''}
  });
  ${event === 'connectionError' ? "wss.on('connectionError', fail);" : ''}
`;

describe.each(VERSIONS)('over %s', (version) => {
  describe('an exception ends the process, with its message on stderr, when it is thrown', () => {
    test.each(Object.keys(CAUSES))('at %s', async (event) => {
      const child = await Child.serveOver(version, throwingAt(event));
      const client = await child.request();
      // At 'connection' the process may be gone before the client has read the 101.
      if (event !== 'connection') await client.response();
      CAUSES[event]!(client);
      const exit: Exit = await child.exit;
      expect(exit).toEqual({ code: 1, signal: null });
      expect(child.stderr).toContain(`thrown at ${event}`);
      client.destroy();
    });

    test('at rejected', async () => {
      const child = await Child.serveOver(
        version,
        `
      const wss = new hawser.WebSocketServer(server);
      wss.on('rejected', () => { throw new Error('thrown at rejected'); });
    `,
      );
      const client = await child.request({ headers: { 'Sec-WebSocket-Version': '12' } });
      expect(await child.exit).toEqual({ code: 1, signal: null });
      expect(child.stderr).toContain('thrown at rejected');
      client.destroy();
    });
  });

  describe('an exception of authorize', () => {
    test.each(['', 'async '])(
      'answers 500 without a word of it, goes to the logger, and ends nothing (%sfunction)',
      async (kind) => {
        const child = await Child.serveOver(
          version,
          `
        const wss = new hawser.WebSocketServer(server, {
          authorize: ${kind}() => { throw new Error('the password is swordfish'); },
          logger: { warn() {}, error: (message, cause) => say('logged', message, cause.message) },
        });
        wss.on('rejected', ({ status }) => say('rejected', status));
      `,
        );
        const client = await child.request();
        const { status, body } = await client.response();
        expect([status, body]).toEqual([500, 'Internal Server Error\n']);
        expect(await child.says('logged')).toEqual([
          expect.stringContaining('exception'),
          'the password is swordfish',
        ]);
        expect(await child.says('rejected')).toEqual([500]);
        expect(child.running).toBe(true);
        expect(child.stderr).toBe('');
        client.destroy();
      },
    );

    test('after its client has left is ignored', async () => {
      const child = await Child.serveOver(
        version,
        `
      new hawser.WebSocketServer(server, {
        authorize: async (request, { signal }) => {
          say('asked');
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          say('aborted');
          throw new Error('too late');
        },
      });
      commands.tick = () => new Promise((resolve) => setTimeout(resolve, 20));
    `,
      );
      const client = await child.request();
      await child.says('asked');
      client.reset();
      await child.says('aborted');
      await child.ask('tick');
      expect([child.running, child.stderr]).toEqual([true, '']);
    });
  });

  describe('where the application catches uncaught exceptions', () => {
    /** Every listener throws whenever it is called, after it has told what it was called with. */
    const PROGRAM = `
    process.on('uncaughtException', (error) => say('caught', error.message));
    const wss = new hawser.WebSocketServer(server, { closeTimeout: 4000 });
    const fail = (...words) => { say(...words); throw new Error(words.join(' ')); };
    wss.on('connectionError', (error) => fail('connectionError', error.code));
    wss.on('rejected', ({ status }) => fail('rejected', status));
    wss.on('connection', (conn, { headers }) => {
      conn.on('message', (data) => {
        conn.send('got ' + data);
        fail('message', data);
      });
      for (const event of ['ping', 'pong']) conn.on(event, (payload) => fail(event, String(payload)));
      if (headers['x-closing']) conn.on('closing', (code) => fail('closing', code));
      conn.on('error', (error) => fail('error', error.code));
      conn.on('close', (code, reason, { clean }) => fail('close', code, clean));
      fail('connection');
    });
    commands.open = () => wss.connections.size;
    commands.tick = () => new Promise(setImmediate);
  `;
    let child: Child;
    beforeEach(async () => {
      child = await Child.serveOver(version, PROGRAM);
    });
    afterEach(async () => {
      await child.ask('tick');
      expect([child.running, child.stderr]).toEqual([true, '']);
      // Whatever was thrown has come out, once.
      const thrown = child.said.filter(
        ([word]) => !['caught', 'port', 'answer'].includes(String(word)),
      );
      const caught = child.said.filter(([word]) => word === 'caught').map(([, message]) => message);
      expect(caught.sort()).toEqual(thrown.map((words) => words.join(' ')).sort());
    });

    test('no message is lost, their order is kept, and each is answered', async () => {
      const client = await child.open();
      const words = Array.from({ length: 100 }, (_, i) => `word ${String(i)}`);
      const bytes = Buffer.concat(words.map(text));
      client.send(bytes.subarray(0, 700));
      await client.frame();
      client.send(bytes.subarray(700));
      await child.saysTimes(100, 'message');
      expect(child.said.filter(([word]) => word === 'message').map(([, data]) => data)).toEqual(
        words,
      );
      client.send(clientClose(1000));
      expect((await client.close()).code).toBe(1000);
      expect(client.frames.slice(0, -1).map(({ payload }) => String(payload))).toEqual(
        words.map((word) => `got ${word}`),
      );
      client.finish();
      expect(await child.says('close')).toEqual([1000, true]);
    });

    test('messages, pings and pongs mixed in one packet all arrive, and the pings are answered', async () => {
      const client = await child.open();
      client.send(
        Buffer.concat([
          text('a'),
          clientFrame({ opcode: 9, payload: '1' }),
          clientFrame({ opcode: 10, payload: '2' }),
          text('b'),
          clientFrame({ opcode: 9, payload: '3' }),
          clientClose(4000),
        ]),
      );
      client.finish();
      expect(await child.says('close')).toEqual([4000, true]);
      expect(child.said.filter(([word]) => /message|ping|pong/.test(String(word)))).toEqual([
        ['message', 'a'],
        ['ping', '1'],
        ['pong', '2'],
        ['message', 'b'],
        ['ping', '3'],
      ]);
      await client.ended();
      expect(client.received().map((words) => words.split(' ')[0])).toEqual([
        'text',
        'pong',
        'text',
        'pong',
        'close',
      ]);
    });

    test('frames in the same packet as the handshake are not lost to a throwing connection listener', async () => {
      const client = await child.request({}, text('early'), text('too'));
      await child.says('message', 'too');
      expect(child.said.slice(1).filter(([word]) => word !== 'caught')).toEqual([
        ['connection'],
        ['message', 'early'],
        ['message', 'too'],
      ]);
      client.reset();
      await child.says('close');
    });

    test('a failed connection still sends its Close, and closes once', async () => {
      const client = await child.open();
      client.send(Buffer.concat([text('before'), clientFrame({ opcode: 3 }), text('after')]));
      expect((await client.close()).code).toBe(1002);
      client.finish();
      expect(await client.ended()).toBe('end');
      expect(await child.says('close')).toEqual([1002, false]);
      expect(await child.says('connectionError')).toEqual(['ERR_RESERVED_OPCODE']);
      expect(child.said).not.toContainEqual(['message', 'after']);
      expect(await child.ask('open')).toBe(0);
    });

    test('a reset connection still closes', async () => {
      const client = await child.open();
      client.reset();
      expect(await child.says('close')).toEqual([1006, false]);
      expect(await child.says('connectionError')).toEqual([RESET[version]]);
      expect(await child.ask('open')).toBe(0);
    });

    if (version === 'HTTP/2') {
      test('all connections of a session that is lost still close', async () => {
        const session = await openSession(child.port);
        const clients = [1, 2, 3].map(() => askOn(session, {}));
        for (const client of clients) await client.response();
        session.destroy();
        await child.saysTimes(3, 'close', 1006, false);
        expect(child.said.filter(([word]) => word === 'connectionError')).toHaveLength(3);
        expect(await child.ask('open')).toBe(0);
      });
    }

    test('a listener that throws instead of answering a Close is answered for', async () => {
      const client = await child.open({ headers: { 'X-Closing': '1' } });
      client.send(clientClose(4001));
      expect((await client.close()).code).toBe(4001);
      client.finish();
      expect(await child.says('close')).toEqual([4001, true]);
    });

    test('a refusal is still sent', async () => {
      const client = await child.request({ headers: { 'Sec-WebSocket-Version': '12' } });
      const status = version === 'HTTP/1.1' ? 426 : 400; // 426 tells to upgrade, which HTTP/2 has not
      expect((await client.response()).status).toBe(status);
      expect(await client.ended()).toBe('end');
      await child.says('rejected', status);
      client.destroy();
    });
  });
});

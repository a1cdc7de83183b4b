/* eslint jest/expect-expect: off -- what each test has to leave behind is asserted after it */
/** Peers that reset, or end their half, at every moment of a connection's life (CVE-2022-41940). */
import { setTimeout as delay } from 'node:timers/promises';
import { Child, stopChildren } from '../support/child.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { RawClient, type RequestParts, upgradeRequest } from '../support/raw-client.js';
import { connectFrame, RawSession } from '../support/raw-http2.js';
import { ACCEPTED, RESET, VERSIONS } from '../support/versions.js';

/** Reports every event about the end of a connection; `x-…` headers choose its behaviour. */
const PROGRAM = `
  const options = {
    maxBufferedAmount: Infinity,
    authorize: async (request, { signal }) => {
      const context = request.headers['x-case'];
      if (request.headers['x-wait'] === undefined) return { context };
      say('asked', context);
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve);
        commands.admit = resolve;
      });
      say(signal.aborted ? 'aborted' : 'admitted', context);
      return { context };
    },
  };
  const servers = [
    new hawser.WebSocketServer(server, { ...options, path: '/hasty', closeTimeout: 300 }),
    new hawser.WebSocketServer(server, { ...options, closeTimeout: 60_000 }),
  ];
  for (const wss of servers) wss.on('rejected', ({ status }) => say('rejected', status));
  for (const wss of servers) wss.on('connection', (conn, request) => {
    const { context } = conn;
    say('open', context);
    conn.on('message', (data) => {
      say('message', context, data.length);
      if (data === 'close me') void conn.close(4000, 'as you wish').then(({ clean }) => say('resolved', context, clean));
      if (data === 'flood me') {
        for (let i = 0; i < 200; i++) {
          conn.send(Buffer.alloc(100_000), (error) => say('sent', context, error?.code ?? 'ok'));
        }
        say('flooding', context);
      }
    });
    if (request.headers['x-slow-reply'] !== undefined) conn.on('closing', (code) => say('closing', context, code));
    conn.on('close', (code, reason, { clean, initiator, cause }) => {
      say('close', context, code, clean, initiator, cause?.code ?? null);
    });
  });
  server.on('clientError', (error, socket) => {
    say('clientError');
    socket.destroy();
  });
  commands.open = () => servers.reduce((sum, { connections }) => sum + connections.size, 0);
`;

describe.each(VERSIONS)('over %s', (version) => {
  let child: Child;
  beforeAll(async () => {
    child = await Child.serveOver(version, PROGRAM);
  });
  afterAll(stopChildren);

  let count = 0;
  let id: string;
  beforeEach(() => {
    id = `case ${String(++count)}`;
  });
  afterEach(async () => {
    await child.expectAlive();
    // Each connection has closed once, and the server keeps no reference to it.
    if (child.said.some(([word, of]) => word === 'open' && of === id))
      await child.says('close', id);
    while ((await child.ask<number>('open')) > 0) await delay(10);
    expect(child.said.filter(([word, of]) => word === 'close' && of === id).length).toBe(
      child.said.filter(([word, of]) => word === 'open' && of === id).length,
    );
    expect(child.stderr).toBe('');
  });

  const partsOf = (headers: Record<string, string> = {}, target = '/'): RequestParts => ({
    target,
    headers: { 'X-Case': id, ...headers },
  });
  const request = (headers?: Record<string, string>, ...early: Buffer[]): Promise<RawClient> =>
    child.request(partsOf(headers), ...early);
  const open = (headers?: Record<string, string>): Promise<RawClient> =>
    child.open(partsOf(headers));
  const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });

  const BY_RESET = [1006, false, 'transport', RESET[version]];
  const NO_CLOSE = [1006, false, 'transport', 'ERR_TRANSPORT_ENDED'];

  describe('a reset', () => {
    test.each(
      version === 'HTTP/1.1'
        ? [
            ['in the middle of the request line', 'GET / HT'],
            ['before the headers end', upgradeRequest().slice(0, -2)],
          ]
        : [
            ['in the middle of the HEADERS frame', connectFrame(1).subarray(0, 20)],
            ['of the socket right after the HEADERS frame', connectFrame(1)],
          ],
    )('%s', async (_where, bytes) => {
      if (version === 'HTTP/1.1') {
        const client = await RawClient.connect(child.port);
        client.send(bytes);
        await delay(20);
        client.reset();
      } else {
        const { socket } = await RawSession.open(child.port, bytes as Buffer);
        await delay(20);
        socket.resetAndDestroy();
      }
    });

    test('right after the request', async () => {
      const client = await request();
      client.reset();
      await delay(50);
    });

    test('while authorize runs: its signal aborts and nothing is opened', async () => {
      const client = await request({ 'X-Wait': '1' });
      await child.says('asked', id);
      client.reset();
      await child.says('aborted', id);
      await delay(20);
      expect(child.said).not.toContainEqual(['open', id]);
    });

    test('while authorize runs, with frames sent early', async () => {
      const client = await request({ 'X-Wait': '1' }, text('early'));
      await child.says('asked', id);
      client.send(text('more'));
      client.reset();
      await child.says('aborted', id);
    });

    test('between the answer and the first frame', async () => {
      const client = await open();
      client.reset();
      expect(await child.says('close', id)).toEqual(BY_RESET);
    });

    test.each([
      ['in a frame header', clientFrame({ opcode: 2, payload: Buffer.alloc(300) }).subarray(0, 3)],
      ['in a payload', clientFrame({ opcode: 2, payload: Buffer.alloc(300) }).subarray(0, 100)],
      ['between fragments', clientFrame({ opcode: 1, fin: false, payload: 'half' })],
    ])('%s', async (_where, bytes) => {
      const client = await open();
      client.send(bytes);
      await delay(20);
      client.reset();
      // libuv tells of a reset as an end where bytes that came before it were not read yet.
      expect([BY_RESET, NO_CLOSE]).toContainEqual(await child.says('close', id));
      expect(child.said).not.toContainEqual(['message', id, expect.anything()]);
    });

    test('after our Close: the promise of close() resolves, not clean', async () => {
      const client = await open();
      client.send(text('close me'));
      await client.close();
      client.reset();
      expect(await child.says('close', id)).toEqual([1006, false, 'local', RESET[version]]);
      expect(await child.says('resolved', id)).toEqual([false]);
    });

    test('right after its own Close', async () => {
      const client = await open();
      client.send(clientClose(1000));
      client.reset();
      // The kernel decides which is read first: the Close, or the reset that overtook it.
      const [code] = await child.says('close', id);
      expect([1000, 1006]).toContain(code);
    });

    test('while the application thinks about its answer to the Close', async () => {
      const client = await open({ 'X-Slow-Reply': '1' });
      client.send(clientClose(4001));
      await child.says('closing', id);
      client.reset();
      const [code, clean] = await child.says('close', id);
      expect([code, clean]).toEqual([4001, false]);
    });

    test('while megabytes are on their way: every callback is called, those of the rest with an error', async () => {
      const client = await open();
      client.socket.pause();
      client.send(text('flood me'));
      await child.says('flooding', id);
      client.reset();
      const [code, clean, initiator] = await child.says('close', id);
      expect([code, clean, initiator]).toEqual([1006, false, 'transport']);
      await child.saysTimes(200, 'sent', id);
      const outcomes = child.said.filter(([word, of]) => word === 'sent' && of === id);
      expect(outcomes.length).toBe(200);
      expect(outcomes.at(-1)?.[2]).toBe('ERR_CONNECTION_CLOSED');
    });
  });

  describe('an end without a Close (FIN)', () => {
    test('before the headers end', async () => {
      if (version === 'HTTP/1.1') {
        const client = await RawClient.connect(child.port);
        client.send(upgradeRequest().slice(0, -2));
        client.finish();
        await client.ended();
      } else {
        const session = await RawSession.open(child.port, connectFrame(1).subarray(0, 20));
        session.socket.end();
        await session.refused();
      }
    });

    test('while authorize runs: its signal aborts and the transport ends', async () => {
      const client = await request({ 'X-Wait': '1' });
      await child.says('asked', id);
      client.finish();
      await child.says('aborted', id);
      await client.ended();
      expect(child.said).not.toContainEqual(['open', id]);
    });

    test('right after the request: the connection opens and closes', async () => {
      const client = await request();
      client.finish();
      expect((await client.response()).status).toBe(ACCEPTED[version]);
      expect(await client.ended()).toBe('end');
      expect(await child.says('close', id)).toEqual(NO_CLOSE);
    });

    test.each([
      ['between messages', text('whole')],
      ['in a frame header', Buffer.from([0x81])],
      ['in a payload', clientFrame({ opcode: 1, payload: 'x'.repeat(300) }).subarray(0, 100)],
      ['between fragments', clientFrame({ opcode: 1, fin: false, payload: 'half' })],
    ])('%s: we end our half too', async (_where, bytes) => {
      const client = await open();
      client.send(bytes);
      client.finish();
      expect(await client.ended()).toBe('end');
      expect(client.received()).toEqual([]);
      expect(await child.says('close', id)).toEqual(NO_CLOSE);
    });

    test('after its own Close: it still receives the answer', async () => {
      const client = await open();
      client.send(clientClose(1000));
      client.finish();
      expect((await client.close()).code).toBe(1000);
      expect(await client.ended()).toBe('end');
      expect(await child.says('close', id)).toEqual([1000, true, 'peer', null]);
    });

    test('instead of an answer to our Close', async () => {
      const client = await open();
      client.send(text('close me'));
      await client.close();
      client.finish();
      expect(await client.ended()).toBe('end');
      expect(await child.says('close', id)).toEqual([1006, false, 'local', 'ERR_TRANSPORT_ENDED']);
      expect(await child.says('resolved', id)).toEqual([false]);
    });

    test('while the application thinks about its answer: the answer of the default goes out', async () => {
      const client = await open({ 'X-Slow-Reply': '1' });
      client.send(clientClose(4001));
      client.finish();
      expect((await client.close()).code).toBe(4001);
      expect(await client.ended()).toBe('end');
      expect(await child.says('close', id)).toEqual([4001, true, 'peer', null]);
    });

    test('what was sent before it is still delivered', async () => {
      const client = await open();
      client.send(Buffer.concat(Array<Buffer>(50).fill(text('one of fifty'))));
      client.finish();
      await child.says('close', id);
      expect(child.said.filter(([word, of]) => word === 'message' && of === id)).toHaveLength(50);
    });
  });

  describe('a half-open peer', () => {
    const openHasty = (): Promise<RawClient> => child.open(partsOf({}, '/hasty'));

    test('that never answers the Close is terminated after closeTimeout', async () => {
      const client = await openHasty();
      client.send(text('close me'));
      await client.close();
      expect(await child.says('close', id)).toEqual([1006, false, 'local', 'ERR_CLOSE_TIMEOUT']);
      await client.ended();
      client.destroy();
    });

    test('that never ends its half after both Closes is waited for no longer than closeTimeout', async () => {
      const client = await openHasty();
      client.send(clientClose(1000));
      expect((await client.close()).code).toBe(1000);
      expect(await client.ended()).toBe('end');
      // A stream is reset with NO_ERROR at once, because its session goes on.
      const cause = version === 'HTTP/1.1' ? 'ERR_CLOSE_TIMEOUT' : null;
      expect(await child.says('close', id)).toEqual([1000, true, 'peer', cause]);
      client.destroy();
    });

    test('that broke a rule and never ends its half is terminated after closeTimeout', async () => {
      const client = await openHasty();
      client.send(Buffer.from([0xff, 0xff]));
      expect((await client.close()).code).toBe(1002);
      expect(await child.says('close', id)).toEqual([1002, false, 'local', 'ERR_RESERVED_BIT']);
      client.destroy();
    });

    test('that reads nothing is terminated after closeTimeout', async () => {
      const client = await openHasty();
      client.socket.pause();
      client.send(Buffer.concat([text('flood me'), text('close me')]));
      const [code, clean, initiator] = await child.says('close', id);
      expect([code, clean, initiator]).toEqual([1006, false, 'local']);
      await child.saysTimes(200, 'sent', id);
      client.destroy();
    });

    test('that was rejected and keeps its half open is terminated after closeTimeout', async () => {
      const client = await child.request(partsOf({ 'Sec-WebSocket-Version': '12' }, '/hasty'));
      expect((await client.response()).status).toBe(version === 'HTTP/1.1' ? 426 : 400);
      // That the server is gone shows when it answers a write with a reset.
      while (!client.socket.destroyed) {
        client.send('anything');
        await delay(10);
      }
    });
  });

  describe('a peer that fails with megabytes in flight', () => {
    test.each([
      ['a broken rule', clientFrame({ opcode: 3 }), 1002],
      ['text that is not UTF-8', clientFrame({ opcode: 1, payload: Buffer.from([0xff]) }), 1007],
      ['too big a message', clientFrame({ opcode: 2, form: 64, length: 9_000_000 }), 1009],
    ])('%s: it still receives the Close and an orderly end', async (_what, bytes, code) => {
      const client = await open();
      client.send(Buffer.concat([bytes, Buffer.alloc(8_000_000)]));
      expect((await client.close()).code).toBe(code);
      expect(await client.ended()).toBe('end');
      client.finish();
      expect((await child.says('close', id))[0]).toBe(code);
      client.destroy();
    });
  });
});

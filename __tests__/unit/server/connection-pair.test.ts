import { once } from 'node:events';
import {
  type ConnectionPairOptions,
  createConnectionPair,
} from '../../../src/server/connection-pair.js';
import type { DeflateOptions, ServerOptions } from '../../../src/server/options/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { eventually, fakeRequest, HandClock, later, settle } from '../../support/server.js';

function pair(...options: Parameters<typeof createConnectionPair>) {
  const made = createConnectionPair(...options);
  later(() => {
    made.server.terminate();
    made.client.terminate();
  });
  return made;
}

describe('createConnectionPair', () => {
  it('makes two open connections that talk to each other, both ways', async () => {
    const { server, client } = pair();
    expect([server.readyState, client.readyState]).toEqual(['open', 'open']);
    expect([server.url, server.subprotocol, server.extensions]).toEqual(['/', '', '']);
    expect([server.context, server.remoteAddress]).toEqual([undefined, undefined]);
    client.on('message', (data, isBinary) => client.send(`${String(data)} ${String(isBinary)}`));
    const answer = once(server, 'message');
    server.send('hello');
    expect(await answer).toEqual(['hello false', false]);
    const binary = once(server, 'message');
    server.send(Buffer.from('bytes'));
    expect(await binary).toEqual(['bytes true', false]);
  });

  it('has topics, to which nothing is published without a server', async () => {
    const { server, client } = pair();
    expect([server.subscribe('a'), client.subscribe('a'), server.subscribe('a')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([...server.topics]).toEqual(['a']);
    const wss = new WebSocketServer({ noServer: true });
    later(() => wss.close());
    const joined = pair({ server: wss });
    joined.server.subscribe('a');
    const message = once(joined.client, 'message');
    expect(wss.publish('a', 'hello')).toBe(1);
    expect(await message).toEqual(['hello', false]);
    server.terminate();
  });

  it('delivers asynchronously, as a socket does', async () => {
    const { server, client } = pair();
    const got: unknown[] = [];
    client.on('message', (data) => got.push(data));
    server.send('hello');
    expect(got).toEqual([]);
    server.send('x'.repeat(100_000)); // enough to be written at once
    expect(got).toEqual([]);
    await eventually('both messages', () => got.length === 2);
  });

  it('delivers nothing to an end that was terminated in the meantime', async () => {
    const { server, client } = pair();
    const got: unknown[] = [];
    client.on('message', (data) => got.push(data));
    const closed = once(server, 'close');
    server.send('x'.repeat(100_000));
    client.terminate();
    await closed;
    await settle();
    expect(got).toEqual([]);
  });

  it('leaves the bytes that were sent as they were', async () => {
    const { server, client } = pair();
    const sent = Buffer.alloc(100_000, 'a');
    const received = once(server, 'message');
    client.send(sent); // the reader unmasks in place
    const [data] = (await received) as [Buffer];
    expect(data.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
    expect(sent.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
  });

  it('delivers bytes of its own', async () => {
    const { server, client } = pair();
    const sent = Buffer.alloc(100_000, 'a');
    const received = once(client, 'message');
    server.send(sent);
    const [data] = (await received) as [Buffer];
    sent.fill('b');
    expect(data.equals(Buffer.alloc(100_000, 'a'))).toBe(true);
  });

  it('holds the sender back while the reader is paused, and loses nothing', async () => {
    const { server, client } = pair();
    client.pause();
    let sent = 0;
    while (server.send(Buffer.alloc(10_000, sent)) && sent < 1000) sent++;
    sent++;
    // What is in flight fills the buffers of both ends and then stops.
    let written = 0;
    for (let more = 0; more < 100; more++, sent++) {
      server.send(Buffer.alloc(10_000, sent), () => written++);
    }
    await settle();
    expect(written).toBeLessThan(10);
    expect(server.bufferedAmount).toBeGreaterThan(900_000);
    const got: number[] = [];
    client.on('message', (data) => got.push((data as Buffer)[0]!));
    const drain = once(server, 'drain');
    client.resume();
    await drain;
    await eventually('all the messages', () => got.length === sent);
    expect(got).toEqual(Array.from({ length: sent }, (_, index) => index & 0xff));
    expect(written).toBe(100);
  });

  it('closes cleanly, whichever end begins', async () => {
    for (const first of ['server', 'client'] as const) {
      const both = pair();
      const second = both[first === 'server' ? 'client' : 'server'];
      const closed = once(second, 'close');
      const info = await both[first].close(4001, 'bye');
      expect(info).toEqual({ code: 4001, reason: '', clean: true, initiator: 'local' });
      expect(await closed).toEqual([
        4001,
        'bye',
        { code: 4001, reason: 'bye', clean: true, initiator: 'peer' },
      ]);
    }
  });

  it('ends one end when the other is terminated', async () => {
    const { server, client } = pair();
    const closed = once(client, 'close');
    server.terminate();
    const [code, , info] = (await closed) as [number, string, object];
    expect(code).toBe(1006);
    expect(info).toMatchObject({ clean: false, initiator: 'transport' });
  });

  it('takes the options that mean something without a handshake', async () => {
    const clock = new HandClock();
    const { server, client } = pair({
      closeTimeout: 10,
      maxPayload: 10,
      textAs: 'buffer',
      highWaterMark: 3,
      clock,
    });
    expect(server.send('four')).toBe(false);
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
    expect([Buffer.isBuffer(data), isBinary]).toEqual([true, false]);

    client.on('closing', () => undefined); // never answers
    const closing = server.close();
    await once(client, 'closing');
    clock.advance(4);
    await settle();
    expect(server.closeInfo).toBeUndefined();
    clock.advance(1); // half of closeTimeout: the answer is given for it
    expect(await closing).toMatchObject({ code: 1000, clean: true });

    const other = pair({ maxPayload: 10 });
    const closed = new Promise((resolve) => other.server.on('close', resolve));
    other.client.send('eleven char');
    expect(await closed).toBe(1009);
  });

  it('has no heartbeat unless it is asked for, and keeps the limits of time for both ends', async () => {
    const clock = new HandClock();
    pair({ clock });
    expect(clock.timers.size).toBe(0);
    const beating = pair({ heartbeat: {}, clock });
    expect(clock.timers.size).toBe(1);
    clock.advance(26_000);
    await eventually('the answers', () => beating.server.latency !== undefined);

    const { server, client } = pair({ idleTimeout: 1000, maxLifetime: 2000, clock });
    clock.advance(900);
    client.send('not idle');
    await settle();
    clock.advance(900);
    expect([server.readyState, client.readyState]).toStrictEqual(['open', 'open']);
    clock.advance(400);
    await eventually('the end', () => server.readyState === 'closed');
    const causes = [server, client].map(({ closeInfo }) => closeInfo?.cause);
    expect(causes).toContainEqual(expect.objectContaining({ code: 'ERR_IDLE_TIMEOUT' }));
  });

  it('keeps a messageRate', async () => {
    const { server, client } = pair({
      messageRate: { perSecond: 1, burst: 1, action: 'close' },
      clock: new HandClock(),
    });
    const closed = new Promise((resolve) => server.on('close', resolve));
    client.send('one');
    client.send('two');
    expect(await closed).toBe(1008);
  });

  it('rejects options that are wrong', () => {
    expect(() => createConnectionPair({ maxPayload: 0 })).toThrow(/maxPayload/);
  });

  it('has the limits of a server for a peer that is too slow', async () => {
    const { server, client } = pair({ maxBufferedAmount: 100_000, slowConsumer: 'drop' });
    client.pause();
    const dropped: unknown[] = [];
    server.on('dropped', (data) => dropped.push(data));
    while (dropped.length === 0) {
      server.send(Buffer.alloc(10_000), { droppable: true });
      await settle();
    }
    expect(server.bufferedAmount).toBeGreaterThanOrEqual(100_000);
    expect(server.bufferedAmount).toBeLessThan(110_010);
  });
});

describe('createConnectionPair, with binaryAs', () => {
  it('delivers ArrayBuffers at both ends', async () => {
    const { server, client } = pair({ binaryAs: 'arraybuffer' });
    for (const [one, other] of [
      [server, client],
      [client, server],
    ] as const) {
      one.send(Buffer.from('bytes'));
      const { value } = await other[Symbol.asyncIterator]().next();
      expect(value).toBeInstanceOf(ArrayBuffer);
      expect(Buffer.from(value as unknown as ArrayBuffer).toString()).toBe('bytes');
    }
  });
});

describe('createConnectionPair, with permessage-deflate', () => {
  const message = 'a message worth compressing '.repeat(50);

  it.each<[true | DeflateOptions, string]>([
    [true, 'permessage-deflate; client_no_context_takeover'],
    [{ contextTakeover: 'both', windowBits: 9 }, 'permessage-deflate; client_max_window_bits=9'],
  ])('%p: both ends speak it', async (perMessageDeflate, extensions) => {
    const { server, client } = pair({ perMessageDeflate, textAs: 'buffer' });
    expect([server.extensions, client.extensions]).toEqual([extensions, extensions]);
    for (const [one, other] of [
      [server, client],
      [client, server],
    ] as const) {
      const compressed: boolean[] = [];
      const got: string[] = [];
      other.on('frame', ({ rsv1 }) => compressed.push(rsv1));
      other.on('message', (data) => got.push(data.toString()));
      for (let times = 0; times < 3; times++) one.send(message);
      one.send('short');
      one.send(message, { compress: false });
      one.send(message.repeat(500));
      await eventually('the messages', () => got.length === 6);
      expect(got).toEqual([message, message, message, 'short', message, message.repeat(500)]);
      expect(compressed).toEqual([true, true, true, false, false, true]);
    }
  });

  it('agrees with itself also where the budget is enough for only one end', async () => {
    const { server, client } = pair({
      perMessageDeflate: { contextTakeover: 'both', memoryBudget: 30_000 },
    });
    expect(server.extensions).toBe(client.extensions);
    expect(server.extensions).not.toContain('no_context_takeover');
    const got: unknown[] = [];
    client.on('message', (data) => got.push(data));
    server.on('message', (data) => got.push(data));
    for (let times = 0; times < 3; times++) {
      server.send(message);
      client.send(message);
    }
    await eventually('the messages', () => got.length === 6);
    expect(got).toEqual(Array(6).fill(message));
  });

  it('releases contexts by the clock it is given', async () => {
    const clock = new HandClock();
    const perMessageDeflate = { contextTakeover: 'both', idleRelease: 1000 } as const;
    const { server, client } = pair({ clock, perMessageDeflate });
    const received = once(client, 'message');
    server.send(message);
    await received;
    expect(clock.timers.size).toBe(1); // the one of all deadlines
    clock.advance(2000);
    expect(clock.timers.size).toBe(0);
    const again = once(client, 'message');
    server.send(message);
    expect(await again).toEqual([message, false]);
  });
});

describe('a pair with a context', () => {
  it('has it on the end that plays the server', () => {
    const { server, client } = createConnectionPair({ context: { name: 'ann' } });
    later(() => {
      server.terminate();
      client.terminate();
    });
    expect([server.context.name, client.context]).toEqual(['ann', undefined]);
  });
});

describe('a pair that joins a server', () => {
  function join(
    serverOptions: ServerOptions<string> = {},
    options: ConnectionPairOptions<string> = {},
  ) {
    const wss = new WebSocketServer<string>({ noServer: true, ...serverOptions });
    const made = createConnectionPair<string>({ server: wss, context: 'ann', ...options });
    later(() => {
      made.server.terminate();
      made.client.terminate();
    });
    return { wss, ...made };
  }

  it('is reached by broadcasts, counted, and closed with the server', async () => {
    const { wss, server, client } = join({ maxConnections: 0 });
    expect([...wss.connections]).toEqual([server]);
    expect(server.context).toBe('ann');
    expect(wss.broadcast('news', { filter: ({ context }) => context === 'ann' })).toBe(1);
    expect(await once(client, 'message')).toEqual(['news', false]);
    expect(wss.stats()).toMatchObject({ connections: 1, upgradesAccepted: 1, messagesSent: 1 });
    const closed = once(client, 'close');
    expect(await wss.close()).toMatchObject({ total: 1, clean: 1 });
    expect((await closed).slice(0, 2)).toEqual([1001, '']);
    expect(wss.connections.size).toBe(0);
    expect(() => createConnectionPair({ server: wss })).toThrow(
      'createConnectionPair: this WebSocketServer is closed or closing',
    );
  });

  it("emits no 'connection', which the application can do itself", () => {
    const { wss, server } = join();
    const connected = jest.fn();
    wss.on('connection', connected);
    expect(connected).not.toHaveBeenCalled();
    const request = fakeRequest();
    wss.emit('connection', server, request);
    expect(connected).toHaveBeenCalledWith(server, request);
  });

  it("has the server's options, and the client's end those of the pair", async () => {
    const { wss, server, client } = join({ maxPayload: 10, textAs: 'buffer' }, { maxPayload: 5 });
    const failed = jest.fn();
    wss.on('connectionError', failed);
    client.send('0123456789');
    expect(await once(server, 'message')).toEqual([Buffer.from('0123456789'), false]);
    client.send('0123456789a');
    const [code] = (await once(client, 'close')) as [number];
    expect(code).toBe(1009);
    expect(failed).toHaveBeenCalledTimes(1);
    const other = join({}, { maxPayload: 5 });
    other.server.send('012345');
    expect((await once(other.server, 'close'))[0]).toBe(1009);
  });

  it('compresses as the server does, by default', () => {
    const { client } = join({ perMessageDeflate: true });
    expect(client.extensions).toMatch(/^permessage-deflate/);
  });

  it('compresses as the server does, unless the client offers nothing', async () => {
    for (const [perMessageDeflate, offered, expected] of [
      [true, true, /^permessage-deflate/],
      [{ contextTakeover: 'both' }, true, /^permessage-deflate/],
      [true, false, /^$/],
      [false, true, /^$/],
    ] as const) {
      const { server, client } = join({ perMessageDeflate }, { perMessageDeflate: offered });
      expect(server.extensions).toMatch(expected);
      expect(client.extensions).toBe(server.extensions);
      const long = 'hello '.repeat(1000);
      client.on('message', (data) => client.send(data));
      server.send(long);
      expect(await once(server, 'message')).toEqual([long, false]);
    }
  });
});

describe('the options of a pair', () => {
  it.each([
    ['origin', '*'],
    ['authorize', () => undefined],
    ['maxConnections', 5],
    ['maxTotalBuffered', 5],
    ['port', 0],
    ['prot', 0],
  ])('do not include %s', (name, value) => {
    expect(() => createConnectionPair({ [name]: value })).toThrow(
      new RegExp(
        `^createConnectionPair: unknown option ${name} .*; (?:the API reference lists the options|did you mean )`,
      ),
    );
  });

  it.each([
    ['server', createConnectionPair, 'server to be a WebSocketServer, got a function'],
    ['maxPayload', 0, 'maxPayload to be a number of bytes'],
  ])('are checked: %s', (name, value, expected) => {
    expect(() => createConnectionPair({ [name]: value })).toThrow(expected);
  });
});

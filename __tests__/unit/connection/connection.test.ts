import { EventEmitter, once } from 'node:events';
import { ConnectionError } from '../../../src/connection/close/connection-error.js';
import { createConnection, type WebSocketConnection } from '../../../src/connection/connection.js';
import { sharedSlab } from '../../../src/connection/send/slab.js';
import { Opcode } from '../../../src/protocol/framing/frame.js';
import { prepareMessage } from '../../../src/protocol/framing/prepared-message.js';
import { createConnectionPair } from '../../../src/server/connection-pair.js';
import { Child } from '../../support/child.js';
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../support/frames.js';
import { RawClient } from '../../support/raw-client.js';
import {
  connectionOn,
  DETAILS,
  facts,
  HandClock,
  record,
  settingsOf,
  Sink,
  tearDown,
  turns,
  until,
  world,
} from '../../support/connection.js';
import { RESET, VERSIONS } from '../../support/versions.js';
import { worldOver } from '../../support/worlds.js';

afterEach(tearDown);

const text = (payload: string) => clientFrame({ opcode: 1, payload });
const framesOf = (sink: Sink) => parseFrames(sink.bytes).map(describeFrame);

describe('WebSocketConnection, what it is', () => {
  it('has what the handshake settled, and is open', () => {
    const connection = createConnection(new Sink(), settingsOf(new HandClock()), {
      context: { user: 'Ada' },
      url: '/chat?room=1',
      subprotocol: 'chat',
      extensions: 'x',
      remoteAddress: '::1',
    });
    expect(connection).toBeInstanceOf(EventEmitter);
    expect(connection.context.user).toBe('Ada');
    expect(connection.url).toBe('/chat?room=1');
    expect(connection.subprotocol).toBe('chat');
    expect(connection.extensions).toBe('x');
    expect(connection.remoteAddress).toBe('::1');
    expect(connection.readyState).toBe('open');
    expect(connection.closeInfo).toBeUndefined();
    expect(connection.isPaused).toBe(false);
    expect(connection.bufferedAmount).toBe(0);
  });

  it('has the answer to its handshake if it is a client’s, and otherwise no such property', () => {
    const response = { status: 101, headers: { upgrade: 'websocket' } };
    const settings = settingsOf(new HandClock());
    const client = createConnection(new Sink(), settings, { ...DETAILS, response });
    expect(client.response).toBe(response);
    expect('response' in createConnection(new Sink(), settings, DETAILS)).toBe(false);
  });

  it('is closed with 1000 by await using, which waits for the end', async () => {
    const { client, server } = createConnectionPair();
    await client[Symbol.asyncDispose]();
    expect(facts(client.closeInfo)).toMatchObject({ code: 1000, clean: true, initiator: 'local' });
    await until('the other end', () => server.readyState === 'closed');
    expect(server.closeInfo!.code).toBe(1000);
  });

  it('lets the process end while it is open, after unref()', () => {
    const unref = jest.fn();
    const sink = Object.assign(new Sink(), { unref });
    createConnection(sink, settingsOf(new HandClock()), DETAILS).unref();
    expect(unref).toHaveBeenCalledTimes(1);
  });

  it('is a server’s end, with the decoder’s own limit, unless it is told otherwise', () => {
    const sink = new Sink();
    const settings = { ...settingsOf(new HandClock()), decoder: {} };
    const connection = createConnection(sink, settings, DETAILS);
    connection.start(clientFrame({ opcode: 2, payload: '', length: 4 * 1024 * 1024 + 1 }));
    expect(framesOf(sink)[0]).toMatch(/^close 1009 /);
  });

  it('has a limit of its own where authorize() gave it one', () => {
    const sink = new Sink();
    const decoder = { role: 'server', maxPayload: 3, rsv1: false } as const;
    const details = { ...DETAILS, decoder };
    const connection = createConnection(sink, settingsOf(new HandClock()), details);
    const messages = record(connection);
    connection.start(Buffer.concat([text('abc'), text('abcd')]));
    expect(messages).toEqual(['text abc']);
    expect(framesOf(sink)[0]).toMatch(/^close 1009 /);
  });

  it('goes from open to closing to closed', async () => {
    const { connection, client, closed } = await world();
    const states = [connection.readyState];
    connection.on('closing', (_code, _reason, reply) => {
      states.push(connection.readyState); // it has to be answered
      reply();
      states.push(connection.readyState); // the transport has to end
    });
    client.send(clientClose(1000));
    client.finish();
    await closed;
    states.push(connection.readyState);
    expect(states).toEqual(['open', 'closing', 'closing', 'closed']);
  });
});

describe('WebSocketConnection, start()', () => {
  it('takes the bytes that came with the handshake before those of the socket', async () => {
    const sink = new Sink();
    const connection = connectionOn(sink);
    const messages = record(connection);
    sink.push(Buffer.concat([text('bc').subarray(7), text('d')]));
    connection.start(Buffer.concat([text('a'), text('bc').subarray(0, 7)]));
    expect(messages).toEqual(['text a']);
    await turns();
    expect(messages).toEqual(['text a', 'text bc', 'text d']);
  });

  it('may stop reading at once', async () => {
    const sink = new Sink();
    const connection = connectionOn(sink);
    sink.push(text('b'));
    connection.start(text('x'.repeat(65_536)));
    await turns();
    expect(sink.isPaused()).toBe(true);
    const messages = record(connection);
    await until('both', () => messages.length === 2);
    expect(messages[1]).toBe('text b');
  });
});

describe('WebSocketConnection, a socket whose peer has ended before the start', () => {
  it.each<[string, Buffer, string[]]>([
    ['nothing', Buffer.alloc(0), []],
    ['a message', text('a'), ['text a']],
  ])('closes after %s that came with the handshake', async (_name, head, messages) => {
    const sink = new Sink();
    sink.push(null);
    sink.resume();
    await until('its end', () => sink.readableEnded);
    const connection = connectionOn(sink);
    const heard = record(connection);
    connection.start(head);
    expect(connection.readyState).toBe('closing');
    await until('the close', () => connection.closeInfo !== undefined);
    expect(heard).toEqual(messages);
    expect(connection.closeInfo).toMatchObject({
      code: 1006,
      clean: false,
      initiator: 'transport',
      cause: { code: 'ERR_TRANSPORT_ENDED' },
    });
  });

  it('answers the Close that came with the handshake before', async () => {
    const sink = new Sink();
    sink.push(null);
    sink.resume();
    await until('its end', () => sink.readableEnded);
    const connection = connectionOn(sink);
    connection.start(clientClose(4000));
    await until('the close', () => connection.closeInfo !== undefined);
    expect(framesOf(sink)).toEqual(['close 4000']);
    expect(connection.closeInfo).toMatchObject({ code: 4000, clean: true, initiator: 'peer' });
  });
});

describe('WebSocketConnection, its socket', () => {
  it('has the same listeners for all connections, one of each', () => {
    const [one, two] = [new Sink(), new Sink()];
    const names = ['data', 'end', 'error', 'close'] as const;
    const own = names.map((name) => one.listeners(name));
    for (const sink of [one, two]) connectionOn(sink).start(Buffer.alloc(0));
    names.forEach((name, i) => {
      const added = one.listeners(name).filter((listener) => !own[i]!.includes(listener));
      expect(added).toHaveLength(1);
      expect(two.listeners(name)).toContain(added[0]);
    });
  });

  it.each([
    [true, 0],
    [false, 3],
    [undefined, 3],
  ])('has its bytes used again only if it copies them: %s', async (copies, spent) => {
    const details = {
      ...DETAILS,
      ...(copies === undefined ? {} : { nodeSocket: copies ? ('tcp' as const) : undefined }),
    };
    const connection = createConnection(new Sink(), settingsOf(new HandClock()), details);
    sharedSlab.reserve(sharedSlab.bytes.length);
    const before = sharedSlab.at;
    connection.send('a');
    await turns();
    expect(sharedSlab.at - before).toBe(spent);
  });

  it('reaches no connection but its own', () => {
    const [one, two] = [new Sink(), new Sink()];
    const heard = [one, two].map((sink) => {
      const connection = connectionOn(sink);
      connection.start(Buffer.alloc(0));
      return record(connection);
    });
    two.emit('data', text('a'));
    expect(heard).toEqual([[], ['text a']]);
  });
});

describe('WebSocketConnection.latency', () => {
  it('is the last round trip of the heartbeat, on both ends of a pair', async () => {
    const jitter = jest.spyOn(Math, 'random').mockReturnValue(0);
    const clock = new HandClock();
    const heartbeat = { interval: 25_000, timeout: 10_000 };
    const { server, client } = createConnectionPair({ heartbeat, clock });
    expect(server.latency).toBeUndefined();
    clock.advance(26_000);
    clock.advance(40);
    await until('both round trips', () => server.latency === 40 && client.latency === 40);
    clock.advance(26_000 - 40);
    clock.advance(30);
    await until('both round trips', () => server.latency === 30 && client.latency === 30);
    jitter.mockRestore();
    server.terminate();
  });
});

describe('WebSocketConnection, topics', () => {
  it('has those that it subscribed to, until it is closed', async () => {
    const { connection, closed } = await world();
    expect(connection.topics.size).toBe(0);
    expect([connection.subscribe('a'), connection.subscribe('a')]).toStrictEqual([true, false]);
    connection.subscribe('b');
    expect([connection.unsubscribe('a'), connection.unsubscribe('a')]).toStrictEqual([true, false]);
    let atClose: string[] = [];
    connection.on('close', () => (atClose = [...connection.topics]));
    connection.terminate();
    expect([connection.subscribe('c'), connection.unsubscribe('b')]).toStrictEqual([false, false]);
    await closed;
    await turns();
    expect([atClose, [...connection.topics]]).toStrictEqual([['b'], []]);
  });

  it('refuses what is not a name, on a closed connection too', async () => {
    const { connection } = await world();
    connection.terminate();
    expect(() => connection.subscribe('')).toThrow('subscribe: expected the topic to have 1 to');
    expect(() => connection.unsubscribe(5 as never)).toThrow(
      'unsubscribe: expected the topic to be a string, got 5 (number)',
    );
  });
});

describe.each(VERSIONS)('WebSocketConnection over %s, sending', (version) => {
  it('sends with options and a callback, with a callback alone, and with neither', async () => {
    const { connection, client } = await worldOver(version);
    const called: unknown[] = [];
    expect(connection.send('a', { binary: true }, (error) => called.push('a', error))).toBe(true);
    expect(connection.send('b', (error) => called.push('b', error))).toBe(true);
    expect(connection.send(Buffer.from('c'), { binary: false })).toBe(true);
    expect(connection.send(prepareMessage('d'))).toBe(true);
    expect(connection.bufferedAmount).toBe(12);
    expect(called).toEqual([]);
    for (const words of ['binary 61', 'text 62', 'text 63', 'text 64']) {
      expect(await client.words()).toBe(words);
    }
    expect(called).toStrictEqual(['a', undefined, 'b', undefined]);
    expect(connection.bufferedAmount).toBe(0);
  });

  it('keeps the order of calls on the wire, across all its methods', async () => {
    const { connection, client } = await worldOver(version);
    connection.send('a');
    connection.ping('b');
    connection.sendFrame('c');
    connection.pong('d');
    connection.send(Buffer.alloc(20_000));
    connection.send('e');
    void connection.close();
    await client.close();
    expect(client.received().map((words) => words.slice(0, 12))).toEqual([
      'text 61',
      'ping 62',
      'text 63',
      'pong 64',
      'binary 00000',
      'text 65',
      'close 1000',
    ]);
  });

  it('pings and pongs with nothing if nothing is said', async () => {
    const { connection, client } = await worldOver(version);
    expect(connection.ping()).toBe(true);
    expect(connection.pong()).toBe(true);
    expect(await client.words()).toBe('ping');
    expect(await client.words()).toBe('pong');
    expect(() => connection.ping('x'.repeat(126))).toThrow(RangeError);
  });

  it('sends a message while it is made', async () => {
    const { client, connection } = await worldOver(version);
    await connection.sendStream(['Hel', 'lo']);
    expect((await client.frame()).payload.toString()).toBe('Hello');
    expect(() => connection.sendStream('Hello')).toThrow(TypeError);
  });

  it('takes a message while it arrives', async () => {
    const { client, connection } = await worldOver(version);
    client.send(text('Hello'));
    for await (const message of connection.incoming()) {
      expect(await message.text()).toBe('Hello');
      break;
    }
    expect(() => connection.incoming({ max: 5 } as never)).toThrow('unknown option max');
  });

  it('says false above the mark, drain when all is with the kernel, and drained() below the mark', async () => {
    const { connection, client } = await worldOver(version, { highWaterMark: 1000 });
    const drains: number[] = [];
    connection.on('drain', () => drains.push(connection.bufferedAmount));
    expect(connection.send('x'.repeat(500))).toBe(true);
    expect(connection.send('x'.repeat(500))).toBe(false);
    expect(connection.bufferedAmount).toBe(1008);
    expect(await connection.drained()).toBe(true);
    await turns();
    expect(drains).toEqual([0]);
    await client.frame();
    connection.send('x'.repeat(1000));
    await expect(connection.drained(AbortSignal.abort(new Error('enough')))).rejects.toThrow(
      'enough',
    );
  });

  // Only a socket counts these bytes and no others.
  if (version === 'HTTP/1.1')
    it('counts what a slow peer has not taken, to the byte', async () => {
      const { connection, socket, client } = await world({ maxBufferedAmount: Infinity });
      client.socket.pause();
      const before = socket.bytesWritten;
      let sent = 0;
      const payload = Buffer.alloc(1024 * 1024);
      while (sent < 64 * payload.length) {
        connection.send(payload);
        sent += payload.length + 10;
      }
      await turns(20);
      const waiting = connection.bufferedAmount;
      expect(waiting).toBeGreaterThan(payload.length);
      expect(waiting % (payload.length + 10)).not.toBe(payload.length); // whole frames or their payloads
      expect(socket.bytesWritten - before).toBeGreaterThanOrEqual(sent - waiting);
      client.socket.resume();
      await until('the rest', () => connection.bufferedAmount === 0);
      expect(socket.bytesWritten - before).toBe(sent);
    });

  it('does not throw after the peer has left', async () => {
    const { connection, client, closed } = await worldOver(version);
    client.reset();
    await closed;
    const called: unknown[] = [];
    expect(connection.send('a', (error) => called.push((error as { code?: string }).code))).toBe(
      false,
    );
    expect(connection.ping()).toBe(false);
    expect(connection.sendFrame('a', { fin: false })).toBe(false);
    expect(connection.sendFrame('a', { opcode: Opcode.Continuation })).toBe(false);
    expect(connection.sendFrame('', { opcode: Opcode.Close })).toBe(false);
    expect(await connection.drained()).toBe(false);
    connection.pause();
    connection.resume();
    connection.terminate();
    expect((await connection.close()).code).toBe(1006);
    await turns();
    expect(called).toEqual(['ERR_CONNECTION_NOT_OPEN']);
  });
});

it("can be terminated for a reason that is not the application's", async () => {
  const { connection } = await world();
  const reason = new ConnectionError('ERR_SERVER_CLOSED');
  connection.terminateWith(reason);
  expect(await connection.close()).toStrictEqual({
    code: 1006,
    reason: '',
    clean: false,
    initiator: 'local',
    cause: reason,
  });
});

describe.each(VERSIONS)('WebSocketConnection.sendFrame, over %s', (version) => {
  it('sends strings as Text and bytes as Binary, or with the opcode and bits it is given', async () => {
    const { connection, client } = await worldOver(version);
    connection.sendFrame('a');
    connection.sendFrame(new Uint8Array([0x62]));
    connection.sendFrame('c', { opcode: Opcode.Binary, rsv1: true, fin: false });
    connection.send('later');
    connection.sendFrame('d', { opcode: Opcode.Ping });
    connection.sendFrame('e', { opcode: Opcode.Continuation });
    for (const words of [
      'text 61',
      'binary 62',
      'rsv4 binary nofin 63',
      'ping 64',
      'continuation 65',
      'text 6c61746572',
    ]) {
      expect(await client.words()).toBe(words);
    }
    expect(() => connection.sendFrame(prepareMessage('x') as unknown as string)).toThrow(TypeError);
  });

  it.each<[string, Buffer, string]>([
    ['with code and reason', Buffer.from('0fa0627965', 'hex'), 'close 4000 627965'],
    ['without a code', Buffer.alloc(0), 'close'],
  ])('begins the closing handshake with a Close frame %s', async (_name, payload, words) => {
    const { connection, client, closed } = await worldOver(version);
    expect(connection.sendFrame(payload, { opcode: Opcode.Close })).toBe(false);
    expect(connection.readyState).toBe('closing');
    expect(await client.words()).toBe(words);
    client.send(clientClose(1000));
    client.finish();
    expect(await closed).toMatchObject({ clean: true, initiator: 'local' });
  });

  it.each<[string, string, object, RegExp]>([
    ['of one byte', '03', {}, /1 byte of payload/],
    ['with a code that must not be sent', '03ee', {}, /status code 1006/],
    ['with a reason that is not UTF-8', '03e8ff', {}, /not valid UTF-8/],
    ['that is fragmented', '03e8', { fin: false }, /must not be fragmented/],
    ['of 126 bytes', `03e8${'61'.repeat(124)}`, {}, /not 126/],
  ])('refuses a Close frame %s, as the caller’s mistake', async (_name, hex, flags, message) => {
    const { connection, client } = await worldOver(version);
    const attempt = () =>
      connection.sendFrame(Buffer.from(hex, 'hex'), { opcode: Opcode.Close, ...flags });
    expect(attempt).toThrow(RangeError);
    expect(attempt).toThrow(message);
    expect(connection.readyState).toBe('open');
    connection.send('a');
    expect(await client.words()).toBe('text 61');
  });
});

describe.each(VERSIONS)('WebSocketConnection over %s, receiving', (version) => {
  it('counts as a consumer each way there is to add a message listener', async () => {
    for (const add of [
      'on',
      'addListener',
      'prependListener',
      'once',
      'prependOnceListener',
    ] as const) {
      const { connection, client } = await worldOver(version);
      client.send(text('held'));
      await until('the message to be held', () => client.socket.writableLength === 0);
      await turns();
      const heard = new Promise((resolve) => connection[add]('message', resolve));
      expect(await heard).toBe('held');
    }
  });

  it('shows frames however the listener is added', async () => {
    const { connection, client } = await worldOver(version);
    const seen: string[] = [];
    connection.prependListener('frame', ({ length }) => seen.push(`frame ${length}`));
    const messages = record(connection, seen);
    client.send(text('abc'));
    await until('the message', () => messages.length > 1);
    expect(seen).toEqual(['frame 3', 'text abc']);
  });

  it('works with events.once()', async () => {
    const { connection, client } = await worldOver(version);
    client.send(Buffer.concat([text('a'), text('b')]));
    expect(await once(connection, 'message')).toEqual(['a', false]);
    expect(await once(connection, 'message')).toEqual(['b', false]);
  });

  it('can be iterated', async () => {
    const { connection, client } = await worldOver(version);
    client.send(Buffer.concat([text('a'), text('b'), clientClose(1000)]));
    client.finish();
    const messages: unknown[] = [];
    for await (const message of connection) messages.push(message);
    expect(messages).toEqual(['a', 'b']);
    expect(connection.readyState).toBe('closed');
  });

  it('pauses and resumes', async () => {
    const { connection, client } = await worldOver(version);
    const messages = record(connection);
    connection.pause();
    expect(connection.isPaused).toBe(true);
    client.send(Buffer.concat([text('a'), clientFrame({ opcode: 9 })]));
    expect(await client.words()).toBe('pong');
    expect(messages).toEqual([]);
    connection.resume();
    expect(connection.isPaused).toBe(false);
    await turns();
    expect(messages).toEqual(['text a']);
  });

  it('reads on when it closes, although nothing took the messages that are held', async () => {
    const { connection, socket, client, closed } = await worldOver(version);
    client.send(text('x'.repeat(65_536)));
    await until('reading to stop', () => socket.isPaused());
    void connection.close();
    expect(await client.words()).toBe('close 1000');
    client.send(clientClose(1000));
    client.finish();
    expect((await closed).clean).toBe(true);
  });

  it('delivers nothing inside the call of close()', async () => {
    const { connection, client } = await worldOver(version);
    client.send(Buffer.concat([text('a'), clientFrame({ opcode: 9 })]));
    await client.words();
    const messages = record(connection);
    void connection.close();
    expect(messages).toEqual([]);
    await turns();
    expect(messages).toEqual(['text a']);
  });
});

describe('WebSocketConnection, a throwing listener in a process of its own', () => {
  it('surfaces as an uncaught exception, and later messages still arrive', async () => {
    const child = await Child.serve(`
      process.on('uncaughtException', (error) => say('uncaught', error.message));
      new hawser.WebSocketServer(server).on('connection', (connection) => {
        connection.on('message', (data) => {
          say('heard', data);
          if (data === 'a') throw new Error('boom');
        });
      });
    `);
    const client = await RawClient.open(child.port);
    client.send(Buffer.concat([text('a'), text('b')]));
    await child.says('heard', 'b');
    expect(child.said.slice(1)).toEqual([
      ['heard', 'a'],
      ['uncaught', 'boom'],
      ['heard', 'b'],
    ]);
    client.destroy();
    child.kill();
    await child.exit;
  });
});

describe('WebSocketConnection, in pairs', () => {
  it('talks both ways, a client masked, a server not', async () => {
    const { server, client } = createConnectionPair();
    server.on('message', (data) => server.send(`echo ${data.toString()}`));
    const messages = record(client);
    client.send('a');
    client.send('x'.repeat(100_000));
    await until('both answers', () => messages.length === 2);
    expect(messages.map((words) => words.slice(0, 11))).toEqual(['text echo a', 'text echo x']);
  });

  it('closes cleanly on both ends', async () => {
    const { server, client } = createConnectionPair();
    const [info, other] = await Promise.all([client.close(4000, 'bye'), once(server, 'close')]);
    expect(info).toEqual({ code: 4000, reason: '', clean: true, initiator: 'local' });
    expect(other).toEqual([
      4000,
      'bye',
      { code: 4000, reason: 'bye', clean: true, initiator: 'peer' },
    ]);
  });
});

describe.each(VERSIONS)('WebSocketConnection.roundTrip, over %s', (version) => {
  const PONG = 10;
  const code = (error: unknown) => (error as { code?: string }).code;
  /** The payload of the next Ping that comes to the client. */
  const nextPing = async (client: RawClient): Promise<Buffer> => {
    const { opcode, payload } = await client.frame();
    expect(opcode).toBe(9);
    return payload;
  };
  const pong = (payload: Buffer | string) => clientFrame({ opcode: PONG, payload });

  it('resolves to the milliseconds until the Pong, which is not announced', async () => {
    const { connection, client, clock } = await worldOver(version);
    const pongs: string[] = [];
    connection.on('pong', (payload) => pongs.push(payload.toString()));
    const trip = connection.roundTrip();
    const payload = await nextPing(client);
    clock.advance(42);
    client.send(Buffer.concat([pong('unsolicited'), pong(payload), pong('another')]));
    expect(await trip).toBe(42);
    await until('the last Pong', () => pongs.length === 2);
    expect(pongs).toStrictEqual(['unsolicited', 'another']);
  });

  it('works several times at once, for a peer that answers only the newest Ping', async () => {
    const { connection, client } = await worldOver(version);
    const trips = [connection.roundTrip(), connection.roundTrip(), connection.roundTrip()];
    await nextPing(client);
    await nextPing(client);
    client.send(pong(await nextPing(client)));
    expect(await Promise.all(trips)).toStrictEqual([0, 0, 0]);
  });

  it('works beside a Ping of the heartbeat, whose Pong answers it if that is the later one', async () => {
    const heartbeat = { interval: 1000, timeout: 10_000 };
    const { connection, client, clock } = await worldOver(version, { heartbeat });
    const pongs: string[] = [];
    connection.on('pong', (payload) => pongs.push(payload.toString('hex')));
    const first = connection.roundTrip();
    await nextPing(client);
    for (let times = 0; times < 12; times++) clock.advance(125); // the heartbeat's
    const second = connection.roundTrip();
    const beat = await nextPing(client);
    expect(beat).toHaveLength(4);
    const last = await nextPing(client);
    client.send(pong(beat));
    expect(await first).toBe(1500);
    expect(connection.latency).toBeGreaterThanOrEqual(0);
    client.send(pong(last));
    expect(await second).toBe(0);
    expect(pongs).toStrictEqual([]);
  });

  it('waits as long as nothing is read', async () => {
    const { connection, socket, client, clock } = await worldOver(version);
    connection.pause();
    client.send(text('x'.repeat(70_000))); // reading stops after it
    await until('the end of reading', () => socket.isPaused());
    const trip = connection.roundTrip();
    client.send(pong(await nextPing(client)));
    await turns();
    clock.advance(500);
    connection.on('message', () => undefined);
    connection.resume();
    expect(await trip).toBe(500);
  });

  it.each<[string, (it: WebSocketConnection, client: RawClient) => unknown, string | undefined]>([
    ['is terminated', (connection) => connection.terminate(), 'ERR_TERMINATED'],
    ['is reset', (_connection, client) => client.reset(), RESET[version]],
    ['is ended by the peer', (_connection, client) => client.finish(), 'ERR_TRANSPORT_ENDED'],
    [
      'is closed by the peer',
      (_connection, client) => {
        client.send(clientClose(1000));
        client.finish();
      },
      undefined,
    ],
  ])('rejects when the connection %s, with the cause', async (_how, end, cause) => {
    const { connection, client, closed } = await worldOver(version);
    const trip = connection.roundTrip();
    const outcome = trip.catch((reason: unknown) => reason);
    await nextPing(client);
    end(connection, client);
    const error: unknown = await outcome;
    expect(error).toBeInstanceOf(ConnectionError);
    expect(code(error)).toBe('ERR_CONNECTION_CLOSED');
    expect(code((error as Error).cause ?? {})).toBe(cause);
    await closed;
    const late: unknown = await connection.roundTrip().catch((reason: unknown) => reason);
    expect(code(late)).toBe('ERR_CONNECTION_NOT_OPEN');
  });

  it('rejects with the reason of its signal, and many may wait for one', async () => {
    const warned: Error[] = [];
    const listener = (warning: Error): void => void warned.push(warning);
    process.on('warning', listener);
    const { connection, client } = await worldOver(version);
    const controller = new AbortController();
    const { signal } = controller;
    const trips = Array.from({ length: 20 }, () => connection.roundTrip({ signal }));
    const first = await nextPing(client);
    client.send(pong(first));
    await trips[0];
    controller.abort(new Error('no more'));
    for (const trip of trips.slice(1)) await expect(trip).rejects.toThrow('no more');
    await turns();
    process.off('warning', listener);
    expect(warned).toStrictEqual([]);
  });

  it('throws at the call for options that are wrong', () => {
    const connection = connectionOn(new Sink());
    expect(() => connection.roundTrip({ signal: 1 as unknown as AbortSignal })).toThrow(TypeError);
    expect(() => connection.roundTrip(new AbortController().signal as object)).toThrow(TypeError);
  });

  it('is answered by the other end of a pair', async () => {
    const { server, client } = createConnectionPair();
    expect(await server.roundTrip()).toBeGreaterThanOrEqual(0);
    expect(await client.roundTrip()).toBeGreaterThanOrEqual(0);
    server.terminate();
  });
});

describe('WebSocketConnection, the arguments of its calls', () => {
  const callback = (): void => undefined;

  it.each<[string, unknown[], string]>([
    ['send', ['x', 'no function'], 'send: expected options to be an object, or the callback'],
    ['send', ['x', null], 'send: expected options to be an object, or the callback'],
    ['send', ['x', {}, 5], 'send: expected the callback to be a function, got 5 (number)'],
    ['send', ['x', undefined, 'y'], 'send: expected the callback to be a function'],
    ['send', ['x', callback, {}], 'send: expected nothing after the callback, got an object'],
    ['send', ['x', { fin: false }], 'send a part of a message with sendFrame'],
    ['send', [prepareMessage('x'), { binary: true }], 'the message was prepared as Text'],
    ['send', [prepareMessage(''), { binary: true }], 'the message was prepared as Text'],
    ['ping', [{}], 'expected data to be a string, Buffer'],
    ['ping', [5], 'got a number; send String(data)'],
    ['ping', ['x', false, callback], 'ping: expected the callback to be a function, got false'],
    ['pong', ['x', callback, 1], 'pong: expected no more arguments after the callback, got 1'],
    ['sendFrame', ['x', { rsv2: 1 }], 'sendFrame: expected option rsv2 to be a boolean'],
    ['sendFrame', ['x', { opcode: '1' }], 'sendFrame: expected option opcode to be one of Opcode'],
    ['sendFrame', ['x', null], 'sendFrame: expected options to be an object'],
    [
      'sendFrame',
      ['x', {}, {}],
      'sendFrame: expected the callback to be a function, got an object',
    ],
    [
      'sendFrame',
      ['', { opcode: Opcode.Close }, callback],
      'sendFrame: a Close frame takes no callback; close() returns a promise',
    ],
    ['sendFrame', [5], 'got a number; send String(data)'],
    ['close', ['1000'], 'expected the close code to be a number, got 1000 (string)'],
    ['close', [1000, 5], 'expected the close reason to be a string, got 5 (number)'],
    ['drained', ['x'], 'drained: expected signal to be an AbortSignal, got x (string)'],
  ])('%s%p throws a TypeError at the call, and sends nothing', async (method, args, message) => {
    const sink = new Sink();
    const connection = connectionOn(sink);
    const call = connection[method as 'send'].bind(connection) as (...args: unknown[]) => unknown;
    expect(() => call(...args)).toThrow(TypeError);
    expect(() => call(...args)).toThrow(message);
    await turns();
    expect(sink.writes).toEqual([]);
    expect(connection.readyState).toBe('open');
  });

  it('sends a prepared message that says the same as its options', async () => {
    const sink = new Sink();
    const connection = connectionOn(sink);
    connection.send(prepareMessage('x'), { binary: false });
    connection.send(prepareMessage(Buffer.from('y')), { binary: true }, callback);
    await turns();
    expect(sink.bytes.toString('hex')).toBe('810178' + '820179');
  });
});

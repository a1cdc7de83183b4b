import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import type { SenderOwner } from '../../../../src/connection/send/owner.js';
import { formatClosePayload } from '../../../../src/protocol/framing/close-frame.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { Sink, turns } from '../../../support/connection.js';
import { detach, own } from '../../../support/memory.js';
import {
  called,
  connection,
  drains,
  make,
  makeOn,
  note,
  owner,
  sender,
  settings,
  sink,
  words,
} from '../../../support/sender.js';
import { catchSurfacing } from '../../../support/server.js';

describe('Backpressure, when to slow down', () => {
  beforeEach(() => (sink.backpressured = true));

  it('says true below the high-water mark and false from it on', () => {
    expect(sender.send(Buffer.alloc(995), undefined, undefined)).toBe(true); // 4 + 995 = 999
    expect(sender.bufferedAmount).toBe(999);
    make();
    expect(sender.send(Buffer.alloc(996), undefined, undefined)).toBe(false);
    expect(sender.bufferedAmount).toBe(1000);
  });

  it('says false when the connection closes inside the call, in a transport that has no delay', () => {
    make('server', Infinity);
    sink._writev = () => {
      sender.stop();
    };
    expect(sender.send('a'.repeat(70_000), undefined, undefined)).toBe(false);
  });

  it('says so of pings, pongs and raw frames too', () => {
    sender.send(Buffer.alloc(994), undefined, undefined); // 998
    expect(sender.control(Opcode.Ping, '')).toBe(false); // 1000
    expect(sender.frame(Opcode.Text, Buffer.alloc(0), {})).toBe(false);
    make();
    expect(sender.control(Opcode.Pong, 'p')).toBe(true);
    expect(sender.frame(Opcode.Text, Buffer.alloc(0), {})).toBe(true);
  });

  it('tells after a false, once, when all is with the kernel', async () => {
    sender.send(Buffer.alloc(500), undefined, undefined);
    sender.send(Buffer.alloc(20_000), undefined, undefined);
    sender.send(Buffer.alloc(20_000), undefined, undefined);
    await turns();
    expect(drains).toBe(0);
    sink.release();
    await turns();
    expect(sender.bufferedAmount).toBe(20_004); // below nothing yet, and not empty
    expect(drains).toBe(0);
    sink.release();
    await turns();
    expect(drains).toBe(1);
    sender.send('a', undefined, undefined);
    await turns();
    sink.release();
    await turns();
    expect(drains).toBe(1);
  });

  it('tells nothing if no call returned false', async () => {
    sender.send('a', undefined, undefined);
    await turns();
    sink.release();
    await turns();
    expect(drains).toBe(0);
  });

  it('tells nothing once the connection is not open', async () => {
    sender.send(Buffer.alloc(20_000), undefined, undefined);
    sender.stop();
    sender.close(formatClosePayload(1000));
    await turns();
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(sender.bufferedAmount).toBe(0);
    expect(drains).toBe(0);
  });

  it('drained() resolves at once below the mark', async () => {
    sender.send(Buffer.alloc(500), undefined, undefined);
    expect(await sender.drained(undefined)).toBe(true);
  });

  it('drained() resolves for every call that waits as soon as less than the mark is buffered', async () => {
    makeOn(new Sink(16));
    sink.backpressured = true;
    sender.send(Buffer.alloc(2000), undefined, undefined);
    await turns();
    sender.send(Buffer.alloc(100), undefined, undefined);
    let settled = 0;
    const waits = [sender.drained(undefined), sender.drained(new AbortController().signal)];
    for (const wait of waits) void wait.then(() => settled++);
    await turns();
    expect(settled).toBe(0);
    sink.release();
    expect(await Promise.all(waits)).toEqual([true, true]);
    expect(sender.bufferedAmount).toBe(102);
  });

  it('drained() resolves below a tiny mark too, when all that is buffered is under way', async () => {
    make('server', 1);
    sink.backpressured = true;
    sender.outbox.frame(prepareMessage('a').frame); // as a broadcast does, which asks nothing
    await turns();
    expect(sender.bufferedAmount).toBe(3);
    let settled: boolean | undefined;
    void sender.drained(undefined).then((below) => (settled = below));
    await turns();
    expect(settled).toBeUndefined();
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(settled).toBe(true);
    expect(drains).toBe(0);
  });

  it('drained() goes on waiting when more has come before what was under way is written', async () => {
    make('server', 1);
    sink.backpressured = true;
    sender.outbox.frame(prepareMessage('a').frame);
    await turns();
    let settled: boolean | undefined;
    void sender.drained(undefined).then((below) => (settled = below));
    sink.release();
    await turns();
    sender.outbox.frame(prepareMessage('b').frame);
    sink.release(); // before the end of the tick, when 'b' is handed over
    await turns();
    expect(settled).toBeUndefined();
    sink.release();
    await turns();
    expect(settled).toBe(true);
  });

  it('tells once, and calls back once, when the message had left inside send()', async () => {
    makeOn(new Sink(1024 * 1024));
    sink.backpressured = true;
    expect(sender.send(Buffer.alloc(70_000), undefined, note('a'))).toBe(false);
    expect(sink.writes).toHaveLength(1);
    await turns();
    expect([drains, called]).toEqual([0, []]);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect([drains, called]).toEqual([1, ['a']]);
    sender.send('b', undefined, undefined);
    await turns();
    expect([drains, called]).toEqual([1, ['a']]);
  });

  it('tells again when a listener of drain is told to slow down again', async () => {
    sink.backpressured = false;
    connection.once('drain', () => {
      sender.send(Buffer.alloc(5000), undefined, undefined);
    });
    sender.send(Buffer.alloc(5000), undefined, undefined);
    await turns();
    expect(drains).toBe(2);
  });

  it('asks the socket for nothing while no call has returned false', async () => {
    const write = jest.spyOn(sink, 'write');
    sender.send('a', undefined, undefined);
    sender.control(Opcode.Ping, '');
    await turns();
    expect(write.mock.calls.map((args) => args.length)).toEqual([1]);
    expect(sink.listenerCount('drain')).toBe(0);
  });

  it('drained() resolves with false when the connection is, or gets, no longer open', async () => {
    sender.send(Buffer.alloc(2000), undefined, undefined);
    const waiting = sender.drained(undefined);
    sender.stop();
    expect(await waiting).toBe(false);
    expect(await sender.drained(undefined)).toBe(false);
  });

  it('drained() rejects with the reason of its signal, and only then', async () => {
    const reason = new Error('enough');
    await expect(sender.drained(AbortSignal.abort(reason))).rejects.toBe(reason);
    sender.send(Buffer.alloc(2000), undefined, undefined);
    const controller = new AbortController();
    const aborted = sender.drained(controller.signal);
    const other = sender.drained(undefined);
    controller.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    const forgotten = jest.spyOn(controller.signal, 'removeEventListener');
    sender.stop();
    expect(await other).toBe(false);
    expect(forgotten).not.toHaveBeenCalled(); // a wait that was aborted is not kept
  });

  it('gives up what waits, and tells its other half, when a payload was taken away', async () => {
    const told: unknown[] = [];
    Object.assign(owner, {
      failSlowConsumer: () => undefined,
      unsendable: (error) => told.push(error),
    } satisfies Partial<SenderOwner>);
    const payload = own(20_000);
    sender.send(payload, undefined, note('payload'));
    sender.send('after', undefined, note('after'));
    detach(payload);
    await turns();
    expect(called).toEqual(['payload ERR_PAYLOAD_DETACHED', 'after ERR_CONNECTION_CLOSED']);
    expect(told).toEqual([expect.objectContaining({ code: 'ERR_PAYLOAD_DETACHED' })]);
    expect(sender.bufferedAmount).toBe(0);
  });

  it('drained() puts one listener on a signal that many connections wait for', async () => {
    const controller = new AbortController();
    const waits = Array.from({ length: 12 }, () => {
      make('server', 1);
      sink.backpressured = true;
      sender.send('a', undefined, undefined);
      return sender.drained(controller.signal);
    });
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(new Error('enough'));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    for (const { status } of await Promise.allSettled(waits)) expect(status).toBe('rejected');
  });

  it.each<[unknown, string]>([
    ['soon', 'soon (string)'],
    [null, 'null (object)'],
    [{ signal: AbortSignal.abort() }, 'an object; pass its signal, not the object'],
  ])('drained(%p) throws at the call', (signal, got) => {
    const attempt = () => sender.drained(signal as AbortSignal);
    expect(attempt).toThrow(
      new TypeError(`drained: expected signal to be an AbortSignal, got ${got}`),
    );
  });

  it('drained() lets go of its signal', async () => {
    sender.send(Buffer.alloc(2000), undefined, undefined);
    const { signal } = new AbortController();
    const waiting = sender.drained(signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    sender.stop();
    await waiting;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('Backpressure, a slow consumer', () => {
  let slow: unknown[];
  let dropped: unknown[];

  /** A sender whose socket is backpressured, with a limit of 1000 bytes. */
  function backpressured(
    slowConsumer: 'close' | 'drop',
    highWaterMark = 500,
    maxBufferedAmount = 1000,
  ): void {
    slow = [];
    dropped = [];
    make('server', highWaterMark, { slowConsumer, maxBufferedAmount });
    sink.backpressured = true;
    connection.on('dropped', (data) => dropped.push(data));
    Object.assign(owner, {
      failSlowConsumer: (error) => {
        slow.push(error);
        sender.discard(error);
        sender.stop();
      },
      unsendable: () => undefined,
    } satisfies Partial<SenderOwner>);
  }
  afterEach(() => turns()); // a callback that is due belongs to its own test
  const send = (length: number, droppable = false, name = `${length}`): boolean =>
    sender.send(Buffer.alloc(length), { droppable }, note(name));

  it.each([500, 1000, 5000])(
    'lets a message through while less than the limit waits, to the byte, with a high-water mark of %i',
    async (mark) => {
      backpressured('close', mark);
      send(995); // 999 with its header
      send(0); // 1001: the last
      expect(sender.bufferedAmount).toBe(1001);
      expect(slow).toStrictEqual([]);
      expect(send(0, false, 'too much')).toBe(false);
      expect(slow).toHaveLength(1);
      await turns();
      expect(called).toContain('too much ERR_SLOW_CONSUMER');
    },
  );

  it('lets any one message go to a peer for whom nothing waits', () => {
    backpressured('close');
    send(1_000_000);
    expect(slow).toStrictEqual([]);
    expect(send(1)).toBe(false);
    expect((slow[0] as Error).message).toMatch(
      /: 1000010 bytes wait for it, with a maxBufferedAmount of 1000$/,
    );
  });

  it('goes on when what waited has left', async () => {
    backpressured('close');
    send(2000);
    sink.backpressured = false;
    await turns();
    send(2000);
    await turns();
    expect(slow).toStrictEqual([]);
    expect(called).toStrictEqual(['2000', '2000']);
  });

  it('tells every callback what became of its message, each once', async () => {
    backpressured('close');
    send(2000, false, 'under way');
    await turns(); // now it is with the socket
    send(1, false, 'never queued');
    await turns();
    expect(called).toStrictEqual(['never queued ERR_SLOW_CONSUMER']);
    sink.release();
    await turns();
    expect(called).toStrictEqual(['never queued ERR_SLOW_CONSUMER', 'under way']);
  });

  it('refuses what is sent after that as on any connection that is not open', async () => {
    backpressured('close');
    send(2000, false, 'a');
    send(1, false, 'b');
    expect(send(1, true, 'c')).toBe(false);
    await turns();
    expect(slow).toHaveLength(1);
    expect(called).toStrictEqual([
      'a ERR_SLOW_CONSUMER',
      'b ERR_SLOW_CONSUMER',
      'c ERR_CONNECTION_NOT_OPEN',
    ]);
    expect(sender.send('without a callback', undefined, undefined)).toBe(false);
  });

  it('is dropped what may be dropped, where the server says so: told to callback, event, counter and channel', async () => {
    backpressured('drop');
    const message = prepareMessage('later');
    const observed: unknown[] = [];
    const observe = (payload: unknown) => observed.push(payload);
    subscribe('hawser.message.dropped', observe);
    send(995);
    send(0, true, 'queued'); // 1001
    expect(sender.send('text', { droppable: true }, note('text'))).toBe(false);
    expect(sender.send(message, { droppable: true }, undefined)).toBe(false);
    expect(sender.bufferedAmount).toBe(1001);
    expect(dropped).toStrictEqual(['text', message]);
    expect(settings.counters.messagesDropped).toBe(2);
    expect(settings.counters.messagesSent).toBe(2);
    unsubscribe('hawser.message.dropped', observe);
    expect(observed).toStrictEqual([
      { connection, data: 'text' },
      { connection, data: message },
    ]);
    expect(settings.counters.publishedDropped).toBe(0);
    expect(sender.send(message, { droppable: true, topic: 'news' }, undefined)).toBe(false);
    expect(settings.counters.publishedDropped).toBe(1);
    sink.backpressured = false;
    await turns();
    expect(called).toStrictEqual(['text ERR_MESSAGE_DROPPED', '995', 'queued']);
    expect(words()).toHaveLength(2);
    expect(drains).toBe(1);
    expect(slow).toStrictEqual([]);
    expect(sender.send('text', { droppable: true }, undefined)).toBe(true);
  });

  it('is dropped nothing but what the caller got wrong', () => {
    backpressured('drop');
    send(2000);
    expect(() => sender.send(5 as never, { droppable: true }, undefined)).toThrow(TypeError);
    expect(dropped).toStrictEqual([]);
  });

  it('tells of the drain after a message that was dropped below the high-water mark', async () => {
    backpressured('drop', 5000);
    expect(send(1500)).toBe(true);
    expect(send(1, true)).toBe(false);
    sink.backpressured = false;
    await turns();
    expect(drains).toBe(1);
  });

  it('sends the latest of each key once it takes more, and is closed at twice the limit', async () => {
    backpressured('close', 500, 12_000);
    send(19_996);
    await turns();
    sender.send('a1', { key: 'a' }, note('a1'));
    sender.send('a2', { key: 'a' }, note('a2'));
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(words().slice(1)).toStrictEqual(['text 6132']);
    expect(called).toStrictEqual(['a1 ERR_MESSAGE_REPLACED', '19996', 'a2']);
    sink.backpressured = true;
    send(19_996);
    await turns();
    sender.send('b'.repeat(4000), { key: 'b' }, undefined);
    expect(slow).toStrictEqual([]);
    sender.send('c', { key: 'c' }, undefined);
    expect(slow).toHaveLength(1);
  });

  it('finds as much room again for what may not be dropped, and is closed above', () => {
    backpressured('drop');
    send(1500);
    send(495); // 1504 waited; 2003 do now
    expect(slow).toStrictEqual([]);
    expect(send(0, true)).toBe(false);
    expect(slow).toStrictEqual([]);
    expect(send(0)).toBe(false);
    expect(slow).toHaveLength(1);
  });

  it("lets nothing that a listener of dropped throws into the application's send", async () => {
    const surfaced = catchSurfacing();
    backpressured('drop');
    send(2000);
    connection.on('dropped', () => {
      throw new Error('mine');
    });
    expect(send(1, true, 'dropped')).toBe(false);
    await turns();
    jest.restoreAllMocks();
    expect(surfaced).toStrictEqual([new Error('mine')]);
    expect(called).toStrictEqual(['dropped ERR_MESSAGE_DROPPED']);
  });

  it('gets pings and pongs above the limit, and none above twice that', () => {
    backpressured('close');
    send(1500);
    expect(sender.control(Opcode.Ping, Buffer.alloc(123))).toBe(false);
    expect(sender.frame(Opcode.Pong, Buffer.alloc(123), {})).toBe(false);
    expect(sender.bufferedAmount).toBe(1754);
    for (let i = 0; i < 100; i++) sender.control(Opcode.Ping, Buffer.alloc(123));
    for (let i = 0; i < 100; i++) sender.frame(Opcode.Pong, Buffer.alloc(123), {});
    expect(sender.bufferedAmount).toBe(2004);
    expect(slow).toStrictEqual([]);
  });

  it('tells the callback of a ping why it is not sent', async () => {
    backpressured('close');
    send(2000);
    sender.control(Opcode.Ping, '', note('ping'));
    sender.stop();
    sender.control(Opcode.Ping, '', note('late ping'));
    await turns();
    expect(called).toStrictEqual(['ping ERR_SLOW_CONSUMER', 'late ping ERR_CONNECTION_NOT_OPEN']);
  });

  it.each(['close', 'drop'] as const)(
    'is sent no part of a message above it (%s)',
    (slowConsumer) => {
      backpressured(slowConsumer);
      sender.frame(Opcode.Binary, Buffer.alloc(2000), { fin: false });
      expect(sender.frame(Opcode.Continuation, Buffer.alloc(1), {})).toBe(false);
      expect(slow).toHaveLength(1);
      expect(dropped).toStrictEqual([]);
    },
  );

  it('is judged by what waits for an unfinished message too, once', async () => {
    backpressured('close');
    sink.backpressured = false;
    sender.frame(Opcode.Text, Buffer.alloc(0), { fin: false });
    send(900, false, 'first');
    sender.frame(Opcode.Continuation, Buffer.alloc(2000), {}); // 904 waited
    expect(slow).toStrictEqual([]); // though more than the limit does, as 'first' goes out
    await turns();
    expect(called).toStrictEqual(['first']);
    sender.frame(Opcode.Text, Buffer.alloc(0), { fin: false });
    send(2000, false, 'behind');
    expect(slow).toStrictEqual([]);
    send(1, false, 'too much');
    expect(slow).toHaveLength(1);
    await turns();
    expect(called).toStrictEqual([
      'first',
      'behind ERR_SLOW_CONSUMER',
      'too much ERR_SLOW_CONSUMER',
    ]);
    expect(sender.bufferedAmount).toBe(0);
  });
});

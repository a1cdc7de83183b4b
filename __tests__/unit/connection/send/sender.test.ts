import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import { openInflater } from '../../../../src/connection/deflate/shared-contexts.js';
import type { SenderOwner } from '../../../../src/connection/send/owner.js';
import type { Sender } from '../../../../src/connection/send/sender.js';
import { formatClosePayload } from '../../../../src/protocol/framing/close-frame.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { compressing, parametersOf, Sink, turns, until } from '../../../support/connection.js';
import { parseFrames } from '../../../support/frames.js';
import { FREES, own } from '../../../support/memory.js';
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

/** What `send` made of `data`, in words. */
async function sent(...args: [unknown, boolean?]): Promise<string> {
  sender.send(
    args[0] as string,
    args[1] === undefined ? undefined : { binary: args[1] },
    undefined,
  );
  await turns();
  return words().join(', ');
}

class MyBuffer extends Uint8Array {}

describe('Sender.send, what can be sent', () => {
  const bytes = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]).buffer;
  const shared = new SharedArrayBuffer(2);
  new Uint8Array(shared).set([0xca, 0xfe]);

  it.each<[string, unknown, string]>([
    ['a string', 'Hi', 'text 4869'],
    ['an empty string', '', 'text'],
    ['a Buffer', Buffer.from('a5', 'hex'), 'binary a5'],
    ['an empty Buffer', Buffer.alloc(0), 'binary'],
    ['a subclass of Uint8Array', MyBuffer.from([1, 2]), 'binary 0102'],
    ['a part of a Uint8Array', new Uint8Array(bytes, 4, 2), 'binary 0405'],
    ['a part of a Uint16Array', new Uint16Array(bytes, 8, 2), 'binary 08090a0b'],
    ['a Float64Array', new Float64Array([1]), 'binary 000000000000f03f'],
    ['a part of a DataView', new DataView(bytes, 3, 4), 'binary 03040506'],
    ['an ArrayBuffer', bytes.slice(0, 3), 'binary 000102'],
    ['a SharedArrayBuffer', shared, 'binary cafe'],
    ['a view of a SharedArrayBuffer', new Uint8Array(shared, 1), 'binary fe'],
    ['a prepared text', prepareMessage('Hi'), 'text 4869'],
    [
      'a text that another copy of the package prepared',
      {
        [Symbol.for('hawser.PreparedMessage')]: true,
        opcode: Opcode.Text,
        payload: Buffer.from('Hi'),
      },
      'text 4869',
    ],
    ['prepared bytes', prepareMessage(Buffer.from([7])), 'binary 07'],
  ])('%s', async (_name, data, expected) => {
    expect(await sent(data)).toBe(expected);
    make('client');
    expect(await sent(data)).toBe(expected);
  });

  it.each<[string, unknown, RegExp]>([
    ['undefined', undefined, /got undefined$/],
    ['null', null, /got null$/],
    ['a number', 5, /got a number; send String\(data\)$/],
    ['an object', {}, /got an object; send JSON.stringify\(data\)$/],
    ['an array of numbers', [1, 2], /got an array; send JSON.stringify\(data\)$/],
  ])('refuses %s with a TypeError, on a closed connection too', async (_name, data, message) => {
    const attempt = () => sender.send(data as string, undefined, undefined);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(message);
    sender.stop();
    expect(attempt).toThrow(TypeError);
    await turns();
    expect(sink.writes).toEqual([]);
  });

  it('sends text as Binary, and bytes as Text', async () => {
    expect(await sent('é', true)).toBe('binary c3a9');
    expect(await sent(Buffer.from('é'), false)).toBe('binary c3a9, text c3a9');
    expect(await sent('a', false)).toBe('binary c3a9, text c3a9, text 61');
    expect(await sent(Buffer.from('b'), true)).toBe('binary c3a9, text c3a9, text 61, binary 62');
  });

  it('refuses to send bytes as Text that are not UTF-8, and says how many they are', async () => {
    const attempt = () => sender.send(Buffer.from('c328', 'hex'), { binary: false }, undefined);
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow('2 bytes were to be sent as Text but are not valid UTF-8');
    await turns();
    expect(sink.writes).toEqual([]);
  });

  it('shares the frame of a prepared message, uncopied', async () => {
    const message = prepareMessage('x');
    sender.send(message, undefined, undefined);
    await turns();
    expect(sink.writes[0]![0]).toBe(message.frame);
  });
});

describe('Sender, what is counted', () => {
  it('is each message once, and each byte of a frame when it leaves', async () => {
    const published: unknown[] = [];
    const listener = (message: unknown) => published.push((message as { data: unknown }).data);
    subscribe('hawser.message.sent', listener);
    try {
      sender.send('a', undefined, undefined);
      sender.send(prepareMessage('b'), undefined, undefined);
      sender.control(Opcode.Ping, 'p');
      sender.frame(Opcode.Text, Buffer.from('c'), { fin: false });
      sender.send('behind', undefined, undefined);
      expect(settings.counters).toMatchObject({ messagesSent: 2, bytesSent: 0 });
      sender.frame(Opcode.Continuation, Buffer.from('d'), {});
      await turns();
      expect(settings.counters).toMatchObject({ messagesSent: 3, bytesSent: sink.bytes.length });
      sender.stop();
      sender.close(formatClosePayload(1000));
      sender.send('late', undefined, undefined);
      expect(settings.counters.messagesSent).toBe(3);
    } finally {
      unsubscribe('hawser.message.sent', listener);
    }
    expect(published).toStrictEqual(['a', prepareMessage('b'), prepareMessage('behind')]);
  });

  it('is no message that could not be sent', () => {
    expect(() => sender.send(42 as never, undefined, undefined)).toThrow(TypeError);
    expect(settings.counters.messagesSent).toBe(0);
  });
});

describe('Sender, control frames', () => {
  it('sends pings and pongs of up to 125 bytes', async () => {
    sender.control(Opcode.Ping, 'é');
    sender.control(Opcode.Pong, Buffer.alloc(125));
    await turns();
    expect(words()).toEqual(['ping c3a9', `pong ${'00'.repeat(125)}`]);
  });

  it('refuses one of 126 bytes with a RangeError, on a closed connection too', () => {
    const attempt = () => sender.control(Opcode.Ping, 'é'.repeat(63));
    expect(attempt).toThrow(RangeError);
    expect(attempt).toThrow('at most 125 bytes of payload, not 126');
    sender.stop();
    expect(attempt).toThrow(RangeError);
  });

  it('calls back when a ping, a pong or a raw frame is with the kernel', async () => {
    sink.backpressured = true;
    sender.send('x'.repeat(20_000), undefined, note('message'));
    sender.control(Opcode.Ping, 'a', note('ping'));
    sender.control(Opcode.Pong, 'b', note('pong'));
    sender.frame(Opcode.Text, Buffer.from('c'), { fin: false }, note('fragment'));
    sender.frame(Opcode.Continuation, Buffer.from('d'), {}, note('end'));
    await turns();
    expect(called).toEqual([]);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(called).toEqual(['message', 'ping', 'pong', 'fragment', 'end']);
  });

  it('calls back for one that waits for a Blob, and tells it why it is not sent', async () => {
    sender.send(new Blob(['abc']), undefined, note('blob'));
    sender.control(Opcode.Ping, 'a', note('ping'));
    await until('the ping is sent', () => called.includes('ping'));
    expect(called).toEqual(['blob', 'ping']);
    sender.send(new Blob(['abc']), undefined, note('second blob'));
    sender.control(Opcode.Ping, 'a', note('second ping'));
    sender.control(Opcode.Pong, 'without a callback');
    sender.discard(new ConnectionError('ERR_SLOW_CONSUMER'));
    await turns();
    expect(called.slice(2)).toEqual([
      'second blob ERR_SLOW_CONSUMER',
      'second ping ERR_SLOW_CONSUMER',
    ]);
  });

  it('tells a callback that the connection is not open', async () => {
    sender.stop();
    sender.control(Opcode.Ping, '', note('ping'));
    sender.frame(Opcode.Pong, Buffer.alloc(0), {}, note('pong'));
    sender.frame(Opcode.Text, Buffer.alloc(0), {}, note('text'));
    await turns();
    expect(called).toEqual([
      'ping ERR_CONNECTION_NOT_OPEN',
      'pong ERR_CONNECTION_NOT_OPEN',
      'text ERR_CONNECTION_NOT_OPEN',
    ]);
  });

  it('sends none once the connection is not open', async () => {
    sender.stop();
    expect(sender.control(Opcode.Ping, '')).toBe(false);
    await turns();
    expect(sink.writes).toEqual([]);
  });
});

describe('Sender, raw frames', () => {
  const frame = (opcode: Opcode, payload: string, flags = {}) =>
    sender.frame(opcode, Buffer.from(payload), flags);

  it('sends one frame with the bits it is given', async () => {
    frame(Opcode.Binary, 'a', { rsv1: true, rsv3: true });
    frame(Opcode.Text, 'b', { fin: true, rsv2: true });
    await turns();
    expect(words()).toEqual(['rsv5 binary 61', 'rsv2 text 62']);
  });

  it('lets other messages wait for an unfinished one, in order, while control frames pass', async () => {
    frame(Opcode.Text, 'a', { fin: false });
    sender.send('1', undefined, note('1'));
    sender.send(Buffer.from('2'), undefined, undefined);
    sender.send(prepareMessage('3'), undefined, note('3'));
    sender.send('4', { binary: true }, undefined);
    sender.send(Buffer.from('5'), { binary: false }, undefined);
    sender.control(Opcode.Ping, 'p');
    frame(Opcode.Pong, 'q');
    frame(Opcode.Continuation, 'b', { fin: false });
    await turns();
    const begun = ['text nofin 61', 'ping 70', 'pong 71', 'continuation nofin 62'];
    expect(words()).toEqual(begun);
    expect(called).toEqual([]);
    frame(Opcode.Continuation, 'c');
    sender.send('6', undefined, note('6'));
    await turns();
    expect(words()).toEqual([
      ...begun,
      'continuation 63',
      'text 31',
      'binary 32',
      'text 33',
      'binary 34',
      'text 35',
      'text 36',
    ]);
    expect(called).toEqual(['1', '3', '6']);
  });

  it.each<['server' | 'client', number]>([
    ['server', 0],
    ['client', 4],
  ])('counts what waits for it as buffered (%s)', async (role, key) => {
    make(role, 100);
    frame(Opcode.Text, '', { fin: false });
    await turns();
    expect(sender.bufferedAmount).toBe(0);
    expect(sender.send(Buffer.alloc(80), undefined, undefined)).toBe(true);
    expect(sender.bufferedAmount).toBe(82 + key);
    expect(sender.send('x'.repeat(16), undefined, undefined)).toBe(false);
    expect(sender.bufferedAmount).toBe(100 + 2 * key);
    const waiting = sender.drained(undefined);
    frame(Opcode.Continuation, '');
    expect(sender.bufferedAmount).toBe(102 + 3 * key);
    expect(await waiting).toBe(true);
    await turns();
    expect(sender.bufferedAmount).toBe(0);
    expect(drains).toBe(1);
    expect(words()).toHaveLength(4);
  });

  it('sends a message that waits as it was at the call', async () => {
    frame(Opcode.Text, '', { fin: false });
    const payload = Buffer.from('é');
    sender.send(payload, { binary: false }, undefined);
    payload.fill(0xff);
    frame(Opcode.Continuation, '');
    await turns();
    expect(words().at(-1)).toBe('text c3a9');
  });

  it('refuses a continuation of nothing, and a message inside another', async () => {
    expect(() => frame(Opcode.Continuation, 'a')).toThrow(RangeError);
    expect(() => frame(Opcode.Continuation, 'a')).toThrow('no unfinished message');
    frame(Opcode.Binary, 'b', { fin: false });
    expect(() => frame(Opcode.Text, 'c')).toThrow(RangeError);
    expect(() => frame(Opcode.Text, 'c')).toThrow('must be finished first');
    await turns();
    expect(words()).toEqual(['binary nofin 62']);
  });

  it('refuses a data frame while a message is sent in parts', async () => {
    const nothing = (): void => undefined;
    const stream = { isBegun: true, begin: nothing, othersWait: nothing, end: nothing };
    sender.calls.addStream(stream);
    expect(() => frame(Opcode.Text, 'a')).toThrow('a message of sendStream is not finished');
    frame(Opcode.Ping, 'b');
    sender.calls.endStream(stream);
    frame(Opcode.Text, 'c');
    await turns();
    expect(words()).toEqual(['ping 62', 'text 63']);
  });

  it('refuses a fragmented control frame, one of 126 bytes, and an opcode that does not exist', () => {
    expect(() => frame(Opcode.Ping, '', { fin: false })).toThrow('must not be fragmented');
    expect(() => frame(Opcode.Pong, 'x'.repeat(126))).toThrow('not 126');
    expect(() => frame(3 as Opcode, '')).toThrow('opcode 3');
  });

  it('sends none of the application where too much waits', () => {
    make('server', 100, { maxBufferedAmount: 1000, slowConsumer: 'drop' });
    sink.backpressured = true;
    sender.send(Buffer.alloc(2000), undefined, undefined);
    const before = sender.bufferedAmount;
    expect(sender.frame(Opcode.Ping, Buffer.alloc(1), {})).toBe(false);
    expect(sender.frame(Opcode.Binary, Buffer.alloc(1), {})).toBe(false);
    expect(sender.bufferedAmount).toBe(before);
  });

  it('never throws because the peer left, not even in the middle of a message', async () => {
    frame(Opcode.Text, 'a', { fin: false });
    sender.stop();
    expect(frame(Opcode.Continuation, 'b')).toBe(false);
    expect(frame(Opcode.Text, 'c')).toBe(false);
    expect(frame(Opcode.Ping, '')).toBe(false);
    await turns();
    expect(words()).toEqual(['text nofin 61']);
  });
});

describe('Sender, the end', () => {
  it('sends the Close after everything else, and nothing after it', async () => {
    sender.send('a', undefined, note('a'));
    sender.stop();
    sender.close(formatClosePayload(4000, 'bye'));
    expect(sender.send('b', undefined, note('b'))).toBe(false);
    expect(sender.send(Buffer.from('c'), undefined, undefined)).toBe(false);
    expect(sender.send(prepareMessage('d'), undefined, note('d'))).toBe(false);
    await turns();
    expect(words()).toEqual(['text 61', 'close 4000 627965']);
    expect(called).toEqual(['b ERR_CONNECTION_NOT_OPEN', 'd ERR_CONNECTION_NOT_OPEN', 'a']);
  });

  it('tells callbacks of messages that wait for one that will never be finished', async () => {
    sender.frame(Opcode.Text, Buffer.from('a'), { fin: false });
    sender.send('b', undefined, note('b'));
    sender.send('c', undefined, undefined);
    sender.stop();
    sender.close(formatClosePayload(1000));
    expect(called).toEqual([]);
    await turns();
    expect(called).toEqual(['b ERR_CONNECTION_NOT_OPEN']);
    expect(sender.bufferedAmount).toBe(0);
    expect(words()).toEqual(['text nofin 61', 'close 1000']);
  });

  it('ends the socket after everything that was sent', async () => {
    sender.send('a', undefined, undefined);
    sender.end();
    await turns();
    expect([words(), sink.writableEnded]).toStrictEqual([['text 61'], true]);
  });

  it('masks a client’s Close too', async () => {
    make('client');
    sender.stop();
    sender.close(formatClosePayload(1001));
    await turns();
    expect(words()).toEqual(['close 1001']);
    expect(sender.outbox.bufferedAmount).toBe(0);
  });
});

/** A Blob whose content comes when the test says so. */
class LateBlob {
  readonly [Symbol.toStringTag] = 'Blob';
  /** How often it was read. */
  reads = 0;
  succeed!: (text: string) => void;
  fail!: (error: Error) => void;
  readonly #content = new Promise<ArrayBuffer>((resolve, reject) => {
    this.succeed = (text) => {
      resolve(new Uint8Array(Buffer.from(text)).buffer);
    };
    this.fail = reject;
  });

  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    this.reads++;
    return this.#content;
  }
}

describe('Sender.send, of a Blob', () => {
  let blob: LateBlob;
  let failures: unknown[];
  const half: Pick<SenderOwner, 'failSlowConsumer' | 'unsendable'> = {
    failSlowConsumer: (error) => {
      failures.push(error);
      sender.discard(error);
      sender.stop();
    },
    unsendable: (error) => {
      failures.push(error);
      sender.stop();
      sender.stop();
      sender.close(formatClosePayload(1011));
    },
  };

  beforeEach(() => {
    blob = new LateBlob(5);
    failures = [];
    Object.assign(owner, half);
  });

  const sendText = (text: string): boolean => sender.send(text, undefined, note(text));

  it('counts its size, reads it once, and lets all that comes after it wait', async () => {
    sendText('a');
    expect(sender.send(blob, undefined, note('blob'))).toBe(true);
    expect(sender.bufferedAmount).toBe(3 + 5);
    sendText('b');
    sender.control(Opcode.Ping, 'ping');
    expect(sender.bufferedAmount).toBe(3 + 5 + 3 + 4);
    await turns();
    expect(words()).toStrictEqual(['text 61']);
    expect([blob.reads, called]).toStrictEqual([1, ['a']]);
    blob.succeed('blob!');
    await turns();
    expect(words()).toStrictEqual(['text 61', 'binary 626c6f6221', 'text 62', 'ping 70696e67']);
    expect(called).toStrictEqual(['a', 'blob', 'b']);
    expect([blob.reads, sender.bufferedAmount]).toStrictEqual([1, 0]);
    expect(settings.counters.messagesSent).toBe(3);
  });

  it('reads several in order, each when its turn comes', async () => {
    const second = new LateBlob(3);
    const empty = new LateBlob(0);
    for (const each of [blob, second, empty]) sender.send(each, { binary: false }, undefined);
    second.succeed('two');
    empty.succeed('');
    await turns();
    expect([second.reads, empty.reads, sender.bufferedAmount]).toStrictEqual([0, 0, 8]);
    blob.succeed('first');
    await turns();
    expect(words()).toStrictEqual(['text 6669727374', 'text 74776f', 'text']);
  });

  it('keeps its place among frames: what is legal is what is legal after all that waits', async () => {
    sender.send(blob, undefined, note('blob'));
    const part = Buffer.from('a');
    expect(() => sender.frame(Opcode.Continuation, part, {})).toThrow('no unfinished message');
    sender.frame(Opcode.Text, part, { fin: false });
    part[0] = 0; // it was copied
    expect(() => sender.frame(Opcode.Text, part, {})).toThrow('must be finished first');
    sendText('message');
    const other = new LateBlob(1);
    sender.send(other, undefined, note('other'));
    sender.frame(Opcode.Continuation, Buffer.from('b'), {});
    blob.succeed('x');
    await turns();
    expect(words()).toStrictEqual([
      ...['binary 78', 'text nofin 61', 'continuation 62', 'text 6d657373616765'],
    ]);
    other.succeed('y');
    await turns();
    expect(words().at(-1)).toBe('binary 79');
    expect(called).toStrictEqual(['blob', 'message', 'other']);
  });

  it('waits for the end of an unfinished message', async () => {
    sender.frame(Opcode.Text, Buffer.from('a'), { fin: false });
    sender.send(blob, undefined, note('blob'));
    blob.succeed('x');
    await turns();
    expect(blob.reads).toBe(0);
    sender.frame(Opcode.Continuation, Buffer.from('b'), {});
    await turns();
    expect(words().at(-1)).toBe('binary 78');
    sender.frame(Opcode.Text, Buffer.from('a'), { fin: false });
    for (const callback of [note('never'), undefined]) sender.send(blob, undefined, callback);
    sender.stop();
    await turns();
    expect(called).toStrictEqual(['blob', 'never ERR_CONNECTION_NOT_OPEN']);
  });

  it('comes before a Close, and before the end of the socket', async () => {
    sender.send(blob, undefined, note('blob'));
    sender.stop();
    sender.close(formatClosePayload(1000));
    sender.end();
    expect(sendText('late')).toBe(false);
    await turns();
    expect([words(), sink.writableEnded]).toStrictEqual([[], false]);
    blob.succeed('x');
    await turns();
    expect(words()).toStrictEqual(['binary 78', 'close 1000']);
    expect(sink.writableEnded).toBe(true);
    expect(called).toStrictEqual(['late ERR_CONNECTION_NOT_OPEN', 'blob']);
  });

  it('fails the connection where it cannot be read: what was sent before it leaves', async () => {
    sendText('a');
    sender.send(blob, undefined, note('blob'));
    sender.send(new LateBlob(1), undefined, note('next'));
    sendText('b');
    sender.control(Opcode.Ping, 'ping');
    blob.fail(new Error('the disk is gone'));
    await turns();
    expect(words()).toStrictEqual(['text 61', 'close 1011']);
    expect(called.sort()).toStrictEqual([
      ...['a', 'b ERR_CONNECTION_CLOSED', 'blob ERR_BLOB_UNREADABLE', 'next ERR_CONNECTION_CLOSED'],
    ]);
    expect(failures).toMatchObject([{ code: 'ERR_BLOB_UNREADABLE' }]);
  });

  it('ends the socket all the same where it cannot be read and the end has waited', async () => {
    sender.send(blob, undefined, undefined);
    sender.stop();
    sender.close(formatClosePayload(1000));
    sender.end();
    blob.fail(new Error('the disk is gone'));
    await turns();
    expect([words(), sink.writableEnded]).toStrictEqual([['close 1011'], true]);
  });

  it('is forgotten where everything is discarded meanwhile, or the transport is gone', async () => {
    const other = new LateBlob(1);
    for (const each of [blob, other]) {
      make();
      Object.assign(owner, half);
      sender.send(each, undefined, note('blob'));
      sender.send(new LateBlob(1), undefined, note('next'));
      if (each === blob) sender.discard(new ConnectionError('ERR_SLOW_CONSUMER'));
      else sender.onTransportClosed(new ConnectionError('ERR_CONNECTION_CLOSED'));
      expect(sender.bufferedAmount).toBe(0);
    }
    blob.succeed('x');
    other.fail(new Error('the disk is gone'));
    await turns();
    expect(called).toStrictEqual([
      'blob ERR_SLOW_CONSUMER',
      'next ERR_SLOW_CONSUMER',
      'blob ERR_CONNECTION_CLOSED',
      'next ERR_CONNECTION_CLOSED',
    ]);
    expect([failures, sink.bytes.length]).toStrictEqual([[], 0]);
  });

  it('is a message as any other to the limit of a slow consumer', async () => {
    make('server', 1000, { maxBufferedAmount: 2000 });
    Object.assign(owner, half);
    sender.send(new LateBlob(2000), undefined, note('first'));
    expect(sender.send(new LateBlob(1), undefined, note('second'))).toBe(false);
    await turns();
    expect(failures).toMatchObject([{ code: 'ERR_SLOW_CONSUMER' }]);
    expect(called).toStrictEqual(['first ERR_SLOW_CONSUMER', 'second ERR_SLOW_CONSUMER']);
    make('server', 1000, { maxBufferedAmount: 2000, slowConsumer: 'drop' });
    const dropped: unknown[] = [];
    connection.on('dropped', (data) => dropped.push(data));
    sink.backpressured = true;
    sender.send(Buffer.alloc(2000), undefined, undefined);
    expect(sender.send(blob, { droppable: true }, note('third'))).toBe(false);
    await turns();
    expect(dropped).toStrictEqual([blob]);
    expect([blob.reads, called.at(-1)]).toStrictEqual([0, 'third ERR_MESSAGE_DROPPED']);
  });

  it("emits 'drain', and settles drained(), once it has left", async () => {
    expect(sender.send(new LateBlob(999), undefined, undefined)).toBe(true);
    expect(sender.send(blob, undefined, undefined)).toBe(false);
    sender.discard(new ConnectionError('ERR_CONNECTION_CLOSED'));
    make();
    const long = new LateBlob(1000);
    expect(sender.send(long, undefined, undefined)).toBe(false);
    const drained = sender.drained(undefined);
    await turns();
    expect(drains).toBe(0);
    long.succeed('x'.repeat(1000));
    await turns();
    expect(drains).toBe(1);
    await expect(drained).resolves.toBe(true);
  });

  it('is read, called back and told of in the async context of its call', async () => {
    const user = new AsyncLocalStorage<string>();
    const stores: string[] = [];
    const see = (what: string) => () => void stores.push(`${what} ${user.getStore()}`);
    const second = new LateBlob(1);
    const read = second.arrayBuffer.bind(second);
    second.arrayBuffer = () => {
      see('read')();
      return read();
    };
    const told = see('told');
    subscribe('hawser.message.sent', told);
    user.run('ann', () => sender.send(blob, undefined, see('sent')));
    user.run('bob', () => sender.send(second, undefined, see('sent')));
    user.run('cid', () => {
      blob.succeed('x');
      second.succeed('y');
    });
    await turns();
    unsubscribe('hawser.message.sent', told);
    expect(stores).toStrictEqual(['told ann', 'read bob', 'told bob', 'sent ann', 'sent bob']);
  });

  it('is refused with advice by what sends the same bytes to many, and by frames', () => {
    for (const call of [
      () => prepareMessage(blob as unknown as string),
      () => sender.control(Opcode.Ping, blob as unknown as string),
    ]) {
      expect(call).toThrow('got a Blob; await its arrayBuffer() first');
    }
  });
});

describe('Sender, with compression', () => {
  const LONG = Buffer.alloc(200_000, 'long ');
  let compression: PermessageDeflate;

  beforeEach(() => {
    const concurrency = new ConcurrencyLimit();
    for (let jobs = 0; jobs < 4; jobs++) concurrency.run(() => undefined); // which never end
    compression = new PermessageDeflate(compressing({ concurrency }), parametersOf(), 'server');
    makeOn(new Sink(1024 * 1024), compression);
  });

  const rsvs = () => parseFrames(sink.bytes, 'server').map(({ rsv }) => rsv);

  it('compresses text, bytes and prepared messages, unless it is told not to', async () => {
    const text = 'again and again and again';
    for (const data of [text, Buffer.from(text), prepareMessage(text)]) {
      sender.send(data, undefined, undefined);
      sender.send(data, { compress: false }, undefined);
    }
    await turns();
    expect(rsvs()).toStrictEqual([4, 0, 4, 0, 4, 0]);
  });

  it('lets everything wait for a message that is being compressed, and counts it', () => {
    sender.send(LONG, undefined, note('long'));
    sender.send('behind', undefined, note('behind'));
    sender.control(Opcode.Ping, 'ping');
    expect(sender.bufferedAmount).toBe(LONG.length + 'behind'.length + 2 + 'ping'.length);
    expect(sink.bytes).toHaveLength(0);
  });

  it('sends all that, in order and as it is, where it cannot wait', async () => {
    sender.send(LONG, undefined, note('long'));
    sender.send('behind', { compress: false }, note('behind'));
    sender.send(LONG, undefined, undefined);
    sender.control(Opcode.Ping, 'ping');
    sender.send('last', { compress: false }, undefined);
    sender.stop();
    sender.close(formatClosePayload(1000));
    await turns();
    const opcodes = parseFrames(sink.bytes, 'server').map(({ opcode }) => opcode);
    expect(opcodes).toStrictEqual([2, 1, 2, 9, 1, 8]);
    expect(rsvs()).toStrictEqual([0, 0, 0, 0, 0, 0]);
    expect(called).toStrictEqual(['long', 'behind']);
  });

  it('refuses all that when the peer is too slow, callback by callback', async () => {
    sender.send(LONG, undefined, note('long'));
    sender.send('behind', undefined, note('behind'));
    sender.send('unasked', undefined, undefined);
    sender.control(Opcode.Ping, 'ping');
    sender.discard(new ConnectionError('ERR_SLOW_CONSUMER'));
    await turns();
    expect(called).toStrictEqual(['long ERR_SLOW_CONSUMER', 'behind ERR_SLOW_CONSUMER']);
    expect(sink.bytes).toHaveLength(0);
  });

  it('lets what waited for the end of an unfinished message wait again, for one of these', async () => {
    sender.frame(Opcode.Text, Buffer.from('begun'), { fin: false });
    sender.send(LONG, undefined, undefined);
    sender.send('behind', undefined, undefined);
    sender.frame(Opcode.Continuation, Buffer.from('finished'), {});
    expect(sender.bufferedAmount).toBeGreaterThan(LONG.length);
    sender.stop();
    await turns();
    expect(parseFrames(sink.bytes, 'server')).toHaveLength(4);
  });

  it('compresses a Blob, a long one too, and keeps the order', async () => {
    const text = 'again and again and again';
    sender.send(new Blob([text]), undefined, note('short'));
    sender.send(new Blob([text]), { compress: false }, note('as it is'));
    sender.send(new Blob([LONG]), undefined, note('long'));
    sender.send('last', { compress: false }, note('last'));
    await until('the long one to be read', () => sender.bufferedAmount < LONG.length * 2 && called.length === 2); // prettier-ignore
    await turns();
    expect(rsvs()).toStrictEqual([4, 0]);
    expect(sender.bufferedAmount).toBe(LONG.length + 'last'.length + 2);
    sender.stop(); // which does not wait for the compression
    await turns();
    expect(rsvs()).toStrictEqual([4, 0, 0, 0]);
    expect(called).toStrictEqual(['short', 'as it is', 'long', 'last']);
  });

  it('gives the contexts back with the transport', () => {
    const close = jest.spyOn(compression, 'close');
    sender.onTransportClosed(new ConnectionError('ERR_CONNECTION_CLOSED'));
    expect(close).toHaveBeenCalledTimes(1);
  });
});

describe('Sender, the async context', () => {
  const user = new AsyncLocalStorage<string>();
  let stores: string[];
  const see = (what: string) => (): void => void stores.push(`${what} ${user.getStore()}`);
  beforeEach(() => (stores = []));

  it('is that of the send for its callback, and that of the connection for events', async () => {
    user.run('ann', () => {
      make('server', 1000, { maxBufferedAmount: 2000, slowConsumer: 'drop' });
    });
    connection.on('dropped', see('dropped')).on('drain', see('drain'));
    sink.backpressured = true;
    user.run('bob', () => sender.send(Buffer.alloc(5000), undefined, see('sent')));
    user.run('cid', () => sender.send('x', { droppable: true }, see('refused')));
    await turns();
    user.run('dan', () => {
      sink.release();
    });
    await turns();
    expect(stores).toStrictEqual(['dropped ann', 'refused cid', 'drain ann', 'sent bob']);
  });

  it('is that of the send for what is told of a message that waits, if the channel has a subscriber', () => {
    const sent = see('told');
    subscribe('hawser.message.sent', sent);
    sender.frame(Opcode.Text, Buffer.from('begun'), { fin: false });
    user.run('bob', () => sender.send('x', undefined, undefined));
    user.run('cid', () => sender.frame(Opcode.Continuation, Buffer.alloc(0), {}));
    unsubscribe('hawser.message.sent', sent);
    expect(stores).toStrictEqual(['told bob']);
  });
});

describe('Sender.send, with a key', () => {
  /** Have a socket that takes nothing more, and `count` bytes under way. */
  async function slow(count = 20_000): Promise<void> {
    sink.backpressured = true;
    sender.send('x'.repeat(count - 4), undefined, undefined);
    await turns();
    expect(sender.outbox.blocked).toBe(true);
  }
  const send = (data: Parameters<Sender['send']>[0], key?: string, topic?: string): boolean =>
    sender.send(data, { ...(key === undefined ? {} : { key }), topic }, note(nameOf(data)));
  const nameOf = (data: unknown): string => (typeof data === 'string' ? data : 'bytes');
  /** The texts that were sent after the first. */
  const texts = (): string[] =>
    parseFrames(sink.bytes)
      .slice(1)
      .map(({ payload }) => payload.toString());
  const letGo = async (): Promise<void> => {
    sink.backpressured = false;
    sink.release();
    await turns();
  };

  it('sends every message while the socket takes them', async () => {
    make('server', 1e6);
    sink.backpressured = false;
    for (const price of ['1', '2', '3']) send(price, 'price');
    await turns();
    for (const price of ['4', '5']) send(price, 'price');
    await turns();
    expect(words()).toStrictEqual(['31', '32', '33', '34', '35'].map((hex) => `text ${hex}`));
    expect(settings.counters.messagesConflated).toBe(0);
  });

  it('sends only the latest of those that wait, at the place of the first', async () => {
    make('server', 1e6);
    await slow();
    send('a1', 'a');
    send('b1', 'b');
    send('a2', 'a', 'topic');
    send('a3', 'a');
    send('a4', 'a', 'topic');
    await letGo();
    expect(texts()).toStrictEqual(['a3', 'b1', 'a4']);
    expect(called.slice(0, 2)).toStrictEqual([
      'a1 ERR_MESSAGE_REPLACED',
      'a2 ERR_MESSAGE_REPLACED',
    ]);
    expect(called.slice(2).sort()).toStrictEqual(['a3', 'a4', 'b1']);
    expect(settings.counters).toMatchObject({
      messagesConflated: 2,
      publishedConflated: 1,
      messagesSent: 4,
    });
    expect(sender.bufferedAmount).toBe(0);
  });

  it('lets it overtake nothing that was sent without a key, nor a raw frame, nor a Blob', async () => {
    make('server', 1e6);
    await slow();
    send('a1', 'a');
    send('text');
    send('a2', 'a');
    sender.frame(Opcode.Text, Buffer.from('raw'), {});
    send('a3', 'a');
    send(new Blob(['blob']));
    send('a4', 'a');
    sender.control(Opcode.Ping, 'no fence');
    send('a5', 'a');
    await letGo();
    await until('all of it', () => texts().length === 8);
    expect(texts()).toStrictEqual(['a1', 'text', 'a2', 'raw', 'a3', 'blob', 'a5', 'no fence']);
  });

  it('goes on replacing while the socket takes only some of what waits', async () => {
    make('server', 1e6);
    await slow();
    const long = (name: string): string => name.padEnd(12_000, '.');
    for (const key of ['a', 'b', 'c']) send(long(`${key}1`), key);
    sink.release(); // it takes two, and then no more
    await turns();
    for (const key of ['a', 'b', 'c']) send(long(`${key}2`), key);
    await letGo();
    await turns();
    expect(texts().map((text) => text.slice(0, 2))).toStrictEqual(['a1', 'b1', 'c2', 'a2', 'b2']);
  });

  it('replaces a Blob, and a message by a Blob', async () => {
    make('server', 1e6);
    await slow();
    send(new Blob(['never read']), 'a');
    send('a2', 'a');
    send('b1', 'b');
    send(new Blob(['b2']), 'b');
    await letGo();
    await until('both', () => texts().length === 2);
    expect(texts()).toStrictEqual(['a2', 'b2']);
  });

  it('judges a replacement only if it is longer, and gives as much room again', async () => {
    const failed: string[] = [];
    make('server', 1000, { maxBufferedAmount: 20_000, slowConsumer: 'drop' });
    owner.failSlowConsumer = ({ code }) => failed.push(code);
    await slow();
    send('a'.repeat(5000), 'a');
    send('b'.repeat(14_000), 'b'); // 39 000 of 40 000
    send('c'.repeat(2000), 'c'); // 41 000
    expect(failed).toStrictEqual([]);
    send('A'.repeat(5000), 'a'); // as long
    expect(failed).toStrictEqual([]);
    send('A'.repeat(5001), 'a');
    expect(failed).toStrictEqual(['ERR_SLOW_CONSUMER']);
    expect(settings.counters.messagesDropped).toBe(0);
    await turns(); // for the callbacks
  });

  it('refuses it on a connection that is not open, even where it would replace another', async () => {
    make('server', 1e6);
    await slow();
    sender.frame(Opcode.Text, Buffer.from('unfinished'), { fin: false });
    send('a1', 'a');
    sender.stop();
    expect(send('a2', 'a')).toBe(false);
    await turns();
    expect(called).toStrictEqual(['a1 ERR_CONNECTION_NOT_OPEN', 'a2 ERR_CONNECTION_NOT_OPEN']);
  });

  it('sends what waits when the connection closes, before the Close', async () => {
    make('server', 1e6);
    await slow();
    send('a1', 'a');
    send('b1', 'b');
    sender.stop();
    sender.close(formatClosePayload(1000, ''));
    sender.end();
    await letGo();
    expect(words().slice(1)).toStrictEqual(['text 6131', 'text 6231', 'close 1000']);
  });

  it('compresses with takeover what waits in the order in which it is sent', async () => {
    make('server', 1e6);
    const takeover = parametersOf({ serverNoContextTakeover: false });
    makeOn(new Sink(), new PermessageDeflate(compressing(), takeover, 'server'));
    sink.backpressured = true;
    sender.send(Buffer.alloc(20_000), { compress: false }, undefined);
    await turns();
    for (const round of [1, 2, 3]) {
      send(`{"price":${round}}`.repeat(9), 'price');
      send(`{"size":${round}}`.repeat(9), 'size');
    }
    send('{"last":"one"}'.repeat(9));
    await letGo();
    const inflater = openInflater({ windowBits: 15, takeover: true }, undefined);
    const payloads = parseFrames(sink.bytes)
      .slice(1)
      .map(({ payload }) => inflater.inflate(payload, 1e6)!.toString());
    expect(payloads).toStrictEqual([
      '{"price":3}'.repeat(9),
      '{"size":3}'.repeat(9),
      '{"last":"one"}'.repeat(9),
    ]);
  });

  it('keeps memory of its own, not Node’s pool', async () => {
    make('server', 1e6);
    await slow();
    const message = prepareMessage('short');
    send(message, 'a');
    expect(message.frame.buffer.byteLength).toBe(7);
  });
});

describe('Sender.roundTrip', () => {
  const settled: string[] = [];
  beforeEach(() => (settled.length = 0));
  const begin = (signal?: AbortSignal): void => {
    sender.roundTrip(signal).then(
      (milliseconds) => settled.push(`${milliseconds} ms`),
      (error: unknown) => {
        const { code, message } = error as Error & { code?: string };
        settled.push(code ?? message);
      },
    );
  };
  /** The payloads of the Pings on the wire. */
  const pings = () =>
    parseFrames(sink.bytes)
      .filter(({ opcode }) => opcode === Opcode.Ping)
      .map(({ payload }) => payload);

  it('sends a Ping, and hears its Pong', async () => {
    expect(sender.onPong(Buffer.alloc(8), undefined)).toBe(false);
    begin();
    await turns();
    expect(pings()).toHaveLength(1);
    expect(sender.onPong(Buffer.alloc(8), undefined)).toBe(false);
    expect(sender.onPong(pings()[0]!, undefined)).toBe(true);
    await turns();
    expect(settled).toStrictEqual(['0 ms']);
  });

  it.each<[string, () => unknown]>([
    ['ping()', () => sender.control(Opcode.Ping, 'later')],
    ['sendFrame()', () => sender.frame(Opcode.Ping, Buffer.from('later'), {})],
  ])('is answered by the Pong for a later Ping of %s', async (_by, ping) => {
    sender.control(Opcode.Pong, 'later'); // this and the next are not Pings after it
    sender.frame(Opcode.Pong, Buffer.from('later'), {});
    begin();
    expect(sender.onPong(Buffer.from('later'), undefined)).toBe(false);
    ping();
    await turns();
    expect(settled).toStrictEqual([]);
    expect(sender.onPong(Buffer.from('later'), undefined)).toBe(false);
    await turns();
    expect(settled).toStrictEqual(['0 ms']);
  });

  it('waits with its Ping for a message that is being compressed', async () => {
    const concurrency = new ConcurrencyLimit();
    for (let jobs = 0; jobs < 4; jobs++) concurrency.run(() => undefined); // which never end
    const compression = new PermessageDeflate(
      compressing({ concurrency }),
      parametersOf(),
      'server',
    );
    makeOn(new Sink(1024 * 1024), compression);
    sender.send(Buffer.alloc(200_000), undefined, undefined);
    begin();
    sender.control(Opcode.Ping, 'later');
    await turns();
    expect(sink.bytes).toHaveLength(0);
    sender.stop();
    sender.close(formatClosePayload(1000));
    await turns();
    const [long, trip, later, close, ...rest] = words();
    expect(long).toMatch(/^binary/);
    expect(trip).toMatch(/^ping [\da-f]{8}00000001$/);
    expect(later).toBe(`ping ${Buffer.from('later').toString('hex')}`);
    expect(close).toMatch(/^close/);
    expect(rest).toStrictEqual([]);
  });

  it('never sends the Ping that waits, where all of that is discarded', async () => {
    const concurrency = new ConcurrencyLimit();
    for (let jobs = 0; jobs < 4; jobs++) concurrency.run(() => undefined);
    const compression = new PermessageDeflate(
      compressing({ concurrency }),
      parametersOf(),
      'server',
    );
    makeOn(sink, compression);
    sender.send(Buffer.alloc(200_000), undefined, undefined);
    begin();
    sender.discard(new ConnectionError('ERR_SLOW_CONSUMER'));
    await turns();
    expect(sink.bytes).toHaveLength(0);
    sender.onTransportClosed(new ConnectionError('ERR_CONNECTION_CLOSED'));
    await turns();
    expect(settled).toStrictEqual(['ERR_CONNECTION_CLOSED']);
  });

  it('sends no Ping on a connection that is not open, nor for a signal that has aborted', async () => {
    begin(AbortSignal.abort(new Error('too late')));
    sender.stop();
    begin();
    await turns();
    expect(settled).toStrictEqual(['too late', 'ERR_CONNECTION_NOT_OPEN']);
    expect(sink.writes).toStrictEqual([]);
  });

  it('sends no Ping while twice maxBufferedAmount waits', async () => {
    make('server', 1000, { maxBufferedAmount: 2000 });
    sink.backpressured = true;
    sender.send(Buffer.alloc(3990), undefined, undefined); // 3994 with its header
    begin();
    await turns();
    expect(settled).toStrictEqual([]);
    begin();
    await turns();
    expect(settled).toStrictEqual(['ERR_SLOW_CONSUMER']);
    await expect(sender.roundTrip(undefined)).rejects.toThrow(
      '4004 bytes wait for it, with a maxBufferedAmount of 2000',
    );
  });
});

describe('Sender.send, with transfer', () => {
  it('takes the memory at the call, and leaves it to a transport that may still read it', async () => {
    const data = own(20_000, 0x62);
    const options = { transfer: true };
    expect(sender.send(data, options, note('sent'))).toBe(false);
    expect(data).toHaveLength(FREES ? 0 : 20_000);
    await turns();
    expect(called).toEqual(['sent']);
    expect(parseFrames(sink.bytes).map(({ payload }) => payload)).toEqual([
      Buffer.alloc(20_000, 'b'),
    ]);
  });

  it('frees it when the message is rejected, with a callback and without', async () => {
    makeOn(new Sink(), undefined, 'tcp');
    sender.stop();
    const [one, other] = [own(20_000), own(20_000)];
    expect(sender.send(one, { transfer: true }, note('one'))).toBe(false);
    expect(sender.send(other, { transfer: true }, undefined)).toBe(false);
    await turns();
    expect(called).toEqual(['one ERR_CONNECTION_NOT_OPEN']);
    expect([one.length, other.length]).toEqual(FREES ? [0, 0] : [20_000, 20_000]);
  });

  it('takes nothing if the call throws', () => {
    const data = own(20_000, 0xff);
    expect(() => sender.send('text', { transfer: true }, undefined)).toThrow(
      'send: transfer: a string has no ArrayBuffer',
    );
    expect(() => sender.send(data, { transfer: true, binary: false }, undefined)).toThrow('UTF-8');
    expect(data).toHaveLength(20_000);
  });
});

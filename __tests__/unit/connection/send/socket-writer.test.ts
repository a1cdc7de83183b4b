import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { BufferBudget } from '../../../../src/connection/limits/buffer-budget.js';
import { Outbox } from '../../../../src/connection/send/outbox.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { Sink, turns, until, world } from '../../../support/connection.js';
import { detach, growable, own, resizable, TAKING } from '../../../support/memory.js';
import {
  answers,
  BINARY,
  CLOSE,
  fallBehind,
  handed,
  outbox,
  owner,
  progress,
  setOutbox,
  setSink,
  sink,
  TEXT,
  tick,
  uninterested,
  unsendable,
  words,
} from '../../../support/outbox.js';

describe('SocketWriter, bufferedAmount and callbacks', () => {
  it('tells its owner of every byte once, when it is handed over and not before', async () => {
    await fallBehind();
    expect(handed).toBe(20_000);
    outbox.text(TEXT, 'waits');
    outbox.pong(Buffer.from('p'));
    await tick();
    expect(handed).toBe(20_000);
    sink.backpressured = false;
    sink.release();
    await turns();
    outbox.bytes(BINARY, Buffer.alloc(70_000));
    outbox.text(TEXT, 'last');
    outbox.end();
    expect(handed).toBe(20_000 + 7 + 3 + 70_010 + 6);
    expect(handed).toBe(sink.bytes.length);
  });

  it('knows how far the stream goes, and how far of it the kernel is', async () => {
    const seen: [number, number][] = [];
    const look = () => seen.push([outbox.endOffset, outbox.flushedOffset]);
    sink.backpressured = true;
    outbox.bytes(BINARY, Buffer.alloc(20_000)); // and 4
    look();
    await tick();
    look();
    outbox.text(TEXT, 'four'); // 6
    look();
    sink.release();
    await turns();
    look();
    sink.release();
    await turns();
    look();
    expect(seen).toStrictEqual([
      [20_004, 0],
      [20_004, 0],
      [20_010, 0],
      [20_010, 20_004],
      [20_010, 20_010],
    ]);
  });

  it('counts every byte from the call until the kernel has it', async () => {
    const seen: number[] = [];
    answers.waits = true;
    const look = () => seen.push(outbox.bufferedAmount);
    look();
    outbox.text(TEXT, 'four'); // 6 bytes
    outbox.watch();
    look();
    outbox.bytes(BINARY, Buffer.alloc(16_385)); // 4 + 16 385
    look();
    sink.backpressured = true;
    await tick(); // handed over
    look();
    outbox.frame(Buffer.from('81024869', 'hex'));
    look();
    outbox.pong(Buffer.from('abc')); // 5, and takes the place of the next one
    look();
    outbox.pong(Buffer.alloc(0)); // 2
    look();
    sink.release();
    await turns();
    look();
    sink.release();
    await turns();
    look();
    expect(seen).toEqual([0, 6, 16_395, 16_395, 16_399, 16_404, 16_401, 6, 0]);
    expect(progress.at(-1)).toBe(0);
  });

  it('calls back once each, in order, each when its bytes are with the kernel and not before', async () => {
    const called: string[] = [];
    const note = (name: string) => (error?: Error) =>
      void called.push(error === undefined ? name : `${name}: ${error.message}`);
    sink.backpressured = true;
    outbox.bytes(BINARY, Buffer.alloc(20_000));
    outbox.whenWritten(note('large'));
    await tick();
    outbox.text(TEXT, 'a');
    outbox.whenWritten(note('a'));
    outbox.bytes(BINARY, Buffer.alloc(20_000));
    outbox.whenWritten(note('b'));
    outbox.whenWritten(note('c'));
    await turns();
    expect(called).toEqual([]);
    sink.release();
    await turns();
    expect(called).toEqual(['large']);
    sink.release();
    await turns();
    expect(called).toEqual(['large', 'a', 'b', 'c']);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('calls back at once, in the next tick, when nothing is left to be written', async () => {
    outbox.text(TEXT, 'a');
    await turns();
    const called: string[] = [];
    outbox.text(TEXT, 'b');
    outbox.whenWritten(() => called.push('b'));
    expect(called).toEqual([]);
    await turns();
    expect(called).toEqual(['b']);
  });

  it('calls back with the reason when the transport is gone', async () => {
    await fallBehind();
    const called: unknown[] = [];
    outbox.text(TEXT, 'a');
    outbox.whenWritten((error) => called.push('a', error));
    outbox.pong(Buffer.from('p'));
    outbox.whenWritten((error) => called.push('b', error));
    const reason = new Error('reset');
    sink.destroy();
    outbox.onTransportClosed(reason);
    expect(called).toEqual([]);
    await turns();
    expect(called).toEqual(['a', reason, 'b', reason]);
    expect(outbox.bufferedAmount).toBe(sink.writableLength);
    outbox.onTransportClosed(reason);
    await turns();
    expect(called).toHaveLength(4);
  });

  it('does not take a write for done that was under way when the socket was destroyed', async () => {
    await fallBehind();
    const called: unknown[] = [];
    outbox.whenWritten((error) => called.push(error?.message));
    outbox.text(TEXT, 'a');
    outbox.whenWritten((error) => called.push(error?.message));
    sink.destroy();
    sink.release(); // as net.Socket does, without an error
    await turns();
    expect(called).toEqual([]);
    expect(sink.writes).toHaveLength(1);
    outbox.onTransportClosed(new Error('gone'));
    await turns();
    expect(called).toEqual(['gone', 'gone']);
  });

  it('calls back without an error for what the kernel accepted before the socket was destroyed', async () => {
    const called: unknown[] = [];
    outbox.text(TEXT, 'a');
    outbox.whenWritten((error) => called.push('a', error));
    outbox.destroy();
    outbox.onTransportClosed(new Error('gone'));
    await turns();
    expect(called).toStrictEqual(['a', undefined]);
  });

  it('writes nothing more when a write fails, and leaves the callbacks to abandon()', async () => {
    const called: unknown[] = [];
    sink.on('error', () => undefined);
    sink._write = (_chunk, _encoding, done: (error?: Error) => void) => done(new Error('EPIPE'));
    outbox.text(TEXT, 'a');
    outbox.whenWritten((error) => called.push(error?.message));
    await turns();
    expect(progress).toEqual([]);
    expect(called).toEqual([]);
    outbox.onTransportClosed(new Error('gone'));
    await turns();
    expect(called).toEqual(['gone']);
  });
});

describe('SocketWriter, which writes it is told of', () => {
  let write: jest.SpyInstance<boolean, unknown[]>;
  const withCallback = () => write.mock.calls.map((args) => args.length === 2);

  beforeEach(() => {
    write = jest.spyOn(sink, 'write') as never;
  });

  it('are not there at first: no callbacks, no listener, no report', async () => {
    outbox.text(TEXT, 'a');
    outbox.frame(prepareMessage('b').frame);
    await turns();
    expect(withCallback()).toEqual([false]);
    expect(sink.listenerCount('drain')).toBe(0);
    expect(progress).toEqual([]);
  });

  it('is told once the kernel has what was queued at that time', async () => {
    outbox.text(TEXT, 'a');
    outbox.watch();
    expect(write).not.toHaveBeenCalled();
    await turns();
    expect(withCallback()).toEqual([true]);
    expect(progress).toEqual([0]);
  });

  it('is told of bytes under way that were written without a callback', async () => {
    sink.backpressured = true;
    outbox.text(TEXT, 'a');
    await tick();
    outbox.watch();
    outbox.watch(); // nothing more
    expect(withCallback()).toEqual([false, true]);
    await turns();
    expect(progress).toEqual([]);
    sink.release();
    await turns();
    sink.release();
    await turns();
    expect(progress).toEqual([0]);
    expect(sink.bytes.toString('hex')).toBe('810161');
  });

  it('is told when a backpressured socket has caught up, without an empty write', async () => {
    await fallBehind();
    outbox.watch();
    expect(write).toHaveBeenCalledTimes(1);
    sink.release();
    await turns();
    expect(progress).toEqual([0]);
  });

  it('hears no more of it after saying so, and goes on hearing until then', async () => {
    answers.waits = true;
    outbox.text(TEXT, 'a');
    outbox.watch();
    await turns();
    outbox.text(TEXT, 'b');
    await turns();
    answers.waits = false;
    outbox.text(TEXT, 'c');
    await turns();
    outbox.text(TEXT, 'd');
    await turns();
    expect(withCallback()).toEqual([true, true, true, false]);
    expect(progress).toEqual([0, 0, 0]);
    expect(sink.listenerCount('drain')).toBe(1);
  });

  it('hears on while a callback is due, whatever it says', async () => {
    const called: string[] = [];
    sink.backpressured = true;
    outbox.text(TEXT, 'a');
    outbox.whenWritten(() => called.push('a'));
    await tick();
    outbox.text(TEXT, 'b');
    outbox.whenWritten(() => called.push('b'));
    sink.release(); // before the end of the tick, when 'b' is handed over
    await turns();
    expect(called).toEqual(['a']);
    sink.release();
    await turns();
    expect(called).toEqual(['a', 'b']);
    expect(progress).toEqual([3, 0]);
  });

  it.each([
    ['keeps up', 1024 * 1024, false],
    ['takes its time', 1024 * 1024, true],
    ['is backpressured', 16 * 1024, true],
    ['is backpressured for a moment', 16 * 1024, false],
  ])(
    'is called back exactly once for what had left before the question, by a socket that %s',
    async (_name, mark, backpressured) => {
      setSink(new Sink(mark));
      sink.backpressured = backpressured;
      setOutbox(new Outbox(sink, undefined, uninterested));
      const called: unknown[] = [];
      outbox.bytes(BINARY, Buffer.alloc(70_000)); // does not wait for the end of the tick
      expect(sink.writes).toHaveLength(1);
      outbox.whenWritten((error) => called.push(error));
      expect(called).toEqual([]);
      await turns();
      if (backpressured) expect(called).toEqual([]);
      sink.backpressured = false;
      sink.release();
      await turns();
      expect(called).toStrictEqual([undefined]);
      outbox.text(TEXT, 'a');
      await turns();
      expect(called).toHaveLength(1);
      expect(sink.bytes).toHaveLength(70_010 + 3);
    },
  );
});

describe('SocketWriter, a payload that is taken away', () => {
  let called: string[];
  const note =
    (name: string) =>
    (error?: Error): void => {
      const { code, cause } = (error ?? {}) as { code?: string; cause?: { code?: string } };
      called.push([name, code, cause?.code].filter(Boolean).join(' '));
    };
  /** Sends a text, a payload and another text, each with a callback. */
  function sendThree(payload: Uint8Array): void {
    outbox.text(TEXT, 'before');
    outbox.whenWritten(note('before'));
    outbox.bytes(BINARY, payload);
    outbox.whenWritten(note('payload'));
    outbox.text(TEXT, 'after');
    outbox.whenWritten(note('after'));
  }
  /** The frames up to the Close that the owner sent; none is incomplete. */
  const rest = () => words().map((word) => word.slice(0, 20));
  const REFUSED = [
    'payload ERR_PAYLOAD_DETACHED',
    'after ERR_CONNECTION_CLOSED ERR_PAYLOAD_DETACHED',
  ];

  beforeEach(() => (called = []));

  it.each(TAKING)('%s before the end of the tick', async (_name, make) => {
    const [bytes, take] = make(20_000);
    sendThree(bytes);
    take();
    await turns();
    expect(rest()).toEqual(['text 6265666f7265', 'close 1011']);
    expect(called).toEqual([...REFUSED, 'before']);
    expect(outbox.bufferedAmount).toBe(0);
    expect(unsendable).toHaveLength(1);
    expect(unsendable[0]).toMatchObject({ code: 'ERR_PAYLOAD_DETACHED' });
    expect(unsendable[0]!.message).toBe(
      'the payload was detached or resized before it was sent: it had 20000 bytes when it was sent, and has 0',
    );
    outbox.text(TEXT, 'x');
    await tick();
    expect(rest().at(-1)).toBe('text 78');
  });

  it('leaves no header over when nothing stands before it, and counts what has left', async () => {
    const bytes = own(20_000);
    outbox.bytes(BINARY, bytes);
    detach(bytes);
    await turns();
    expect(sink.bytes.toString('hex')).toBe('880203f3');
    expect(handed).toBe(4);
    expect(outbox.endOffset).toBe(4);
  });

  it('sends what there was when a buffer that the payload spans grows', async () => {
    const buffer = resizable(20_000, 40_000);
    outbox.bytes(BINARY, new Uint8Array(buffer));
    buffer.resize(40_000);
    outbox.text(TEXT, 'x');
    await turns();
    expect(words().map(({ length }) => length)).toEqual([40_007, 7]);
    expect(unsendable).toEqual([]);
  });

  it('sends what there was when a SharedArrayBuffer grows', async () => {
    const buffer = growable(20_000, 40_000);
    outbox.bytes(BINARY, new Uint8Array(buffer));
    buffer.grow(40_000);
    await turns();
    expect(words().map(({ length }) => length)).toEqual([40_007]);
    expect(unsendable).toEqual([]);
  });

  it('refuses a view that grows although it is a Buffer', async () => {
    const buffer = resizable(20_000, 40_000);
    const bytes = new Uint8Array(buffer);
    Object.setPrototypeOf(bytes, Buffer.prototype as object);
    outbox.bytes(BINARY, bytes);
    buffer.resize(40_000);
    await turns();
    expect(rest()).toEqual(['close 1011']);
    expect(unsendable[0]!.message).toMatch(/had 20000 bytes when it was sent, and has 40000$/);
  });

  it('while it waits for a backpressured socket', async () => {
    await fallBehind();
    const bytes = own(20_000);
    sendThree(bytes);
    await turns();
    detach(bytes);
    sink.release();
    await turns();
    expect(rest().slice(1)).toEqual(['text 6265666f7265']);
    sink.release();
    await turns();
    expect(rest().slice(2)).toEqual(['close 1011']);
    expect(called).toEqual([...REFUSED, 'before']);
    expect(outbox.bufferedAmount).toBe(4);
    sink.release();
    await turns();
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('while it waits for others of its tick, of which the socket takes a part', async () => {
    sink.backpressured = true;
    const [one, two] = [own(20_000, 1), own(20_000, 2)];
    outbox.bytes(BINARY, one);
    outbox.bytes(BINARY, two);
    await tick();
    detach(two);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(rest()).toEqual(['binary 0101010101010', 'close 1011']);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('does not wait in the socket, where nothing could be done about it', async () => {
    // A socket that is writing keeps what it is handed in a list of its own, even below its mark.
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, owner()));
    sink.backpressured = true;
    outbox.text(TEXT, 'slow');
    await tick();
    const bytes = own(20_000);
    sendThree(bytes);
    await turns();
    expect(sink.writableLength).toBe(6);
    detach(bytes);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(rest()).toEqual(['text 736c6f77', 'text 6265666f7265', 'close 1011']);
    expect(called).toEqual([...REFUSED, 'before']);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('is handed over when the socket has written what it had', async () => {
    setSink(new Sink(1024 * 1024));
    setOutbox(new Outbox(sink, undefined, owner()));
    sink.backpressured = true;
    outbox.text(TEXT, 'slow');
    await tick();
    outbox.watch();
    sendThree(own(20_000));
    await turns();
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(rest().map((word) => word.slice(0, 12))).toEqual([
      'text 736c6f7',
      'text 6265666',
      'binary 61616',
      'text 6166746',
    ]);
    expect(called).toEqual(['before', 'payload', 'after']);
  });

  it('while an empty write is under way', async () => {
    sink.backpressured = true;
    outbox.watch();
    const bytes = own(20_000);
    sendThree(bytes);
    await turns();
    detach(bytes);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(rest()).toEqual(['text 6265666f7265', 'close 1011']);
    expect(called).toEqual(expect.arrayContaining([...REFUSED, 'before']));
  });

  it('while the kernel takes it: its callback gets the error, and the stream stays in step', async () => {
    sink.backpressured = true;
    const bytes = own(20_000);
    sendThree(bytes);
    outbox.bytes(BINARY, own(20_000));
    outbox.whenWritten(note('last'));
    await tick();
    const [[head, payload]] = sink.writes as [[Buffer, Buffer]];
    expect([head.length, payload.length]).toEqual([12, 20_000]);
    detach(bytes);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(called).toEqual([
      'payload ERR_PAYLOAD_DETACHED',
      'after ERR_CONNECTION_CLOSED ERR_PAYLOAD_DETACHED',
      'last ERR_CONNECTION_CLOSED ERR_PAYLOAD_DETACHED',
      'before',
    ]);
    expect(Buffer.concat(sink.writes.slice(1).flat()).toString('hex')).toBe('880203f3');
    expect(outbox.bufferedAmount).toBe(0);
    expect(unsendable).toHaveLength(1);
  });

  it('after the kernel took it: nothing happens', async () => {
    const bytes = own(20_000);
    sendThree(bytes);
    await turns();
    detach(bytes);
    outbox.text(TEXT, 'x');
    outbox.whenWritten(note('x'));
    await turns();
    expect(called).toEqual(['before', 'payload', 'after', 'x']);
    expect(unsendable).toEqual([]);
  });

  it('at the end of the connection: a Close of the owner still leaves', async () => {
    const bytes = own(20_000);
    sendThree(bytes);
    detach(bytes);
    outbox.end();
    await until('the end', () => sink.writableFinished);
    expect(rest()).toEqual(['text 6265666f7265', 'close 1011']);
    expect(called).toEqual([...REFUSED, 'before']);
  });

  it('at the end of a backpressured connection: the same, when it is its turn', async () => {
    await fallBehind();
    const bytes = own(20_000);
    sendThree(bytes);
    outbox.bytes(CLOSE, Buffer.from([3, 232]));
    outbox.end();
    detach(bytes);
    sink.backpressured = false;
    sink.release();
    await until('the end', () => sink.writableFinished);
    expect(rest().slice(1)).toEqual(['text 6265666f7265', 'close 1011']);
    expect(called).toEqual([...REFUSED, 'before']);
  });

  it('when the connection is cut', async () => {
    answers.closes = false;
    const bytes = own(20_000);
    sendThree(bytes);
    detach(bytes);
    outbox.destroy();
    outbox.onTransportClosed(new Error('cut'));
    await turns();
    expect(rest()).toEqual(['text 6265666f7265']);
    expect(called).toEqual([...REFUSED, 'before']);
  });

  it('before it is written in the call, because the tick has much to send', async () => {
    const bytes = own(20_000);
    outbox.bytes(BINARY, bytes);
    detach(bytes);
    outbox.bytes(BINARY, own(50_000));
    await turns();
    expect(rest()).toEqual(['close 1011']);
  });

  it('of a prepared message: nothing is left waiting', async () => {
    for (const length of [200, 20_000]) {
      const { frame } = prepareMessage(own(length));
      outbox.text(TEXT, 'a');
      outbox.frame(frame);
      outbox.whenWritten(note(`${length}`));
      detach(frame);
      await turns();
    }
    expect(called).toEqual(['200 ERR_PAYLOAD_DETACHED', '20000 ERR_PAYLOAD_DETACHED']);
    expect(rest()).toEqual(['close 1011', 'text 61', 'close 1011']);
    expect(outbox.bufferedAmount).toBe(0);
  });

  it('is copied for a transport that writes one buffer at a time', async () => {
    class OneByOne extends Sink {}
    Object.defineProperty(OneByOne.prototype, '_writev', { value: null });
    setSink(new OneByOne());
    setOutbox(new Outbox(sink, undefined, owner()));
    sink.backpressured = true;
    const bytes = own(20_000);
    sendThree(bytes);
    await turns();
    detach(bytes);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(rest()).toEqual(['text 6265666f7265', 'binary 6161616161616', 'text 6166746572']);
    expect(called).toEqual(['before', 'payload', 'after']);
  });

  it('is settled with the budget as what it was', async () => {
    const budget = new BufferBudget(Infinity);
    const account = budget.accountOf({ evict: () => undefined });
    setOutbox(new Outbox(sink, undefined, { ...owner(), account }));
    await fallBehind();
    const [one, two] = [own(30_000), own(40_000)];
    outbox.bytes(BINARY, one);
    outbox.bytes(BINARY, two);
    outbox.bytes(BINARY, one);
    expect(budget.total).toBeGreaterThan(90_000);
    detach(one);
    detach(two);
    sink.backpressured = false;
    sink.release();
    await turns();
    expect(budget.total).toBe(0);
    expect(rest().at(-1)).toBe('close 1011');
  });

  it('is found on a real socket too, whose peer reads nothing', async () => {
    const { client, socket } = await world();
    const real = new Outbox(socket, undefined, {
      ...owner(),
      unsendable: () => {
        real.bytes(CLOSE, Buffer.from([3, 243]));
        real.end();
      },
    });
    client.socket.pause();
    let count = 0;
    while (real.bufferedAmount < 1_000_000 && count++ < 1000) {
      real.bytes(BINARY, own(65_536));
      await turns(1);
    }
    const bytes = own(20_000);
    real.bytes(BINARY, bytes);
    real.whenWritten(note('payload'));
    detach(bytes);
    client.socket.resume();
    await client.ended();
    expect(client.received().at(-1)).toBe('close 1011');
    expect(client.received()).toHaveLength(count + 1);
    expect(called).toEqual(['payload ERR_PAYLOAD_DETACHED']);
  });
});

test('SocketWriter writes what has waited, and tells its owner, in the context of the owner', async () => {
  const user = new AsyncLocalStorage<string>();
  const stores: unknown[] = [];
  const context = user.run('owner', () => new AsyncResource('test'));
  setOutbox(
    new Outbox(sink, undefined, {
      ...uninterested,
      context,
      written: () => {
        stores.push(`told ${user.getStore()}`);
        return true;
      },
    }),
  );
  jest.spyOn(sink, '_write').mockImplementation((chunk: Buffer, encoding, done) => {
    stores.push(`wrote ${user.getStore()}`);
    Sink.prototype._write.call(sink, chunk, encoding, done);
  });
  await user.run('ann', () => fallBehind());
  user.run('bob', () => {
    outbox.bytes(BINARY, Buffer.from('waits'));
  });
  sink.backpressured = false;
  user.run('cid', () => {
    sink.release();
  });
  await turns();
  expect(stores.slice(1)).toStrictEqual(['wrote owner', 'told owner']);
});

import { MAX_HELD_BYTES, ReceiveQueue } from '../../../../src/connection/receive/receive-queue.js';

const DONE = { done: true, value: undefined };

describe('Inbox, holding', () => {
  it('hands messages out in the order they came, and then nothing', () => {
    const inbox = new ReceiveQueue();
    inbox.put('a', false);
    inbox.put(Buffer.from('b'), true);
    expect(inbox.size).toBe(2);
    expect(inbox.take()).toEqual({ data: 'a', isBinary: false });
    expect(inbox.take()).toEqual({ data: Buffer.from('b'), isBinary: true });
    expect(inbox.take()).toBeUndefined();
    expect(inbox.size).toBe(0);
  });

  it('is full at 64 KiB, 64 bytes for each message counted in', () => {
    expect(MAX_HELD_BYTES).toBe(65_536);
    const inbox = new ReceiveQueue();
    inbox.put(Buffer.alloc(65_536 - 64 - 64 - 1), true);
    expect([inbox.full, inbox.heldBytes]).toStrictEqual([false, 65_536 - 64 - 1]);
    inbox.put('', false);
    expect(inbox.full).toBe(false);
    inbox.take();
    inbox.put('x'.repeat(65_536 - 64 - 64), false);
    expect(inbox.full).toBe(true);
  });

  it('is full after 1024 empty messages', () => {
    const inbox = new ReceiveQueue();
    for (let i = 0; i < 1023; i++) inbox.put('', false);
    expect(inbox.full).toBe(false);
    inbox.put('', false);
    expect(inbox.full).toBe(true);
  });

  it('has room again when messages are taken, and counts nothing twice', () => {
    const inbox = new ReceiveQueue();
    for (let round = 0; round < 3; round++) {
      inbox.put('x'.repeat(65_536), false);
      expect(inbox.full).toBe(true);
      inbox.take();
      expect(inbox.full).toBe(false);
      inbox.take();
    }
    inbox.put('x'.repeat(65_535 - 64), false);
    expect(inbox.full).toBe(false);
  });

  it('forgets what it holds when it is cleared', () => {
    const inbox = new ReceiveQueue();
    inbox.put('x'.repeat(65_536), false);
    inbox.clear();
    expect([inbox.size, inbox.heldBytes]).toStrictEqual([0, 0]);
    expect(inbox.full).toBe(false);
    expect(inbox.take()).toBeUndefined();
  });

  it('is idle only when it holds nothing, is not paused and feeds no iterator', () => {
    const inbox = new ReceiveQueue();
    expect(inbox.idle).toBe(true);
    inbox.put('a', false);
    expect(inbox.idle).toBe(false);
    inbox.take();
    expect(inbox.idle).toBe(true);
    inbox.paused = true;
    expect(inbox.idle).toBe(false);
    inbox.paused = false;
    inbox.iterating = true;
    expect(inbox.idle).toBe(false);
  });
});

describe('Inbox, iterating', () => {
  it('gives the messages one after the other and asks for more when there is room', async () => {
    const inbox = new ReceiveQueue();
    const asked: number[] = [];
    const iterator = inbox.iterate(() => asked.push(inbox.size));
    expect(inbox.iterating).toBe(true);
    inbox.put('a', false);
    inbox.put(Buffer.from('b'), true);
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: false, value: Buffer.from('b') });
    expect(asked).toEqual([1, 0]);
  });

  it('asks for what is still to be decoded before it waits', async () => {
    const inbox = new ReceiveQueue();
    const undecoded = ['a', 'b'];
    const iterator = inbox.iterate(() => {
      const data = undecoded.shift();
      if (data !== undefined) inbox.put(data, false);
    });
    expect(await iterator.next()).toEqual({ done: false, value: 'a' });
    expect(await iterator.next()).toEqual({ done: false, value: 'b' });
  });

  it('lets next() wait for a message, several calls in the order they were made', async () => {
    const inbox = new ReceiveQueue();
    const iterator = inbox.iterate(() => undefined);
    const results = [iterator.next(), iterator.next()];
    inbox.put('first', false);
    inbox.put('second', false);
    expect(inbox.size).toBe(0);
    expect(await Promise.all(results)).toEqual([
      { done: false, value: 'first' },
      { done: false, value: 'second' },
    ]);
  });

  it('ends when no message will come, but only after those that are held', async () => {
    const inbox = new ReceiveQueue();
    const iterator = inbox.iterate(() => undefined);
    inbox.put('held', false);
    inbox.end();
    expect(await iterator.next()).toEqual({ done: false, value: 'held' });
    expect(await iterator.next()).toEqual(DONE);
    expect(await iterator.next()).toEqual(DONE);
  });

  it('goes on where a message comes after all, and ends again', async () => {
    const inbox = new ReceiveQueue();
    const iterator = inbox.iterate(() => undefined);
    inbox.put('held', false);
    inbox.end();
    await iterator.next();
    inbox.reopen();
    const last = iterator.next();
    inbox.put('last', false);
    inbox.end();
    expect(await last).toEqual({ done: false, value: 'last' });
    expect(await iterator.next()).toEqual(DONE);
  });

  it('ends for every call that waits', async () => {
    const inbox = new ReceiveQueue();
    const iterator = inbox.iterate(() => undefined);
    const results = [iterator.next(), iterator.next()];
    inbox.end();
    expect(await Promise.all(results)).toEqual([DONE, DONE]);
  });

  it('makes way for another iterator when it has ended, whether it waited for that or not', async () => {
    const waited = new ReceiveQueue();
    const waiting = waited.iterate(() => undefined).next();
    waited.end();
    expect(await waiting).toStrictEqual(DONE);
    expect(waited.iterating).toBe(false);

    const late = new ReceiveQueue();
    late.put('a', false);
    const iterator = late.iterate(() => undefined);
    late.end();
    expect(late.iterating).toBe(true); // 'a' is still its own
    expect(await iterator.next()).toStrictEqual({ done: false, value: 'a' });
    expect(late.iterating).toBe(true);
    expect(await iterator.next()).toStrictEqual(DONE);
    expect(late.iterating).toBe(false);
  });

  it('is over for a loop that is left, and reading goes on once; the messages stay', async () => {
    const inbox = new ReceiveQueue();
    let reads = 0;
    const iterator = inbox.iterate(() => reads++);
    const waiting = iterator.next();
    expect(reads).toBe(1);
    expect(await iterator.return!()).toEqual(DONE);
    expect(reads).toBe(2);
    expect(inbox.iterating).toBe(false);
    expect(await waiting).toEqual(DONE);
    expect(await iterator.return!()).toEqual(DONE);
    expect(reads).toBe(2);
    inbox.put('for another', false);
    expect(await iterator.next()).toEqual(DONE);
    const other = inbox.iterate(() => undefined);
    await iterator.return!();
    expect(inbox.iterating).toBe(true);
    expect(await other.next()).toEqual({ done: false, value: 'for another' });
  });

  it('is its own iterable, so that a loop can go on where another stopped', () => {
    const iterator = new ReceiveQueue().iterate(() => undefined);
    expect(iterator[Symbol.asyncIterator]()).toBe(iterator);
  });
});

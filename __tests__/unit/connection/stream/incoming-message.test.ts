import { IncomingMessage } from '../../../../src/connection/stream/incoming-message.js';

let log: string[];
let message: IncomingMessage;
const owner = {
  onTaken: () => log.push('taken'),
  onFinished: () => log.push('finished'),
};
beforeEach(() => {
  log = [];
  message = new IncomingMessage(owner, true);
});
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const bytes = (length: number, value = 1): Buffer => Buffer.alloc(length, value);

describe('IncomingMessage', () => {
  it('gives chunks as they come, and its end', async () => {
    message.push(bytes(5000));
    expect(await message.take()).toEqual(bytes(5000));
    const waiting = message.take();
    message.push(bytes(1));
    message.push(bytes(0));
    message.push(bytes(2, 2)); // in the same tick
    expect(await waiting).toEqual(Buffer.concat([bytes(1), bytes(2, 2)]));
    expect(message.isComplete).toBe(false);
    const end = message.take();
    message.complete();
    expect(await end).toBeUndefined();
    expect([message.isComplete, log]).toEqual([true, ['finished']]);
  });

  it('gathers short parts up to 4 KiB, in their place', async () => {
    for (let i = 0; i < 9; i++) message.push(bytes(1000, i));
    message.push(bytes(5000));
    message.push(bytes(1));
    message.complete();
    const lengths: number[] = [];
    for (;;) {
      const chunk = await message.take();
      if (chunk === undefined) break;
      lengths.push((chunk as Buffer).length);
    }
    expect(lengths).toEqual([5000, 4000, 5000, 1]);
    expect(message.heldBytes).toBe(0);
  });

  it('gives a whole message as one chunk, and an empty one as none', async () => {
    message.pushWhole('text');
    expect(message.heldBytes).toBe(4);
    expect([await message.take(), await message.take()]).toEqual(['text', undefined]);
    const empty = new IncomingMessage(owner, true);
    empty.pushWhole(new ArrayBuffer(0));
    expect(await empty.take()).toBeUndefined();
    const buffer = new IncomingMessage(owner, true);
    buffer.pushWhole(new ArrayBuffer(3));
    expect(buffer.heldBytes).toBe(3);
  });

  it('tells that there is room again only if it was full', async () => {
    message.push(bytes(65_535));
    expect(message.isFull).toBe(false);
    await message.take();
    expect(log).toEqual([]);
    message.push(bytes(65_536));
    expect(message.isFull).toBe(true);
    await message.take();
    expect(log).toEqual(['taken']);
  });

  it('skips what comes after it was discarded, and is finished with its last part', async () => {
    message.push(bytes(10));
    const waiting = message.take();
    const next = message.take().catch((error: unknown) => (error as Error).message);
    await waiting;
    message.discard();
    message.discard();
    expect([message.isDiscarded, log]).toEqual([true, ['taken']]);
    expect(await next).toMatch(/the message was discarded/);
    await expect(message.take()).rejects.toThrow(TypeError);
    message.push(bytes(10));
    expect(message.heldBytes).toBe(0);
    message.complete();
    message.complete();
    expect(log).toEqual(['taken', 'finished']);
    message.discard();
    expect(log).toHaveLength(2);
  });

  it('is finished at once if it is discarded when all is there', () => {
    message.push(bytes(10));
    message.complete();
    message.discard();
    expect(log).toEqual(['finished']);
  });

  it('gives what is held, and then fails', async () => {
    message.push(bytes(10));
    message.fail(new Error('lost'));
    expect(await message.take()).toEqual(bytes(10));
    await expect(message.take()).rejects.toThrow('lost');
    await expect(message.take()).rejects.toThrow('lost');
    expect(log).toEqual(['finished']);
  });

  it('does not fail once it is complete', async () => {
    message.complete();
    message.fail(new Error('lost'));
    expect(await message.take()).toBeUndefined();
  });

  it('is finished if it fails while it is discarded, or is discarded after it failed', () => {
    message.discard();
    message.fail(new Error('lost'));
    expect(log).toEqual(['taken', 'finished']);
    message = new IncomingMessage(owner, true);
    message.fail(new Error('lost'));
    message.discard();
    expect(log.slice(2)).toEqual(['finished']);
  });

  it('is never complete once a part was lost', async () => {
    message.push(bytes(10));
    message.break();
    message.push(bytes(5));
    message.complete();
    expect(message.isComplete).toBe(false);
    expect(await message.take()).toEqual(bytes(10));
    const waiting = message.take();
    message.fail(new Error('lost'));
    await expect(waiting).rejects.toThrow('lost');
  });

  it('wakes a call once, and none that has gone', async () => {
    const waiting = message.take().catch(() => 'discarded');
    message.push(bytes(1));
    message.push(bytes(1));
    message.discard();
    await tick();
    expect(await waiting).toBe('discarded');
  });
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { flushAtEndOfTick, join, lengthOf } from '../../../../src/connection/send/end-of-tick.js';

const endOfTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

it('flushes all that asked, in the order they asked, once the tick ends', async () => {
  const flushed: string[] = [];
  flushAtEndOfTick({ flush: () => flushed.push('one') });
  flushAtEndOfTick({ flush: () => flushed.push('other') });
  expect(flushed).toStrictEqual([]);
  await endOfTick();
  expect(flushed).toStrictEqual(['one', 'other']);
  await endOfTick();
  expect(flushed).toStrictEqual(['one', 'other']);
});

it('flushes in the next tick what asks while it flushes', async () => {
  const flushed: string[] = [];
  const second = { flush: () => flushed.push('second') };
  flushAtEndOfTick({
    flush: () => {
      flushed.push('first');
      flushAtEndOfTick(second);
    },
  });
  await endOfTick();
  await endOfTick();
  expect(flushed).toStrictEqual(['first', 'second']);
});

it('joins the same pieces once, and different ones again', () => {
  const [one, other] = [Buffer.from('one'), Buffer.from('other')];
  const bytes = join([one, other]);
  expect(bytes.toString()).toBe('oneother');
  expect(join([one, other])).toBe(bytes);
  expect(join([other, one]).toString()).toBe('otherone');
  expect(join([other, one, one]).toString()).toBe('otheroneone');
});

it('forgets the joined bytes when the tick ends', async () => {
  const pieces = [Buffer.from('a'), Buffer.from('b')];
  const bytes = join(pieces);
  flushAtEndOfTick({ flush: () => undefined });
  await endOfTick();
  expect(join(pieces)).not.toBe(bytes);
  expect(join(pieces)).toStrictEqual(bytes);
});

it('flushes in no context of a call that asked', async () => {
  const user = new AsyncLocalStorage<string>();
  const stores: unknown[] = [];
  const note = (): void => void stores.push(user.getStore());
  user.run('ann', () => {
    flushAtEndOfTick({ flush: note });
  });
  user.run('bob', () => {
    flushAtEndOfTick({ flush: note });
  });
  await endOfTick();
  expect(stores).toStrictEqual([undefined, undefined]);
});

it('adds the bytes of pieces', () => {
  expect([lengthOf([]), lengthOf([Buffer.alloc(2), Buffer.alloc(3)])]).toStrictEqual([0, 5]);
});

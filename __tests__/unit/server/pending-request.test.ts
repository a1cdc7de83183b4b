import { AsyncLocalStorage } from 'node:async_hooks';
import type { Duplex } from 'node:stream';
import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import { PendingRequest } from '../../../src/server/pending-request.js';
import { checkUpgrade } from '../../../src/protocol/handshake/opening-handshake.js';
import { deferred, fakeRequest, HandClock, settle, transportPair } from '../../support/server.js';

function pendingOn(socket: Duplex, head: Buffer): PendingRequest {
  const request = fakeRequest();
  const handshake = checkUpgrade(request);
  const { host } = handshake;
  return new PendingRequest(request, socket, head, {
    handshake,
    host,
    match: undefined,
    address: undefined,
  });
}

type Answer = ReturnType<typeof deferred<void>>;

function start(head = '', timeout = 1000) {
  const [socket, peer] = transportPair();
  const clock = new HandClock();
  const pending = pendingOn(socket, Buffer.from(head));
  const answer = deferred<void>();
  return {
    socket,
    peer,
    clock,
    pending,
    answer,
    watch: () => {
      pending.watch(answer.promise, new Deadlines(clock), timeout);
      return pending.aborted;
    },
  };
}

describe('PendingRequest', () => {
  it('keeps what the client sends meanwhile, after the head, in order', async () => {
    const { socket, peer, pending, watch } = start('he');
    void watch();
    peer.write('ll');
    await settle();
    peer.write('o');
    await settle();
    expect(pending.release().toString()).toBe('hello');
    expect(socket.isPaused()).toBe(true);
    expect(pending.outcome).toBeUndefined();
  });

  it('returns the head itself when nothing came after it', () => {
    const { socket } = start();
    const head = Buffer.from('head');
    const pending = pendingOn(socket, head);
    pending.watch(Promise.resolve(), new Deadlines(new HandClock()), 1000);
    expect(pending.release()).toBe(head);
    expect(pending.release()).toHaveLength(0);
  });

  it('stops reading at 64 KiB, the head included, and loses nothing', async () => {
    const { socket, peer, pending, watch } = start('head');
    void watch();
    peer.write(Buffer.alloc(65_536 - 5, 'a'));
    await settle();
    expect(socket.isPaused()).toBe(false);
    peer.write('b');
    await settle();
    expect(socket.isPaused()).toBe(true);
    peer.write('behind');
    await settle();
    expect(pending.release().toString('latin1')).toBe(`head${'a'.repeat(65_531)}b`);
    expect(String(socket.read())).toBe('behind');
  });

  it.each([
    ['ends its half', (peer: Duplex) => peer.end()],
    ['is gone', (_peer: Duplex, socket: Duplex) => socket.destroy()],
  ])('aborts the signal when the client %s', async (_name, leave) => {
    const { socket, peer, pending, watch } = start();
    const { signal } = pending;
    const undone = watch();
    expect(signal.aborted).toBe(false);
    leave(peer, socket);
    await undone;
    expect(pending.outcome).toBe('left');
    expect(signal.aborted).toBe(true);
    pending.release();
  });

  it('aborts the signal when time is up', async () => {
    const { clock, pending, watch } = start('', 500);
    const { signal } = pending;
    const undone = watch();
    clock.advance(499);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    await undone;
    expect([pending.outcome, signal.aborted]).toEqual(['timeout', true]);
  });

  it('gives an aborted signal to a caller that asks late', () => {
    const { pending } = start();
    pending.abort('closing');
    expect(pending.signal.aborted).toBe(true);
    expect(pending.signal).toBe(pending.signal);
  });

  it('has the first outcome of several', async () => {
    const { pending, watch } = start();
    const undone = watch();
    pending.abort('closing');
    pending.abort('left');
    await undone;
    expect(pending.outcome).toBe('closing');
  });

  it('takes its hands off the socket when it is released', () => {
    const { socket, pending, watch } = start();
    const names = ['data', 'end', 'close'];
    const before = names.map((name) => socket.listenerCount(name));
    void watch();
    pending.release();
    expect(names.map((name) => socket.listenerCount(name))).toEqual(before);
  });

  it.each([
    ['accepted', (answer: Answer) => answer.resolve()],
    ['rejected', (answer: Answer) => answer.reject(new Error('no'))],
  ])(
    'is answered once authorize has %s, whether the client waits or not',
    async (_how, settled) => {
      const { clock, pending, answer, watch } = start();
      const answered = jest.fn();
      void watch();
      void pending.answered!.then(answered);
      pending.abort('left');
      pending.release();
      await settle();
      expect(answered).not.toHaveBeenCalled();
      expect(clock.timers.size).toBe(1);
      settled(answer);
      await settle();
      expect(answered).toHaveBeenCalledTimes(1);
      expect(clock.timers.size).toBe(0);
    },
  );

  it('counts as answered when time is up, and the first outcome holds', async () => {
    const { clock, pending, watch } = start('', 500);
    void watch();
    pending.abort('left');
    pending.release();
    clock.advance(500);
    await pending.answered;
    expect(pending.outcome).toBe('left');
  });

  it('has nothing to answer before it watches', () => {
    expect(start().pending.answered).toBeUndefined();
  });

  it('lets a listener that reads too go on reading when it is released', async () => {
    const { socket, pending, watch } = start();
    socket.on('data', () => undefined);
    void watch();
    await settle();
    pending.release();
    expect(socket.isPaused()).toBe(false);
  });

  it('is undone already for a caller that asks late', async () => {
    const { pending } = start();
    pending.abort('closing');
    await pending.aborted;
    expect(pending.outcome).toBe('closing');
  });

  it('can be released without having watched', () => {
    expect(start('head').pending.release().toString()).toBe('head');
  });

  it('may be answered now, until its transport ends or authorize is asked', () => {
    const { socket, pending } = start();
    expect(pending.ready()).toBeUndefined();
    expect([pending.isAsked, pending.isServed()]).toEqual([false, false]);
    pending.markAsked();
    socket.end();
    expect([pending.isAsked, pending.isServed()]).toEqual([true, true]);
  });

  it('keeps what a subclass leaves of the bytes', async () => {
    class Picky extends PendingRequest {
      protected override takeEarly(chunk: Buffer): Buffer {
        return chunk.subarray(1);
      }
    }
    const [socket, peer] = transportPair();
    const { request, admitted } = start().pending;
    const pending = new Picky(request, socket, Buffer.from('a'), admitted);
    pending.watch(new Promise(() => undefined), new Deadlines(new HandClock()), 1000);
    for (const chunk of ['x', 'yb']) {
      peer.write(chunk);
      await settle();
    }
    expect(pending.release().toString()).toBe('ab');
  });
});

it('aborts its signal in the async context of the upgrade, from any other context', () => {
  const user = new AsyncLocalStorage<string>();
  const stores: unknown[] = [];
  const { pending } = user.run('ann', start);
  user.run('bob', () => {
    pending.signal.addEventListener('abort', () => stores.push(user.getStore()));
  });
  user.run('cid', () => {
    pending.abort('closing');
    stores.push(user.getStore());
  });
  expect(stores).toStrictEqual(['ann', 'cid']);
});

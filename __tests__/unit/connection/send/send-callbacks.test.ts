import { AsyncLocalStorage } from 'node:async_hooks';
import {
  bindToCall,
  freeing,
  SendCallbacks,
} from '../../../../src/connection/send/send-callbacks.js';
import { FREES, own } from '../../../support/memory.js';
import { catchSurfacing } from '../../../support/server.js';
import { turns } from '../../../support/connection.js';

let callbacks: SendCallbacks;
let called: unknown[];

beforeEach(() => {
  callbacks = new SendCallbacks();
  called = [];
});

afterEach(() => {
  jest.restoreAllMocks();
});

const add = (at: number, name = `${at}`): void => {
  callbacks.add(at, (...args) => called.push(name, ...args));
};

describe('SendCallbacks', () => {
  it('calls back for what the kernel has, to the byte, in order and once', async () => {
    for (const at of [3, 3, 10, 11]) add(at);
    callbacks.written(2);
    await turns();
    expect(called).toStrictEqual([]);
    callbacks.written(10);
    callbacks.written(10);
    expect(called).toStrictEqual([]); // in a call of its own
    await turns();
    expect(called).toStrictEqual(['3', '3', '10']);
    expect(callbacks.isEmpty).toBe(false);
    callbacks.written(20);
    await turns();
    expect(called).toStrictEqual(['3', '3', '10', '11']);
    expect(callbacks.isEmpty).toBe(true);
  });

  it('gives the reason to those after a position only, in order', async () => {
    for (const at of [3, 10, 11, 12]) add(at);
    const reason = new Error('discarded');
    callbacks.rejectAfter(10, reason);
    await turns();
    expect(called).toStrictEqual(['11', reason, '12', reason]);
    callbacks.written(12);
    await turns();
    expect(called).toStrictEqual(['11', reason, '12', reason, '3', '10']);
    expect(callbacks.isEmpty).toBe(true);
  });

  it('gives the reason to those up to a position only', async () => {
    for (const at of [3, 10, 11, 12]) add(at);
    const reason = new Error('detached');
    callbacks.rejectAfter(3, reason, 11);
    callbacks.written(12);
    await turns();
    expect(called).toStrictEqual(['10', reason, '11', reason, '3', '12']);
    expect(callbacks.isEmpty).toBe(true);
  });

  it('calls all that are due in one tick', async () => {
    const nextTick = jest.spyOn(process, 'nextTick');
    for (const at of [1, 2, 3]) add(at);
    callbacks.written(0);
    expect(nextTick).not.toHaveBeenCalled();
    callbacks.written(3);
    expect(nextTick).toHaveBeenCalledTimes(1);
    await turns();
    expect(called).toStrictEqual(['1', '2', '3']);
  });

  it('loses no other callback when one throws', async () => {
    const surfaced = catchSurfacing();
    const mistake = new Error('mine');
    callbacks.add(1, () => {
      throw mistake;
    });
    add(2);
    callbacks.add(3, () => {
      throw mistake;
    });
    callbacks.written(3);
    await turns();
    expect(called).toStrictEqual(['2']);
    expect(surfaced).toStrictEqual([mistake, mistake]);
  });
});

describe('bindToCall', () => {
  const user = new AsyncLocalStorage<string>();

  it('calls back in the context of the call, wherever that is', () => {
    const calls: unknown[] = [];
    const bound = ['ann', 'bob'].map((name) =>
      user.run(name, () => bindToCall((...args) => calls.push(user.getStore(), ...args))),
    );
    const reason = new Error('why');
    user.run('cid', () => {
      bound[0]!();
      bound[1]!(reason);
      calls.push(user.getStore());
    });
    expect(calls).toStrictEqual(['ann', 'bob', reason, 'cid']);
  });

  it('lets an exception of the callback through', () => {
    const bound = bindToCall(() => {
      throw new Error('the application’s');
    });
    expect(bound).toThrow('the application’s');
  });
});

describe('freeing', () => {
  it('frees the memory of a message before it calls back, with a callback and without', () => {
    const [one, other] = [own(20_000), own(20_000)];
    const error = new Error('dropped');
    freeing(one, (reason) => called.push(reason, one.length))(error);
    freeing(other, undefined)();
    expect(called).toEqual([error, FREES ? 0 : 20_000]);
    expect(other).toHaveLength(FREES ? 0 : 20_000);
  });
});

import { getEventListeners } from 'node:events';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { JoinWaiters, notSubscribed } from '../../../../src/server/topics/join-waiters.js';
import { turns } from '../../../support/connection.js';

let waiters: JoinWaiters;
let log: string[];
beforeEach(() => {
  waiters = new JoinWaiters();
  log = [];
});

function wait(name: string, topic: string, signal?: AbortSignal): void {
  waiters.wait(topic, signal).then(
    () => log.push(`${name} resolved`),
    (error: unknown) => {
      const { code, message } = error as ConnectionError;
      log.push(`${name} ${code === 'ERR_NOT_SUBSCRIBED' ? code : message}`);
    },
  );
}
const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('JoinWaiters', () => {
  it('resolves all that wait for a topic, and no others', async () => {
    wait('one', 't');
    wait('two', 't', new AbortController().signal);
    wait('three', 'u');
    await turns(1);
    expect(log).toStrictEqual([]);
    waiters.resolve('t');
    waiters.resolve('t');
    waiters.resolve('unknown');
    await turns(1);
    expect(log).toStrictEqual(['one resolved', 'two resolved']);
    wait('four', 't');
    await turns(1);
    expect(log).toHaveLength(2);
    waiters.resolve('t');
    await turns(1);
    expect(log.slice(2)).toStrictEqual(['four resolved']);
  });

  it('rejects those of a topic that lost its last subscriber', async () => {
    wait('one', 't');
    wait('two', 't', new AbortController().signal);
    wait('three', 'u');
    waiters.reject('t');
    waiters.resolve('t');
    waiters.reject('unknown');
    await turns(1);
    expect(log).toStrictEqual(['one ERR_NOT_SUBSCRIBED', 'two ERR_NOT_SUBSCRIBED']);
  });

  it('rejects all at the end', async () => {
    wait('one', 't');
    wait('two', 'u');
    wait('three', 't');
    waiters.rejectAll();
    waiters.rejectAll();
    await turns(1);
    expect(log.sort()).toStrictEqual([
      'one ERR_NOT_SUBSCRIBED',
      'three ERR_NOT_SUBSCRIBED',
      'two ERR_NOT_SUBSCRIBED',
    ]);
  });

  it('rejects with the reason of a signal, that one only', async () => {
    const [first, second] = [new AbortController(), new AbortController()];
    wait('one', 't', first.signal);
    wait('two', 't', second.signal);
    wait('three', 't', second.signal);
    wait('four', 't');
    first.abort(new Error('enough'));
    await turns(1);
    expect(log).toStrictEqual(['one enough']);
    second.abort();
    await turns(1);
    expect(log.slice(1)).toStrictEqual([
      'two This operation was aborted',
      'three This operation was aborted',
    ]);
    waiters.resolve('t');
    await turns(1);
    expect(log.slice(3)).toStrictEqual(['four resolved']);
  });

  it('can wait for a topic again after an abort', async () => {
    const controller = new AbortController();
    wait('one', 't', controller.signal);
    controller.abort();
    wait('two', 't');
    waiters.resolve('t');
    await turns(1);
    expect(log).toStrictEqual(['one This operation was aborted', 'two resolved']);
  });

  it('rejects at once for a signal that has aborted', async () => {
    const reason = new Error('before');
    await expect(waiters.wait('t', AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('leaves no listener on a signal, however the waiting ended', async () => {
    const { signal } = new AbortController();
    for (const end of [
      () => {
        waiters.resolve('t');
      },
      () => {
        waiters.reject('t');
      },
      () => {
        waiters.rejectAll();
      },
    ]) {
      wait('one', 't', signal);
      wait('two', 't', signal);
      expect(listeners(signal)).toBe(1);
      end();
      expect(listeners(signal)).toBe(0);
    }
    await turns(1);
    expect(log).toHaveLength(6);
  });
});

test('notSubscribed names the topic, and says what to do', () => {
  const error = notSubscribed('news "1"');
  expect(error).toBeInstanceOf(ConnectionError);
  expect(error.code).toBe('ERR_NOT_SUBSCRIBED');
  expect(error.message).toBe(
    'no connection of this process is subscribed to the topic: "news \\"1\\""; subscribe first',
  );
});

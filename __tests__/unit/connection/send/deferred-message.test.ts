import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { defer } from '../../../../src/connection/send/deferred-message.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { turns } from '../../../support/connection.js';

const nothing = (): void => undefined;

describe('defer', () => {
  it('counts the frame, and its masking key', () => {
    const message = prepareMessage('12345');
    const options = { key: 'k', topic: 't' };
    const { bytes, buffer, key, topic } = defer(message, options, undefined, false, nothing);
    expect([bytes, key, topic]).toStrictEqual([7, 'k', 't']);
    expect(buffer).toBe(message.frame);
    expect(defer(message, undefined, undefined, true, nothing).bytes).toBe(11);
  });

  it('gives a message with a key memory of its own', () => {
    const [keyed, other] = [prepareMessage('12345'), prepareMessage('12345')];
    defer(keyed, { key: 'k' }, undefined, false, nothing);
    defer(other, {}, undefined, false, nothing);
    expect(keyed.frame.buffer.byteLength).toBe(7);
    // It stays in the pool that the runtime cuts small buffers from. Bun has none.
    expect(other.frame.buffer.byteLength).toBe(Buffer.allocUnsafe(7).buffer.byteLength);
  });

  it('sends it, or tells its callback why not', async () => {
    const did: string[] = [];
    const queue = () => did.push('queued');
    const deferred = defer(
      prepareMessage('a'),
      {},
      (error) => did.push(error!.message),
      false,
      queue,
    );
    deferred.call();
    deferred.call(new Error('too slow'));
    defer(prepareMessage('a'), {}, undefined, false, queue).call(new Error('nothing is told'));
    expect(did).toStrictEqual(['queued']); // a callback is called in a tick of its own
    await turns();
    expect(did).toStrictEqual(['queued', 'too slow']);
  });

  it('is sent in the async context of its call, if the channel has a subscriber', () => {
    const user = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const make = () =>
      user.run('ann', () =>
        defer(prepareMessage('a'), {}, undefined, false, () => seen.push(user.getStore())),
      );
    make().call();
    subscribe('hawser.message.sent', nothing);
    make().call();
    unsubscribe('hawser.message.sent', nothing);
    expect(seen).toStrictEqual([undefined, 'ann']);
  });
});

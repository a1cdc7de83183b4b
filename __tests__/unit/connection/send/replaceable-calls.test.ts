import { ReplaceableCalls } from '../../../../src/connection/send/replaceable-calls.js';

describe('ReplaceableCalls', () => {
  it('finds a message by its topic and key', () => {
    const calls = new ReplaceableCalls<string>();
    expect(calls.get('t', 'k')).toBeUndefined();
    calls.add('t', 'k', 'one');
    calls.add('t', 'l', 'two');
    calls.add(undefined, 'k', 'three');
    expect([calls.get('t', 'k'), calls.get('t', 'l')]).toStrictEqual(['one', 'two']);
    expect([calls.get(undefined, 'k'), calls.get('u', 'k')]).toStrictEqual(['three', undefined]);
  });

  it('forgets a message that was sent, but not a newer one that came after a fence', () => {
    const calls = new ReplaceableCalls<string>();
    calls.delete('t', 'k', 'none');
    calls.add('t', 'k', 'one');
    calls.add('t', 'l', 'two');
    calls.delete('t', 'k', 'older');
    expect(calls.get('t', 'k')).toBe('one');
    calls.delete('t', 'k', 'one');
    expect([calls.get('t', 'k'), calls.get('t', 'l')]).toStrictEqual([undefined, 'two']);
    calls.delete('t', 'l', 'two');
    expect(calls.get('t', 'l')).toBeUndefined();
  });

  it('forgets a topic at its fence, and everything at a fence of the connection', () => {
    const calls = new ReplaceableCalls<string>();
    for (const topic of ['t', 'u', undefined]) calls.add(topic, 'k', 'one');
    calls.fence('t');
    expect(calls.get('t', 'k')).toBeUndefined();
    expect([calls.get('u', 'k'), calls.get(undefined, 'k')]).toStrictEqual(['one', 'one']);
    calls.fence(undefined);
    expect([calls.get('u', 'k'), calls.get(undefined, 'k')]).toStrictEqual([undefined, undefined]);
  });
});

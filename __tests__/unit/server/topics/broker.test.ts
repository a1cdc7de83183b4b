import { runInNewContext } from 'node:vm';
import { isBroker } from '../../../../src/server/topics/broker.js';

const whole = {
  start: () => undefined,
  join: () => undefined,
  leave: () => undefined,
  publish: () => 0,
  maxMessage: 1000,
  close: () => Promise.resolve(),
};

describe('isBroker', () => {
  it('takes what has the members of a broker, of whatever class and realm', () => {
    expect(isBroker(whole)).toBe(true);
    expect(isBroker({ ...whole, maxMessage: Infinity, more: 1 })).toBe(true);
    class OfAnother {
      start(): void {}
      join(): void {}
      leave(): void {}
      publish(): number {
        return 0;
      }
      get maxMessage(): number {
        return Date.now();
      }
      async close(): Promise<void> {}
    }
    expect(isBroker(new OfAnother())).toBe(true);
    const source =
      '({ start() {}, join() {}, leave() {}, publish() {}, maxMessage: 1, close() {} })';
    expect(isBroker(runInNewContext(source))).toBe(true);
  });

  it.each(Object.keys(whole))(
    'takes nothing that lacks %s, or has something else there',
    (name) => {
      expect(isBroker({ ...whole, [name]: undefined })).toBe(false);
      expect(isBroker({ ...whole, [name]: 'text' })).toBe(false);
    },
  );

  it.each([[undefined], [null], [5], ['broker'], [() => whole], [{}], [Promise.resolve(whole)]])(
    'does not take %p',
    (value) => {
      expect(isBroker(value)).toBe(false);
    },
  );
});

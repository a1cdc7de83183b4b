import { runInNewContext } from 'node:vm';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { checkAuthorization } from '../../../../src/server/options/authorization.js';

function complaint(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError);
    return (error as Error).message;
  }
  throw new Error('expected a TypeError');
}

describe('checkAuthorization', () => {
  it.each([undefined, null])('takes %p for "accepted as it is"', (answer) => {
    expect(checkAuthorization(answer)).toEqual({});
  });

  it('returns what authorize answered', () => {
    const answer = { context: { user: 'ann' }, maxPayload: 1, headers: {}, subprotocol: 'a' };
    expect(checkAuthorization(answer)).toBe(answer);
    expect(checkAuthorization({ maxPayload: undefined })).toEqual({ maxPayload: undefined });
    expect(checkAuthorization({})).toEqual({});
    expect(checkAuthorization(runInNewContext('({ context: 1 })'))).toEqual({ context: 1 });
    class Accepted {
      context = 'ann';
    }
    expect(checkAuthorization(new Accepted())).toMatchObject({ context: 'ann' });
  });

  it.each([
    [false, 'false (boolean)'],
    [true, 'true (boolean)'],
    ['ann', 'ann (string)'],
    [[], '[]'],
    [() => {}, 'a function'],
    [new UpgradeRejection(401), 'an error'],
  ])('does not take %p for a yes', (answer, got) => {
    expect(complaint(() => checkAuthorization(answer))).toBe(
      `authorize: expected it to return nothing or an object, got ${got}; to reject, throw new UpgradeRejection(403)`,
    );
    expect(complaint(() => checkAuthorization(answer, 'accept'))).toBe(
      `accept: expected options to be an object, got ${got}`,
    );
  });

  class User {
    readonly #name = 'Ann';
    get name(): string {
      return this.#name;
    }
  }
  it.each<[unknown, string]>([
    [{ id: 7, name: 'Ann' }, '"id"'],
    [{ context: 1, maxpayload: 5 }, '"maxpayload"'],
    [{ context: 1, reason: undefined }, '"reason"'],
    [new User(), 'an object of a class'],
    [new Map([['id', 7]]), 'an object of a class'],
    [new Response(null, { status: 401 }), 'an object of a class'],
  ])('does not lose the user in place of { context: user }: %p', (answer, got) => {
    for (const who of ['authorize', 'accept'] as const) {
      expect(complaint(() => checkAuthorization(answer, who))).toBe(
        `${who}: expected an object with context, headers, subprotocol and maxPayload only, got ${got}; for conn.context return { context: … }`,
      );
    }
  });

  it.each([
    [5, '5 (number)'],
    [null, 'null (object)'],
    [['a'], '[a (string)]'],
  ])('rejects the subprotocol %p', (subprotocol, got) => {
    expect(complaint(() => checkAuthorization({ subprotocol }))).toBe(
      `authorize: expected subprotocol to be a string, got ${got}`,
    );
  });

  it.each([
    ['5', '5 (string)'],
    [0, '0 (number)'],
    [Infinity, 'Infinity (number)'],
    [null, 'null (object)'],
  ])('rejects the maxPayload %p', (maxPayload, got) => {
    expect(complaint(() => checkAuthorization({ maxPayload }))).toBe(
      `authorize: expected maxPayload to be a number of bytes from 1 to 9007199254740991, got ${got}`,
    );
  });
});

import { HandshakeError } from '../../../src/client/handshake-error.js';
import { delayAfter, isWorthRetrying } from '../../../src/client/retry.js';

const url = new URL('ws://example.com/');
const refusal = (status: number, retryAfter?: string) =>
  new HandshakeError('ERR_HANDSHAKE_REFUSED', {
    url,
    status,
    headers: retryAfter === undefined ? {} : { 'retry-after': retryAfter },
  });
const closed = (code: number) => ({ code, reason: '', clean: true, initiator: 'peer' }) as const;

describe('isWorthRetrying', () => {
  it.each([
    [400, false],
    [401, false],
    [408, true],
    [425, true],
    [429, true],
    [499, false],
    [500, true],
    [302, true],
  ])('after the status %i: %p', (status, is) => {
    expect(isWorthRetrying(refusal(status))).toBe(is);
  });

  it.each([
    [1000, false],
    [1001, true],
    [1002, false],
    [1006, true],
    [1008, false],
    [1010, false],
    [1011, true],
    [1013, true],
    [4000, true],
  ])('after the close code %i: %p', (code, is) => {
    expect(isWorthRetrying(closed(code))).toBe(is);
  });

  it.each([
    ['ECONNREFUSED', true],
    ['ENOTFOUND', true],
    ['CERT_HAS_EXPIRED', false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', false],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', false],
    [7, true],
  ])('after the cause %p: %p', (code, is) => {
    const cause = Object.assign(new Error(), { code });
    const error = new HandshakeError('ERR_HANDSHAKE_UNREACHABLE', { url, cause });
    expect(isWorthRetrying(error)).toBe(is);
  });
});

describe('delayAfter', () => {
  const limits = { min: 500, max: 30_000 };

  it('is a random part of a time that doubles up to the maximum', () => {
    const most = [1, 2, 3, 7, 1000].map((failures) =>
      delayAfter(closed(1006), failures, limits, 0.5),
    );
    expect(most).toEqual([250, 500, 1000, 15_000, 15_000]);
    expect(delayAfter(closed(1006), 1, limits, 0)).toBe(0);
  });

  it('is never longer than a timer of Node can wait: that would fire at once', () => {
    const longest = 2 ** 31 - 1;
    const waits = [
      delayAfter(closed(1006), 1, { min: Infinity, max: Infinity }, 0.5),
      delayAfter(closed(1006), 1000, { min: 500, max: Infinity }, 0.5),
      delayAfter(closed(1006), 1, { min: Infinity, max: Infinity }, 0),
    ];
    expect(waits).toEqual([longest / 2, longest / 2, 0]);
    const year = String(365 * 24 * 3600);
    expect(delayAfter(refusal(503, year), 1, { min: 500, max: Infinity }, 0)).toBe(longest);
  });

  it('is what Retry-After asks for, up to the maximum', () => {
    expect(delayAfter(refusal(503, '7'), 1, limits, 0)).toBe(7000);
    expect(delayAfter(refusal(503, '9999'), 1, limits, 0)).toBe(30_000);
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    expect(delayAfter(refusal(503, date), 1, limits, 0)).toBe(30_000);
    expect(delayAfter(refusal(503, 'Mon, 01 Jan 2001 00:00:00 GMT'), 1, limits, 0)).toBe(0);
    expect(delayAfter(refusal(503, 'soon'), 1, limits, 0.5)).toBe(250);
    expect(delayAfter(refusal(503), 1, limits, 0.5)).toBe(250);
    const late = new HandshakeError('ERR_HANDSHAKE_TIMEOUT', { url });
    expect(delayAfter(late, 1, limits, 0.5)).toBe(250);
  });
});

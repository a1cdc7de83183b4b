import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { refuseUpgrade } from '../../../src/ws/refuse-upgrade.js';
import { transportPair } from '../../support/server.js';

/** What the peer gets. */
async function refused(
  ...args: Parameters<typeof refuseUpgrade> extends [Duplex, ...infer Rest] ? Rest : never
): Promise<string> {
  const [socket, peer] = transportPair();
  const closed = once(socket, 'close');
  refuseUpgrade(socket, ...args);
  const answer = await text(peer);
  await closed;
  return answer;
}

describe('refuseUpgrade', () => {
  it('answers with the name of the status, and closes the socket', async () => {
    expect(await refused(401, undefined)).toBe(
      'HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: 12\r\n\r\nUnauthorized',
    );
  });

  it('has the message as its body, and its length in bytes', async () => {
    const answer = await refused(400, 'größer');
    expect(answer).toMatch(/\r\nContent-Length: 8\r\n\r\ngrößer$/);
  });

  it('takes an empty message for none', async () => {
    expect(await refused(404, '')).toMatch(/\r\n\r\nNot Found$/);
  });

  it('adds headers, which replace its own', async () => {
    const headers = { 'Content-Type': 'text/plain', 'X-Number': 5, 'X-List': ['a', 'b'] };
    expect(await refused(403, 'no', headers)).toBe(
      'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-Number: 5\r\nX-List: a,b\r\n\r\nno',
    );
  });

  it('sends a status that has no name', async () => {
    expect(await refused(499, undefined)).toMatch(/^HTTP\/1\.1 499 \r\n[^]*\r\n\r\n$/);
  });
});

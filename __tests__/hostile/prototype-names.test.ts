/** Names that every JavaScript object has, chosen by the peer (GHSA-5v72-xg48-5rpm crashed ws through them). */
import { Host, stopHosts } from '../support/host.js';
import { clientFrame } from '../support/frames.js';
import type { RequestParts } from '../support/raw-client.js';
import { ACCEPTED, VERSIONS } from '../support/versions.js';

afterEach(stopHosts);

const NAMES = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'prototype', 'valueOf'];

describe.each(VERSIONS)('over %s', (version) => {
  const accepted = ACCEPTED[version];

  /** The answer to a request, from a server that is then shown to be alive. */
  async function answer(
    parts: RequestParts,
    options?: Parameters<typeof Host.start>[0],
  ): Promise<{ status: number; extensions: string | undefined; subprotocol: string | undefined }> {
    const host = await Host.startOver(version, { logger: { warn() {}, error() {} }, ...options });
    const client = await host.request(parts);
    const { status, header } = await client.response();
    if (status === accepted) {
      client.send(clientFrame({ opcode: 9 }));
      expect(await client.words()).toBe('pong');
    }
    client.destroy();
    return {
      status,
      extensions: header('Sec-WebSocket-Extensions'),
      subprotocol: header('Sec-WebSocket-Protocol'),
    };
  }

  const PLAIN = { status: accepted, extensions: undefined, subprotocol: undefined };

  describe.each(NAMES)('the name %s', (name) => {
    test.each([
      ['an extension', name],
      ['an extension after empty elements', `,,${name}`],
      ['a parameter', `permessage-deflate; ${name}`],
      ['a parameter with a value', `permessage-deflate; ${name}=${name}`],
      ['a quoted value', `x; y="${name}"`],
      ['several of everything', `${name}; ${name}; ${name}=1, ${name}, x; ${name}="${name}"`],
    ])('is nothing special as %s', async (_what, offer) => {
      const headers = { 'Sec-WebSocket-Extensions': offer };
      expect(await answer({ headers })).toEqual(PLAIN);
    });

    test('as a subprotocol that the server does not have is not chosen', async () => {
      const headers = { 'Sec-WebSocket-Protocol': name };
      expect(await answer({ headers }, { subprotocols: ['chat'] })).toEqual(PLAIN);
      expect(await answer({ headers })).toEqual(PLAIN);
    });

    test('as a subprotocol that the server does have is chosen', async () => {
      const headers = { 'Sec-WebSocket-Protocol': name };
      expect(await answer({ headers }, { subprotocols: [name] })).toEqual({
        ...PLAIN,
        subprotocol: name,
      });
    });

    test('as a header of its own changes nothing', async () => {
      expect(await answer({ headers: { [`${name} `.trim()]: 'x', 'X-Y': 'z' } })).toEqual(PLAIN);
    });

    test.each<readonly [header: string, value: string, status: number]>(
      version === 'HTTP/1.1'
        ? [
            ['Upgrade', name, 200], // the application's own request
            ['Connection', `Upgrade, ${name}`, 101],
            ['Sec-WebSocket-Version', name, 426],
            ['Sec-WebSocket-Key', name, 400],
          ]
        : [['Sec-WebSocket-Version', name, 400]],
    )('as the value of %s is a value like any other', async (header, value, expected) => {
      const { status } = await answer({ headers: { [header]: value } });
      expect(status).toBe(expected);
    });

    test.each(['/', '/?', '/?x='])(
      'in a target that begins with %s is part of it',
      async (start) => {
        const seen: string[] = [];
        const options = {
          path: (path: string, { url }: { url?: string | undefined }) =>
            seen.push(path, url ?? '') > 0,
        };
        expect(await answer({ target: start + name }, options)).toEqual(PLAIN);
        expect(seen).toEqual([start === '/' ? `/${name}` : '/', start + name]);
      },
    );

    test('as Origin or Host does not match one of a list', async () => {
      const origin = await answer({ headers: { Origin: name } }, { origin: ['https://a.example'] });
      const host = await answer({ headers: { Host: name } }, { allowedHosts: ['a.example'] });
      // __proto__ has the underscores that a host name may have.
      expect([origin.status, host.status]).toEqual([403, 403]);
    });
  });
});

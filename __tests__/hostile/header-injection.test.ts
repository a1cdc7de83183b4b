/** What an application passes on from elsewhere must not become a header, or a response, of its own (CVE-2026-1527). */
import { UpgradeRejection, WebSocketServer, type AnyRequest } from '../../src/index.js';
import { type Handshake, listenForHandshakes } from '../support/handshakes.js';
import { Host, stopHosts } from '../support/host.js';
import { deferred } from '../support/server.js';
import { ACCEPTED, askOver, VERSIONS } from '../support/versions.js';

afterEach(stopHosts);

const VALUES = [
  'x\r\nSet-Cookie: evil=1',
  'x\nSet-Cookie: evil=1',
  'x\rSet-Cookie: evil=1',
  'x\0evil',
  'x\u010d\u010aSet-Cookie: evil=1', // CR and LF, if only the low byte were written
  'x\u0085evil\u2028',
  '\x7fevil',
];
const NAMES = ['X: evil\r\nY', 'evil ', 'evil:', '', 'evil\0', 'évil', ' evil'];

const printable = (rows: string[]): [string, string][] =>
  rows.map((row) => [JSON.stringify(row), row]);

describe('an UpgradeRejection', () => {
  test.each(printable(VALUES))('with the header value %s cannot be made', (_shown, value) => {
    expect(() => new UpgradeRejection(401, { headers: { 'X-Name': value } })).toThrow(TypeError);
  });

  test.each(printable(NAMES))('with the header name %s cannot be made', (_shown, name) => {
    expect(() => new UpgradeRejection(401, { headers: { [name]: 'x' } })).toThrow(TypeError);
  });

  test.each([0, 99, 101, 200, 299, 600, 1e9, NaN, 401.5, '401\r\nevil'])(
    'with status %p cannot be made',
    (status) => {
      expect(() => new UpgradeRejection(status as number)).toThrow(RangeError);
    },
  );
});

describe.each(VERSIONS)('over %s', (version) => {
  /**
   * Everything that a server writes in answer to a request, and what it logged. The fields of an answer over HTTP/2
   * are written here as those of HTTP/1.1 are.
   */
  async function answer(
    options: Parameters<typeof Host.start>[0],
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string; logged: unknown }> {
    let logged: unknown;
    const logger = { warn() {}, error: (_message: string, cause?: unknown) => (logged = cause) };
    const host = await Host.startOver(version, { ...options, logger });
    const client = await host.request({ headers });
    let text = '';
    client.socket.on('response', (_fields, _flags, raw: string[]) => {
      for (let i = 0; i < raw.length; i += 2) text += `${raw[i]}: ${raw[i + 1]}\r\n`;
      text += '\r\n';
    });
    client.socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const { status } = await client.response();
    client.destroy();
    return { status, text, logged };
  }

  const REFUSED = {
    status: 500,
    text: expect.not.stringContaining('evil') as string,
    logged: expect.objectContaining({ name: 'TypeError' }) as unknown,
  };

  describe('a header of authorize', () => {
    test.each(printable(VALUES))('with the value %s is not written', async (_shown, value) => {
      expect(await answer({ authorize: () => ({ headers: { 'X-Name': value } }) })).toEqual(
        REFUSED,
      );
      expect(await answer({ authorize: async () => ({ headers: { A: ['b', value] } }) })).toEqual(
        REFUSED,
      );
    });

    test.each(printable(NAMES))('with the name %s is not written', async (_shown, name) => {
      expect(await answer({ authorize: () => ({ headers: { [name]: 'evil' } }) })).toEqual(REFUSED);
    });

    const ofTheConnection = ['Upgrade', 'connection', 'Transfer-Encoding'];
    test.each([
      'Sec-WebSocket-Accept',
      'sec-websocket-protocol',
      'SEC-WEBSOCKET-EXTENSIONS',
      'Content-Length',
      ...(version === 'HTTP/1.1' ? ofTheConnection : []),
    ])('that hawser writes itself, %s, is not written twice', async (name) => {
      expect(await answer({ authorize: () => ({ headers: { [name]: 'evil' } }) })).toEqual(REFUSED);
    });

    if (version === 'HTTP/2')
      test.each([...ofTheConnection, 'Keep-Alive', 'Proxy-Connection', 'TE', 'HTTP2-Settings'])(
        'that HTTP/2 has no place for, %s, is not written',
        async (name) => {
          const { status, text } = await answer({
            authorize: () => ({ headers: { [name]: 'evil' } }),
          });
          expect(status).toBe(200);
          expect(text).not.toContain('evil');
        },
      );

    test('that is harmless is written as it is', async () => {
      const headers = { 'Set-Cookie': ['a=1; Path=/', 'b=é'], 'X-Empty': '' };
      const { status, text } = await answer({ authorize: () => ({ headers }) });
      expect(status).toBe(ACCEPTED[version]);
      const written = '\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=\xe9\r\nX-Empty: \r\n';
      expect(text).toContain(
        version === 'HTTP/1.1'
          ? written
          : written.replace(/[SCXE](?=[-a-z]+)/g, (letter) => letter.toLowerCase()),
      );
    });
  });

  describe('a subprotocol', () => {
    const offer = { 'Sec-WebSocket-Protocol': 'chat' };

    test.each(printable([...VALUES, 'evil']))(
      'that was not offered, %s, is not written',
      async (_shown, value) => {
        expect(await answer({ authorize: () => ({ subprotocol: value }) }, offer)).toEqual(REFUSED);
        expect(await answer({ subprotocols: () => value }, offer)).toEqual(REFUSED);
      },
    );

    test.each(['chat evil', 'chat;evil', '"chat\\\r', 'chat/evil', 'ch\xe4t'])(
      'that is no token, %s, is refused before the application sees it',
      async (value) => {
        const asked = jest.fn();
        const { status } = await answer(
          { subprotocols: asked },
          { 'Sec-WebSocket-Protocol': value },
        );
        // Node leaves out a field whose value HTTP/2 does not allow (RFC 9113 section 8.2.1).
        const isLeftOut = version === 'HTTP/2' && value.includes('\r');
        expect(status).toBe(isLeftOut ? 200 : 400);
        expect(asked).not.toHaveBeenCalled();
      },
    );
  });

  describe('an UpgradeRejection', () => {
    test('with line breaks in its body keeps them in the body', async () => {
      const body = 'no\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: evil=1';
      const { status, text } = await answer({
        authorize: () => {
          throw new UpgradeRejection(401, { body });
        },
      });
      expect(status).toBe(401);
      const [head, ...rest] = text.split('\r\n\r\n');
      // Over HTTP/2 a body ends with the stream.
      if (version === 'HTTP/1.1') expect(head).toContain(`Content-Length: ${body.length + 1}`);
      expect(head).not.toMatch(/set-cookie/i);
      expect(rest.join('\r\n\r\n')).toBe(`${body}\n`);
    });
  });

  test.each(printable(VALUES))(
    'accept() with the header value %s throws and writes nothing',
    async (_shown, value) => {
      const server = new WebSocketServer<undefined, AnyRequest>({ noServer: true });
      const handed = deferred<Handshake>();
      const port = await listenForHandshakes(version, (...handshake) => {
        handed.resolve(handshake);
      });
      await askOver(version, port);
      const handshake = await handed.promise;
      const options = { headers: { 'X-Name': value } };
      expect(() => server.accept(...handshake, options)).toThrow(TypeError);
      expect(server.connections.size).toBe(0);
      const [, socket] = handshake;
      expect(
        'headersSent' in socket
          ? socket.headersSent
          : 'bytesWritten' in socket && socket.bytesWritten,
      ).toBe(version === 'HTTP/2' ? false : 0);
    },
  );

  test('what the client sent comes back in a refusal only as printable characters, and not much of it', async () => {
    const other = `12\x80\xff<script>${'x'.repeat(1000)}`;
    const { status, text } = await answer({}, { 'Sec-WebSocket-Version': other });
    expect(status).toBe(version === 'HTTP/1.1' ? 426 : 400);
    expect(text).toMatch(/^[\r\n\x20-\x7e]*$/);
    expect(text).toMatch(/^content-type: text\/plain/im);
    expect(text.length).toBeLessThan(600);
  });
});

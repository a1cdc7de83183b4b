/** What an application passes on from elsewhere must not become a header, or a response, of its own (CVE-2026-1527). */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { UpgradeRejection, WebSocketServer } from '../../src/index.js';
import { Host, stopHosts } from '../support/host.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

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

/** Everything that a server writes in answer to a request, and what it logged. */
async function answer(
  options: Parameters<typeof Host.start>[0],
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string; logged: unknown }> {
  let logged: unknown;
  const logger = { warn() {}, error: (_message: string, cause?: unknown) => (logged = cause) };
  const host = await Host.start({ ...options, logger });
  const client = await RawClient.connect(host.port);
  let text = '';
  client.socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  client.send(upgradeRequest({ headers }));
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
    expect(await answer({ authorize: () => ({ headers: { 'X-Name': value } }) })).toEqual(REFUSED);
    expect(await answer({ authorize: async () => ({ headers: { A: ['b', value] } }) })).toEqual(
      REFUSED,
    );
  });

  test.each(printable(NAMES))('with the name %s is not written', async (_shown, name) => {
    expect(await answer({ authorize: () => ({ headers: { [name]: 'evil' } }) })).toEqual(REFUSED);
  });

  test.each([
    'Sec-WebSocket-Accept',
    'sec-websocket-protocol',
    'SEC-WEBSOCKET-EXTENSIONS',
    'Upgrade',
    'connection',
    'Content-Length',
    'Transfer-Encoding',
  ])('that hawser writes itself, %s, is not written twice', async (name) => {
    expect(await answer({ authorize: () => ({ headers: { [name]: 'evil' } }) })).toEqual(REFUSED);
  });

  test('that is harmless is written as it is', async () => {
    const headers = { 'Set-Cookie': ['a=1; Path=/', 'b=é'], 'X-Empty': '' };
    const { status, text } = await answer({ authorize: () => ({ headers }) });
    expect(status).toBe(101);
    expect(text).toContain('\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=\xe9\r\nX-Empty: \r\n');
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
      const { status } = await answer({ subprotocols: asked }, { 'Sec-WebSocket-Protocol': value });
      expect(status).toBe(400);
      expect(asked).not.toHaveBeenCalled();
    },
  );
});

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

  test('with line breaks in its body keeps them in the body', async () => {
    const body = 'no\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: evil=1';
    const { status, text } = await answer({
      authorize: () => {
        throw new UpgradeRejection(401, { body });
      },
    });
    expect(status).toBe(401);
    const [head, ...rest] = text.split('\r\n\r\n');
    expect(head).toContain(`Content-Length: ${String(body.length + 1)}`);
    expect(head).not.toContain('Set-Cookie');
    expect(rest.join('\r\n\r\n')).toBe(`${body}\n`);
  });
});

test.each(printable(VALUES))(
  'accept() with the header value %s throws and writes nothing',
  async (_shown, value) => {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const server = new WebSocketServer({ noServer: true });
    const client = await RawClient.connect((http.address() as AddressInfo).port);
    client.send(upgradeRequest());
    const [request, socket, head] = (await once(http, 'upgrade')) as [
      IncomingMessage,
      Duplex,
      Buffer,
    ];
    const options = { headers: { 'X-Name': value } };
    expect(() => server.accept(request, socket, head, options)).toThrow(TypeError);
    expect(server.connections.size).toBe(0);
    expect((socket as Duplex & { bytesWritten: number }).bytesWritten).toBe(0);
    client.destroy();
    http.close();
  },
);

test('what the client sent comes back in a refusal only as printable characters, and not much of it', async () => {
  const version = `12\x80\xff<script>${'x'.repeat(1000)}`;
  const { status, text } = await answer({}, { 'Sec-WebSocket-Version': version });
  expect(status).toBe(426);
  expect(text).toMatch(/^[\r\n\x20-\x7e]*$/);
  expect(text).toContain('Content-Type: text/plain');
  expect(text.length).toBeLessThan(600);
});

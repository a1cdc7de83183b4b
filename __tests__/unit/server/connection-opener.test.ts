import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { deflateRawSync } from 'node:zlib';
import { joinServer, WebSocketServer } from '../../../src/server/server.js';
import { SharedLimits } from '../../../src/server/admission/shared-limits.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import type { RawClient } from '../../support/raw-client.js';
import { ask, eventually, fakeRequest, serve, transportPair } from '../../support/server.js';

const NO_HEAD = Buffer.alloc(0);

describe('a connection of a pair', () => {
  it.each([
    ['first', 0],
    ['last', 1],
  ])('counts in SharedLimits exactly until it ends, where it ends %s', async (_name, order) => {
    const limits = new SharedLimits({ maxConnections: 2, maxConnectionsPerAddress: 2 });
    const wss = new WebSocketServer({ noServer: true, limits });
    const socket = (): Duplex => Object.assign(transportPair()[0], { remoteAddress: '192.0.2.1' });
    const upgrade = () => wss.handleUpgrade(fakeRequest(), socket(), NO_HEAD);
    const { connection: joined } = joinServer(wss, transportPair()[0], undefined, []);
    expect(limits.connections).toBe(1);
    const upgraded = (await upgrade())!;
    expect(limits.connections).toBe(2);
    expect(await upgrade()).toBeUndefined();
    const ends = order === 0 ? [joined, upgraded] : [upgraded, joined];
    for (const [index, connection] of ends.entries()) {
      const closed = once(connection, 'close');
      connection.terminate();
      await closed;
      expect(limits.connections).toBe(1 - index);
    }
    for (let count = 0; count < 2; count++) expect(await upgrade()).toBeDefined();
    expect(await upgrade()).toBeUndefined();
  });
});

describe('permessage-deflate', () => {
  const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
  const compressed = (payload: string): Buffer =>
    clientFrame({ opcode: 1, rsv: 4, payload: deflateRawSync(payload) });

  it('is answered where it is offered and on, and not otherwise', async () => {
    for (const [perMessageDeflate, headers, expected] of [
      [true, OFFER, 'permessage-deflate; client_no_context_takeover'],
      [true, {}, undefined],
      [true, { 'Sec-WebSocket-Extensions': 'permessage-bzip2' }, undefined],
      [false, OFFER, undefined],
    ] as const) {
      const { wss, port } = await serve({ perMessageDeflate });
      const client = await ask(port, { headers });
      const response = await client.response();
      expect(response.status).toBe(101);
      expect(response.header('Sec-WebSocket-Extensions')).toBe(expected);
      const [connection] = wss.connections;
      expect(connection!.extensions).toBe(expected ?? '');
      const messages: unknown[] = [];
      connection!.on('message', (data) => messages.push(data));
      client.send(Buffer.concat([compressed('hello'), clientClose(1000)]));
      expect((await client.close()).code).toBe(expected === undefined ? 1002 : 1000); // RSV1 has no meaning
      expect(messages).toEqual(expected === undefined ? [] : ['hello']);
    }
  });

  it('counts inflated bytes against the limit that authorize() gave', async () => {
    const { wss, port } = await serve({
      perMessageDeflate: true,
      authorize: () => ({ maxPayload: 1000 }),
    });
    const client = await ask(port, { headers: OFFER });
    await client.response();
    const [connection] = wss.connections;
    const message = once(connection!, 'message');
    client.send(compressed('x'.repeat(1000)));
    expect(await message).toEqual(['x'.repeat(1000), false]);
    client.send(compressed('x'.repeat(1001)));
    expect((await client.close()).code).toBe(1009);
  });

  describe('with a budget for one connection', () => {
    const perMessageDeflate = { contextTakeover: 'both', memoryBudget: 30_000 } as const;
    const extensions = async (client: RawClient): Promise<string> =>
      (await client.response()).header('Sec-WebSocket-Extensions')!;

    it('lets it have its contexts until it closes', async () => {
      const { wss, port } = await serve({ perMessageDeflate });
      const first = await ask(port, { headers: OFFER });
      expect(await extensions(first)).not.toContain('no_context_takeover');
      const second = await ask(port, { headers: OFFER });
      expect(await extensions(second)).toContain('no_context_takeover');
      first.reset();
      await eventually('the first to be gone', () => wss.connections.size === 1);
      const third = await ask(port, { headers: OFFER });
      expect(await extensions(third)).not.toContain('no_context_takeover');
    });

    it('takes nothing for an upgrade that fails', async () => {
      let requests = 0;
      const { port } = await serve({
        perMessageDeflate,
        // The first answer has a header that the response must not have.
        authorize: () => (requests++ === 0 ? { headers: { Upgrade: 'another' } } : {}),
      });
      const rejected = await ask(port, { headers: OFFER });
      expect((await rejected.response()).status).toBe(500);
      const client = await ask(port, { headers: OFFER });
      expect(await extensions(client)).not.toContain('no_context_takeover');
    });
  });
});

describe('a connection without a handshake', () => {
  it.each([
    [false, ''],
    [true, 'permessage-deflate; client_no_context_takeover'],
  ])('is one of the server, with perMessageDeflate %p', (perMessageDeflate, extensions) => {
    const wss = new WebSocketServer({ noServer: true, perMessageDeflate });
    const [transport, peer] = transportPair();
    const { connection, negotiated } = joinServer(wss, transport, undefined, [
      { name: 'permessage-deflate', params: [] },
    ]);
    expect([...wss.connections]).toEqual([connection]);
    expect([connection.extensions, negotiated !== undefined]).toEqual([
      extensions,
      extensions !== '',
    ]);
    expect([peer.read(), wss.stats().upgradesAccepted]).toEqual([null, 1]);
    void wss.close();
    expect(() => joinServer(wss, transport, undefined, [])).toThrow(
      'createConnectionPair: this WebSocketServer is closed or closing',
    );
  });
});

it('has the subprotocol that authorize chose, which the client must have offered', async () => {
  for (const [wanted, status] of [
    ['b', 101],
    ['x', 500],
  ] as const) {
    const { wss, port } = await serve({ authorize: () => ({ subprotocol: wanted }) });
    const headers = { 'Sec-WebSocket-Protocol': 'a, b' };
    const response = await (await ask(port, { headers })).response();
    expect(response.status).toBe(status);
    expect([...wss.connections].map(({ subprotocol }) => subprotocol)).toEqual(
      status === 101 ? ['b'] : [],
    );
  }
});

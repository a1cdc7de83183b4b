import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from '../../src/index.js';
import { hex } from '../support/bytes.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { deflateNegotiation, type NegotiationRow } from './tables/deflate-negotiation.js';

/** A server for each policy in the table. */
const servers = new Map<string, WebSocketServer>();

async function serverFor({
  contextTakeover,
  windowBits,
}: NegotiationRow['policy']): Promise<number> {
  const name = `${contextTakeover} ${windowBits}`;
  let server = servers.get(name);
  if (server === undefined) {
    server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      perMessageDeflate: { contextTakeover, windowBits },
      logger: { warn: () => {}, error: () => {} },
    });
    server.on('connection', (connection) => {
      connection.on('message', (data) => connection.send(data));
    });
    servers.set(name, server);
    await once(server, 'listening');
  }
  return (server.address() as AddressInfo).port;
}

afterAll(() => Promise.all([...servers.values()].map((server) => server.close({ timeout: 200 }))));

/** "Hello", compressed (section 7.2.3.1). */
const COMPRESSED_HELLO = hex('c187 00000000 f248cdc9c90700');

for (const section of new Set(deflateNegotiation.map((row) => row.section))) {
  describe(`RFC ${section === '9.1' ? 6455 : 7692}, section ${section}`, () => {
    it.each(
      deflateNegotiation
        .filter((row) => row.section === section)
        .map((row) => [row.title, row] as const),
    )('%s', async (_title, { headers, answer, policy }) => {
      const client = await RawClient.connect(await serverFor(policy));
      try {
        const request = upgradeRequest({ headers: { 'Sec-WebSocket-Extensions': headers } });
        client.send(Buffer.from(request, 'latin1'));
        const { status, header } = await client.response();
        const agreed = header('Sec-WebSocket-Extensions');
        expect(status === 101 ? agreed : status).toBe(answer);
        if (status !== 101) return;
        // What was not agreed on is not understood either (RFC 6455 section 5.2).
        client.send(COMPRESSED_HELLO);
        if (agreed === undefined) expect((await client.close()).code).toBe(1002);
        else expect(await client.words()).toBe('text 48656c6c6f');
      } finally {
        client.destroy();
      }
    });
  });
}

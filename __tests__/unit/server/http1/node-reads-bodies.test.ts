import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { nodeReadsBodies } from '../../../../src/server/http1/node-reads-bodies.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import { connect, listen } from '../../../support/server.js';

describe('nodeReadsBodies', () => {
  it('says what Node does with a real upgrade request', async () => {
    const server = createServer();
    const seen = once(server, 'upgrade') as Promise<[IncomingMessage, Duplex, Buffer]>;
    const client = await connect(await listen(server));
    client.send(`${upgradeRequest({ headers: { 'Transfer-Encoding': 'chunked' } })}0\r\n\r\n`);
    const [, , head] = await seen;
    expect(nodeReadsBodies()).toBe(head.length === 0);
    expect(nodeReadsBodies()).toBe(head.length === 0);
  });
});

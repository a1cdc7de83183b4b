import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { connect } from 'node:tls';
import { WebSocketServer as WsServer } from 'ws';
import { WebSocketServer } from '../../src/index.js';
import { CERTIFICATE } from '../support/certificate.js';
import { clientFrame } from '../support/frames.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { later, listen, MemoryLogger } from '../support/server.js';

/** A client of a port, with TLS or without it. */
async function clientOf(port: number, isSecure: boolean): Promise<RawClient> {
  const client = isSecure ? new RawClient(await secureSocket(port)) : await RawClient.connect(port);
  later(() => {
    client.destroy();
  });
  return client;
}

async function secureSocket(port: number): Promise<Duplex> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  return socket;
}

/** Wait for the echo of `hi`, after which no second 101 can come. */
async function echo(client: RawClient): Promise<void> {
  client.send(clientFrame({ opcode: 1, payload: 'hi' }));
  expect(await client.words()).toBe('text 6869');
}

describe.each([
  ['http', false],
  ['https', true],
])('a socket of %s that ws has upgraded', (_scheme, isSecure) => {
  it('is left alone by handleUpgrade and accept, with one 101 on it', async () => {
    const server = isSecure ? createSecureServer(CERTIFICATE) : createServer();
    const log = new MemoryLogger();
    const wss = new WebSocketServer({ noServer: true, logger: log });
    const ws = new WsServer({ noServer: true });
    const results: unknown[] = [];
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      ws.handleUpgrade(request, socket, head, (each) => {
        each.on('message', (data) => {
          each.send((data as Buffer).toString());
        });
      });
      void wss.handleUpgrade(request, socket, head).then((result) => results.push(result));
      try {
        wss.accept(request, socket, head);
      } catch (error) {
        results.push((error as Error).message);
      }
    });
    const client = await clientOf(await listen(server), isSecure);
    client.send(upgradeRequest());
    expect((await client.response()).status).toBe(101);
    await echo(client);
    expect(results).toEqual([
      "accept: this socket was given to a WebSocketServer before; let one 'upgrade' listener have it",
      undefined,
    ]);
    expect(log.lines).toEqual([
      `warn handleUpgrade: the socket of "/" was given to a WebSocketServer before, and is left alone; let one 'upgrade' listener have it`,
    ]);
    expect(wss.stats()).toMatchObject({ upgradesAccepted: 0, upgradesAbandoned: 0 });
  });
});

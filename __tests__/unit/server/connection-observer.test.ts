import { createConnectionPair } from '../../../src/server/connection-pair.js';
import type { ServerOptions } from '../../../src/server/options/options.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { ask, eventually, serve } from '../../support/server.js';

/** A server with one connection that is open, and what its event 'connectionError' had. */
async function begin(options: ServerOptions = {}) {
  const served = await serve({ heartbeat: false, ...options });
  const failures: unknown[][] = [];
  served.wss.on('connectionError', (...event) => failures.push(event));
  const client = await ask(served.port);
  await client.response();
  const conn = [...served.wss.connections][0]!;
  return { ...served, failures, client, conn };
}

describe('observeConnections', () => {
  it('reports and logs a peer that breaks a rule', async () => {
    const { failures, log, client, conn } = await begin();
    client.send(clientFrame({ opcode: 3, payload: '' }));
    await eventually('the failure', () => failures.length === 1);
    const [error, failed] = failures[0]!;
    expect(error).toMatchObject({ name: 'ProtocolError', code: 'ERR_RESERVED_OPCODE' });
    expect(failed).toBe(conn);
    expect(log.lines).toEqual([`error closed 127.0.0.1 with 1002: ${(error as Error).message}`]);
    expect(log.causes).toEqual([error]);
  });

  it('reports and logs a connection that the server gives up', async () => {
    const { failures, log, clock, conn } = await begin({
      heartbeat: { interval: 1000, timeout: 1000 },
    });
    // When the first Ping is due is a matter of chance.
    await eventually('the failure', () => {
      clock.advance(500);
      return failures.length === 1;
    });
    const [error, failed] = failures[0]!;
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'ERR_HEARTBEAT_TIMEOUT' });
    expect(failed).toBe(conn);
    expect(log.lines).toEqual([`error gave up 127.0.0.1: ${(error as Error).message}`]);
    expect(log.causes).toEqual([error]);
  });

  it('reports a transport that failed, and does not log it', async () => {
    const { failures, log, client, conn } = await begin();
    client.reset();
    await eventually('the failure', () => failures.length === 1);
    expect(failures[0]).toEqual([expect.objectContaining({ code: 'ECONNRESET' }), conn]);
    expect(log.lines).toEqual([]);
  });

  it('logs a connection that has no address', async () => {
    const { wss, log } = await serve({ maxPayload: 10 });
    const { client } = createConnectionPair({ server: wss });
    client.on('error', () => undefined);
    client.send('more than ten bytes');
    await eventually('the line', () => log.lines.length > 0);
    expect(log.lines).toEqual([
      expect.stringMatching(/^error closed a connection with 1009: /) as string,
    ]);
  });

  it('gives a hint for messages that nothing takes', async () => {
    const { wss, log, clock, client } = await begin();
    client.send(clientFrame({ opcode: 1, payload: 'a' }));
    await eventually('the message', () => wss.stats().messagesReceived === 1);
    clock.advance(35_000);
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn messages of 127\.0\.0\.1 are discarded: /) as string,
    ]);
  });

  it('forgets a connection that closed, and frees its place', async () => {
    const { wss, port, client, conn, failures } = await begin({ maxConnectionsPerAddress: 1 });
    const refused = await ask(port);
    expect((await refused.response()).status).toBe(429);
    client.send(clientClose(1000));
    client.socket.end();
    await eventually('the end', () => conn.readyState === 'closed');
    expect(wss.connections.size).toBe(0);
    const admitted = await ask(port);
    expect((await admitted.response()).status).toBe(101);
    expect(failures).toEqual([]);
  });
});

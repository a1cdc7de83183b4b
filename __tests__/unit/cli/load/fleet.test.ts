import { Fleet } from '../../../../src/cli/load/fleet.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { eventually, later, serve } from '../../../support/server.js';

/** A server, its connections and a fleet for it. */
async function fleetFor(options: Parameters<typeof serve>[0] = {}) {
  const { wss, port, server } = await serve(options);
  const connections: WebSocketConnection<unknown>[] = [];
  const received: unknown[] = [];
  wss.on('connection', (conn) => {
    connections.push(conn);
    conn.on('message', (data) => received.push(data));
  });
  const answers: unknown[] = [];
  const fleet = new Fleet(`ws://127.0.0.1:${port}/`, {}, (data) => answers.push(data));
  later(() => {
    fleet.terminate();
  });
  return { fleet, server, connections, received, answers };
}

describe('a fleet', () => {
  it('opens its connections, sends on each in turn, and closes them', async () => {
    const { fleet, connections, received, answers } = await fleetFor();
    expect(fleet.handshake).toBeUndefined();
    await fleet.open(3, 30);
    expect([fleet.size, fleet.opened, fleet.handshake!.count]).toEqual([3, 3, 3]);
    for (let turn = 0; turn < 6; turn++) expect(fleet.send(turn, `${turn}`)).toBe(true);
    await eventually('the messages', () => received.length === 6);
    connections[0]!.send('answer');
    await eventually('the answer', () => answers.length === 1);
    await fleet.close();
    expect(fleet.closed.counts).toEqual({ 1000: 3 });
    expect(fleet.closedEarly.counts).toEqual({});
  });

  it('goes on without those that are closed early', async () => {
    const { fleet, connections, received } = await fleetFor();
    await fleet.open(3, 0);
    await connections[0]!.close(1013);
    await connections[2]!.close(1013);
    await eventually('their end', () => fleet.size === 1);
    for (let turn = 0; turn < 4; turn++) expect(fleet.send(turn, `${turn}`)).toBe(true);
    await eventually('the messages', () => received.length === 4);
    await connections[1]!.close(4000);
    await eventually('the last end', () => fleet.size === 0);
    expect(fleet.send(0, 'nothing')).toBe(false);
    expect(fleet.closedEarly.counts).toEqual({ 1013: 2, 4000: 1 });
  });

  it('counts failures by status or code, and keeps the first', async () => {
    const refusing = await fleetFor({
      authorize: () => {
        throw new UpgradeRejection(503);
      },
    });
    await refusing.fleet.open(2, 0);
    expect(refusing.fleet.failures.counts).toEqual({ 'status 503': 2 });
    expect(refusing.fleet.firstFailure).toMatchObject({ status: 503 });

    const { fleet, server } = await fleetFor();
    server.close();
    await fleet.open(1, 0);
    expect(fleet.failures.counts).toEqual({ ECONNREFUSED: 1 });

    const silent = await serve();
    silent.server.removeAllListeners('upgrade').on('upgrade', () => undefined);
    const late = new Fleet(`ws://127.0.0.1:${silent.port}/`, { handshakeTimeout: 20 }, () => {});
    await late.open(1, 0);
    expect(late.failures.counts).toEqual({ ERR_HANDSHAKE_TIMEOUT: 1 });
  });

  it('stops at once', async () => {
    const { fleet } = await fleetFor();
    const opening = fleet.open(1000, 600_000_000);
    await eventually('the first', () => fleet.size === 1);
    fleet.stop();
    // The sleep until the next attempt is over at once.
    await opening;
    expect(fleet.opened).toBe(1);

    const silent = await serve();
    silent.server.removeAllListeners('upgrade').on('upgrade', () => undefined);
    const waiting = new Fleet(`ws://127.0.0.1:${silent.port}/`, {}, () => {});
    const attempt = waiting.open(1, 0);
    waiting.stop();
    await attempt;
    expect(waiting.failures.counts).toEqual({});
  });

  it('terminates', async () => {
    const { fleet } = await fleetFor();
    await fleet.open(2, 0);
    fleet.terminate();
    await eventually('the end', () => fleet.size === 0);
    expect(fleet.closedEarly.counts).toEqual({ 1006: 2 });
  });

  it('rejects options that are wrong', async () => {
    const fleet = new Fleet('ftp://example.com/', {}, () => {});
    await expect(fleet.open(1, 0)).rejects.toThrow(TypeError);
  });
});

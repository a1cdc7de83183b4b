import { WebSocketServer as WsServer } from 'ws';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { Load, type LoadOptions } from '../../../../src/cli/load/load.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { eventually, later, serve } from '../../../support/server.js';

const options = (port: number, parts: Partial<LoadOptions> = {}): LoadOptions => ({
  url: `ws://127.0.0.1:${port}/`,
  connect: {},
  connections: 4,
  ramp: 0,
  rate: 1000,
  size: 64,
  time: 200,
  wait: 60_000,
  ...parts,
});

/** A server that treats each message with `answer`. */
async function server(answer: (conn: WebSocketConnection, data: string, count: number) => void) {
  const { wss, port } = await serve();
  let count = 0;
  wss.on('connection', (conn) => {
    conn.on('message', (data) => {
      answer(conn, String(data), count++);
    });
  });
  return { wss, port };
}

const quiet = (): void => undefined;

describe('a load', () => {
  it('counts every message of a server that echoes', async () => {
    const { port } = await server((conn, data) => conn.send(data));
    const report = await new Load(options(port)).run(quiet);
    expect(report).toMatchObject({
      ...{ connections: 4, opened: 4, failures: {}, closedEarly: {}, closed: { 1000: 4 } },
      ...{ planned: 200, sent: 200, received: 200, lost: 0, unexpected: 0 },
      ...{ size: 64, receivedBytes: 200 * 64 },
    });
    expect(report.latency!.count).toBe(200);
    expect(report.lateness!.count).toBe(200);
    expect(report.cpu).toBeGreaterThan(0);
  });

  it('counts every message of a server of ws', async () => {
    const wss = new WsServer({ port: 0, host: '127.0.0.1' });
    later(() => wss.close());
    wss.on('connection', (ws) => {
      ws.on('message', (data, isBinary) => {
        ws.send(data, { binary: isBinary });
      });
    });
    await once(wss, 'listening');
    const { port } = wss.address() as AddressInfo;
    const report = await new Load(options(port)).run(quiet);
    expect(report).toMatchObject({ sent: 200, received: 200, lost: 0, closed: { 1000: 4 } });
  });

  it('counts what was lost, what came twice, and what was not sent', async () => {
    const { port } = await server((conn, data, count) => {
      if (count % 10 === 0) return;
      conn.send(data);
      if (count % 10 === 1) conn.send(data);
      if (count % 10 === 2) conn.send('something else');
      if (count % 10 === 3) conn.send(Buffer.from(data));
      if (count % 10 === 4) conn.send('zzzzzzzz');
    });
    const report = await new Load(options(port, { wait: 50 })).run(quiet);
    expect(report).toMatchObject({ sent: 200, received: 180, lost: 20, unexpected: 80 });
  });

  it('measures a stall as each of its messages has seen it', async () => {
    const held: (() => void)[] = [];
    const { port } = await server((conn, data, count) => {
      held.push(() => conn.send(data));
      // A closed loop would have sent one message, and measured one stall.
      if (count === 199) for (const answer of held) answer();
    });
    const report = await new Load(options(port)).run(quiet);
    expect(report.received).toBe(200);
    // Half of the messages waited for half of the time, or longer; on a slow machine more than that.
    expect(report.latency!.p50).toBeGreaterThan(90);
  });

  it('does not wait for answers that cannot come any more than it was told', async () => {
    const { port } = await server((conn, _data, count) => {
      if (count === 10) conn.terminate();
    });
    const report = await new Load(options(port, { connections: 1, wait: 20 })).run(quiet);
    expect(report).toMatchObject({ planned: 200, received: 0, closedEarly: { 1006: 1 } });
    expect(report.sent).toBeLessThan(200);
    expect(report.lost).toBe(200);
  });

  it('receives alone', async () => {
    const { wss, port } = await serve();
    const load = new Load(options(port, { rate: 0, time: 600_000 }));
    let done = 0;
    wss.on('connection', (conn) => {
      conn.on('message', () => conn.terminate());
      setTimeout(() => {
        for (let i = 0; i < 5; i++) conn.send('tick');
        // The Pong says that they have been received.
        void conn.roundTrip().then(() => ++done === 4 && load.stop());
      }, 50);
    });
    const report = await load.run(quiet);
    expect(report).toMatchObject({ planned: 0, sent: 0, lost: 0, unexpected: 20 });
    expect(report.latency).toBeUndefined();
  });

  it('can be stopped while it opens, while it sends, and while it waits', async () => {
    const { wss, port } = await server(quiet);
    const opening = new Load(options(port, { ramp: 600_000_000, connections: 1000 }));
    const first = opening.run(quiet);
    await eventually('a connection', () => opening.fleet.size === 1);
    opening.stop();
    expect(await first).toMatchObject({ opened: 1, planned: 0, sent: 0 });

    const sending = new Load(options(port, { time: 600_000 }));
    const second = sending.run(quiet);
    await eventually('a message', () => wss.stats().messagesReceived > 10);
    sending.stop();
    const { planned, sent } = await second;
    expect(sent).toBe(planned);
    expect(planned).toBeLessThan(600_000);

    const waiting = new Load(options(port, { time: 10, wait: 600_000 }));
    const third = waiting.run(quiet);
    await eventually('all messages', () => wss.stats().messagesReceived >= sent + 10);
    waiting.stop();
    expect(await third).toMatchObject({ sent: 10, received: 0, lost: 10 });
  });

  it('ends at once without a connection', async () => {
    const { port, server: http } = await serve();
    http.close();
    const report = await new Load(options(port, { time: 600_000 })).run(quiet);
    expect(report).toMatchObject({ opened: 0, failures: { ECONNREFUSED: 4 }, planned: 0 });
  });

  it('tells its progress', async () => {
    const { port } = await server((conn, data) => conn.send(data));
    const lines: string[] = [];
    const parts = { ramp: 2500, connections: 2, time: 1500, rate: 100 };
    await new Load(options(port, parts)).run((line) => lines.push(line));
    expect(lines[0]).toBe('opening: 1 of 2');
    expect(lines.at(-1)).toMatch(/s: 2 open, \d+ sent, \d+ received, p99 /);

    const receiving: string[] = [];
    await new Load(options(port, { rate: 0, time: 1500 })).run((line) => receiving.push(line));
    expect(receiving.at(-1)).toMatch(/: 4 open, 0 sent, 0 received$/);
  });
});

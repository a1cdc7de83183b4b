/** Dead peers and limits of time, on a whole server with real sockets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Opcode } from '../../src/protocol/framing/frame.js';
import { builtPackage } from '../support/built-package.js';
import { Child, stopChildren } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import { loopback } from '../support/loopback.js';
import type { RawClient } from '../support/raw-client.js';
import { openOver, type Version, VERSIONS } from '../support/versions.js';

afterEach(stopChildren);

/** The clock of a server whose time the test moves: `ask('pass', milliseconds)`. */
const BY_HAND = `
  const { HandClock } = require(${JSON.stringify(require.resolve('../support/clock.cjs'))});
  const clock = new HandClock();
  commands.pass = async (milliseconds) => {
    clock.advance(milliseconds);
    await new Promise(setImmediate);
  };
`;

/** How a program connects to itself: `connect(url)`, a peer that answers Pings. No client but hawser's has streams. */
const CONNECT: Record<Version, string> = {
  'HTTP/1.1': `
    const { WebSocket } = require('ws');
    const connect = async (url) => {
      const client = new WebSocket(url);
      await once(client, 'open');
      return client;
    };`,
  'HTTP/2': `
    const client = require(${JSON.stringify(join(dirname(builtPackage()), 'client/index.js'))});
    const connect = (url) => client.connect(url, { http2: true, heartbeat: false });`,
};

describe.each(VERSIONS)('over %s', (version) => {
  test('of a peer that is silent, one that answers and one that talks the first is cut, on defaults', async () => {
    const child = await Child.serveOver(
      version,
      `${BY_HAND}
    const wss = new hawser.WebSocketServer(server, { clock });
    wss.on('connectionError', ({ code }, conn) => say('fault', conn.url, code));
    wss.on('connection', (conn) => {
      conn.on('message', (data) => conn.send(data));
      conn.on('close', (code, reason, { cause }) => say('closed', conn.url, code, cause?.code));
    });
    commands.latencies = () => [...wss.connections].map(({ url, latency }) => [url, latency]);
  `,
    );
    const silent = await child.open({ target: '/silent' });
    const answering = await child.open({ target: '/answering' });
    const talking = await child.open({ target: '/talking' });
    const pingsOf = ({ frames }: RawClient) =>
      frames.filter(({ opcode }) => opcode === Opcode.Ping);
    let answered = 0;
    for (let second = 0; second < 38; second++) {
      await child.ask('pass', 1000);
      for (const { payload } of pingsOf(answering).slice(answered)) {
        answering.send(clientFrame({ opcode: Opcode.Pong, payload }));
        answered++;
      }
      talking.send(clientFrame({ opcode: Opcode.Text, payload: 'still here' }));
      await talking.frame();
    }
    expect([silent, answering, talking].map((client) => pingsOf(client).length)).toStrictEqual([
      1, 1, 0,
    ]);
    expect(await child.says('closed')).toStrictEqual(['/silent', 1006, 'ERR_HEARTBEAT_TIMEOUT']);
    expect(await child.says('fault')).toStrictEqual(['/silent', 'ERR_HEARTBEAT_TIMEOUT']);
    expect(await child.ask('latencies')).toStrictEqual([
      ['/answering', expect.any(Number)],
      ['/talking', null],
    ]);
    await silent.ended();
    answering.destroy();
    talking.destroy();
  });

  test('all deadlines of 10 connections and of 1000 are one timer, and of none no timer', async () => {
    // The clock of the library keeps no process alive, and such timers are not listed: this one does.
    const child = await Child.serveOver(
      version,
      `
    // Nor does time pass by it: none of these deadlines comes, however long this takes.
    const clock = { now: () => 0, setTimeout, clearTimeout };
    const wss = new hawser.WebSocketServer(server, { clock, idleTimeout: 1e6, maxLifetime: 1e7 });
    wss.on('connection', (conn) => conn.on('message', () => void conn.close()));
    commands.has = () => ({
      connections: wss.connections.size,
      timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
    });
  `,
    );
    const clients: RawClient[] = [];
    /** Of ten, one has begun a message and one is in the closing handshake. */
    const grow = async (count: number): Promise<unknown> => {
      while (clients.length < count) {
        const target = { port: child.port, host: loopback(clients.length) };
        const client = await openOver(version, target);
        if (clients.length % 10 === 1)
          client.send(clientFrame({ opcode: 1, payload: 'x' }).subarray(0, 3));
        if (clients.length % 10 === 2) {
          client.send(clientFrame({ opcode: 1, payload: 'x' }));
          await client.close();
        }
        clients.push(client);
      }
      return child.ask('has');
    };
    expect(await grow(0)).toStrictEqual({ connections: 0, timers: 0 });
    expect(await grow(10)).toStrictEqual({ connections: 10, timers: 1 });
    expect(await grow(1000)).toStrictEqual({ connections: 1000, timers: 1 });
    for (const client of clients) client.reset();
    let has = await child.ask<{ connections: number }>('has');
    while (has.connections > 0) has = await child.ask<{ connections: number }>('has');
    expect(has).toStrictEqual({ connections: 0, timers: 0 });
  });

  test('a message whose rest comes while the server stands still is not taken for one without an end', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-still-'));
    const awake = join(folder, 'awake');
    const child = await Child.serveOver(
      version,
      `
    const { existsSync } = require('node:fs');
    const messageTimeout = 1000;
    // It wakes just after the deadline, as after a pause that is not much longer than the limit.
    const standStill = (until) => {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      while (performance.now() < until || !existsSync(${JSON.stringify(awake)})) Atomics.wait(cell, 0, 0, 1);
    };
    const wss = new hawser.WebSocketServer(server, { messageTimeout });
    wss.on('connection', (conn) => {
      conn.on('close', (code) => say('outcome', 'closed', code));
      conn.on('message', (data) => say('outcome', 'message', data));
      conn.once('frame', () => setImmediate(() => {
        const until = performance.now() + messageTimeout + 5;
        say('standing still'); // nothing is read any more
        standStill(until);
      }));
    });
  `,
    );
    const client = await child.open();
    client.send(clientFrame({ opcode: Opcode.Text, fin: false, payload: 'first, ' }));
    await child.says('standing still');
    client.send(clientFrame({ opcode: Opcode.Continuation, payload: 'last' }));
    while (client.socket.writableLength > 0) await delay(5); // now it is in the kernel
    writeFileSync(awake, '');
    expect(await child.says('outcome')).toStrictEqual(['message', 'first, last']);
    client.reset();
    rmSync(folder, { recursive: true });
  });

  test('a server that stands still for longer than its limits takes no peer for dead', async () => {
    // The peers are in its own process, so that they stand still no longer than it does.
    const child = await Child.serveOver(
      version,
      `
    const { once } = require('node:events');
    ${CONNECT[version]}
    const heartbeat = { interval: 100, timeout: 400 };
    const wss = new hawser.WebSocketServer(server, { heartbeat });
    wss.on('connection', (conn) => {
      conn.on('close', (code) => say('closed', code));
      conn.on('message', () => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
        conn.send('awake');
      });
    });
    const clients = [];
    commands.connect = async () => {
      clients.push(await connect('ws://127.0.0.1:' + server.address().port));
    };
    commands.standStill = async () => {
      const pinged = once(clients[1], 'ping');
      clients[0].send('stand still');
      await once(clients[0], 'message');
      await pinged; // and answered
    };
    // A peer that was terminated has closed after so many Pings: the time to answer the first has passed.
    commands.pings = async (count) => {
      for (let i = 0; i < count; i++) await once(clients[1], 'ping');
    };
    commands.open = () => wss.connections.size;
  `,
    );
    for (let i = 0; i < 20; i++) await child.ask('connect');
    for (let round = 0; round < 2; round++) await child.ask('standStill');
    await child.ask('pings', 6);
    expect(await child.ask('open')).toBe(20);
    expect(child.said.filter(([word]) => word === 'closed')).toStrictEqual([]);
  });
});

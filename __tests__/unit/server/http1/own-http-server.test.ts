import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { createOwnHttpServer } from '../../../../src/server/http1/own-http-server.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import { ask, connect, eventually, listen, settle } from '../../../support/server.js';

describe('an http.Server of our own', () => {
  it('answers a plain request with 426 and the protocol it wants', async () => {
    const client = await connect(await listen(createOwnHttpServer(10_000).server));
    client.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const { status, header, body } = await client.response();
    expect(status).toBe(426);
    expect(header('Upgrade')).toBe('websocket');
    expect(header('Connection')).toBe('Upgrade, close');
    expect(header('Content-Type')).toBe('text/plain; charset=utf-8');
    expect(body).toBe('only upgrades to websocket are served here\n');
    expect(await client.ended()).toBe('end');
  });

  it('answers a handshake without Connection: Upgrade with its fault', async () => {
    const port = await listen(createOwnHttpServer(10_000).server);
    const client = await ask(port, { headers: { Connection: 'keep-alive' } });
    const { status, header, body } = await client.response();
    expect(status).toBe(400);
    expect(header('Connection')).toBe('close');
    expect(body).toBe('the Connection header does not include Upgrade\n');
  });

  it('answers 426 where there is no upgrade listener', async () => {
    const client = await ask(await listen(createOwnHttpServer(10_000).server));
    expect((await client.response()).status).toBe(426);
  });
});

describe('a client that does not come to the end of its request', () => {
  it.each([
    ['sends nothing', ''],
    ['stops in its headers', 'GET / HTTP/1.1\r\nHost: localhost\r\nX: '],
  ])('is destroyed after upgradeTimeout, and its place is free: it %s', async (_name, begun) => {
    const server = createOwnHttpServer(100.5).server;
    const port = await listen(server);
    const opened = once(server, 'connection') as Promise<[Duplex]>;
    const client = await connect(port);
    client.send(begun);
    const [socket] = await opened;
    const closed = new Promise((resolve) => socket.once('close', resolve)); // its error is no news
    expect((await client.response()).status).toBe(408);
    await closed;
    const count = promisify(server.getConnections.bind(server));
    expect(await count()).toBe(0);
  });

  it('has no longer than Node would give it, and no less than a millisecond', () => {
    const limits = [Infinity, 61_000, 60_000, 0.1].map((upgradeTimeout) => {
      const { headersTimeout, requestTimeout } = createOwnHttpServer(upgradeTimeout).server;
      return [headersTimeout, requestTimeout];
    });
    expect(limits).toStrictEqual([
      [60_000, 60_000],
      [60_000, 60_000],
      [60_000, 60_000],
      [1, 1],
    ]);
  });
});

describe('its close', () => {
  it('stops listening, closes idle connections, and resolves when the last socket is gone', async () => {
    const own = createOwnHttpServer(10_000);
    const { server } = own;
    server.removeAllListeners('request').on('request', (_request, response: ServerResponse) => {
      response.end('plain');
    });
    server.on('upgrade', (_request, socket) => {
      socket.on('end', () => socket.end()).resume();
    });
    const port = await listen(server);
    const idle = await connect(port);
    idle.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await idle.response();
    const busy = await connect(port);
    busy.send('GET / HTTP/1.1\r\n');
    const upgraded = await connect(port);
    upgraded.send(upgradeRequest());
    await once(server, 'upgrade');

    let closed = false;
    const closing = own.close();
    closing.terminate(); // changes nothing: no response is awaited
    expect(server.listening).toBe(false);
    await idle.ended();
    const ended = closing.end().then(() => (closed = true));
    await busy.ended();
    expect(closed).toBe(false);
    upgraded.destroy();
    await ended;
    expect(closed).toBe(true);
  });

  it('resolves also for a server that never listened', async () => {
    await expect(createOwnHttpServer(10_000).close().end()).resolves.toBeUndefined();
  });
});

describe('an https.Server of our own', () => {
  it('answers over TLS, and says what it cannot use', async () => {
    const port = await listen(createOwnHttpServer(10_000, CERTIFICATE).server);
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1\.1 426 /);
    client.destroy();
    expect(() => createOwnHttpServer(10_000, { key: 'no key', cert: 'no certificate' })).toThrow();
  });

  it('gives the TLS handshake as long as the request', async () => {
    const port = await listen(createOwnHttpServer(100, CERTIFICATE).server);
    const client = await connect(port);
    expect(await client.ended()).toBeDefined();
  });

  it('destroys sockets whose TLS handshake has not ended, and leaves upgraded ones', async () => {
    const own = createOwnHttpServer(10_000, CERTIFICATE);
    const { server } = own;
    let upgraded: Duplex | undefined;
    server.on('upgrade', (_request, socket: Duplex) => {
      upgraded = socket.on('error', () => undefined).resume();
    });
    const opened = jest.fn();
    server.on('connection', opened);
    const port = await listen(server);
    const silent = connectTcp(port, '127.0.0.1');
    const silentEnd = new Promise((resolve) => silent.once('close', resolve));
    silent.on('error', () => undefined);
    const idle = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    idle.on('error', () => undefined);
    const idleEnd = new Promise((resolve) => idle.once('close', resolve));
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    client.write(upgradeRequest());
    await eventually('the upgrade', () => upgraded !== undefined && opened.mock.calls.length === 3);
    await settle();
    let closed = false;
    const closing = own
      .close()
      .end()
      .then(() => (closed = true));
    await Promise.all([silentEnd, idleEnd]);
    expect([closed, upgraded!.destroyed]).toEqual([false, false]);
    upgraded!.destroy();
    client.destroy();
    await closing;
  });
});

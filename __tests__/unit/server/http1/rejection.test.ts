import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { reject } from '../../../../src/server/http1/rejection.js';
import type { RawClient } from '../../../support/raw-client.js';
import { connect, HandClock, listen, settle, transportPair } from '../../../support/server.js';

/** A client whose transport is rejected as soon as it sends something. */
async function rejected(rejection: UpgradeRejection): Promise<{
  client: RawClient;
  socket: Socket;
  clock: HandClock;
}> {
  const clock = new HandClock();
  const server = createServer({ allowHalfOpen: true });
  const port = await listen(server);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await connect(port);
  const [socket] = await accepted;
  socket.on('error', () => undefined);
  client.send('hello');
  reject(socket, rejection, new Deadlines(clock), 1000);
  return { client, socket, clock };
}

describe('reject', () => {
  it('answers with status, plain text, its length, and the end of the connection', async () => {
    const { client } = await rejected(new UpgradeRejection(403, { body: 'no entry for «you»' }));
    const response = await client.response();
    expect(response.statusLine).toBe('HTTP/1.1 403 Forbidden');
    expect(response.body).toBe('no entry for «you»\n');
    expect(response.header('Content-Type')).toBe('text/plain; charset=utf-8');
    expect(response.header('Content-Length')).toBe('21');
    expect(response.header('Connection')).toBe('close');
    expect(response.header('X-Content-Type-Options')).toBe('nosniff');
    expect(Date.parse(response.header('Date')!)).not.toBeNaN();
    expect(await client.ended()).toBe('end');
  });

  it.each([
    [429, 'Too Many Requests'],
    [599, ''],
  ])('has the name of status %i as its body by default', async (status, phrase) => {
    const { client } = await rejected(new UpgradeRejection(status));
    const response = await client.response();
    expect(response.statusLine).toBe(`HTTP/1.1 ${String(status)} ${phrase}`);
    expect(response.body).toBe(`${phrase}\n`);
  });

  it('sends the headers of the rejection, repeated ones repeatedly', async () => {
    const { client } = await rejected(
      new UpgradeRejection(503, { headers: { 'Retry-After': '10', 'Set-Cookie': ['a=1', 'b=2'] } }),
    );
    const { headers, header } = await client.response();
    expect(header('Retry-After')).toBe('10');
    expect(headers.filter(([name]) => name === 'set-cookie')).toEqual([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
  });

  it('lets the rejection say what its body is, however it spells the header', async () => {
    const { client } = await rejected(
      new UpgradeRejection(403, {
        headers: { 'content-type': 'application/json', DATE: 'today', upgrade: 'websocket' },
        body: '{}',
      }),
    );
    const { header } = await client.response();
    expect(header('Content-Type')).toBe('application/json');
    expect(header('Date')).toBe('today');
    expect(header('Connection')).toBe('Upgrade, close');
  });

  it('is received also by a client that keeps sending', async () => {
    const { client, socket } = await rejected(new UpgradeRejection(403, { body: 'x' }));
    const response = await client.response();
    expect(response.status).toBe(403);
    expect(await client.ended()).toBe('end');
    // What is not read would make the kernel reset the connection, answer and all.
    for (let count = 0; count < 20; count++) client.send(Buffer.alloc(65_536));
    client.finish();
    await once(socket, 'close');
    expect(client.ending).toBe('end');
    expect(socket.bytesRead).toBe(5 + 20 * 65_536);
  });

  it('destroys the socket of a client that does not end its side in time, and not before', async () => {
    const { client, socket, clock } = await rejected(new UpgradeRejection(403));
    await client.ended();
    clock.advance(999);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    expect(socket.destroyed).toBe(true);
  });

  it('leaves no timer when the client has left', async () => {
    const { client, socket, clock } = await rejected(new UpgradeRejection(403));
    expect(clock.timers.size).toBe(1);
    client.finish();
    await once(socket, 'close');
    expect(clock.timers.size).toBe(0);
  });

  it.each([
    ['plain text without a line end', 'Log in first.', {}, 'Log in first.\n'],
    ['plain text with one', 'Log in first.\n', {}, 'Log in first.\n'],
    [
      'what the application calls JSON',
      '{"ok":false}',
      { 'content-type': 'application/json' },
      '{"ok":false}',
    ],
  ])('ends %s as it should', async (_what, body, headers, received) => {
    const { client } = await rejected(new UpgradeRejection(401, { body, headers }));
    expect((await client.response()).body).toBe(received);
    client.finish();
  });

  it('writes nothing to a transport that has been ended', async () => {
    const [socket, peer] = transportPair();
    const clock = new HandClock();
    socket.end('another listener was here');
    reject(socket, new UpgradeRejection(403), new Deadlines(clock), 1000);
    await settle();
    expect(String(peer.read())).toBe('another listener was here');
    expect(clock.timers.size).toBe(0);
  });
});

describe('a rejection after an earlier response', () => {
  it('waits for it, and is not written where that was the last', async () => {
    for (const last of [false, true]) {
      const [socket, peer] = transportPair();
      const earlier = Promise.resolve().then(() => {
        socket.write('the response');
        if (last) socket.end();
      });
      const rejection = new UpgradeRejection(400);
      reject(socket, rejection, new Deadlines(new HandClock()), 1000, earlier);
      expect(peer.read()).toBeNull();
      let received = '';
      for await (const chunk of peer) received += String(chunk);
      expect(received).toMatch(
        last ? /^the response$/ : /^the responseHTTP\/1\.1 400 Bad Request\r\n/,
      );
    }
  });

  it('is destroyed with its transport if the earlier response does not end', () => {
    const [socket] = transportPair();
    const clock = new HandClock();
    const never = new Promise<void>(() => undefined);
    reject(socket, new UpgradeRejection(400), new Deadlines(clock), 1000, never);
    clock.advance(1000);
    expect(socket.destroyed).toBe(true);
  });
});

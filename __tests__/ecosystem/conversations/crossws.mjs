// crossws on a server that is handed in: its own is a bundled ws.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import crossws from 'crossws/adapters/node';
import WebSocket from 'ws';
import { Arrivals, engine, listen, until } from './support.mjs';

async function start(options) {
  const http = createServer();
  const wss = new engine.WebSocketServer({ noServer: true, handleProtocols: () => false });
  const adapter = crossws({ wss, ...options });
  http.on('upgrade', adapter.handleUpgrade);
  const url = `ws://127.0.0.1:${await listen(http)}`;
  const stop = async () => {
    adapter.closeAll(1001, 'over', true);
    wss.close();
    http.close();
    await once(http, 'close');
  };
  return { adapter, wss, url, stop };
}

async function open(url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, options);
  const heard = new Arrivals();
  socket.on('message', (data, isBinary) => heard.push(isBinary ? data : String(data)));
  const upgraded = once(socket, 'upgrade');
  await once(socket, 'open');
  const [{ headers }] = await upgraded;
  return { socket, heard, headers };
}

test('greets, echoes text and bytes, publishes, and reports the Close', async () => {
  const seen = [];
  const { url, stop } = await start({
    hooks: {
      open: (peer) => {
        peer.subscribe('room');
        peer.send('welcome');
      },
      message: (peer, message) => {
        if (message.text() === 'publish') peer.publish('room', { from: 'a peer' });
        else peer.send(message.rawData);
      },
      close: (_peer, details) => seen.push(details),
    },
  });
  const [one, other] = [await open(url), await open(url)];
  for (const { heard } of [one, other]) assert.equal(await heard.next(), 'welcome');
  one.socket.send('grüße');
  assert.equal(await one.heard.next(), 'grüße');
  one.socket.send(Buffer.of(0, 128, 255));
  assert.deepEqual(await one.heard.next(), Buffer.of(0, 128, 255));
  one.socket.send('publish');
  assert.equal(await other.heard.next(), '{"from":"a peer"}');
  one.socket.close(4001, 'enough');
  await until(() => seen.length === 1);
  assert.deepEqual(seen, [{ code: 4001, reason: 'enough' }]);
  await stop();
});

test('rejects a request, or adds headers and a subprotocol to its answer', async () => {
  const { url, stop } = await start({
    hooks: {
      upgrade: (request) => {
        if (request.url.endsWith('/closed')) return new Response('no', { status: 403 });
        return { headers: { 'x-seen': 'yes', 'sec-websocket-protocol': 'b' } };
      },
    },
  });
  const { socket, headers } = await open(url, ['a', 'b']);
  assert.equal(socket.protocol, 'b');
  assert.equal(headers['x-seen'], 'yes');
  const refused = new WebSocket(`${url}/closed`);
  refused.on('error', () => {});
  const [, response] = await once(refused, 'unexpected-response');
  assert.equal(response.statusCode, 403);
  response.resume();
  refused.terminate();
  await stop();
});

test('is asked and answered by pings, and drops a silent peer', async () => {
  const seen = [];
  const { wss, url, stop } = await start({
    idleTimeout: 1,
    hooks: { ping: (_peer, data) => seen.push(String(data)) },
  });
  const live = await open(url);
  live.socket.ping('anyone?');
  const [pong] = await once(live.socket, 'pong');
  assert.equal(String(pong), 'anyone?');
  assert.deepEqual(seen, ['anyone?']);
  const dead = await open(url, [], { autoPong: false });
  const [code] = await once(dead.socket, 'close');
  assert.equal(code, 1006);
  await until(() => wss.clients.size === 1);
  await stop();
});

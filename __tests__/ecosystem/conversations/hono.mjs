// Hono with a server that is handed in.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { serve, upgradeWebSocket } from '@hono/node-server';
import { Hono } from 'hono';
import WebSocket from 'ws';
import { Arrivals, engine, until } from './support.mjs';

test('serves a page beside a socket, and tells the handlers what happens', async () => {
  const seen = [];
  const app = new Hono();
  app.get('/', (c) => c.text('a page'));
  app.get('/closed/*', (c) => c.text('no', 403));
  app.get(
    '/live/:name',
    upgradeWebSocket((c) => ({
      onOpen: (_event, ws) => ws.send(`hello ${c.req.param('name')}, ${c.req.query('from')}`),
      onMessage: (event, ws) => {
        if (event.data === 'leave') ws.close(4002, 'as you wish');
        else ws.send(event.data);
      },
      onClose: ({ code, reason }) => seen.push([code, reason]),
    })),
  );
  const wss = new engine.WebSocketServer({ noServer: true });
  const server = serve({
    fetch: app.fetch,
    port: 0,
    hostname: '127.0.0.1',
    websocket: { server: wss },
  });
  await once(server, 'listening');
  const { port } = server.address();
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  assert.equal(await page.text(), 'a page');

  const socket = new WebSocket(`ws://127.0.0.1:${port}/live/Ada?from=Turin`);
  const heard = new Arrivals();
  socket.on('message', (data, isBinary) => heard.push(isBinary ? data : String(data)));
  assert.equal(await heard.next(), 'hello Ada, Turin');
  for (const text of ['', 'grüße', 'x'.repeat(70_000)]) {
    socket.send(text);
    assert.equal(await heard.next(), text);
  }
  socket.send(Buffer.of(0, 255));
  assert.deepEqual(await heard.next(), Buffer.of(0, 255));
  socket.send('leave');
  const [code, reason] = await once(socket, 'close');
  assert.deepEqual([code, String(reason)], [4002, 'as you wish']);
  await until(() => seen.length === 1);
  assert.deepEqual(seen, [[4002, 'as you wish']]);

  const refused = new WebSocket(`ws://127.0.0.1:${port}/closed/x`);
  const [error] = await once(refused, 'error');
  assert.match(error.message, /^Unexpected server response: \d+$|socket hang up/);
  wss.close();
  server.close();
  await once(server, 'close');
});

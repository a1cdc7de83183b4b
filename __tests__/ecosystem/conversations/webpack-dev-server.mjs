// The socket by which webpack-dev-server tells pages to reload.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import webpack from 'webpack';
import WebpackDevServer from 'webpack-dev-server';
import WebSocket from 'ws';
import { Arrivals, until } from './support.mjs';

// By default a page is dropped that does not answer within a second. A busy machine may need longer.
const WebsocketServer = createRequire(import.meta.url)(
  'webpack-dev-server/lib/servers/WebsocketServer',
);
WebsocketServer.heartbeatInterval = 4000;

test('tells a page that its code has changed, and drops what answers no Pings', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-webpack-'));
  writeFileSync(join(folder, 'main.js'), 'console.log(1);\n');
  const compiler = webpack({
    mode: 'development',
    context: folder,
    entry: './main.js',
    output: { path: join(folder, 'out') },
    infrastructureLogging: { level: 'error' },
    stats: 'none',
  });
  const server = new WebpackDevServer(
    { host: '127.0.0.1', port: 'auto', hot: true, static: false, setupExitSignals: false },
    compiler,
  );
  await server.start();
  const { port } = server.server.address();
  const url = `ws://127.0.0.1:${port}/ws`;
  const heard = new Arrivals();
  const page = new WebSocket(url, { origin: `http://127.0.0.1:${port}` });
  page.on('message', (data) => heard.push(JSON.parse(String(data))));
  const untilType = async (type) => {
    for (;;) {
      const message = await heard.next();
      if (message.type === type) return message;
    }
  };
  assert.equal((await untilType('hot')).data, undefined);
  const { data: first } = await untilType('hash');

  // The file is written until the watcher has seen it.
  const writing = setInterval(() => {
    writeFileSync(join(folder, 'main.js'), `console.log(${Date.now()});\n`);
  }, 500);
  while ((await untilType('hash')).data === first);
  clearInterval(writing);

  const stranger = new WebSocket(url, { origin: 'http://elsewhere.example' });
  const refused = new Arrivals();
  stranger.on('message', (data) => refused.push(JSON.parse(String(data))));
  const gone = once(stranger, 'close');
  assert.deepEqual(await refused.next(), { type: 'error', data: 'Invalid Host/Origin header' });
  await gone;

  const silent = new WebSocket(url, { origin: `http://127.0.0.1:${port}`, autoPong: false });
  const [code] = await once(silent, 'close');
  assert.equal(code, 1006);
  assert.equal(page.readyState, WebSocket.OPEN);

  await server.stop();
  await until(() => page.readyState === WebSocket.CLOSED);
  rmSync(folder, { recursive: true });
});

// y-websocket 1, its own server and its provider: both written for ws 6.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import WebSocket from 'ws';
import { engine, listen, until } from './support.mjs';

// All of it as CommonJS: Yjs wants to be loaded once.
const require = createRequire(import.meta.url);
const Y = require('yjs');
const { WebsocketProvider } = require('y-websocket');
const { docs, setupWSConnection } = require('y-websocket/bin/utils');

async function start() {
  const http = createServer();
  const wss = new engine.Server({ noServer: true });
  wss.on('connection', setupWSConnection);
  http.on('upgrade', (request, socket, head) => {
    wss.handleUpgrade(request, socket, head, (ws) => wss.emit('connection', ws, request));
  });
  const url = `ws://127.0.0.1:${await listen(http)}`;
  const providers = [];
  const join = async (room) => {
    const doc = new Y.Doc();
    const provider = new WebsocketProvider(url, room, doc, {
      WebSocketPolyfill: WebSocket,
      disableBc: true, // what is said goes through the server
    });
    providers.push(provider);
    await until(() => provider.synced);
    return { doc, provider };
  };
  const stop = async () => {
    for (const provider of providers) {
      provider.destroy();
      provider.awareness.destroy();
    }
    await until(() => wss.clients.size === 0);
    for (const doc of docs.values()) doc.awareness.destroy(); // its timer
    http.close();
    await once(http, 'close');
  };
  return { join, stop };
}

test('brings two documents together, whichever is written to', async () => {
  const { join, stop } = await start();
  const one = await join('room');
  const other = await join('room');
  const apart = await join('another room');
  one.doc.getText('text').insert(0, 'hello');
  other.doc.getMap('map').set('bytes', new Uint8Array([0, 128, 255]));
  await until(() => other.doc.getText('text').toString() === 'hello');
  await until(() => one.doc.getMap('map').has('bytes'));
  assert.deepEqual(one.doc.getMap('map').get('bytes'), new Uint8Array([0, 128, 255]));
  assert.equal(apart.doc.getText('text').toString(), '');

  // A burst from both sides, and a third that comes late.
  for (let n = 0; n < 500; n++) {
    one.doc.getText('text').insert(0, 'a');
    other.doc.getText('text').insert(0, 'b');
  }
  await until(
    () => one.doc.getText('text').length === 1005 && other.doc.getText('text').length === 1005,
  );
  const late = await join('room');
  const texts = [one, other, late].map(({ doc }) => doc.getText('text').toString());
  assert.equal(new Set(texts).size, 1);
  await stop();
});

test('shows who is there, and that one has left', async () => {
  const { join, stop } = await start();
  const one = await join('people');
  const other = await join('people');
  one.provider.awareness.setLocalState({ name: 'Ada' });
  const names = () => [...other.provider.awareness.getStates().values()].map(({ name }) => name);
  await until(() => names().includes('Ada'));
  one.provider.destroy();
  await until(() => !names().includes('Ada'));
  await until(() => docs.get('people').conns.size === 1);
  await stop();
});

test('syncs again after the socket was lost', async () => {
  const { join, stop } = await start();
  const one = await join('lost');
  const other = await join('lost');
  one.provider.ws.terminate();
  await until(() => !one.provider.wsconnected);
  one.doc.getText('text').insert(0, 'offline');
  await until(() => other.doc.getText('text').toString() === 'offline');
  await stop();
});

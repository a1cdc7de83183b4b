// Hocuspocus 3, server and provider.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import { Server } from '@hocuspocus/server';
import WebSocket from 'ws';
import * as Y from 'yjs';
import { until } from './support.mjs';

async function start(hooks = {}) {
  const server = new Server({
    port: 0,
    address: '127.0.0.1',
    quiet: true,
    stopOnSignals: false,
    ...hooks,
  });
  await server.listen();
  const opened = [];
  const socket = () => {
    const websocketProvider = new HocuspocusProviderWebsocket({
      url: server.webSocketURL,
      WebSocketPolyfill: WebSocket,
      delay: 50,
      minDelay: 50,
    });
    opened.push(websocketProvider);
    return websocketProvider;
  };
  const join = (websocketProvider, name, options = {}) => {
    const provider = new HocuspocusProvider({
      websocketProvider,
      name,
      document: new Y.Doc(),
      ...options,
    });
    provider.attach();
    opened.unshift(provider);
    return provider;
  };
  const stop = async () => {
    for (const each of opened) each.destroy();
    await server.destroy();
  };
  return { server, socket, join, stop };
}

test('brings two documents together, on one socket or on several', async () => {
  const { server, socket, join, stop } = await start();
  const shared = socket();
  const one = [join(shared, 'first'), join(shared, 'second')];
  const other = [join(socket(), 'first'), join(socket(), 'second')];
  await until(() => [...one, ...other].every((provider) => provider.isSynced));
  assert.equal(server.hocuspocus.getDocumentsCount(), 2);
  const text = (provider) => provider.document.getText('text');
  for (let n = 0; n < 200; n++) {
    text(one[0]).insert(0, 'a');
    text(other[0]).insert(0, 'b');
    text(one[1]).insert(0, 'c');
  }
  await until(() => text(one[0]).length === 400 && text(other[0]).length === 400);
  await until(() => text(other[1]).length === 200);
  assert.equal(text(one[0]).toString(), text(other[0]).toString());
  assert.equal(text(other[1]).toString(), 'c'.repeat(200));
  await stop();
});

test('rejects a wrong token, and admits the right one on the same socket', async () => {
  const { socket, join, stop } = await start({
    onAuthenticate: async ({ token }) => {
      if (token !== 'right') throw new Error('wrong');
    },
  });
  const shared = socket();
  const reasons = [];
  join(shared, 'closed', {
    token: 'wrong',
    onAuthenticationFailed: ({ reason }) => reasons.push(reason),
  });
  const open = join(shared, 'open', { token: 'right' });
  await until(() => reasons.length === 1 && open.isSynced);
  assert.deepEqual(reasons, ['permission-denied']);
  await stop();
});

test('syncs again after all sockets were lost', async () => {
  const { server, socket, join, stop } = await start();
  const [one, other] = [join(socket(), 'lost'), join(socket(), 'lost')];
  await until(() => one.isSynced && other.isSynced);
  for (const ws of server.webSocketServer.clients) ws.terminate();
  one.document.getText('text').insert(0, 'offline');
  await until(() => other.document.getText('text').toString() === 'offline');
  await stop();
});

// A gateway of Nest on @nestjs/platform-ws, which requires ws.
import 'reflect-metadata';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { from, map } from 'rxjs';
import WebSocket from 'ws';
import { Arrivals, until } from './support.mjs';

/** Decorators without the syntax. */
function decorate(target, method, ...decorators) {
  for (const decorator of decorators) {
    decorator(target, method, Object.getOwnPropertyDescriptor(target, method));
  }
}

const seen = [];
class Gateway {
  handleConnection(client, request) {
    seen.push(`connected ${request.url}`);
    client.send('{"event":"hello"}');
  }

  handleDisconnect() {
    seen.push('disconnected');
  }

  echo(_client, data) {
    return { event: 'echo', data };
  }

  count(_client, to) {
    return from(Array.from({ length: to }, (_, n) => n + 1)).pipe(
      map((data) => ({ event: 'count', data })),
    );
  }
}
WebSocketGateway({ path: '/live' })(Gateway);
decorate(Gateway.prototype, 'echo', SubscribeMessage('echo'));
decorate(Gateway.prototype, 'count', SubscribeMessage('count'));

class App {}
Module({ providers: [Gateway] })(App);

test('a gateway answers, and sees who comes and leaves', async () => {
  const app = await NestFactory.create(App, { logger: false });
  app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address();

  const socket = new WebSocket(`ws://127.0.0.1:${port}/live?from=Turin`);
  const heard = new Arrivals();
  socket.on('message', (data) => heard.push(JSON.parse(String(data))));
  assert.deepEqual(await heard.next(), { event: 'hello' });
  for (const text of ['{', '{"event":"unknown"}', '{"event":"echo","data":{"a":"grüße"}}']) {
    socket.send(text);
  }
  assert.deepEqual(await heard.next(), { event: 'echo', data: { a: 'grüße' } });
  socket.send('{"event":"count","data":100}');
  for (let n = 1; n <= 100; n++) assert.deepEqual(await heard.next(), { event: 'count', data: n });
  socket.close();
  await until(() => seen.length === 2);
  assert.deepEqual(seen, ['connected /live?from=Turin', 'disconnected']);

  const elsewhere = new WebSocket(`ws://127.0.0.1:${port}/elsewhere`);
  await once(elsewhere, 'error');

  const last = new WebSocket(`ws://127.0.0.1:${port}/live`);
  await once(last, 'open');
  const closed = once(last, 'close');
  await app.close();
  await closed;
});

// express-ws, which was written for ws 7.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import express from 'express';
import expressWs from 'express-ws';
import WebSocket from 'ws';
import { Arrivals } from './support.mjs';

test('has routes for sockets beside those for pages', async () => {
  const { app, getWss } = expressWs(express());
  app.get('/', (_request, response) => response.send('a page'));
  app.ws('/echo/:name', (ws, request) => {
    ws.send(`hello ${request.params.name}`);
    ws.on('message', (data) => ws.send(String(data)));
  });
  app.ws('/all', (ws) => {
    ws.on('message', (data) => {
      for (const client of getWss().clients) client.send(String(data));
    });
  });
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  assert.equal(await page.text(), 'a page');

  const open = async (path) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    const heard = new Arrivals();
    socket.on('message', (data) => heard.push(String(data)));
    await once(socket, 'open');
    return { socket, heard };
  };
  const one = await open('/echo/Ada');
  assert.equal(await one.heard.next(), 'hello Ada');
  one.socket.send('grüße');
  assert.equal(await one.heard.next(), 'grüße');

  const other = await open('/all');
  other.socket.send('to all');
  for (const { heard } of [one, other]) assert.equal(await heard.next(), 'to all');

  // A path without a route is closed after the handshake, by the middleware.
  const stray = new WebSocket(`ws://127.0.0.1:${port}/nowhere`);
  stray.on('error', () => {});
  await once(stray, 'close');

  for (const { socket } of [one, other]) {
    socket.close();
    await once(socket, 'close');
  }
  getWss().close();
  server.close();
  await once(server, 'close');
});

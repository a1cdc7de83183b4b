import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import * as http2 from 'node:http2';
import * as https from 'node:https';
import * as net from 'node:net';
import * as tls from 'node:tls';
import express from 'express';
import {
  allowsHttp1,
  isHttp2Server,
  isUpgradingServer,
} from '../../../../src/server/options/kinds-of-server.js';

describe('isUpgradingServer', () => {
  const standIn = Object.assign(new EventEmitter(), {
    address: () => null,
    listen: () => undefined,
  });
  it.each<[string, unknown]>([
    ['an http.Server', createServer()],
    ['an https.Server', https.createServer()],
    ['an HTTP/2 server', http2.createServer()],
    ['a secure HTTP/2 server', http2.createSecureServer()],
    ['an HTTP/2 server that allows HTTP/1', http2.createSecureServer({ allowHTTP1: true })],
    ['what stands in for one', standIn],
  ])('is true for %s', (_what, first) => {
    expect(isUpgradingServer(first)).toBe(true);
  });

  it.each<unknown>([
    undefined,
    null,
    5,
    'x',
    {},
    { port: 0 },
    { noServer: true },
    { server: 5 },
    [],
  ])('is false for %p', (first) => {
    expect(isUpgradingServer(first)).toBe(false);
  });

  const NET =
    'a net.Server or tls.Server has no upgrades: use createServer of node:http or node:https';
  it.each<[string, unknown, string]>([
    ['a net.Server', net.createServer(), NET],
    ['a tls.Server', tls.createServer(), NET],
    [
      'a promise of a server',
      Promise.resolve(createServer()),
      'a promise is not a server: await it first',
    ],
    [
      'the options of ws',
      { server: createServer() },
      'pass its property server itself: new WebSocketServer(server, options)',
    ],
    [
      'the options of ws with an application',
      { server: express(), path: '/' },
      'pass its property server itself: new WebSocketServer(server, options)',
    ],
    [
      'the options of another library',
      { httpServer: createServer() },
      'pass its property httpServer itself: new WebSocketServer(httpServer, options)',
    ],
    [
      'a Fastify application',
      { server: createServer(), listen: () => 0, then: () => 0 },
      'pass its property server itself',
    ],
    [
      'a Nest application',
      { getHttpServer: () => createServer(), listen: () => 0 },
      'of a Nest application pass app.getHttpServer()',
    ],
    [
      'a Koa application',
      { callback: () => 0, listen: () => 0, on: () => 0 },
      'of a Koa application pass what app.listen() returns, or createServer(app.callback())',
    ],
    ['a Hono application', { fetch: () => 0 }, 'of a Hono application pass what serve() returns'],
    [
      'an Express application',
      express(),
      'of an application pass what its listen() returns, or createServer(app)',
    ],
    [
      'another application',
      { listen: () => 0 },
      'of an application pass what its listen() returns',
    ],
    ['a listener of requests', () => 0, 'of an application pass what its listen() returns'],
  ])('throws for %s', (_what, first, advice) => {
    const run = (): unknown => isUpgradingServer(first);
    expect(run).toThrow(TypeError);
    expect(run).toThrow(
      `WebSocketServer: expected an http.Server as the first argument; ${advice}`,
    );
  });

  it('says what can be done: an Express application on a server of node:http', () => {
    expect(isUpgradingServer(createServer(express()))).toBe(true);
  });
});

describe('the versions of HTTP of a server', () => {
  it.each<[string, object, boolean, boolean]>([
    ['an http.Server', createServer(), false, true],
    ['an HTTP/2 server', http2.createServer(), true, false],
    ['a secure HTTP/2 server', http2.createSecureServer(), true, false],
    ['one that allows HTTP/1', http2.createSecureServer({ allowHTTP1: true }), true, true],
  ])('are known: %s', (_what, server, speaksHttp2, speaksHttp1) => {
    expect([isHttp2Server(server), allowsHttp1(server)]).toEqual([speaksHttp2, speaksHttp1]);
  });
});

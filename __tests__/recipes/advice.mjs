// What hawser advises for the application object of a framework, followed to the letter. Each row passes the
// application itself, which throws, and then what the error tells to pass.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

const LOCAL = '127.0.0.1';
const load = (/** @type {string} */ name) => import(name);

/**
 * @typedef {object} Row
 * @property {string} advice
 * @property {() => Promise<any>} application
 * @property {Record<string, (app: any) => any>} ways each part of the advice that is code, and that code
 * @property {(app: any) => Promise<unknown>} [listen] for an advice that does not listen itself
 */

/** @type {Record<string, Row>} */
export const ADVICE = {
  'Koa application': {
    advice: 'of a Koa application pass what app.listen() returns, or createServer(app.callback())',
    application: async () => new (await load('koa')).default(),
    ways: {
      'app.listen()': (app) => app.listen(0, LOCAL),
      'createServer(app.callback())': (app) => createServer(app.callback()).listen(0, LOCAL),
    },
  },
  'Hono application': {
    advice: 'of a Hono application pass what serve() returns',
    application: async () => new (await load('hono')).Hono(),
    ways: {
      'serve()': async ({ fetch }) =>
        (await load('@hono/node-server')).serve({ fetch, port: 0, hostname: LOCAL }),
    },
  },
  'Express application': {
    advice: 'of an application pass what its listen() returns, or createServer(app)',
    application: async () => (await load('express')).default(),
    ways: {
      'listen()': (app) => app.listen(0, LOCAL),
      'createServer(app)': (app) => createServer(app).listen(0, LOCAL),
    },
  },
  'Fastify instance': {
    advice: 'pass its property server itself: new WebSocketServer(server, options)',
    application: async () => (await load('fastify')).default(),
    ways: { server: ({ server }) => server },
    listen: (app) => app.listen({ port: 0, host: LOCAL }),
  },
  'Nest application': {
    advice: 'of a Nest application pass app.getHttpServer()',
    application: async () => {
      await load('reflect-metadata');
      const { Module } = await load('@nestjs/common');
      const { NestFactory } = await load('@nestjs/core');
      class Application {}
      Module({})(Application);
      return NestFactory.create(Application, { logger: false });
    },
    ways: { 'app.getHttpServer()': (app) => app.getHttpServer() },
    listen: (app) => app.listen(0, LOCAL),
  },
};

/** Do what a row's error tells, in each way, and talk. */
export async function follow(
  /** @type {Row} */ { advice, application, ways, listen },
  /** @type {(port: number, path: string) => Promise<void>} */ talk,
) {
  const { WebSocketServer } = await load('hawser');
  const expected = `WebSocketServer: expected an http.Server as the first argument; ${advice}`;
  for (const [code, act] of Object.entries(ways)) {
    assert(advice.includes(code), `${code} is not in the advice`);
    const app = await application();
    assert.throws(() => new WebSocketServer(app), { name: 'TypeError', message: expected });
    const server = await act(app);
    const wss = new WebSocketServer(server, { path: '/live' });
    wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    await listen?.(app);
    if (!server.listening) await once(server, 'listening');
    await talk(server.address().port, '/live');
    await wss.close({ timeout: 0 });
    server.closeAllConnections();
    await once(server.close(), 'close');
  }
}

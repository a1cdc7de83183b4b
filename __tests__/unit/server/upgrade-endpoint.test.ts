import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from '../../../src/server/server.js';
import { ask, listen, MemoryLogger, serve } from '../../support/server.js';

it('matches the path, and gives the match to authorize', async () => {
  const matches: unknown[] = [];
  const { port } = await serve({
    path: /^\/(\w+)$/,
    authorize: (_request, { match }) => {
      matches.push(match?.[1]);
    },
  });
  expect((await (await ask(port, { target: '/chat' })).response()).status).toBe(101);
  expect(matches).toEqual(['chat']);
});

it('rejects with 404 a path that no server has, with a hint for the log', async () => {
  const { port, log } = await serve({ path: '/chat' });
  expect((await (await ask(port, { target: '/news' })).response()).status).toBe(404);
  expect(log.lines[0]).toBe(
    'warn rejected path "/news": no WebSocket is served there; option path is "/chat"',
  );
});

it('hints at a path that no server has and that another listener reads and does not answer', async () => {
  const { port, log, server, clock } = await serve({ path: '/chat' });
  server.on('upgrade', (_request, socket: Duplex) => socket.on('data', () => undefined));
  const seen = once(server, 'upgrade');
  await ask(port, { target: '/news' });
  await seen;
  clock.advance(10_000);
  expect(log.lines).toEqual([
    expect.stringMatching(/^warn path "\/news" is left without an answer/),
  ]);
});

it('rejects with 500 if the function of option path throws', async () => {
  const mistake = new Error('a mistake');
  const { port, log } = await serve({
    path: () => {
      throw mistake;
    },
  });
  expect((await (await ask(port)).response()).status).toBe(500);
  expect(log.causes).toEqual([mistake]);
});

it('gives a request to the open server before the closed one', async () => {
  const server = createServer();
  const closed = new WebSocketServer(server, { logger: new MemoryLogger() });
  const open = new WebSocketServer(server, { logger: new MemoryLogger() });
  const listening = once(open, 'listening');
  const port = await listen(server);
  await listening;
  void closed.close();
  expect((await (await ask(port)).response()).status).toBe(101);
  expect(open.connections.size).toBe(1);
});

import { existsSync } from 'node:fs';
import { createSecureServer, Http2ServerRequest } from 'node:http2';
import { type Browser, chromium } from 'playwright-core';
import type { AnyRequest } from '../../../src/server/options/options.js';
import { WebSocketServer } from '../../../src/server/server.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { listenHttp2 } from '../../support/http2.js';
import { describeIf } from '../../support/requires.js';
import { eventually, MemoryLogger } from '../../support/server.js';

const CHROMIUM = '/usr/bin/chromium';
jest.setTimeout(300_000);

/** In the page: several WebSockets at once, each with what it saw. */
const TALK = `Promise.all([1, 2, 3].map((number) => new Promise((resolve) => {
  const socket = new WebSocket(location.href.replace('https', 'wss') + 'chat', ['chat']);
  socket.binaryType = 'arraybuffer';
  const seen = [];
  socket.onopen = () => {
    seen.push(socket.protocol, socket.extensions.split(';')[0]);
    socket.send('text ' + number + 'é'.repeat(100_000));
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') {
      seen.push(data.length);
      socket.send(new Uint8Array(70_000).fill(number));
    } else {
      const bytes = new Uint8Array(data);
      seen.push(bytes.length, bytes[69_999]);
      socket.close(4000 + number, 'done');
    }
  };
  socket.onclose = ({ code, wasClean }) => resolve([...seen, code, wasClean]);
})))`;

describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('Chromium over HTTP/2', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      timeout: 120_000,
      args: ['--ignore-certificate-errors'],
    });
  });
  afterAll(() => browser.close());

  async function served(options: { http2?: boolean } = {}) {
    const server = createSecureServer(
      { ...CERTIFICATE, allowHTTP1: true },
      (_request, response) => {
        response
          .writeHead(200, { 'content-type': 'text/html' })
          .end('<!doctype html><title>x</title>');
      },
    );
    const wss = new WebSocketServer<undefined, AnyRequest>(server, {
      logger: new MemoryLogger(),
      subprotocols: ['chat'],
      perMessageDeflate: true,
      ...options,
    });
    const transports: string[] = [];
    const sessions = new Set<unknown>();
    server.on('stream', ({ session }) => sessions.add(session));
    wss.on('connection', (connection, request) => {
      transports.push(connection.transport);
      if (request instanceof Http2ServerRequest) sessions.add(request.stream.session);
      connection.on('message', (data) => connection.send(data));
    });
    const page = await browser.newPage();
    await page.goto(`https://127.0.0.1:${await listenHttp2(server)}/`);
    return { wss, page, transports, sessions };
  }

  it('opens several WebSockets on the session of its page', async () => {
    const { wss, page, transports, sessions } = await served();
    const expected = [1, 2, 3].map((number) => [
      'chat',
      'permessage-deflate',
      100_006,
      70_000,
      number,
      4000 + number,
      true,
    ]);
    expect(await page.evaluate(TALK)).toEqual(expected);
    expect(transports).toEqual(['http2', 'http2', 'http2']);
    expect(sessions.size).toBe(1);
    await eventually('the end', () => wss.connections.size === 0);
    expect(wss.stats().closedByCode).toEqual({ 4001: 1, 4002: 1, 4003: 1 });
  });

  it('is closed by the server, and leaves by closing its page', async () => {
    const { wss, page } = await served();
    const opened = page.evaluate(`new Promise((resolve) => {
      window.sockets = [1, 2].map(() => new WebSocket(location.href.replace('https', 'wss')));
      window.ends = sockets.map((socket) => new Promise((end) => {
        socket.onclose = ({ code, reason, wasClean }) => end([code, reason, wasClean]);
      }));
      setInterval(() => sockets.every(({ readyState }) => readyState === 1) && resolve(true), 10);
    })`);
    expect(await opened).toBe(true);
    const [first] = wss.connections;
    const end = page.evaluate('Promise.race(ends)');
    expect(await first!.close(4321, 'enough')).toMatchObject({ code: 4321, clean: true });
    expect(await end).toEqual([4321, 'enough', true]);
    await page.close();
    await eventually('the end', () => wss.connections.size === 0);
  });

  it('uses HTTP/1.1 where HTTP/2 is not offered', async () => {
    const { page, transports } = await served({ http2: false });
    await page.evaluate(TALK);
    expect(transports).toEqual(['http1', 'http1', 'http1']);
  });
});

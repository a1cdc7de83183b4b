import { readFileSync } from 'node:fs';
import { createSecureServer, Http2ServerRequest } from 'node:http2';
import { join } from 'node:path';
import type { AnyRequest } from '../../src/server/options/options.js';
import { WebSocketServer } from '../../src/server/server.js';
import { CERTIFICATE } from '../support/certificate.js';
import type { Message } from '../support/host.js';
import { listenHttp2 } from '../support/http2.js';
import { eventually, MemoryLogger } from '../support/server.js';
import { compressedTraffic } from './compressed-traffic.js';
import { conversations } from './conversations.js';
import type { DeflateOffer, Ended, Peer } from './peer.js';

const PAGE = readFileSync(join(__dirname, 'browser-page.html'), 'utf8');

/** A tab, with the methods of Playwright's `Page` that the tests use. */
interface Page {
  url(): string;
  goto(url: string): Promise<unknown>;
  /** The value of an expression in the page, or of its promise. */
  evaluate(expression: string): Promise<unknown>;
  close(): Promise<unknown>;
}

/** A browser that accepts any certificate. */
interface Browser {
  newPage(): Promise<Page>;
  close(): Promise<unknown>;
}

type Packed = { text: string } | { base64: string };
const pack = (message: Message): Packed =>
  typeof message === 'string' ? { text: message } : { base64: message.toString('base64') };
const unpack = (packed: Packed): Message =>
  'text' in packed ? packed.text : Buffer.from(packed.base64, 'base64');

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
      socket.send(new Uint8Array(3_000_000).fill(number));
    } else {
      const bytes = new Uint8Array(data);
      seen.push(bytes.length, bytes[2_999_999]);
      socket.close(4000 + number, 'done');
    }
  };
  socket.onclose = ({ code, wasClean }) => resolve([...seen, code, wasClean]);
})))`;

/** What TALK sees of an echo. */
const TALKED = [1, 2, 3].map((number) => [
  'chat',
  'permessage-deflate',
  100_006,
  3_000_000,
  number,
  4000 + number,
  true,
]);

/** What every browser does with hawser. @param offer what it offers of permessage-deflate. */
export function browserTests(launch: () => Promise<Browser>, offer: DeflateOffer): void {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(() => browser.close());

  describe('over HTTP/1.1', () => {
    overHttp1(() => browser, offer);
  });
  describe('over HTTP/2', () => {
    overHttp2(() => browser);
  });
}

function overHttp1(browser: () => Browser, offer: DeflateOffer): void {
  let page: Page;
  let count = 0;
  beforeAll(async () => {
    page = await browser().newPage();
  });

  /** Calls one of the page's `operations`. */
  const command = (name: string, number: number, words: object = {}): Promise<unknown> =>
    page.evaluate(`operations.${name}(${String(number)}, ${JSON.stringify(words)})`);

  async function open(url: string, subprotocols: string[] = []): Promise<Peer> {
    // The page comes from the server it talks to, so that it has the same origin.
    const home = url.replace(/^ws/, 'http');
    if (page.url() !== home) await page.goto(home);
    const number = ++count;
    const subprotocol = (await command('open', number, { url, subprotocols })) as string;
    return {
      subprotocol,
      send: async (...messages) => {
        await command('send', number, { messages: messages.map(pack) });
      },
      receive: async (wanted) =>
        ((await command('receive', number, { count: wanted })) as Packed[]).map(unpack),
      close: async (code, reason) => {
        await command('close', number, { code, reason });
      },
      ended: async () => (await command('ended', number)) as Ended,
      leave: async () => {
        await page.goto('about:blank');
      },
    };
  }

  const can = {
    pings: false,
    fragments: false,
    closesWithoutCode: true,
    keepsBom: true,
    leavesWith: 1001, // a browser says that the page is going away
  } as const;
  conversations(open, can, PAGE);

  describe('compressed', () => {
    const windows = [8, 9, 10, 11, 12, 13, 14, 15];
    compressedTraffic(open, { compresses: true, offers: [offer], windows, messages: 60 }, PAGE);
  });
}

function overHttp2(browser: () => Browser): void {
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
    const page = await browser().newPage();
    await page.goto(`https://127.0.0.1:${await listenHttp2(server)}/`);
    return { wss, page, transports, sessions };
  }

  it('opens several WebSockets on the session of its page', async () => {
    const { wss, page, transports, sessions } = await served();
    expect(await page.evaluate(TALK)).toEqual(TALKED);
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
    expect(await page.evaluate(TALK)).toEqual(TALKED);
    expect(transports).toEqual(['http1', 'http1', 'http1']);
  });
}

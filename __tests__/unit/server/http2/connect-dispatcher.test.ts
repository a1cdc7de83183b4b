import {
  createServer,
  type Http2Server,
  type Http2ServerResponse,
  type ServerHttp2Stream,
} from 'node:http2';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import type { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { ConnectDispatcher } from '../../../../src/server/http2/connect-dispatcher.js';
import type { UpgradeEndpoint } from '../../../../src/server/upgrade-endpoint.js';
import { listenHttp2, open, openSession } from '../../../support/http2.js';
import { eventually, HandClock, settle } from '../../../support/server.js';

/** An endpoint that answers 200 or the status of the rejection, and notes the requests. */
function endpoint(clock: HandClock, path?: string) {
  const requests: IncomingMessage[] = [];
  const answer = (stream: Duplex, status: number): void => {
    (stream as ServerHttp2Stream).respond({ ':status': status });
    stream.end();
  };
  const made: UpgradeEndpoint = {
    path,
    isClosed: false,
    ownsServer: false,
    deadlines: new Deadlines(clock),
    upgradeTimeout: 1000,
    matches: (asked) => path === undefined || path === asked,
    handle: (request, socket) => {
      requests.push(request);
      answer(socket, 200);
    },
    reject: (_request, socket, error) => {
      answer(socket, (error as UpgradeRejection).status);
    },
    hint: () => undefined,
    listening: () => undefined,
  };
  return { made, requests };
}

async function dispatching(prepare: (server: Http2Server) => unknown = () => undefined) {
  const server = createServer();
  prepare(server);
  const clock = new HandClock();
  const { made, requests } = endpoint(clock, '/here');
  const dispatcher = ConnectDispatcher.of(server);
  expect(ConnectDispatcher.of(server)).toBe(dispatcher);
  dispatcher.add(made);
  const session = await openSession(await listenHttp2(server));
  const ask = (headers: Record<string, string> = {}) => open(session, headers);
  return { server, clock, made, requests, dispatcher, session, ask };
}

describe('ConnectDispatcher', () => {
  it('advertises and gives an extended CONNECT to the server of its path', async () => {
    const { session, requests, ask } = await dispatching();
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    expect(await ask({ ':path': '/here?query', 'x-mine': 'a' }).status()).toBe(200);
    expect(requests[0]!.headers['x-mine']).toBe('a');
    expect(requests[0]!.url).toBe('/here?query');
    expect(requests[0]!.rawHeaders).toContain('x-mine');
  });

  it.each([
    ['another path', { ':path': '/other' }, 404],
    ['another protocol', { ':protocol': 'connect-udp' }, 501],
    ['a path with dot segments', { ':path': '/a/../b' }, 200], // the endpoint rejects it
  ])('answers %s', async (_what, headers, status) => {
    const { ask } = await dispatching();
    expect(await ask(headers).status()).toBe(status);
  });

  it('passes on the request of the compatibility layer, which does not answer', async () => {
    const seen: unknown[] = [];
    const { server, requests, ask } = await dispatching((each) => each.on('request', () => 0));
    server.prependListener('connect', (request) => seen.push(request));
    expect(await ask({ ':path': '/here' }).status()).toBe(200);
    expect(requests).toEqual(seen);
  });

  it('answers a plain CONNECT with 405 as Node does, unless the application listens', async () => {
    const { server, session } = await dispatching((each) => each.on('request', () => 0));
    const plain = async (): Promise<number> => {
      const stream = session.request({ ':method': 'CONNECT', ':authority': 'localhost:1' });
      stream.on('error', () => undefined);
      return new Promise((resolve) => {
        stream.on('response', (headers) => {
          resolve(headers[':status']!);
        });
      });
    };
    expect(await plain()).toBe(405);
    server.on('connect', (_request: unknown, response: Http2ServerResponse) => {
      response.writeHead(299).end();
    });
    expect(await plain()).toBe(299);
  });

  it('leaves ordinary requests and answered streams alone', async () => {
    const { session, requests, ask } = await dispatching((each) =>
      each.on('stream', (stream, headers) => {
        if (headers[':path'] === '/here') stream.respond({ ':status': 299 }, { endStream: true });
      }),
    );
    const get = session.request({ ':path': '/here' });
    const status = new Promise((resolve) => {
      get.on('response', (headers) => {
        resolve(headers[':status']);
      });
    });
    expect(await status).toBe(299);
    expect(await ask({ ':path': '/here' }).status()).toBe(299);
    expect(requests).toEqual([]);
  });

  it.each([
    ['a path', { ':path': '/other' }, 404],
    ['a protocol', { ':path': '/here', ':protocol': 'connect-udp' }, 501],
  ])('gives other listeners time for %s that is not ours', async (_what, headers, status) => {
    const streams: ServerHttp2Stream[] = [];
    const { clock, ask } = await dispatching((each) =>
      each.on('stream', (stream) => streams.push(stream)),
    );
    const answered = ask(headers);
    await eventually('the stream', () => streams.length === 1 && clock.timers.size === 1);
    streams[0]!.respond({ ':status': 299 });
    streams[0]!.end();
    streams[0]!.close();
    expect(await answered.status()).toBe(299);
    await eventually('no timer', () => clock.timers.size === 0);
    const [late, unanswered] = [ask(headers), ask(headers)];
    await eventually('the streams', () => streams.length === 3 && clock.timers.size === 1);
    await settle();
    streams[1]!.respond({ ':status': 299 });
    clock.advance(1000);
    expect(await late.status()).toBe(299);
    expect(await unanswered.status()).toBe(status);
  });

  it('removes its listeners with the last server, and advertises no more', async () => {
    const { server, dispatcher, made, clock } = await dispatching();
    const { made: other } = endpoint(clock);
    dispatcher.add(other);
    dispatcher.remove(made);
    expect(server.listenerCount('stream')).toBe(1);
    const port = (server.address() as { port: number }).port;
    dispatcher.remove(other);
    expect([server.listenerCount('stream'), server.listenerCount('connect')]).toEqual([0, 0]);
    expect((await openSession(port)).remoteSettings.enableConnectProtocol).toBe(false);
    expect(ConnectDispatcher.of(server)).not.toBe(dispatcher);
  });

  it('goes on advertising for the listeners of the application', async () => {
    const { server, dispatcher, made } = await dispatching();
    const streams: ServerHttp2Stream[] = [];
    server.on('stream', (stream: ServerHttp2Stream) => streams.push(stream));
    const session = await openSession((server.address() as { port: number }).port);
    const left = open(session, { ':path': '/other' });
    await eventually('the stream', () => streams.length === 1);
    await settle();
    dispatcher.remove(made);
    const { port } = server.address() as { port: number };
    expect((await openSession(port)).remoteSettings.enableConnectProtocol).toBe(true);
    left.stream.close();
  });
});

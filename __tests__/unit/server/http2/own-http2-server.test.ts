import { once } from 'node:events';
import type { Http2Server, Http2ServerRequest } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { createOwnHttp2Server } from '../../../../src/server/http2/own-http2-server.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { listenHttp2, open, openSession } from '../../../support/http2.js';
import { eventually, later } from '../../../support/server.js';

async function own(tls?: typeof CERTIFICATE) {
  const made = createOwnHttp2Server(1000.5, tls);
  const server = made.server as unknown as Http2Server;
  return { ...made, server, port: await listenHttp2(server) };
}

describe('an HTTP/2 server of our own', () => {
  it('has limits for clients that are not trusted', async () => {
    const { port } = await own();
    const session = await openSession(port);
    expect(session.remoteSettings).toMatchObject({
      maxConcurrentStreams: 256,
      initialWindowSize: 65_535,
      maxHeaderListSize: 16_384,
    });
    await eventually('the window', () => session.state.remoteWindowSize === 1024 * 1024);
  });

  it('answers plain requests with 426, over both versions', async () => {
    const { port } = await own(CERTIFICATE);
    const session = await openSession(port, { scheme: 'https' });
    const stream = session.request({ ':path': '/' });
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers).toMatchObject({ ':status': 426 });
    expect(headers).not.toHaveProperty('upgrade');
    expect(String(await once(stream, 'data'))).toBe('only WebSockets are served here\n');
    const client = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
    later(() => client.destroy());
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(String(await once(client, 'data'))).toMatch(
      /^HTTP\/1\.1 426 [^]*\r\nUpgrade: websocket/,
    );
  });

  it('says what it cannot use', () => {
    expect(() => createOwnHttp2Server(1000, { key: 'no key', cert: 'no certificate' })).toThrow();
  });

  it('closes with GOAWAY, and waits for the streams', async () => {
    const made = await own();
    const { server, port } = made;
    server.on('connect', ({ stream }: Http2ServerRequest) => {
      stream.on('error', () => undefined).respond();
    });
    server.updateSettings({ enableConnectProtocol: true });
    const session = await openSession(port);
    const client = open(session);
    await client.status();
    let ended = false;
    const end = made
      .close()
      .end()
      .then(() => (ended = true));
    await eventually('GOAWAY', () => session.closed);
    expect([server.listening, ended]).toEqual([false, false]);
    client.stream.close();
    await end;
  });

  it('destroys sessions when time is up, and sockets without one at once', async () => {
    const made = await own(CERTIFICATE);
    const { server, port } = made;
    const streams: unknown[] = [];
    server.on('connect', ({ stream }: Http2ServerRequest) => {
      streams.push(stream.on('error', () => undefined));
    });
    server.updateSettings({ enableConnectProtocol: true });
    const session = await openSession(port, { scheme: 'https' });
    open(session);
    const silent = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    const gone = new Promise((resolve) => silent.once('close', resolve));
    await Promise.all([
      once(server, 'connection'),
      eventually('the stream', () => streams.length === 1),
    ]);
    const closing = made.close();
    const ended = closing.end();
    await gone;
    closing.terminate();
    await ended;
    await eventually('the end of the session', () => session.destroyed);
    expect(server.listening).toBe(false);
  });
});

import { once } from 'node:events';
import { type ClientRequest, createServer, type IncomingMessage, request } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { type Address, readAddress } from '../../../src/client/address.js';
import { ProxyRefusal, ProxyTunnel } from '../../../src/client/proxy-tunnel.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { connectProxy } from '../../support/connect-proxy.js';
import { eventually, listen } from '../../support/server.js';

const addressOf = (url: string) => readAddress(new URL(url)) as Address;

/** Asks for a page through a tunnel. */
function ask(tunnel: ProxyTunnel, url: string, tls: object = {}): ClientRequest {
  const address = addressOf(url);
  const { host, port, path } = address;
  const createConnection = tunnel.connectionTo(address)!;
  return request({ host, port, path, createConnection, ...tls }).end();
}

async function textOf(asked: ClientRequest): Promise<string> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** A proxy whose answer to everything is these bytes. */
const answering = (bytes: string) =>
  listen(createTcpServer((socket) => void socket.once('data', () => socket.write(bytes))));

describe('ProxyTunnel', () => {
  it('asks the proxy for the host and port, and leaves the rest to the caller', async () => {
    const page = await listen(createServer((_request, response) => void response.end('page')));
    const proxy = await connectProxy(page);
    const tunnel = new ProxyTunnel(new URL(`http://127.0.0.1:${proxy.port}`), {});
    expect(await textOf(ask(tunnel, 'ws://far.example:81/'))).toBe('page');
    const [{ url, headers }] = proxy.requests as [IncomingMessage];
    expect(url).toBe('far.example:81');
    expect(headers.host).toBe('far.example:81');
    expect(headers['proxy-authorization']).toBeUndefined();
    expect(await textOf(ask(tunnel, 'ws://[2001:db8::1]/'))).toBe('page');
    expect(proxy.requests[1]!.url).toBe('[2001:db8::1]:80');
  });

  it('speaks TLS inside the tunnel, and checks the certificate against the host', async () => {
    const page = await listen(
      createSecureServer(CERTIFICATE, (_request, response) => void response.end('safe')),
    );
    const proxy = await connectProxy(page);
    const tunnel = new ProxyTunnel(new URL(`http://ada:l%20o@127.0.0.1:${proxy.port}`), {});
    const tls = { ca: CERTIFICATE.cert };
    expect(await textOf(ask(tunnel, 'wss://localhost/', tls))).toBe('safe');
    expect(proxy.requests[0]!.url).toBe('localhost:443');
    expect(proxy.requests[0]!.headers['proxy-authorization']).toBe(
      `Basic ${Buffer.from('ada:l o').toString('base64')}`,
    );
    const [error] = (await once(ask(tunnel, 'wss://far.example/', tls), 'error')) as [Error];
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('speaks TLS to a proxy with https', async () => {
    const page = await listen(createServer((_request, response) => void response.end('page')));
    const proxy = await connectProxy(page, true);
    const tunnel = new ProxyTunnel(new URL(`https://localhost:${proxy.port}`), {});
    expect(await textOf(ask(tunnel, 'ws://far.example/', { ca: CERTIFICATE.cert }))).toBe('page');
    expect(proxy.requests[0]!.url).toBe('far.example:80');
  });

  it('has the default ports of the schemes', async () => {
    for (const [url, port] of [
      ['http://127.0.0.1', 80],
      ['https://127.0.0.1', 443],
    ] as const) {
      const asked = ask(new ProxyTunnel(new URL(url), {}), 'ws://far.example/');
      const outcome = await Promise.race([once(asked, 'error'), once(asked, 'response')]);
      // Nothing listens there on a machine that runs tests; if something does, it is no proxy of ours.
      expect(outcome).toBeDefined();
      if (outcome[0] instanceof Error && 'port' in outcome[0]) expect(outcome[0].port).toBe(port);
      asked.destroy();
    }
  });

  it('passes on what came with the answer', async () => {
    const port = await answering(
      'HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly',
    );
    const tunnel = new ProxyTunnel(new URL(`http://127.0.0.1:${port}`), {});
    expect(await textOf(ask(tunnel, 'ws://far.example/'))).toBe('early');
  });

  it.each([407, 503])('fails if the proxy answers %i', async (status) => {
    const port = await answering(`HTTP/1.1 ${status} No\r\nProxy-Authenticate: Basic\r\n\r\n`);
    const tunnel = new ProxyTunnel(new URL(`http://127.0.0.1:${port}`), {});
    const [error] = (await once(ask(tunnel, 'ws://far.example/'), 'error')) as [ProxyRefusal];
    expect(error).toBeInstanceOf(ProxyRefusal);
    expect(error).toMatchObject({ status, headers: { 'proxy-authenticate': 'Basic' } });
    expect(error.message).toBe(
      `the proxy http://127.0.0.1:${port} refused to connect to far.example:80 with ${status}`,
    );
  });

  it('fails if there is no proxy', async () => {
    const gone = createTcpServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const free = (gone.address() as { port: number }).port;
    gone.close();
    await once(gone, 'close');
    const tunnel = new ProxyTunnel(new URL(`http://127.0.0.1:${free}`), {});
    const [error] = (await once(ask(tunnel, 'ws://far.example/'), 'error')) as [Error];
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('gives up a CONNECT that is under way, and nothing otherwise', async () => {
    const sockets = new Set<Socket>();
    const silent = createTcpServer((socket) => {
      sockets.add(socket);
      socket.resume().on('close', () => sockets.delete(socket));
      socket.on('error', () => {});
    });
    const tunnel = new ProxyTunnel(new URL(`http://127.0.0.1:${await listen(silent)}`), {});
    tunnel.destroy();
    const asked = ask(tunnel, 'ws://far.example/');
    asked.on('error', () => {});
    await eventually('the CONNECT', () => sockets.size === 1);
    tunnel.destroy();
    await eventually('the end of the socket', () => sockets.size === 0);
    expect(sockets.size).toBe(0);
  });
});

describe('ProxyTunnel with the environment', () => {
  const uses = (url: string, environment: Record<string, string>) =>
    new ProxyTunnel('env', environment).connectionTo(addressOf(url)) !== undefined;
  const both = { https_proxy: 'http://a:1', HTTP_PROXY: 'http://b:2' };

  it('has a proxy for each scheme, in lower or upper case', () => {
    expect(uses('ws://example.com/', both)).toBe(true);
    expect(uses('wss://example.com/', both)).toBe(true);
    expect(uses('ws://example.com/', { https_proxy: 'http://a:1' })).toBe(false);
    expect(uses('ws://example.com/', { http_proxy: '' })).toBe(false);
    expect(uses('ws://example.com/', { http_proxy: 'proxy' })).toBe(false);
    expect(uses('ws://example.com/', { http_proxy: 'socks5://a' })).toBe(false);
    expect(uses('ws://example.com/', { http_proxy: 'https://a' })).toBe(true);
  });

  it.each([
    ['*', true],
    ['example.com', true],
    ['EXAMPLE.com', true],
    ['.example.com', true],
    ['*.example.com', true],
    ['other, example.com:80', true],
    ['example.com:81', false],
    ['ample.com', false],
    ['www.example.com', false],
    [', ,', false],
    ['[::1]:80', false],
  ])('leaves out the hosts of no_proxy: %j', (list, isLeftOut) => {
    expect(uses('ws://example.com/', { ...both, no_proxy: list })).toBe(!isLeftOut);
  });

  it('knows subdomains and addresses', () => {
    expect(uses('ws://a.example.com/', { ...both, NO_PROXY: 'example.com' })).toBe(false);
    expect(uses('ws://[::1]/', { ...both, NO_PROXY: '::1' })).toBe(false);
    expect(uses('ws://[::1]/', { ...both, NO_PROXY: '[::1]:80' })).toBe(false);
    expect(uses('ws://[::1]:81/', { ...both, NO_PROXY: '[::1]:80' })).toBe(true);
    expect(uses('ws://127.0.0.1/', { ...both, NO_PROXY: '127.0.0.1' })).toBe(false);
  });
});

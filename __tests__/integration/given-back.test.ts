import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createSecureServer as createHttp2Server } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { WebSocketServer } from '../../src/index.js';
import { CERTIFICATE } from '../support/certificate.js';
import { eventually, later, listen } from '../support/server.js';

/** Answers with the method, the target and the body. */
const echo: RequestListener = (request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => {
    response.end(`<${request.method!} ${request.url!} ${body}>`);
  });
};

const SERVERS: [string, (listener: RequestListener) => Server][] = [
  ['http', (listener) => createServer(listener)],
  ['https', (listener) => createSecureServer(CERTIFICATE, listener)],
  [
    'http2 with allowHTTP1',
    (listener) =>
      createHttp2Server(
        { ...CERTIFICATE, allowHTTP1: true },
        listener as never,
      ) as unknown as Server,
  ],
];

/** A socket to a server, what has come on it, and the tags that `echo` has written. */
async function dial(server: Server, isSecure: boolean) {
  const port = await listen(server);
  const socket: Duplex = isSecure
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connectTcp(port, '127.0.0.1');
  later(() => socket.destroy());
  await once(socket, isSecure ? 'secureConnect' : 'connect');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  const answers = async (count: number): Promise<string[]> => {
    const found = () => text.match(/<[^>]*>/g) ?? [];
    await eventually(`${count} answers in ${text}`, () => found().length >= count);
    return found();
  };
  return { socket, answers, text: () => text };
}

const h2c = (method: string, url: string, headers = '', body = ''): string =>
  `${method} ${url} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n${headers}\r\n${body}`;
const plain = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

describe.each(SERVERS)('an upgrade to h2c on a server of %s', (name, create) => {
  const isSecure = name !== 'http';

  function serve(): Server {
    const server = create(echo);
    new WebSocketServer(server);
    return server;
  }

  it('comes to the application with the requests before and after it, on one connection', async () => {
    const server = serve();
    const connections: string[] = [];
    for (const event of ['connection', 'secureConnection']) {
      server.on(event, () => connections.push(event));
    }
    const { socket, answers } = await dial(server, isSecure);
    socket.write(plain('/1'));
    await answers(1);
    socket.write(h2c('POST', '/2', 'Content-Length: 5\r\n', 'hello') + plain('/3') + plain('/4'));
    expect(await answers(4)).toEqual(['<GET /1 >', '<POST /2 hello>', '<GET /3 >', '<GET /4 >']);
    socket.write(
      h2c('POST', '/5', 'Transfer-Encoding: chunked\r\n', '2\r\nhi\r\n0\r\n\r\n') + plain('/6'),
    );
    expect((await answers(6)).slice(4)).toEqual(['<POST /5 hi>', '<GET /6 >']);
    expect(connections).toEqual(isSecure ? ['connection', 'secureConnection'] : ['connection']);
  });

  it('gets its 100 before its body is sent', async () => {
    const { socket, answers, text } = await dial(serve(), isSecure);
    socket.write(h2c('POST', '/1', 'Expect: 100-continue\r\nContent-Length: 5\r\n'));
    await eventually('the 100', () => text() === 'HTTP/1.1 100 Continue\r\n\r\n');
    socket.write(`hello${plain('/2')}`);
    expect(await answers(2)).toEqual(['<POST /1 hello>', '<GET /2 >']);
  });

  it("comes by 'checkContinue' where the application listens for that", async () => {
    const server = serve();
    server.on('checkContinue', (request, response) => {
      if (request.url === '/no') {
        response.writeHead(417, { 'Content-Length': 4 }).end('<no>');
        return;
      }
      response.writeContinue();
      echo(request, response);
    });
    const { socket, answers, text } = await dial(server, isSecure);
    socket.write(h2c('POST', '/1', 'Expect: 100-continue\r\nContent-Length: 5\r\n'));
    await eventually('the 100', () => text() === 'HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('hello');
    expect(await answers(1)).toEqual(['<POST /1 hello>']);
    socket.write(h2c('POST', '/no', 'Expect: 100-continue\r\nContent-Length: 5\r\n'));
    expect(await answers(2)).toEqual(['<POST /1 hello>', '<no>']);
  });

  it("comes by 'checkExpectation' where it expects something else", async () => {
    const server = serve();
    server.on('checkExpectation', echo);
    const { socket, answers } = await dial(server, isSecure);
    socket.write(h2c('GET', '/1', 'Expect: 200-ok\r\n') + plain('/2'));
    expect(await answers(2)).toEqual(['<GET /1 >', '<GET /2 >']);
  });

  it('is the last of its connection where maxRequestsPerSocket is reached', async () => {
    const server = serve();
    server.maxRequestsPerSocket = 1;
    const { socket, answers, text } = await dial(server, isSecure);
    socket.write(h2c('GET', '/1'));
    await answers(1);
    expect(text()).toMatch(/^Connection: close\r$/m);
  });
});

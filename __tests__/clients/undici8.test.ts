/** undici 8, whose clients speak HTTP/2 where they can. It needs Node 22.19, so it runs in a process of its own. */
import { CERTIFICATE } from '../support/certificate.js';
import { Child, stopChildren } from '../support/child.js';
import { describeIf } from '../support/requires.js';
import { nodes, versionOf } from '../support/runtimes.js';

afterAll(stopChildren);

const newer = nodes()
  .map((node) => [versionOf(node), node] as const)
  .filter(([version]) => {
    const [major = 0, minor = 0] = version.split('.').map(Number);
    return major > 22 || (major === 22 && minor >= 19);
  });

/** An echo on a port for both versions of HTTP, and a page of it. `converse` talks with it. */
const PROGRAM = `
  const { createSecureServer } = require('node:http2');
  const { once } = require('node:events');
  const { Agent, WebSocket } = require(${JSON.stringify(require.resolve('undici8'))});
  const secure = createSecureServer(
    { ...${JSON.stringify(CERTIFICATE)}, allowHTTP1: true },
    (request, response) => response.end('plain ' + request.httpVersion),
  );
  const wss = new hawser.WebSocketServer(secure, {
    perMessageDeflate: true,
    subprotocols: ['chat'],
    logger: { warn() {}, error() {} },
  });
  wss.on('connection', (connection) => {
    connection.on('message', (data) => connection.send(data));
    connection.on('close', (code, reason) => say('closed', connection.transport, code, reason));
  });
  const talk = (url, dispatcher, code) =>
    new Promise((resolve) => {
      const socket = new WebSocket(url, { dispatcher, protocols: ['chat'] });
      const got = [];
      socket.addEventListener('open', () => {
        got.push(socket.protocol);
        socket.send('é'.repeat(70000));
      });
      socket.addEventListener('message', ({ data }) => {
        got.push(data.length);
        socket.close(code, 'bye');
      });
      socket.addEventListener('error', ({ message }) => got.push('error ' + message));
      socket.addEventListener('close', ({ code, wasClean }) => resolve([...got, code, wasClean]));
    });
  commands.converse = async (options, hasSession) => {
    if (!secure.listening) await once(secure.listen(0, '127.0.0.1'), 'listening');
    const origin = 'https://127.0.0.1:' + secure.address().port;
    const dispatcher = new Agent({ ...options, connect: { rejectUnauthorized: false } });
    let page;
    if (hasSession) {
      const { body } = await dispatcher.request({ origin, path: '/', method: 'GET' });
      page = await body.text();
    }
    const url = origin.replace('https', 'wss') + '/';
    const talks = await Promise.all([4000, 4001, 4002].map((code) => talk(url, dispatcher, code)));
    await dispatcher.destroy();
    return { page, talks };
  };
`;

describeIf('Node 22.19 or newer', newer.length > 0)('undici 8', () => {
  describe.each(newer)('on Node %s', (_version, node) => {
    it.each([
      ['with allowH2, beside requests of a session', { allowH2: true }, true, 'http2'],
      ['with allowH2, without a session', { allowH2: true }, false, 'http2'],
      ['as it is by default, beside requests of a session', {}, true, 'http2'],
      ['with allowH2 off', { allowH2: false }, true, 'http1'],
    ])('%s, opens WebSockets, echoes and closes', async (_what, options, hasSession, transport) => {
      const child = await Child.serveOn(node, PROGRAM);
      const { page, talks } = await child.ask<{ page?: string; talks: unknown[][] }>(
        'converse',
        options,
        hasSession,
      );
      const version = transport === 'http2' ? '2.0' : '1.1';
      expect(page).toBe(hasSession ? `plain ${version}` : undefined);
      expect(talks).toEqual([4000, 4001, 4002].map((code) => ['chat', 70_000, code, true]));
      await child.saysTimes(3, 'closed');
      const closed = child.said.filter(([word]) => word === 'closed');
      expect(closed.map(([, ...words]) => words).sort()).toEqual(
        [4000, 4001, 4002].map((code) => [transport, code, 'bye']),
      );
      child.kill();
    });
  });
});

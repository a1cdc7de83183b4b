import { createServer } from 'node:http';
import { type ServerOptions, serverSettings } from '../../../src/ws/server-options.js';
import { WebSocket } from '../../../src/ws/web-socket.js';

describe('serverSettings', () => {
  it('has the defaults of ws', () => {
    expect(serverSettings({ noServer: true })).toEqual({
      maxPayload: 104_857_600,
      perMessageDeflate: false,
      handleProtocols: null,
      clientTracking: true,
      closeTimeout: 30_000,
      verifyClient: null,
      noServer: true,
      backlog: null,
      server: null,
      host: null,
      path: null,
      port: null,
      autoPong: true,
      WebSocket,
    });
  });

  it('keeps what is given, options of other versions too', () => {
    const given = { noServer: true, path: '/a', maxPayload: 5, skipUTF8Validation: true };
    expect(serverSettings(given)).toMatchObject(given);
  });

  it('has an object where compression is on, which programs change', () => {
    const { perMessageDeflate } = serverSettings({ noServer: true, perMessageDeflate: true });
    expect(perMessageDeflate).toEqual({});
    const options = { threshold: 5 };
    const given = serverSettings({ noServer: true, perMessageDeflate: options });
    expect(given.perMessageDeflate).toBe(options);
  });

  it.each<ServerOptions>([
    { port: 0 },
    { port: '8080' },
    { server: createServer() },
    { server: createServer(), port: null, noServer: false },
    { noServer: true, server: null },
  ])('accepts one place to be at: %#', (options) => {
    expect(() => serverSettings(options)).not.toThrow();
  });

  it.each<[string, unknown, RegExp]>([
    [
      'handleProtocols',
      'chat',
      /^hawser\/ws: expected option handleProtocols to be a function, got chat/,
    ],
    ['handleProtocols', ['chat'], /option handleProtocols to be a function/],
    [
      'verifyClient',
      {},
      /^hawser\/ws: expected option verifyClient to be a function, got an object/,
    ],
    ['verifyClient', true, /option verifyClient to be a function/],
    [
      'WebSocket',
      7,
      /^hawser\/ws: expected option WebSocket to be a class that extends the WebSocket of/,
    ],
    ['WebSocket', {}, /option WebSocket to be a class/],
    ['WebSocket', () => undefined, /option WebSocket to be a class .*, got a function/],
    ['WebSocket', Map, /option WebSocket to be a class/],
    ['server', {}, /^hawser\/ws: expected option server to be a server of node:http or node:https/],
    ['server', 'x', /option server to be a server/],
  ])('refuses %s: %p', (name, value, sentence) => {
    const options = { noServer: true, [name]: value } as ServerOptions;
    if (name === 'server') options.noServer = false;
    expect(() => serverSettings(options)).toThrow(TypeError);
    expect(() => serverSettings(options)).toThrow(sentence);
  });

  it('takes functions, a subclass, and nothing in their place', () => {
    class Mine extends WebSocket {}
    const verifyClient = () => true;
    const mine = serverSettings({ noServer: true, verifyClient, WebSocket: Mine });
    expect(mine).toMatchObject({ verifyClient, WebSocket: Mine });
    const none = { verifyClient: null, handleProtocols: undefined, WebSocket: undefined };
    expect(serverSettings({ noServer: true, ...none }).WebSocket).toBe(WebSocket);
  });

  it.each<ServerOptions | undefined>([
    undefined,
    {},
    { port: null, server: null, noServer: false },
    { port: 0, server: createServer() },
    { port: 0, noServer: true },
    { server: createServer(), noServer: true },
  ])('refuses none, and more than one: %#', (options) => {
    expect(() => serverSettings(options)).toThrow(
      new TypeError(
        'One and only one of the "port", "server", or "noServer" options must be specified',
      ),
    );
  });
});

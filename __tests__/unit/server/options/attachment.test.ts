import { attachmentOptions, checkNoAttachment } from '../../../../src/server/options/attachment.js';

const OWN = ['port', 'host', 'socketPath', 'tls', 'http2', 'backlog', 'signal'];
const ONE_OF =
  'WebSocketServer: expected an http.Server, or options with one of port, socketPath and noServer: true';

describe('what a server is attached to', () => {
  it.each([
    [{ port: 0 }, OWN],
    [{ port: 0, host: '::1', tls: {}, backlog: 1, noServer: undefined }, OWN],
    [{ socketPath: 'hawser.sock', tls: {} }, OWN],
    [{ noServer: true, port: undefined }, ['noServer']],
  ])('is told by %p', (options, expected) => {
    expect(attachmentOptions(options)).toEqual(expected);
  });

  it.each([
    [undefined, ONE_OF],
    [null, ONE_OF],
    [8080, ONE_OF],
    [{}, ONE_OF],
    [{ host: 'localhost' }, ONE_OF],
    [{ port: 1, socketPath: 'hawser.sock' }, `${ONE_OF}, got port and socketPath`],
    [{ port: 1, noServer: true }, `${ONE_OF}, got port and noServer`],
    [
      { socketPath: 'hawser.sock', host: 'localhost' },
      'WebSocketServer: option host goes with port; beside socketPath leave it out',
    ],
    [
      { noServer: true, tls: {} },
      'WebSocketServer: option tls is for a server of its own; leave out noServer and give port or socketPath',
    ],
    [
      { noServer: true, signal: AbortSignal.abort() },
      'WebSocketServer: option signal is for a server of its own; leave out noServer and give port or socketPath',
    ],
  ])('is not told by %p', (options, message) => {
    expect(() => attachmentOptions(options)).toThrow(new TypeError(message));
  });
});

describe('beside a server that is passed in', () => {
  const prefix = (name: string): string =>
    `WebSocketServer: option ${name} is not for a server that is passed in; `;

  it.each([[undefined], [{}], [{ path: '/', port: undefined }], [{ http2: true }]])(
    'there may be %p',
    (options) => {
      expect(() => {
        checkNoAttachment(options);
      }).not.toThrow();
    },
  );

  it.each([
    ['port', 8080, 'give it to the server that is passed in'],
    ['tls', {}, 'give it to the server that is passed in'],
    [
      'signal',
      AbortSignal.abort(),
      "call close() when it aborts: signal.addEventListener('abort', () => wss.close())",
    ],
    ['noServer', true, 'pass the options alone to attach to nothing'],
  ])('option %s is rejected', (name, value, advice) => {
    expect(() => {
      checkNoAttachment({ [name]: value });
    }).toThrow(new TypeError(prefix(name) + advice));
  });
});

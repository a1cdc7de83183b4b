import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { runInNewContext } from 'node:vm';
import {
  checkUpgradeCall,
  type UpgradeArguments,
} from '../../../../src/server/http1/upgrade-arguments.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import { connect, fakeRequest, listen, transportPair } from '../../../support/server.js';

const USAGE =
  "server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))";
const socket = new PassThrough();
const head = Buffer.alloc(0);

/** Call a method with any arguments. @returns `head` */
function call(method: 'handleUpgrade' | 'accept', ...args: unknown[]): Buffer {
  return checkUpgradeCall(method, true, args as UpgradeArguments)[2];
}

describe('the arguments of an upgrade', () => {
  it('are a request, any Duplex, and a Buffer, which is handed back', () => {
    expect(call('accept', fakeRequest(), transportPair()[0], head)).toBe(head);
  });

  it('may have a Uint8Array as head, of any realm', () => {
    const bytes = Buffer.from('xabcx');
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 1, 3);
    const first = call('accept', fakeRequest(), socket, view);
    expect(Buffer.isBuffer(first)).toBe(true);
    expect(String(first)).toBe('abc');
    const foreign: unknown = runInNewContext('Uint8Array.of(97, 98)');
    expect(String(call('accept', fakeRequest(), socket, foreign))).toBe('ab');
  });

  it.each<[string, unknown[]]>([
    ["request to be the IncomingMessage of an 'upgrade' event, got undefined (undefined)", []],
    ["request to be the IncomingMessage of an 'upgrade' event, got null (object)", [null]],
    ["request to be the IncomingMessage of an 'upgrade' event, got an object", [{ headers: null }]],
    [
      "request to be the IncomingMessage of an 'upgrade' event, got a value of class Request",
      [new Request('http://localhost/'), socket, head],
    ],
    ["socket to be the Duplex of an 'upgrade' event, got undefined (undefined)", [fakeRequest()]],
    ["socket to be the Duplex of an 'upgrade' event, got an object", [fakeRequest(), { write: 1 }]],
    [
      "socket to be the Duplex of an 'upgrade' event, got an object",
      [fakeRequest(), Object.create(null)],
    ],
    [
      "head to be the Buffer of an 'upgrade' event, got undefined (undefined)",
      [fakeRequest(), socket],
    ],
    ["head to be the Buffer of an 'upgrade' event, got x (string)", [fakeRequest(), socket, 'x']],
  ])('are rejected: expected %s', (expected, given) => {
    const check = () => call('handleUpgrade', given[0], given[1], given[2]);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(`handleUpgrade: expected ${expected}; call it like this: ${USAGE}`);
  });

  it('are not those of a route', async () => {
    const caught: unknown[] = [];
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      for (const transport of [response, request.socket]) {
        try {
          call('handleUpgrade', request, transport, head);
        } catch (error) {
          caught.push((error as Error).message);
        }
      }
      response.end();
    });
    const client = await connect(await listen(server));
    client.send(upgradeRequest());
    await client.response();
    expect(caught).toEqual([
      `handleUpgrade: expected socket to be the Duplex of an 'upgrade' event, got a value of class ServerResponse; call it like this: ${USAGE}`,
      `handleUpgrade: this request arrived as a 'request' event, so Node's HTTP parser still reads its socket; a WebSocket handshake arrives as an 'upgrade' event: ${USAGE}`,
    ]);
  });

  it.each([
    [
      'handleUpgrade',
      [],
      "three arguments, got a fourth, a function; there is no callback: listen for 'connection', or await what handleUpgrade returns",
    ],
    [
      'accept',
      [{}],
      'four arguments, got a fifth, a function; there is no callback: accept returns the connection',
    ],
  ] as const)('of %s are no more than it takes', (method, options, expected) => {
    expect(() => call(method, fakeRequest(), socket, head, ...options)).not.toThrow();
    const callback = () => undefined;
    expect(() => call(method, fakeRequest(), socket, head, ...options, callback)).toThrow(
      new TypeError(`${method}: expected ${expected}`),
    );
  });
});

describe('a call', () => {
  it.each(['handleUpgrade', 'accept'] as const)('of %s is one of a method', (method) => {
    expect(() => checkUpgradeCall(method, false, [fakeRequest(), socket, head])).toThrow(
      new TypeError(
        `${method}: called without its server; write (request, socket, head) => wss.${method}(request, socket, head)`,
      ),
    );
  });
});

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { runInNewContext } from 'node:vm';
import {
  checkNoCallback,
  checkReceiver,
  checkUpgradeArguments,
} from '../../../../src/server/http1/upgrade-arguments.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import { connect, fakeRequest, listen, transportPair } from '../../../support/server.js';

const USAGE =
  "server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))";
const socket = new PassThrough();
const head = Buffer.alloc(0);

describe('the arguments of an upgrade', () => {
  it('are a request, any Duplex, and a Buffer, which is handed back', () => {
    expect(checkUpgradeArguments('accept', fakeRequest(), transportPair()[0], head)).toBe(head);
  });

  it('may have a Uint8Array as head, of any realm', () => {
    const bytes = Buffer.from('xabcx');
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset + 1, 3);
    const first = checkUpgradeArguments('accept', fakeRequest(), socket, view);
    expect(Buffer.isBuffer(first)).toBe(true);
    expect(String(first)).toBe('abc');
    const foreign: unknown = runInNewContext('Uint8Array.of(97, 98)');
    expect(String(checkUpgradeArguments('accept', fakeRequest(), socket, foreign))).toBe('ab');
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
    const check = () => checkUpgradeArguments('handleUpgrade', given[0], given[1], given[2]);
    expect(check).toThrow(TypeError);
    expect(check).toThrow(`handleUpgrade: expected ${expected}; call it like this: ${USAGE}`);
  });

  it('are not those of a route', async () => {
    const caught: unknown[] = [];
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      for (const transport of [response, request.socket]) {
        try {
          checkUpgradeArguments('handleUpgrade', request, transport, head);
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

  it('are three', () => {
    expect(() => {
      checkNoCallback([]);
    }).not.toThrow();
    expect(() => {
      checkNoCallback([() => undefined]);
    }).toThrow(
      "handleUpgrade: expected three arguments, got a fourth, a function; there is no callback: listen for 'connection', or await what handleUpgrade returns",
    );
  });
});

describe('checkReceiver', () => {
  it('wants handleUpgrade to be called on its server', () => {
    expect(() => {
      checkReceiver(true);
    }).not.toThrow();
    expect(() => {
      checkReceiver(false);
    }).toThrow(/called without its server; write \(request, socket, head\) =>/);
  });
});

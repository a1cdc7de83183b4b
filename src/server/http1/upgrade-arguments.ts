import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import { show } from '../../protocol/option-checks.js';
import type { AnyRequest } from '../options/options.js';

const USAGE =
  "server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))";

type Method = 'handleUpgrade' | 'accept';

/** The arguments of a method: those of an `'upgrade'` event, and what the caller has added. */
export type UpgradeArguments = [
  request: AnyRequest,
  socket: Duplex,
  head: Buffer,
  ...rest: unknown[],
];

/** How many arguments a method takes, and where to find what a callback would get. */
const LIMITS = {
  handleUpgrade: {
    most: 3,
    all: 'three',
    next: 'fourth',
    advice: "listen for 'connection', or await what handleUpgrade returns",
  },
  accept: { most: 4, all: 'four', next: 'fifth', advice: 'accept returns the connection' },
} as const;

const TRANSPORT_METHODS = ['on', 'off', 'read', 'write', 'end', 'pause', 'resume', 'destroy'];

/**
 * Check a call of `handleUpgrade` or `accept`.
 *
 * @param method the method's name, for the message.
 * @param isServer whether it was called as a method of a server.
 * @returns the arguments of the `'upgrade'` event, with `head` as a Buffer.
 * @throws TypeError with what was expected and how to call the method.
 */
export function checkUpgradeCall(
  method: Method,
  isServer: boolean,
  args: UpgradeArguments,
): [request: AnyRequest, socket: Duplex, head: Buffer] {
  checkReceiver(method, isServer);
  checkNoMore(method, args);
  const [request, socket, head] = args;
  return [request, socket, checkArguments(method, request, socket, head)];
}

function checkArguments(method: Method, request: unknown, socket: unknown, head: unknown): Buffer {
  const { headers, upgrade, socket: own } = fields(request);
  if (
    typeof headers !== 'object' ||
    headers === null ||
    typeof fields(headers)['get'] === 'function'
  ) {
    throw wrong(method, "request to be the IncomingMessage of an 'upgrade' event", request);
  }
  if (!TRANSPORT_METHODS.every((name) => typeof fields(socket)[name] === 'function')) {
    throw wrong(method, "socket to be the Duplex of an 'upgrade' event", socket);
  }
  if (!isBytes(head)) throw wrong(method, "head to be the Buffer of an 'upgrade' event", head);
  if (upgrade === false && own === socket) {
    throw new TypeError(
      `${method}: this request arrived as a 'request' event, so Node's HTTP parser still reads its socket; a WebSocket handshake arrives as an 'upgrade' event: ${USAGE}`,
    );
  }
  return Buffer.isBuffer(head) ? head : Buffer.from(head.buffer, head.byteOffset, head.byteLength);
}

/** @throws TypeError for a call as a function of its own. */
function checkReceiver(method: string, isServer: boolean): void {
  if (isServer) return;
  throw new TypeError(
    `${method}: called without its server; write (request, socket, head) => wss.${method}(request, socket, head)`,
  );
}

/** @throws TypeError for one argument more than the method takes. */
function checkNoMore(method: Method, args: UpgradeArguments): void {
  const { most, all, next, advice } = LIMITS[method];
  if (args.length <= most) return;
  throw new TypeError(
    `${method}: expected ${all} arguments, got a ${next}, ${nameOf(args[most])}; there is no callback: ${advice}`,
  );
}

function wrong(method: string, expected: string, got: unknown): TypeError {
  return new TypeError(
    `${method}: expected ${expected}, got ${nameOf(got)}; call it like this: ${USAGE}`,
  );
}

/** A Uint8Array of any realm; a Buffer is one. */
function isBytes(value: unknown): value is Uint8Array {
  return Object.prototype.toString.call(value) === '[object Uint8Array]';
}

function fields(value: unknown): Record<string, unknown> {
  return (value ?? {}) as Record<string, unknown>;
}

/** Describe a value, with the name of its class if it has one. */
function nameOf(value: unknown): string {
  const { name } = fields(typeof value === 'object' ? fields(value).constructor : undefined);
  return typeof name !== 'string' || name === 'Object' ? show(value) : `a value of class ${name}`;
}

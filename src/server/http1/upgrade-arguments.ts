import { Buffer } from 'node:buffer';
import { show } from '../../protocol/option-checks.js';

const USAGE =
  "server.on('upgrade', (request, socket, head) => wss.handleUpgrade(request, socket, head))";

const TRANSPORT_METHODS = ['on', 'off', 'read', 'write', 'end', 'pause', 'resume', 'destroy'];

/**
 * Check the arguments of `handleUpgrade` or `accept`.
 *
 * @param method the method's name, for the message.
 * @returns `head` as a Buffer.
 * @throws TypeError with what was expected and how to call the method.
 */
export function checkUpgradeArguments(
  method: string,
  request: unknown,
  socket: unknown,
  head: unknown,
): Buffer {
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

/** Reject a call of `handleUpgrade` as a function of its own. @throws TypeError */
export function checkReceiver(isServer: boolean): void {
  if (isServer) return;
  throw new TypeError(
    'handleUpgrade: called without its server; write (request, socket, head) => wss.handleUpgrade(request, socket, head)',
  );
}

/** Reject a fourth argument of `handleUpgrade`. @throws TypeError */
export function checkNoCallback(rest: readonly unknown[]): void {
  if (rest.length === 0) return;
  throw new TypeError(
    `handleUpgrade: expected three arguments, got a fourth, ${nameOf(rest[0])}; there is no callback: listen for 'connection', or await what handleUpgrade returns`,
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

// A TCP connection to the server under test, and the text of an opening handshake.
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';

/**
 * An address of this machine for a client. Linux has a whole network of them; with one alone the ports would run
 * out while the kernel still remembers the connections that are gone.
 *
 * @param {number} number of the client
 */
const addressFor = (number) =>
  process.platform === 'linux' ? `127.0.0.${(number % 64) + 1}` : '127.0.0.1';

/**
 * Milliseconds after which a connection is tried again. On a machine that is too busy, the kernel's queue
 * of connections that are not accepted yet overflows, and it waits longer and longer between its own attempts.
 */
const ATTEMPT = 3000;

/**
 * @param {number} port
 * @param {number} number of the client
 * @returns {Promise<import('node:net').Socket | undefined>} that ignores errors, its 'close' tells; `undefined` if the
 * kernel has not let it in
 * @throws if it cannot connect
 */
export function dial(port, number) {
  return new Promise((resolve, reject) => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      localAddress: addressFor(number),
      noDelay: true,
      allowHalfOpen: true,
    });
    const attempt = setTimeout(() => {
      socket.destroy();
      resolve(undefined);
    }, ATTEMPT);
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(attempt));
    socket.once('connect', () => {
      clearTimeout(attempt);
      socket.off('error', reject).on('error', () => {});
      resolve(socket);
    });
  });
}

/**
 * @param {object} [parts]
 * @param {string} [parts.target]
 * @param {string} [parts.key]
 * @param {Record<string, string>} [parts.headers] added, or put in another's place
 */
export function upgradeRequest({ target = '/', key = newKey(), headers = {} } = {}) {
  const all = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export const newKey = () => randomBytes(16).toString('base64');

/**
 * The Sec-WebSocket-Accept that belongs to a key (RFC 6455 section 4.2.2).
 *
 * @param {string} key
 */
export const acceptFor = (key) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

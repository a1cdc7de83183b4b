// WebSockets over TLS that know which bytes must come: each on a socket, or a hundred as streams of a session.
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';

const STREAMS = 100;
const CONNECTING_AT_ONCE = 50;
const OPTIONS = { rejectUnauthorized: false };

export class SecureClient {
  #duplex;
  /** @type {Buffer} */
  #cycle = Buffer.alloc(0);
  #at = 0;
  #owed = 0;

  /** Called when all the bytes owed have come. */
  onComplete = () => {};

  constructor(/** @type {import('node:stream').Duplex} */ duplex) {
    this.#duplex = duplex;
    duplex.on('data', (/** @type {Buffer} */ chunk) => this.#read(chunk));
    duplex.on('close', () => {
      throw new Error('the server closed a connection');
    });
  }

  /** What the server sends from now on: this, over and over. */
  expect(/** @type {Buffer} */ cycle) {
    this.#cycle = cycle;
    this.#at = 0;
  }

  /** Send bytes, for which the server owes us `owed`. */
  send(/** @type {Buffer} */ bytes, /** @type {number} */ owed) {
    this.#owed += owed;
    this.#duplex.write(bytes);
  }

  #read(/** @type {Buffer} */ chunk) {
    const { length } = chunk;
    if (length > this.#owed)
      throw new Error(`${length - this.#owed} bytes arrived that were not expected`);
    const cycle = this.#cycle;
    for (let start = 0; start < length;) {
      const count = Math.min(length - start, cycle.length - this.#at);
      if (chunk.compare(cycle, this.#at, this.#at + count, start, start + count) !== 0) {
        throw new Error('the bytes that came are not the ones expected');
      }
      this.#at = (this.#at + count) % cycle.length;
      start += count;
    }
    this.#owed -= length;
    if (this.#owed === 0) this.onComplete();
  }
}

/** @returns {Promise<SecureClient>} */
async function openSocket(/** @type {number} */ port) {
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['http/1.1'], ...OPTIONS });
  await once(socket, 'secureConnect');
  socket.setNoDelay(true);
  socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  const [response] = await once(socket, 'data');
  if (!/^HTTP\/1\.1 101 [^]*\r\n\r\n$/.test(String(response)))
    throw new Error(`the upgrade was refused: ${response}`);
  return new SecureClient(socket);
}

/** @returns {Promise<SecureClient[]>} */
async function openStreams(/** @type {number} */ port, /** @type {number} */ count) {
  const session = connectHttp2(`https://127.0.0.1:${port}`, OPTIONS);
  await once(session, 'remoteSettings');
  return Promise.all(
    Array.from({ length: count }, async () => {
      const stream = session.request(
        {
          ':method': 'CONNECT',
          ':protocol': 'websocket',
          ':scheme': 'https',
          ':path': '/',
          ':authority': `127.0.0.1:${port}`,
          'sec-websocket-version': '13',
        },
        { endStream: false },
      );
      const [headers] = await once(stream, 'response');
      if (headers[':status'] !== 200)
        throw new Error(`the CONNECT was refused: ${headers[':status']}`);
      return new SecureClient(stream);
    }),
  );
}

/**
 * Open connections, some at a time.
 *
 * @param {'tls' | 'http2'} wire
 * @param {number} port
 * @param {number} count
 * @returns {Promise<SecureClient[]>}
 */
export async function openSecureClients(wire, port, count) {
  /** @type {SecureClient[]} */
  const clients = [];
  while (clients.length < count) {
    const left = count - clients.length;
    if (wire === 'http2') {
      clients.push(...(await openStreams(port, Math.min(left, STREAMS))));
    } else {
      const some = Array.from({ length: Math.min(left, CONNECTING_AT_ONCE) });
      clients.push(...(await Promise.all(some.map(() => openSocket(port)))));
    }
  }
  return clients;
}

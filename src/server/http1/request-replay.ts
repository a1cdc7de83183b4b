import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { parseTokens } from '../../protocol/handshake/http-grammar.js';
import { nodeReadsBodies } from './node-reads-bodies.js';
import { type RawSocket, rawSocketOf } from './raw-socket.js';

/** The header fields that ask for another protocol (RFC 9110 section 7.8; RFC 7540 section 3.2.1). */
const UPGRADE_FIELDS: ReadonlySet<string> = new Set(['upgrade', 'http2-settings']);

/**
 * Make a transport that begins with the bytes of a request, without its upgrade.
 *
 * @param socket the socket of the `'upgrade'` event: the transport itself, or a stand-in while Node
 * reads the request's body.
 * @param head the bytes after the request.
 */
export function replay(request: IncomingMessage, socket: Duplex, head: Buffer): Duplex {
  const raw = rawSocketOf(request, socket);
  raw.setTimeout?.(0); // it may run since an earlier response
  // On other runtimes a request is never complete, and there is no stand-in.
  if (!request.complete && raw !== socket) return new BodyReplay(request, socket, raw);
  socket.unshift(Buffer.concat([encodeHead(request), encodeBody(request), head]));
  return socket;
}

/** Encode the request line and header as received, without the fields of the upgrade. */
function encodeHead(request: IncomingMessage): Buffer {
  const { method, url, httpVersion, rawHeaders } = request;
  let head = `${method!} ${url!} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    let value = rawHeaders[at + 1]!;
    if (UPGRADE_FIELDS.has(name.toLowerCase())) continue;
    if (name.toLowerCase() === 'connection') {
      const options = (parseTokens(value) ?? []).filter(
        (option) => !UPGRADE_FIELDS.has(option.toLowerCase()),
      );
      if (options.length === 0) continue;
      value = options.join(', ');
    }
    head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}\r\n`, 'latin1');
}

/** Encode the body of a complete request; empty where Node has left the body on the socket. */
export function encodeBody(
  request: IncomingMessage,
  readsBodies: boolean = nodeReadsBodies(),
): Buffer {
  if (!readsBodies) return Buffer.alloc(0);
  const content = (request.read() as Buffer | null) ?? Buffer.alloc(0);
  if (!isChunked(request)) return content;
  return Buffer.concat([...(content.length > 0 ? [encodeChunk(content)] : []), lastChunk(request)]);
}

function isChunked(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined;
}

/** Encode a chunk of a chunked body (RFC 9112 section 7.1). */
function encodeChunk(content: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${content.length.toString(16)}\r\n`),
    content,
    Buffer.from('\r\n'),
  ]);
}

function lastChunk({ rawTrailers }: IncomingMessage): Buffer {
  let text = '0\r\n';
  for (let at = 0; at < rawTrailers.length; at += 2) {
    text += `${rawTrailers[at]!}: ${rawTrailers[at + 1]!}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}

/** The members that an application may use on the socket of a request. */
const DELEGATED = [
  'address',
  'authorizationError',
  'authorized',
  'alpnProtocol',
  'bytesRead',
  'bytesWritten',
  'encrypted',
  'getCertificate',
  'getCipher',
  'getPeerCertificate',
  'getPeerX509Certificate',
  'getProtocol',
  'getSession',
  'isSessionReused',
  'localAddress',
  'localFamily',
  'localPort',
  'ref',
  'remoteAddress',
  'remoteFamily',
  'remotePort',
  'servername',
  'setKeepAlive',
  'setNoDelay',
  'setTimeout',
  'unref',
] as const;

/**
 * The bytes of a request whose body Node is still reading: its head without the upgrade, its body as it
 * arrives, and the bytes after it. It replaces the socket, with the same address, timers and
 * certificates.
 */
class BodyReplay extends Duplex {
  readonly #request: IncomingMessage;
  readonly #socket: Duplex;
  #bodyEnded = false;

  /**
   * @param socket Node's stand-in, which gives the bytes after the body.
   * @param raw the socket below it.
   */
  constructor(request: IncomingMessage, socket: Duplex, raw: RawSocket) {
    super({ allowHalfOpen: true });
    this.#request = request;
    this.#socket = socket;
    for (const name of DELEGATED) {
      if (!(name in raw)) continue;
      Object.defineProperty(this, name, {
        get: () => {
          const value: unknown = (raw as unknown as Record<string, unknown>)[name];
          return typeof value === 'function' ? (value.bind(raw) as unknown) : value;
        },
      });
    }
    raw.on('timeout', () => this.emit('timeout'));
    socket.on('error', (error) => this.destroy(error)).on('close', () => this.destroy());
    this.push(encodeHead(request));
    request
      .on('data', (content: Buffer) => {
        this.#give(isChunked(request) ? encodeChunk(content) : content);
      })
      .on('end', () => {
        this.#bodyEnded = true;
        if (isChunked(request)) this.push(lastChunk(request));
        socket
          .on('data', (bytes: Buffer) => {
            this.#give(bytes);
          })
          .on('end', () => this.push(null));
      });
  }

  #give(bytes: Buffer): void {
    if (this.push(bytes)) return;
    (this.#bodyEnded ? this.#socket : this.#request).pause();
  }

  override _read(): void {
    (this.#bodyEnded ? this.#socket : this.#request).resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

/**
 * A client that is only a TCP socket, or a stream of HTTP/2: it sends whatever bytes it is told to,
 * split as it is told to, and reports every byte, end and reset it sees.
 * It knows nothing of the library under test.
 */
import { once } from 'node:events';
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describeFrame, FrameReader, type Frame } from './frames.js';

/** The key and accept value of the example in RFC 6455, section 1.3. */
export const SAMPLE_KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
export const SAMPLE_ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** The parts of an opening handshake; a header set to `null` is left out, an array is repeated. */
export interface RequestParts {
  /** @default 'GET' */
  method?: string;
  /** @default '/' */
  target?: string;
  /** @default 'HTTP/1.1' */
  version?: string;
  headers?: Record<string, string | string[] | null>;
}

/** The text of an opening handshake (section 4.1), forged where `parts` says so. */
export function upgradeRequest(parts: RequestParts = {}): string {
  const { method = 'GET', target = '/', version = 'HTTP/1.1' } = parts;
  const headers: Record<string, string | string[] | null> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': SAMPLE_KEY,
    'Sec-WebSocket-Version': '13',
    ...parts.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((one) => `${name}: ${one}`),
  );
  return [`${method} ${target} ${version}`, ...lines, '', ''].join('\r\n');
}

/** An HTTP response. Names of `headers` are in lower case, repeated ones appear repeatedly; over HTTP/2 there is only `header`. */
export interface RawResponse {
  status: number;
  statusLine: string;
  headers: [name: string, value: string][];
  /** The one value of a header, or undefined; throws when it appears more than once. */
  header: (name: string) => string | undefined;
  body: string;
}

interface Waiter {
  probe: () => boolean;
  settle: () => void;
}

/** How the server's half of the transport ended. */
export type Ending = 'end' | 'reset';

export class RawClient {
  readonly socket: Duplex;
  /** Every frame that has arrived, in order. */
  readonly frames: Frame[] = [];
  /** A wait that lasts so long has hung, in ms. */
  timeout = 120_000;

  readonly #reader = new FrameReader();
  readonly #waiters = new Set<Waiter>();
  #head: Buffer = Buffer.alloc(0);
  #response: RawResponse | undefined;
  #taken = 0;
  #ending: Ending | undefined;
  #fault: Error | undefined;
  readonly #isStream: boolean;
  /** The header fields of the response on a stream whose body is still to come. */
  #fields: IncomingHttpHeaders | undefined;

  /** Wraps a connected transport: TCP, TLS, a Unix socket, or a stream of HTTP/2 whose request was sent. */
  constructor(socket: Duplex) {
    this.socket = socket;
    this.#isStream = 'rstCode' in socket;
    socket.on('response', (fields: IncomingHttpHeaders) => {
      this.#fields = fields;
      if ((fields[':status'] as unknown) === 200) this.#readFields();
    });
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('end', () => {
      if (this.#isStream) {
        if (!this.#response && this.#fields) this.#readFields();
        // That of a stream comes for a reset, too, and in some versions of Node before its code.
        setImmediate(() => {
          this.#ending ??= this.#resetCode > 0 ? 'reset' : 'end';
          this.#wake();
        });
        return;
      }
      this.#ending ??= 'end';
      if (!this.#response) this.#take(Buffer.alloc(0)); // a body without a length ends here
      this.#wake();
    });
    socket.on('error', () => {
      this.#ending ??= 'reset';
      this.#wake();
    });
    socket.on('close', () => {
      // A server resets with NO_ERROR after its end if it waits for nothing more (RFC 9113 section 8.1).
      this.#ending ??= this.#isStream && this.#resetCode === 0 ? 'end' : 'reset';
      this.#wake();
    });
  }

  /** The code of the RST_STREAM that came; 0 without one. */
  get #resetCode(): number {
    return (this.socket as Duplex & { rstCode?: number }).rstCode ?? 0;
  }

  /** Connects to a port of this machine, a Unix socket's path, or what `net.connect` takes. Nothing is sent yet. */
  static async connect(target: number | string | NetConnectOpts): Promise<RawClient> {
    const options: NetConnectOpts =
      typeof target === 'number'
        ? { port: target, host: '127.0.0.1' }
        : typeof target === 'string'
          ? { path: target }
          : target;
    const socket: Socket = connect({ ...options, allowHalfOpen: true });
    socket.setNoDelay(true);
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Connects and performs the opening handshake; fails unless the answer is 101. */
  static async open(
    target: number | string | NetConnectOpts,
    request: string = upgradeRequest(),
  ): Promise<RawClient> {
    const client = await RawClient.connect(target);
    client.send(request);
    const response = await client.response();
    if (response.status !== 101) {
      client.destroy();
      throw new Error(`expected 101, got "${response.statusLine}": ${response.body}`);
    }
    return client;
  }

  /** What the server's half did so far: undefined while it is open. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** Sends bytes, or text as UTF-8, in one write. */
  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Sends each chunk in a write, and where possible a TCP segment, of its own. */
  async sendChunks(chunks: Iterable<Uint8Array>): Promise<void> {
    for (const chunk of chunks) {
      if (this.socket.destroyed) return;
      this.socket.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Ends our half of the transport (FIN); the server's may go on. */
  finish(): void {
    this.socket.end();
  }

  /** Breaks the connection: the server sees a reset (RST, or RST_STREAM). */
  reset(): void {
    if (!this.#isStream) {
      (this.socket as Duplex & Pick<Socket, 'resetAndDestroy'>).resetAndDestroy();
      return;
    }
    // `close` would send END_STREAM before the reset.
    const reset = (): void => void this.socket.destroy(new Error('reset'));
    // In its 'end' Node 20 would free what nghttp2 still reads, and the process would crash (nodejs/node#64113).
    if (this.socket.readableEnded) setImmediate(reset);
    else reset();
  }

  /** Lets go of the socket, which is the session's for a stream; for the end of a test. */
  destroy(): void {
    if (this.#isStream) (this.socket as ClientHttp2Stream).session?.destroy();
    this.socket.destroy();
  }

  /** The response to the opening handshake, with its whole body unless it is a 101. */
  async response(): Promise<RawResponse> {
    await this.#until('a complete HTTP response', () => this.#response !== undefined);
    return this.#response as RawResponse;
  }

  /** The next frame that has not been taken by an earlier call. */
  async frame(): Promise<Frame> {
    await this.#until('a frame', () => this.frames.length > this.#taken);
    return this.frames[this.#taken++] as Frame;
  }

  /** The next frame, in the words of `describeFrame`. */
  async words(): Promise<string> {
    return describeFrame(await this.frame());
  }

  /** The server's Close frame: its code (1005 if it has none) and reason. Frames before it are left out. */
  async close(): Promise<{ code: number; reason: string }> {
    const find = (): Frame | undefined => this.frames.find((frame) => frame.opcode === 8);
    await this.#until('a Close frame', () => find() !== undefined);
    const { payload } = find() as Frame;
    return {
      code: payload.length < 2 ? 1005 : payload.readUInt16BE(0),
      reason: payload.subarray(2).toString(),
    };
  }

  /** Waits until the server ends its half: `'end'` for an orderly end (FIN), `'reset'` for anything else. */
  async ended(): Promise<Ending> {
    await this.#until('the end of the transport', () => this.#ending !== undefined, true);
    return this.#ending as Ending;
  }

  /** All that was received, in words. */
  received(): string[] {
    return this.frames.map(describeFrame);
  }

  #take(chunk: Buffer): void {
    try {
      if (this.#response?.status === 101 || (this.#isStream && this.#response)) {
        this.frames.push(...this.#reader.push(chunk));
      } else {
        this.#head = Buffer.concat([this.#head, chunk]);
        if (!this.#isStream) this.#readResponse();
      }
    } catch (error) {
      this.#fault = error as Error;
    }
    this.#wake();
  }

  /** The response on a stream, with the body that has come. */
  #readFields(): void {
    const fields = this.#fields!;
    const status = fields[':status'] as unknown as number;
    const header = (name: string): string | undefined => fields[name.toLowerCase()]?.toString();
    const body = this.#head.toString();
    this.#response = { status, statusLine: String(status), headers: [], header, body };
    this.#wake();
  }

  #readResponse(): void {
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const [statusLine = '', ...lines] = this.#head.toString('latin1', 0, end).split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1]);
    if (!status) throw new Error(`not a status line: "${statusLine}"`);
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    const header = (name: string): string | undefined => {
      const values = headers.filter(([key]) => key === name.toLowerCase());
      if (values.length > 1)
        throw new Error(`the response has ${name} ${String(values.length)} times`);
      return values[0]?.[1];
    };
    const rest = this.#head.subarray(end + 4);
    const body = status === 101 ? '' : readBody(rest, header, this.#ending !== undefined);
    if (body === undefined) return;
    this.#response = { status, statusLine, headers, header, body };
    if (status === 101) this.frames.push(...this.#reader.push(rest));
  }

  #wake(): void {
    for (const { probe, settle } of [...this.#waiters]) {
      if (this.#fault || this.#ending || probe()) settle();
    }
  }

  async #until(what: string, probe: () => boolean, endIsFine = false): Promise<void> {
    if (!probe() && !this.#fault && !this.#ending) {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve();
        };
        const waiter: Waiter = { probe, settle };
        const timer = setTimeout(settle, this.timeout);
        this.#waiters.add(waiter);
      });
    }
    if (this.#fault) throw this.#fault;
    if (probe()) return;
    const state =
      this.#ending && !endIsFine
        ? `the transport saw ${this.#ending}`
        : `${String(this.timeout)} ms passed`;
    throw new Error(
      `waited for ${what}, but ${state}. Response: ${this.#response?.statusLine ?? 'none'}; ` +
        `frames: ${this.received().join(', ') || 'none'}; unread: ${this.#reader.rest.toString('hex') || 'none'}`,
    );
  }
}

/** The body of a response, or undefined while it is not all there (RFC 9112, section 6.3). */
function readBody(
  bytes: Buffer,
  header: RawResponse['header'],
  ended: boolean,
): string | undefined {
  if (header('Transfer-Encoding')?.toLowerCase() === 'chunked') {
    let body = '';
    for (let at = 0; ;) {
      const line = bytes.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const length = parseInt(bytes.toString('latin1', at, line), 16);
      if (Number.isNaN(length))
        throw new Error(`not a chunk size at byte ${String(at)} of the body`);
      at = line + 2 + length + 2;
      if (at > bytes.length) return undefined;
      if (length === 0) return body;
      body += bytes.toString('utf8', line + 2, line + 2 + length);
    }
  }
  const length = header('Content-Length');
  if (length === undefined) return ended ? bytes.toString() : undefined;
  return bytes.length < Number(length) ? undefined : bytes.toString('utf8', 0, Number(length));
}

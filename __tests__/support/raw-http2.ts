import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { eventually, later } from './server.js';

/** Types of frames, RFC 9113 section 6. */
export const Type = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A frame of HTTP/2, written byte by byte, so that it can break every rule. */
export function http2Frame(
  type: number,
  flags: number,
  id: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, payload]);
}

/** Fields as literals that are not indexed, RFC 7541 section 6.2.2: names and values shorter than 127 bytes. */
export function fieldBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const string = (text: string): Buffer =>
    Buffer.concat([Buffer.from([Buffer.byteLength(text)]), Buffer.from(text)]);
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]),
  );
}

/** The fields of an extended CONNECT, with others in their place or after them; `undefined` leaves one out. */
export function connectFields(
  others: Readonly<Record<string, string | undefined>> = {},
): [string, string][] {
  const all: Record<string, string | undefined> = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': '/',
    ':authority': 'localhost',
    'sec-websocket-version': '13',
    ...others,
  };
  return Object.entries(all).filter((field): field is [string, string] => field[1] !== undefined);
}

/** An extended CONNECT as one HEADERS frame. */
export function connectFrame(id: number, others?: Record<string, string | undefined>): Buffer {
  return http2Frame(Type.HEADERS, END_HEADERS, id, fieldBlock(connectFields(others)));
}

interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

/** A client of HTTP/2 without TLS that sends frames as it likes, and never opens a window unless told to. */
export class RawSession {
  /** All frames but DATA. */
  readonly frames: Http2Frame[] = [];
  readonly #data = new Map<number, Buffer[]>();
  readonly #lengths = new Map<number, number>();
  isOver = false;
  readonly socket: Socket;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isOver = true;
    });
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    later(() => socket.destroy());
  }

  /** Connect, and send the preface with these first frames in one packet. */
  static async open(port: number, ...first: Buffer[]): Promise<RawSession> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const session = new RawSession(socket);
    socket.write(Buffer.concat([PREFACE, http2Frame(Type.SETTINGS, 0, 0), ...first]));
    return session;
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Send the same bytes again and again, as fast as the socket takes them, until the server ends the session or reads no more. */
  async flood(bytes: Buffer, times: number): Promise<void> {
    for (let count = 0; count < times && !this.isOver; count++) {
      if (this.socket.write(bytes)) continue;
      const isRead = await new Promise<boolean>((resolve) => {
        const isStuck = setTimeout(resolve, 1000, false);
        const go = (): void => {
          clearTimeout(isStuck);
          this.socket.off('drain', go).off('close', go);
          resolve(true);
        };
        this.socket.once('drain', go).once('close', go);
      });
      if (!isRead) return;
    }
  }

  /** The bytes of payload that have come on a stream. */
  receivedLength(id: number): number {
    return this.#lengths.get(id) ?? 0;
  }

  /** The payload that has come on a stream. */
  received(id: number): Buffer {
    return Buffer.concat(this.#data.get(id) ?? []);
  }

  /** Wait for a frame, or for the end of the socket. */
  async has(what: string, test: (frame: Http2Frame) => boolean): Promise<Http2Frame | undefined> {
    await eventually(what, () => this.isOver || this.frames.some(test));
    return this.frames.find(test);
  }

  /** The server has said GOAWAY, or has closed the socket. */
  async refused(): Promise<void> {
    await this.has('GOAWAY or the end of the socket', ({ type }) => type === Type.GOAWAY);
  }

  #take(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3);
      const [type, id] = [bytes.readUInt8(3), bytes.readUInt32BE(5)];
      const payload = bytes.subarray(9, end);
      if (type === Type.DATA) {
        const chunks = this.#data.get(id);
        if (chunks === undefined) this.#data.set(id, [payload]);
        else chunks.push(payload);
        this.#lengths.set(id, this.receivedLength(id) + payload.length);
      } else {
        this.frames.push({ type, flags: bytes.readUInt8(4), id, payload });
      }
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}

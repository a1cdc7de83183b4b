import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { bodyNotEmpty, EmptyChunkedBody } from '../../protocol/handshake/empty-body.js';
import { nodeReadsBodies } from './node-reads-bodies.js';

/** `0`, the first byte of an empty chunked body. It cannot begin a frame, because it would set RSV2. */
const ZERO = 0x30;

/**
 * The chunked body of an upgrade request, which must be empty. Node up to 24 leaves it on the socket,
 * before the first frame. Node 26 reads it as the request's body, and may emit `'upgrade'` before its
 * end.
 */
export class UpgradeBody {
  /** Resolves at the end of the body; rejects if the body is not empty. */
  readonly ended: Promise<void>;
  #isComplete = false;
  /** Parses a body that is on the socket. */
  readonly #onSocket = new EmptyChunkedBody();
  /** Whether the body is on the socket; `undefined` while that is not known. */
  #isOnSocket: true | undefined;
  readonly #request: IncomingMessage;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(request: IncomingMessage, readsBodies: boolean = nodeReadsBodies()) {
    this.#request = request;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.ended.catch(() => undefined); // it may reject when nothing waits for it any more
    if (typeof (request as Partial<IncomingMessage>).resume !== 'function') {
      this.#isOnSocket = true; // the application made the request
    } else if (!request.complete) {
      request.on('data', this.#onData).on('end', this.#onEnd).resume();
    } else if (readsBodies) {
      if (request.readableLength > 0) this.#onData();
      else this.#onEnd();
    } else {
      this.#isOnSocket = true;
    }
  }

  /** Whether it has ended, and was empty. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * Take bytes of the socket.
   *
   * @returns the bytes after the body.
   */
  take(chunk: Buffer): Buffer {
    if (this.#isComplete || chunk.length === 0) return chunk;
    if (this.#isOnSocket === undefined) {
      if (chunk[0] !== ZERO) {
        this.#onEnd(); // else these bytes would not be here; the request's own 'end' comes later
        return chunk;
      }
      this.#release();
      this.#isOnSocket = true;
    }
    try {
      const rest = this.#onSocket.push(chunk);
      if (rest === undefined) return Buffer.alloc(0);
      this.#onEnd();
      return chunk.subarray(chunk.length - rest.length);
    } catch (error) {
      this.#fail(error);
      return Buffer.alloc(0);
    }
  }

  readonly #onData = (): void => {
    this.#fail(bodyNotEmpty());
  };

  readonly #onEnd = (): void => {
    this.#release();
    this.#isComplete = true;
    this.#resolve();
  };

  #fail(error: unknown): void {
    this.#release();
    this.#reject(error);
  }

  #release(): void {
    if (this.#isOnSocket !== true) this.#request.off('data', this.#onData).off('end', this.#onEnd);
  }
}

import { compressBroadcast, compressBroadcastAsync } from './compressed-broadcasts.js';
import type { PermessageDeflate } from './permessage-deflate.js';
import type { Job, PendingCalls } from '../send/pending-calls.js';
import type { Outbox } from '../send/outbox.js';
import type { Deflater } from '../../protocol/deflate/contexts.js';
import { FIN, Opcode, RSV1 } from '../../protocol/framing/frame.js';
import type { PreparedMessage } from '../../protocol/framing/prepared-message.js';
import { encodeText } from '../../protocol/text/utf8-codec.js';

const TEXT: number = FIN | Opcode.Text;

/** The sender, as far as it concerns compression. */
interface OutgoingDeflateOwner {
  /** The calls that wait while a long message is being compressed. */
  readonly calls: PendingCalls;
}

/**
 * The step between `send` and the outbox where permessage-deflate was negotiated: it decides which
 * messages are compressed, a short one at once, a long one by `LongMessages`.
 */
export class OutgoingDeflate {
  readonly #owner: OutgoingDeflateOwner;
  readonly #outbox: Outbox;
  readonly #compression: PermessageDeflate;
  /** Our frames are masked, so connections cannot share them. */
  readonly #masks: boolean;

  constructor(
    owner: OutgoingDeflateOwner,
    outbox: Outbox,
    compression: PermessageDeflate,
    masks: boolean,
  ) {
    this.#owner = owner;
    this.#outbox = outbox;
    this.#compression = compression;
    this.#masks = masks;
  }

  // Each of these returns whether it has sent the message, or will. If not, the caller sends it uncompressed.

  text(text: string, compress: boolean | undefined): boolean {
    // A character is one to three bytes: mostly there is no need to count them.
    if (compress === undefined && text.length * 3 < this.#compression.threshold) return false;
    if (compress === false) return false;
    const bytes = encodeText(text);
    return this.#isWanted(bytes.length, compress) && this.#send(TEXT, bytes, true);
  }

  bytes(byte0: number, bytes: Uint8Array, compress: boolean | undefined): boolean {
    return this.#isWanted(bytes.length, compress) && this.#send(byte0, bytes, false);
  }

  /**
   * Begin a message that is compressed frame by frame.
   *
   * @param first what its first frame has; by this it is decided.
   * @returns the compressor, to be released at the end, and the first frame's payload without its tail;
   * `undefined` if the message is not to be compressed.
   */
  begin(
    first: Uint8Array,
    compress: boolean | undefined,
  ): { readonly deflater: Deflater; readonly payload: Buffer } | undefined {
    if (!this.#isWanted(first.length, compress)) return undefined;
    const deflater = this.#compression.openDeflater();
    const payload = deflater.deflate(first);
    if (compress === true || payload.length < first.length) return { deflater, payload };
    deflater.release();
    return undefined;
  }

  /** Send a prepared message. It is compressed once for all connections without a context of their own. */
  prepared(message: PreparedMessage, compress: boolean | undefined): boolean {
    if (!this.#isWanted(message.payloadLength, compress)) return false;
    const compression = this.#compression;
    if (this.#masks || !compression.isShareable) {
      return this.#send(FIN | message.opcode, message.payload, false);
    }
    const frame = compressBroadcast(message, compression);
    if (frame !== undefined) {
      this.#outbox.frame(frame);
      return true;
    }
    const job = this.#begin(message.payloadLength, () => {
      this.#outbox.frame(message.frame);
    });
    compressBroadcastAsync(message, compression, (compressed) => {
      this.#finish(job, () => {
        this.#outbox.frame(compressed);
      });
    });
    return true;
  }

  /** The connection has ended. */
  close(): void {
    this.#compression.close();
  }

  /** Whether a message is to be compressed, if it becomes shorter. */
  #isWanted(length: number, compress: boolean | undefined): boolean {
    return compress ?? length >= this.#compression.threshold;
  }

  /** @param isOurs the application does not have the bytes. */
  #send(byte0: number, bytes: Uint8Array, isOurs: boolean): boolean {
    const compression = this.#compression;
    const payload = compression.deflate(bytes);
    if (payload !== undefined) {
      // A message that does not shrink is sent uncompressed, unless later messages may refer to it.
      if (payload.length >= bytes.length && compression.isShareable) return false;
      this.#outbox.bytes(byte0 | RSV1, payload, true);
      return true;
    }
    // A copy: if the application detached its bytes while zlib reads them, the process would crash.
    const message = isOurs ? bytes : Buffer.from(bytes);
    const sendUncompressed = (): void => {
      this.#outbox.bytes(byte0, message);
    };
    const job = this.#begin(message.length, sendUncompressed);
    compression.deflateAsync(message, (compressed) => {
      this.#finish(job, () => {
        if (compressed === undefined || compressed.length >= message.length) sendUncompressed();
        else this.#outbox.bytes(byte0 | RSV1, compressed, true);
      });
    });
    return true;
  }

  /** @param sendUncompressed sends the message if it cannot wait to be compressed. */
  #begin(bytes: number, sendUncompressed: () => void): Job {
    const job = this.#owner.calls.begin(bytes, () => {
      sendUncompressed();
      this.#callBack(job);
    });
    return job;
  }

  #finish(job: Job, send: () => void): void {
    this.#owner.calls.finish(job, () => {
      send();
      this.#callBack(job);
    });
  }

  #callBack({ callback }: Job): void {
    if (callback !== undefined) this.#outbox.whenWritten(callback);
  }
}

import type { PermessageDeflate } from './permessage-deflate.js';
import type { Job, PendingCalls } from '../send/pending-calls.js';
import type { Outbox } from '../send/outbox.js';
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

  // Each of these says whether it has sent the message, or will. If not, it is to go out as it is.

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

  /** Compressed once for all the connections that need no context of their own. */
  prepared(message: PreparedMessage, compress: boolean | undefined): boolean {
    if (!this.#isWanted(message.payloadLength, compress)) return false;
    const compression = this.#compression;
    if (this.#masks || !compression.isShareable) {
      return this.#send(FIN | message.opcode, message.payload, false);
    }
    const frame = compression.compressFrame(message);
    if (frame !== undefined) {
      this.#outbox.frame(frame);
      return true;
    }
    const job = this.#begin(message.payloadLength, () => {
      this.#outbox.frame(message.frame);
    });
    compression.compressFrameAsync(message, (compressed) => {
      this.#finish(job, () => {
        this.#outbox.frame(compressed);
      });
    });
    return true;
  }

  /** The connection is gone. */
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
      // Where nothing will refer to it, what does not shrink may as well go out as it is.
      if (payload.length >= bytes.length && compression.isShareable) return false;
      this.#outbox.bytes(byte0 | RSV1, payload);
      return true;
    }
    // The application may detach its bytes, and then zlib ends the process.
    const message = isOurs ? bytes : Buffer.from(bytes);
    const sendAsItIs = (): void => {
      this.#outbox.bytes(byte0, message);
    };
    const job = this.#begin(message.length, sendAsItIs);
    compression.deflateAsync(message, (compressed) => {
      this.#finish(job, () => {
        if (compressed === undefined || compressed.length >= message.length) sendAsItIs();
        else this.#outbox.bytes(byte0 | RSV1, compressed);
      });
    });
    return true;
  }

  /** @param sendAsItIs sends the message where there is no time to compress it. */
  #begin(bytes: number, sendAsItIs: () => void): Job {
    const job = this.#owner.calls.begin(bytes, () => {
      sendAsItIs();
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

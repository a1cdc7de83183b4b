import { AsyncResource } from 'node:async_hooks';
import { ConnectionError } from '../close/connection-error.js';
import { neutral } from '../neutral-context.js';
import { type BlobLike, checkText, toBytes } from '../../protocol/framing/payload.js';
import type { PendingCalls } from './pending-calls.js';
import { rejectCallback, type SendCallback } from './send-callbacks.js';
import type { SendOptions } from './send-options.js';

/** What a call with a Blob needs of the sender. */
interface BlobSender {
  /** Where the calls wait that come after it. */
  readonly calls: PendingCalls;
  /** Queue the content as a message. */
  queue(
    data: Uint8Array,
    bytes: Uint8Array,
    binary: boolean | undefined,
    compress: boolean | undefined,
    callback: SendCallback | undefined,
  ): void;
  /** A message that was accepted cannot be sent. */
  unsendable(error: ConnectionError): void;
}

/**
 * A call of `send` with a Blob that was admitted. The Blob is read when everything before it is sent,
 * in the async context of the call.
 */
export class BlobCall extends AsyncResource {
  /** Bytes that it counts while it waits. */
  readonly size: number;
  readonly #sender: BlobSender;
  readonly #blob: BlobLike;
  readonly #options: SendOptions;
  readonly #callback: SendCallback | undefined;

  constructor(
    sender: BlobSender,
    blob: BlobLike,
    options: SendOptions | undefined,
    callback: SendCallback | undefined,
  ) {
    super('hawser.send');
    this.size = sizeOf(blob);
    this.#sender = sender;
    this.#blob = blob;
    this.#options = options ?? {};
    this.#callback = callback;
  }

  /** Read the Blob and send it. What is called meanwhile waits. */
  read(): void {
    const { calls } = this.#sender;
    const { binary, compress } = this.#options;
    const callback = this.#callback;
    const job = calls.begin(this.size);
    job.callback = callback;
    const content = this.runInAsyncScope(readBlob, undefined, this.#blob, binary === false);
    const send = (bytes: Uint8Array): void => {
      calls.finish(job, () => {
        this.runInAsyncScope(() => {
          this.#sender.queue(bytes, bytes, binary, compress, callback);
        });
      });
    };
    const fail = (error: ConnectionError): void => {
      if (calls.job !== job) return; // it was discarded meanwhile
      job.callback = undefined;
      this.reject(error);
      this.#sender.unsendable(error);
    };
    // What is sent after it must not get this call's context.
    neutral.runInAsyncScope(() => void content.then(send, fail));
  }

  /** It is not sent, for this reason. */
  reject(reason: Error): void {
    if (this.#callback !== undefined) rejectCallback(this.#callback, reason);
  }
}

/** Bytes that a Blob counts while it waits. One of the application's own making may claim anything. */
export function sizeOf({ size }: BlobLike): number {
  return Number.isSafeInteger(size) && size > 0 ? size : 0;
}

/**
 * The content of a Blob.
 *
 * @throws ConnectionError if it cannot be read, or is to be sent as Text and is not UTF-8.
 */
export async function readBlob(blob: BlobLike, isText: boolean): Promise<Uint8Array> {
  try {
    const bytes = toBytes(await blob.arrayBuffer());
    if (isText) checkText(bytes);
    return bytes;
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new ConnectionError('ERR_BLOB_UNREADABLE', { detail, cause: error });
  }
}

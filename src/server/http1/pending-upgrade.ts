import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admitted } from '../admission/admission.js';
import { PendingRequest } from '../pending-request.js';
import { earlierResponses } from './earlier-responses.js';
import { rawSocketOf, writtenTo } from './raw-socket.js';
import { UpgradeBody } from './upgrade-body.js';

/**
 * An admitted upgrade request of HTTP/1.1 that is not decided yet. It waits for the responses to earlier
 * requests on its socket, and for its own body.
 */
export class PendingUpgrade extends PendingRequest {
  /** The chunked body that comes before the first frame. It must be empty. */
  readonly body: UpgradeBody | undefined;
  /** The bytes written to the transport when `authorize` was called; `undefined` before that. */
  #writtenBefore: number | undefined;

  /** @param head bytes that came after the request. */
  constructor(request: IncomingMessage, socket: Duplex, head: Buffer, admitted: Admitted) {
    const body = admitted.handshake.hasChunkedBody ? new UpgradeBody(request) : undefined;
    super(request, socket, body === undefined ? head : body.take(head), admitted);
    this.body = body;
  }

  /** `authorize` is about to be called. Bytes written after this are another listener's. */
  override markAsked(): void {
    super.markAsked();
    this.#writtenBefore = writtenTo(this.request, this.socket);
  }

  /** Whether it is too late: the socket is gone, or another listener has ended it or written to it. */
  override isServed(): boolean {
    if (super.isServed()) return true;
    const before = this.#writtenBefore;
    return before !== undefined && writtenTo(this.request, this.socket) > before;
  }

  /**
   * Wait until the request may be answered: after the responses to earlier requests, and after its
   * body.
   *
   * @returns `undefined` if that is now.
   */
  override ready(): Promise<void> | undefined {
    const earlier = earlierResponses(rawSocketOf(this.request, this.socket));
    return earlier === undefined ? this.#bodyEnded() : earlier.then(() => this.#bodyEnded());
  }

  #bodyEnded(): Promise<void> | undefined {
    // RFC 9110 section 7.8: the 100 comes before the 101.
    if (/^100-continue$/i.test(this.request.headers.expect ?? '') && this.socket.writable) {
      this.socket.write('HTTP/1.1 100 Continue\r\n\r\n', 'latin1');
    }
    return this.body === undefined || this.body.isComplete ? undefined : this.body.ended;
  }

  protected override takeEarly(chunk: Buffer): Buffer {
    return this.body === undefined ? chunk : this.body.take(chunk);
  }
}

import type { ServerHttp2Stream } from 'node:http2';
import { PendingRequest } from '../pending-request.js';

/** An admitted extended CONNECT that is not decided yet. */
export class PendingStream extends PendingRequest<ServerHttp2Stream> {
  /** Whether it is too late: the stream is gone, or another listener has answered. */
  override isServed(): boolean {
    return super.isServed() || this.socket.headersSent;
  }
}

import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Deadlines } from '../../connection/limits/deadlines.js';
import { toHttp2Fields } from '../../protocol/handshake/extended-connect.js';
import type { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';
import { rejectionContent } from '../rejection-content.js';
import { ErrorCode } from './error-codes.js';
import { cancelStream, destroyIfClosed } from './stream-transport.js';

/** So many requests of one session may be rejected for faults of the client. */
const MAX_REJECTIONS = 1000;

/** How many requests of each session were rejected. */
const rejections = new WeakMap<Http2Session, number>();

/**
 * Answer an extended CONNECT with a rejection and end the stream. The client is told to send nothing more (RFC
 * 9113 section 8.1); what it still sends is discarded. A session with a thousand rejections is closed: it opens
 * no more streams, and those that are open go on.
 *
 * @param lingerMs milliseconds that the client has to take the answer.
 */
export function rejectStream(
  stream: ServerHttp2Stream,
  rejection: UpgradeRejection,
  deadlines: Deadlines,
  lingerMs: number,
): void {
  if (stream.headersSent || !stream.writable) return;
  const { session } = stream;
  const { status } = rejection;
  const { headers, text } = rejectionContent(rejection);
  const deadline = deadlines.start(lingerMs, () => {
    cancelStream(stream);
  });
  stream.once('close', () => {
    deadline.cancel();
  });
  stream.on('end', destroyIfClosed).resume();
  stream.respond({ ':status': status, ...toHttp2Fields(headers) });
  stream.once('finish', () => {
    stream.close(ErrorCode.NO_ERROR);
  });
  stream.end(text);
  if (status < 500) countRejection(session!);
}

function countRejection(session: Http2Session): void {
  const count = (rejections.get(session) ?? 0) + 1;
  rejections.set(session, count);
  // Node 22 aborts the process if the session ends while it still reads.
  if (count === MAX_REJECTIONS)
    setImmediate(() => {
      session.close();
    });
}

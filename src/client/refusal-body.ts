import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';

/** The most bytes of a refusal's body that are kept. */
const MAX_BODY = 64 * 1024;

/**
 * Read the body of a response that refuses a handshake: all of it, 64 KiB, or what has come when it breaks off.
 *
 * @returns what has come so far.
 */
export function readBody(response: Readable, done: () => void): () => Buffer {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= MAX_BODY) done();
  });
  // A body that breaks off is as good as a whole one.
  response.on('error', () => undefined);
  response.on('end', done).on('close', done);
  return () => Buffer.concat(chunks).subarray(0, MAX_BODY);
}

import { UpgradeRejection } from './upgrade-rejection.js';

/** The most bytes of an empty chunked body: its size line with extensions, and its trailers. */
const MAX_BYTES = 16 * 1024;

/** The rejection of an upgrade request whose body has content. */
export function bodyNotEmpty(): UpgradeRejection {
  return bad('a WebSocket handshake has no body, but this request has one that is not empty');
}

/**
 * Check the body that an upgrade request announces (RFC 9112 section 6.3). An empty body is legal, and
 * some proxies add one. A request with content cannot be a WebSocket handshake.
 *
 * @returns whether an empty chunked body follows the header, which has to be read.
 * @throws UpgradeRejection for a body that is not empty, or whose length is in doubt.
 */
export function announcesChunks(
  length: string | undefined,
  transferEncoding: string | undefined,
): boolean {
  if (transferEncoding === undefined) {
    if (length === undefined || /^[ \t]*0+[ \t]*$/.test(length)) return false;
    if (/^[ \t]*\d+[ \t]*$/.test(length)) throw bodyNotEmpty();
    throw bad('Content-Length is not a number (RFC 9110 section 8.6)');
  }
  if (length !== undefined) {
    throw bad('Content-Length and Transfer-Encoding contradict each other (RFC 9112 section 6.3)');
  }
  if (!/^[ \t]*chunked[ \t]*$/i.test(transferEncoding)) {
    throw bad('a WebSocket handshake has no body; the only supported Transfer-Encoding is chunked');
  }
  return true;
}

/** Reads a chunked body that has to be empty (RFC 9112 section 7.1), in pieces of any size. */
export class EmptyChunkedBody {
  #line = '';
  #bytes = 0;
  #sizeSeen = false;

  /**
   * Take the next bytes.
   *
   * @returns the bytes after the body, or `undefined` before its end.
   * @throws UpgradeRejection for a body that is not empty, not chunked, or too long.
   */
  push(chunk: Uint8Array): Uint8Array | undefined {
    for (let at = 0; at < chunk.length; at++) {
      if (++this.#bytes > MAX_BYTES) throw bad(`the trailers are longer than ${MAX_BYTES} bytes`);
      const byte = chunk[at]!;
      if (byte !== 0x0a) {
        this.#line += String.fromCharCode(byte);
        continue;
      }
      if (!this.#line.endsWith('\r')) throw bad('a line of the chunked body does not end in CR LF');
      const line = this.#line.slice(0, -1);
      this.#line = '';
      if (!this.#sizeSeen) {
        checkLastChunk(line);
        this.#sizeSeen = true;
      } else if (line === '') {
        return chunk.subarray(at + 1);
      }
    }
    return undefined;
  }
}

/** The line of the last chunk: a size of zero, perhaps with extensions. */
function checkLastChunk(line: string): void {
  const size = /^([0-9A-Fa-f]+)[ \t]*(?:;|$)/.exec(line)?.[1];
  if (size === undefined) throw bad('the body is not chunked, as Transfer-Encoding says it is');
  if (/[^0]/.test(size)) throw bodyNotEmpty();
}

function bad(body: string): UpgradeRejection {
  return new UpgradeRejection(400, { body });
}

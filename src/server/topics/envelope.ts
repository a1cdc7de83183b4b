import { Buffer } from 'node:buffer';

/** What stands at the beginning of an envelope. */
export interface EnvelopeHeader {
  /** The node that published it, as 16 hexadecimal digits. */
  readonly node: string;
  /** Grows when the node begins to count this topic's messages again. */
  readonly epoch: number;
  /** The number of the first message in it, counted for node, topic and epoch. */
  readonly first: number;
  /** When it was sent, in milliseconds since 1970 by the clock of that node. */
  readonly sentAt: number;
}

/** A message in an envelope. */
export interface EnvelopeMessage {
  readonly payload: Uint8Array;
  readonly binary: boolean;
  readonly compress: boolean | undefined;
  readonly droppable: boolean;
  readonly key: string | undefined;
  readonly retain: boolean;
}

// version (1 byte), node (8), epoch (4), number of the first message (6), time of sending (8); then the messages:
// flags (1), the key's length (1) and the key if there is one, the payload's length (4), the payload.
const VERSION = 1;
const NODE_AT = 1;
const EPOCH_AT = 9;
const FIRST_AT = 13;
const SENT_AT = 19;
const HEADER_BYTES = 27;
const FLAGS_BYTES = 1;
const KEY_LENGTH_BYTES = 1;
const PAYLOAD_LENGTH_BYTES = 4;

const BINARY = 1;
const HAS_KEY = 2;
const RETAIN = 4;
const DROPPABLE = 8;
const COMPRESS_GIVEN = 16;
const COMPRESS = 32;

const NO_MEMORY = Buffer.alloc(0);

/** Bytes of an envelope without messages. */
export const EMPTY_ENVELOPE_BYTES: number = HEADER_BYTES;

/** Bytes that a message takes in an envelope. */
export function bytesInEnvelope({ payload, key }: EnvelopeMessage): number {
  const keyBytes = key === undefined ? 0 : KEY_LENGTH_BYTES + Buffer.byteLength(key);
  return FLAGS_BYTES + keyBytes + PAYLOAD_LENGTH_BYTES + payload.length;
}

/** An envelope that is being filled. It has a copy of each message from the moment that it is added. */
export class EnvelopeWriter {
  /** Messages in it. */
  count = 0;
  /** Bytes in it. */
  bytes: number = EMPTY_ENVELOPE_BYTES;
  #memory: Buffer = NO_MEMORY;

  /** @param size what {@link bytesInEnvelope} returns for the message. */
  add(message: EnvelopeMessage, size: number): void {
    let at = this.bytes;
    const end = at + size;
    if (end > this.#memory.length) this.#grow(end);
    const memory = this.#memory;
    const { key, payload } = message;
    at = memory.writeUInt8(flagsOf(message), at);
    if (key !== undefined) {
      const length = memory.write(key, at + KEY_LENGTH_BYTES);
      at = memory.writeUInt8(length, at) + length;
    }
    memory.set(payload, memory.writeUInt32BE(payload.length, at));
    this.bytes = end;
    this.count++;
  }

  /** Write the header. @returns the envelope, complete. */
  finish({ node, epoch, first, sentAt }: EnvelopeHeader): Buffer {
    if (this.count === 0) this.#grow(EMPTY_ENVELOPE_BYTES);
    const envelope = this.#memory.subarray(0, this.bytes);
    envelope.writeUInt8(VERSION);
    envelope.write(node, NODE_AT, 'hex');
    envelope.writeUInt32BE(epoch, EPOCH_AT);
    envelope.writeUIntBE(first, FIRST_AT, 6);
    envelope.writeDoubleBE(sentAt, SENT_AT);
    return envelope;
  }

  /** Exactly for the first message, which mostly stays alone; after that by doubling. */
  #grow(end: number): void {
    const old = this.#memory;
    this.#memory = Buffer.allocUnsafe(Math.max(end, 2 * old.length));
    old.copy(this.#memory, 0, 0, this.bytes);
  }
}

function flagsOf({ binary, key, retain, droppable, compress }: EnvelopeMessage): number {
  return (
    (binary ? BINARY : 0) |
    (key === undefined ? 0 : HAS_KEY) |
    (retain ? RETAIN : 0) |
    (droppable ? DROPPABLE : 0) |
    (compress === undefined ? 0 : COMPRESS_GIVEN) |
    (compress === true ? COMPRESS : 0)
  );
}

/** Whether an envelope was published by this node. It looks at the first bytes only. */
export function isFrom(envelope: Uint8Array, node: Uint8Array): boolean {
  for (let i = 0; i < node.length; i++) if (envelope[NODE_AT + i] !== node[i]) return false;
  return true;
}

/** @throws RangeError for what is not an envelope, or is one of another version of the format. */
export function readHeader(bytes: Uint8Array): EnvelopeHeader {
  if (bytes.length < HEADER_BYTES) {
    throw new RangeError(
      `an envelope has at least ${HEADER_BYTES} bytes, this one ${bytes.length}`,
    );
  }
  if (bytes[0] !== VERSION) {
    throw new RangeError(
      `the envelope has format ${bytes[0]}, and this node reads ${VERSION} only`,
    );
  }
  const envelope = asBuffer(bytes);
  return {
    node: envelope.toString('hex', NODE_AT, EPOCH_AT),
    epoch: envelope.readUInt32BE(EPOCH_AT),
    first: envelope.readUIntBE(FIRST_AT, 6),
    sentAt: envelope.readDoubleBE(SENT_AT),
  };
}

/**
 * The messages of an envelope. Their payloads are views.
 *
 * @throws RangeError for one that ends in the middle of a message.
 */
export function readMessages(bytes: Uint8Array): EnvelopeMessage[] {
  const envelope = asBuffer(bytes);
  const messages: EnvelopeMessage[] = [];
  let at = HEADER_BYTES;
  while (at < envelope.length) {
    const flags = envelope[at]!;
    at += FLAGS_BYTES;
    let key: string | undefined;
    if ((flags & HAS_KEY) !== 0) {
      const end = at + KEY_LENGTH_BYTES + envelope.readUInt8(at);
      key = envelope.toString('utf8', at + KEY_LENGTH_BYTES, end);
      at = end;
    }
    const start = at + PAYLOAD_LENGTH_BYTES;
    at = start + envelope.readUInt32BE(at);
    if (at > envelope.length) throw new RangeError('the envelope ends in the middle of a message');
    messages.push({
      payload: envelope.subarray(start, at),
      binary: (flags & BINARY) !== 0,
      compress: (flags & COMPRESS_GIVEN) === 0 ? undefined : (flags & COMPRESS) !== 0,
      droppable: (flags & DROPPABLE) !== 0,
      key,
      retain: (flags & RETAIN) !== 0,
    });
  }
  return messages;
}

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

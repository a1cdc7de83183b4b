import { Buffer } from 'node:buffer';
import { header, type HeaderContext, parseHeader } from './frame-header.js';
import { type FrameHeader, isControl, MAX_HEADER_BYTES, Opcode, RSV1 } from './frame.js';
import { MessageBuffer } from './message-buffer.js';
import { freeMemory } from './own-memory.js';

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Reads frame headers from chunks that are cut at any place (RFC 6455 section 5.2): the base class of `FrameDecoder`,
 * which reads the payloads. It knows where in the stream the peer is, which frame that is, and of which message.
 */
export abstract class FrameReader {
  /** The header of every frame is added to this list once it is set to `[]`. @internal */
  headers: FrameHeader[] | undefined;
  /** Frames that began no message (continuation and control frames) since the owner set this to 0. @internal */
  nonInitialFrames = 0;

  /** What headers are checked against. @internal */
  protected context: HeaderContext;

  // The bytes being read, and their position in the stream.
  /** @internal */
  protected chunk: Buffer = EMPTY;
  /** The first byte of the chunk that is not read. @internal */
  protected at = 0;
  /** Where in the stream the chunk begins. @internal */
  protected chunkOffset = 0;
  /** The chunk's memory is ours alone: it is freed when the chunk is read, unless a payload in it was handed out. @internal */
  protected ownsChunk = false;
  /** Chunks that were pushed before the current one was read to its end. */
  #backlog: MessageBuffer | undefined;
  /** The beginning of a header that the end of a chunk cuts. */
  #cutHeader: Buffer | undefined;
  #cutHeaderLength = 0;
  /** Everything that comes after a Close or an error is ignored (sections 5.5.1 and 7.1.7). */
  #ended = false;

  // The frame whose payload is being read.
  /** @internal */
  protected frameOpcode: Opcode = Opcode.Continuation;
  // Stryker disable next-line BooleanLiteral: every frame sets it before it is read
  /** @internal */
  protected frameFin = true;
  /** Bytes of its payload that are not read; -1 without such a frame, and the others mean nothing then. @internal */
  protected frameRemaining = -1;
  /** Its masking key, rotated to the next byte. @internal */
  protected key = 0;

  // The message in progress: fragmented, or cut by the end of a chunk.
  /** Its first frame's opcode; Continuation when no fragmented message is in progress. @internal */
  protected messageOpcode: Opcode = Opcode.Continuation;
  // Stryker disable next-line BooleanLiteral: every message sets it before anything depends on it
  /** @internal */
  protected messageCompressed = false;

  /** @internal */
  constructor(context: HeaderContext) {
    this.context = context;
  }

  /**
   * Add bytes from the peer, cut at any place. They belong to the decoder from now on: payloads are
   * unmasked in place.
   */
  push(chunk: Buffer): void {
    this.#push(chunk, false);
  }

  /**
   * {@link push} a chunk that is all of its ArrayBuffer, to which nothing else refers. The decoder frees that
   * memory as soon as it has copied the chunk's bytes elsewhere. @internal
   */
  pushOwned(chunk: Buffer): void {
    this.#push(chunk, true);
  }

  #push(chunk: Buffer, owned: boolean): void {
    if (this.#ended || chunk.length === 0) return;
    if (this.at === this.chunk.length && this.#backlog === undefined) {
      this.chunkOffset += this.chunk.length;
      this.chunk = chunk;
      this.ownsChunk = owned;
      this.at = 0;
    } else {
      (this.#backlog ??= new MessageBuffer()).append(chunk, 0, chunk.length);
      if (owned) freeMemory(chunk.buffer);
    }
  }

  /** Bytes of the stream that have been read. */
  get offset(): number {
    return this.chunkOffset + this.at;
  }

  /** Whether a message, or a control frame, has begun and is not complete. */
  get inProgress(): boolean {
    return (
      this.frameRemaining !== -1 ||
      this.messageOpcode !== Opcode.Continuation ||
      this.#cutHeaderLength > 0
    );
  }

  /** Bytes of memory held for input that has not been read. @internal */
  protected get unreadBytesHeld(): number {
    return (
      (this.at < this.chunk.length ? this.chunk.length : 0) +
      (this.#backlog?.capacity ?? 0) +
      (this.#cutHeader?.length ?? 0)
    );
  }

  /** Whether everything that was pushed is read. @internal */
  protected get isRead(): boolean {
    return this.at === this.chunk.length && this.#backlog === undefined;
  }

  /** Whether the next byte begins a data frame; `undefined` if it has not come. @internal */
  protected nextIsData(): boolean | undefined {
    if (this.at === this.chunk.length && this.#backlog !== undefined) this.nextChunk();
    const first = this.#cutHeaderLength > 0 ? this.#cutHeader![0] : this.chunk[this.at];
    return first === undefined ? undefined : !isControl(first);
  }

  /** Release the chunk, which is read, and continue with the backlog. @returns whether there is one. @internal */
  protected nextChunk(): boolean {
    this.chunkOffset += this.chunk.length;
    this.at = 0;
    const backlog = this.#backlog;
    if (this.ownsChunk) freeMemory(this.chunk.buffer);
    this.ownsChunk = false;
    this.chunk = backlog === undefined ? EMPTY : backlog.take();
    this.#backlog = undefined;
    return backlog !== undefined;
  }

  /**
   * Read a header. The end of the chunk may cut it.
   *
   * @param gathered bytes of the message in progress so far.
   * @returns `false` when more bytes are needed.
   * @throws ProtocolError when the header breaks a rule. @internal
   */
  protected readHeader(gathered: number): boolean {
    const chunk = this.chunk;
    const at = this.at;
    const available = chunk.length - at;
    if (available === 0) return false;
    const soFar = this.messageOpcode === Opcode.Continuation ? -1 : gathered;
    if (this.#cutHeaderLength === 0) {
      const size = parseHeader(
        chunk,
        at,
        available,
        soFar,
        this.chunkOffset + at,
        this.context,
        this.messageCompressed,
      );
      if (size > 0) {
        this.at = at + size;
        this.#beginFrame();
        return true;
      }
    }
    // The chunk cuts the header. Join it with the bytes that follow, in a block of its own. The copy may
    // include the payload's first bytes; they stay in the chunk and are read there.
    const cut = (this.#cutHeader ??= Buffer.allocUnsafe(MAX_HEADER_BYTES));
    const before = this.#cutHeaderLength;
    const total = before + chunk.copy(cut, before, at);
    const size = parseHeader(
      cut,
      0,
      total,
      soFar,
      this.chunkOffset - before, // a cut header continues at the beginning of its next chunk
      this.context,
      this.messageCompressed,
    );
    if (size === 0) {
      this.#cutHeaderLength = total;
      this.at = chunk.length;
      return false;
    }
    this.#cutHeader = undefined;
    this.#cutHeaderLength = 0;
    this.at = at + size - before;
    this.#beginFrame();
    return true;
  }

  /** The header is legal: keep the fields that the payload needs. */
  #beginFrame(): void {
    const { opcode, fin, rsv, length, key } = header;
    this.frameOpcode = opcode;
    this.frameFin = fin;
    this.frameRemaining = length;
    this.key = key;
    this.headers?.push({
      opcode,
      fin,
      rsv1: (rsv & RSV1) !== 0,
      rsv2: false, // a frame that sets them was rejected: no extension defines them
      rsv3: false,
      length,
    });
    if (opcode === Opcode.Text || opcode === Opcode.Binary) {
      this.messageOpcode = opcode;
      this.messageCompressed = rsv === RSV1;
    } else {
      this.nonInitialFrames++;
    }
  }

  /** Ignore everything that the peer sends from now on, as after an error: the connection has failed. @internal */
  stop(): void {
    this.#ended = true;
    this.chunk = EMPTY;
    this.ownsChunk = false;
    this.at = 0;
    this.#backlog = undefined;
    this.#cutHeader = undefined;
    this.#cutHeaderLength = 0;
    this.frameRemaining = -1;
    this.messageOpcode = Opcode.Continuation;
  }
}

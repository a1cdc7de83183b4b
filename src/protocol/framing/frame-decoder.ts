import { Buffer, isUtf8 } from 'node:buffer';
import {
  checkReceivedCode,
  type ClosePayload,
  CODE_BYTES,
  invalidReason,
  parseClosePayload,
} from './close-frame.js';
import { ProtocolError } from './protocol-error.js';
import type { HeaderContext } from './frame-header.js';
import { FrameReader } from './frame-reader.js';
import { isControl, Opcode, type Role } from './frame.js';
import { rotateKey, unmask } from './mask.js';
import { LONGEST_MESSAGE, MessageBuffer } from './message-buffer.js';
import {
  allocateOwn,
  copyToOwn,
  freeOwn,
  FREES_AT_ONCE,
  isWhole,
  OWNED_FROM,
} from './own-memory.js';
import { isBoolean, checkOptions, oneOf, type Rules, integerBetween } from '../option-checks.js';
import { textOf } from '../text/utf8-codec.js';
import { cutCharacter, invalidByte, invalidText, Utf8Validator } from '../text/utf8-validator.js';

/** 4 MiB. */
export const DEFAULT_MAX_PAYLOAD: number = 4 * 1024 * 1024;

/** Options of a `FrameDecoder`. */
export interface FrameDecoderOptions {
  /** Our role. A server rejects unmasked frames, a client masked ones (section 5.1). @default 'server' */
  readonly role?: Role;
  /** Longest message in bytes, all fragments together. A longer message is rejected at its frame header with 1009, and so is a message of 4 GiB under any limit. @default 4 MiB */
  readonly maxPayload?: number;
  /** An extension that gives RSV1 a meaning was negotiated (RFC 7692). Text with RSV1 is not checked to be UTF-8, because only its inflated form can be checked. @default false */
  readonly rsv1?: boolean;
}

/**
 * A piece of a message with at least this length stays in its chunk until the message is complete, if it
 * fills half of the chunk or more. It is then copied once instead of about twice.
 */
const KEEP_FROM = 16 * 1024;

/** The role is checked because a wrong one would act as `'client'`, whose peer does not mask. */
const OPTION_RULES: Rules<FrameDecoderOptions> = {
  role: oneOf('server', 'client'),
  maxPayload: integerBetween('a number of bytes', 0, Number.MAX_SAFE_INTEGER),
  rsv1: isBoolean,
};

const EMPTY: Buffer = Buffer.alloc(0);

/** What only a decoder knows that gives messages in parts. */
interface Parts {
  /** The rules for whole messages. */
  readonly whole: HeaderContext;
  /** What `next()` found is the last part of its message, or all of it. */
  isLast: boolean;
  /** A part of the message in progress was given. */
  isBegun: boolean;
  /** Bytes of the message in progress that were given. */
  given: number;
  /** Messages are given whole again after this one. */
  isEnding: boolean;
}

/**
 * Turns the bytes of one peer into messages and control frames (RFC 6455 section 5). Pure: no
 * socket, no event, no clock.
 *
 * ```ts
 * decoder.push(chunk);
 * while (decoder.next()) use(decoder.opcode, decoder.payload);
 * ```
 *
 * The caller pulls, so to pause is not to call `next()`. Fragments are joined. Text that is not UTF-8
 * is rejected as soon as its bytes prove it, and `maxPayload` is enforced before anything is
 * allocated. Memory held is at most twice the bytes received and not yet delivered, plus a constant.
 */
export class FrameDecoder extends FrameReader {
  // The result of next(); the following call overwrites it.

  /** `Text`, `Binary`, `Close`, `Ping` or `Pong`; for a fragmented message that of its first frame. */
  opcode: Opcode = Opcode.Continuation;
  /** The message had RSV1 set: it is compressed (RFC 7692 section 6). */
  compressed = false;
  /** Code and reason, after a Close frame. */
  close: ClosePayload | undefined;
  /** Messages are given in parts; see {@link takeParts}. @internal */
  parts: Parts | undefined;

  #message: MessageBuffer | undefined;
  #validator: Utf8Validator | undefined;
  #control: MessageBuffer | undefined;

  // The position of the payload that next() found, and whether it is all ASCII.
  #source = EMPTY;
  #start = 0;
  #end = 0;
  // Stryker disable next-line BooleanLiteral: without a payload there are no bytes to decode
  #ascii = false;

  /**
   * @param options see {@link FrameDecoderOptions}; an object with all options is kept and shared.
   * @throws TypeError for an option that is unknown or has a wrong value.
   */
  constructor(options: FrameDecoderOptions = {}) {
    checkOptions('FrameDecoder', options, OPTION_RULES);
    const { role = 'server', rsv1 = false } = options;
    const maxPayload = Math.min(options.maxPayload ?? DEFAULT_MAX_PAYLOAD, LONGEST_MESSAGE);
    const isComplete =
      options.role === role && options.maxPayload === maxPayload && options.rsv1 === rsv1;
    super(isComplete ? (options as HeaderContext) : { role, maxPayload, rsv1 });
  }

  /**
   * Read on to the next message or control frame.
   *
   * @returns `true` with a message or control frame; `false` when more bytes are needed, or when a
   * Close came and everything after it is ignored.
   * @throws ProtocolError when the peer broke a rule; the decoder then ignores everything further.
   */
  next(): boolean {
    try {
      return this.#advance();
    } catch (error) {
      const { offset } = this;
      this.#fail();
      // A failed allocation is a RangeError without a code; any other error is a bug.
      if (!(error instanceof RangeError) || 'code' in error) throw error;
      throw new ProtocolError(
        'ERR_MESSAGE_TOO_BIG',
        `byte ${offset}: there is no memory for a message so long (${error.message})`,
      );
    }
  }

  /** Ignore everything further. The chunk is released now, not when the connection is closed. */
  #fail(): void {
    this.#source = EMPTY;
    this.stop();
  }

  /**
   * The payload that `next()` found, unmasked and whole. The caller may keep it: a small payload is a
   * copy, so it does not keep its chunk in memory. One of 16 KiB and more has its ArrayBuffer to itself,
   * unless it is compressed.
   */
  get payload(): Buffer {
    const source = this.#source;
    const length = this.#end - this.#start;
    const view = length === source.length ? source : source.subarray(this.#start, this.#end);
    const isShared =
      length >= OWNED_FROM && !this.compressed && this.parts === undefined && !isWhole(view);
    if (isShared || length * 2 < source.length) return copyToOwn(view);
    if (source === this.chunk) this.ownsChunk = false;
    return view;
  }

  /**
   * The payload as a string; for a Text message, which `next()` has checked to be UTF-8.
   *
   * @throws ProtocolError, with close code 1009, when the message is longer than a string can be (536,870,888
   * UTF-16 code units in V8); the decoder then ignores everything further. `payload` has no such limit.
   */
  get text(): string {
    try {
      return textOf(this.#source, this.#start, this.#end, this.#ascii);
    } catch (error) {
      const { offset } = this;
      this.#fail();
      throw atByte(offset, error as ProtocolError);
    }
  }

  /** Bytes of memory held for input that has not been delivered. */
  get bytesHeld(): number {
    return this.unreadBytesHeld + (this.#message?.capacity ?? 0) + (this.#control?.capacity ?? 0);
  }

  /**
   * Give messages in parts from now on: `payload` is what has come of a message, and the first part, which may be
   * empty, comes with its first header. A frame that lies whole in a chunk may still be given as one.
   *
   * @param maxPayload longest message. Without it messages are given whole again, after the one of which a part was given.
   * @internal
   */
  takeParts(maxPayload: number | undefined): void {
    const { parts } = this;
    if (maxPayload !== undefined) {
      const whole = parts?.whole ?? this.context;
      this.parts ??= { whole, isLast: true, isBegun: false, given: 0, isEnding: false };
      this.parts.isEnding = false;
      this.context = { ...whole, maxPayload };
    } else if (parts !== undefined) {
      parts.isEnding = parts.isBegun;
      if (parts.isBegun) return;
      this.context = parts.whole;
      this.parts = undefined;
    }
  }

  /** Whether a message is next of which no part was given, and no control frame. @internal */
  isAtMessage(): boolean {
    const isInside = this.messageOpcode !== Opcode.Continuation;
    if (isInside && this.parts?.isBegun !== false) return false;
    if (this.frameRemaining !== -1) return !isControl(this.frameOpcode);
    return this.nextIsData() ?? isInside;
  }

  #advance(): boolean {
    for (;;) {
      if (this.frameRemaining >= 0) {
        if (this.parts !== undefined && !isControl(this.frameOpcode)) {
          if (this.#givePart(this.parts)) return true;
          if (this.frameRemaining > 0 && !this.nextChunk()) return this.#needMore();
        } else if (!this.#gather()) {
          if (!this.nextChunk()) return this.#needMore();
        } else if (this.#endFrame()) {
          return true;
        }
      } else if (!this.readHeader((this.#message?.length ?? 0) + (this.parts?.given ?? 0))) {
        if (!this.nextChunk()) return this.#needMore();
      } else if (this.#wholeInChunk()) {
        return true;
      }
    }
  }

  /** Release the chunk of an earlier message while waiting for more bytes. */
  #needMore(): boolean {
    this.#source = EMPTY;
    return this.parts !== undefined && this.#message !== undefined && this.#givePart(this.parts);
  }

  /**
   * The fast path: an unfragmented frame that lies whole in the chunk is unmasked and delivered from
   * there.
   */
  #wholeInChunk(): boolean {
    const opcode = this.frameOpcode;
    const length = this.frameRemaining;
    const start = this.at;
    const end = start + length;
    const chunk = this.chunk;
    if (opcode === Opcode.Continuation || !this.frameFin || end > chunk.length) return false;
    this.at = end;
    this.frameRemaining = -1;
    const isCopied = length * 2 < chunk.length || (length >= OWNED_FROM && !this.messageCompressed);
    if (opcode !== Opcode.Text && isCopied) {
      // `payload` would copy it, so unmask it while copying.
      const copy = allocateOwn(length);
      unmask(chunk, start, end, copy, 0, this.key);
      this.#setResult(opcode, copy, 0, length);
    } else {
      this.#ascii = unmask(chunk, start, end, chunk, start, this.key) === 0;
      this.#setResult(opcode, chunk, start, end);
    }
    if (opcode === Opcode.Text && !this.#ascii && !this.messageCompressed) {
      if (!isUtf8(chunk.subarray(start, end)))
        throw invalidText(chunk, start, end, this.chunkOffset);
    }
    if (!isControl(opcode)) this.messageOpcode = Opcode.Continuation;
    return true;
  }

  /** Unmask the part of the frame's payload that has arrived, and append it to the message. */
  #gather(): boolean {
    const chunk = this.chunk;
    const from = this.at;
    const count = Math.min(this.frameRemaining, chunk.length - from);
    if (count > 0) {
      const to = from + count;
      const control = isControl(this.frameOpcode);
      const buffer = control
        ? (this.#control ??= new MessageBuffer())
        : (this.#message ??= new MessageBuffer());
      const total = this.frameFin ? buffer.length + this.frameRemaining : Infinity;
      let seen: number;
      let bytes = chunk;
      let at = from;
      if (count >= KEEP_FROM && count * 2 >= chunk.length && buffer.willGrowAgain(count, total)) {
        seen = unmask(chunk, from, to, chunk, from, this.key);
        buffer.keep(chunk.subarray(from, to), this.ownsChunk && to === chunk.length);
        this.ownsChunk = false;
      } else {
        bytes = buffer.extend(count, total);
        at = buffer.filled - count;
        seen = unmask(chunk, from, to, bytes, at, this.key);
      }
      this.key = rotateKey(this.key, count);
      this.at = to;
      this.frameRemaining -= count;
      if (this.frameOpcode === Opcode.Close) this.#checkClose(bytes, at, at + count);
      if (!control) this.#checkText(bytes, at, at + count, seen);
    }
    return this.frameRemaining === 0;
  }

  /** Check the part of a Text message that has arrived. @param seen all its bytes, joined by OR. */
  #checkText(bytes: Buffer, start: number, end: number, seen: number): void {
    if (this.messageOpcode !== Opcode.Text || this.messageCompressed) return;
    // Nothing needs validation before the first byte that is not ASCII.
    if (seen !== 0) this.#validator ??= new Utf8Validator();
    if (this.#validator?.push(bytes, start, end) === false) {
      throw invalidByte(bytes, this.#validator.faultAt, this.offset - end);
    }
  }

  /** Give what has come of the frame's payload. @returns `false` if nothing has. */
  #givePart(parts: Parts): boolean {
    if (this.#message !== undefined) {
      // What was gathered before parts were wanted.
      const gathered = this.#message.take();
      this.#message = undefined;
      parts.isLast = false;
      this.#setPart(parts, gathered, 0, gathered.length);
      return true;
    }
    const from = this.at;
    const count = Math.min(this.frameRemaining, this.chunk.length - from);
    // A long part gets memory of its own where that frees the chunk's. `payload` would copy a small one.
    const isLong = count >= OWNED_FROM && !this.messageCompressed;
    const isCopied = (FREES_AT_ONCE && isLong) || count * 2 < this.chunk.length;
    const bytes = isCopied ? allocateOwn(count) : this.chunk;
    const start = isCopied ? 0 : from;
    if (count > 0) {
      const seen = unmask(this.chunk, from, from + count, bytes, start, this.key);
      this.key = rotateKey(this.key, count);
      this.at += count;
      this.frameRemaining -= count;
      this.#checkText(bytes, start, start + count, seen);
    }
    const frameEnds = this.frameRemaining === 0;
    if (frameEnds) this.frameRemaining = -1;
    parts.isLast = frameEnds && this.frameFin;
    if (count === 0 && parts.isBegun && !parts.isLast) return false;
    this.#setPart(parts, bytes, start, start + count);
    if (!parts.isLast) return true;
    if (this.#validator?.complete === false) throw cutCharacter(this.offset);
    this.#validator = undefined;
    this.messageOpcode = Opcode.Continuation;
    parts.isBegun = false;
    parts.given = 0;
    if (parts.isEnding) this.takeParts(undefined);
    return true;
  }

  #setPart(parts: Parts, source: Buffer, start: number, end: number): void {
    parts.isBegun = true;
    parts.given += end - start;
    this.#setResult(this.messageOpcode, source, start, end);
  }

  /** Check the part of a Close frame that has arrived, as for text. */
  #checkClose(payload: Buffer, start: number, end: number): void {
    const offset = this.offset - end;
    if (end >= CODE_BYTES) checkReceivedCode(payload.readUInt16BE(0), offset);
    // A text message in progress never continues after a Close, so its validator is free.
    if (start === 0) this.#validator = new Utf8Validator();
    const valid = this.#validator!.push(payload, Math.max(start, CODE_BYTES), end);
    if (!valid) throw invalidReason(offset);
  }

  /** The gathered frame is complete; is the message? */
  #endFrame(): boolean {
    const opcode = this.frameOpcode;
    this.frameRemaining = -1;
    if (isControl(opcode)) {
      const payload = this.#control!.take();
      this.#control = undefined;
      this.#setResult(opcode, payload, 0, payload.length);
      return true;
    }
    if (!this.frameFin) return false;
    const validator = this.#validator;
    if (validator?.complete === false) throw cutCharacter(this.offset);
    const payload = this.#message?.take() ?? EMPTY;
    this.#ascii = validator === undefined && !this.messageCompressed;
    this.#setResult(this.messageOpcode, payload, 0, payload.length);
    this.#message = undefined;
    this.#validator = undefined;
    this.messageOpcode = Opcode.Continuation;
    return true;
  }

  #setResult(opcode: Opcode, source: Buffer, start: number, end: number): void {
    this.opcode = opcode;
    this.#source = source;
    this.#start = start;
    this.#end = end;
    this.compressed = this.messageCompressed && !isControl(opcode);
    if (opcode === Opcode.Close) {
      this.close = parseClosePayload(this.payload, this.offset - (end - start));
      this.stop();
    }
  }

  /** Release the payload that `next()` found. Without this call it is kept until the next one. @internal */
  releasePayload(): void {
    this.#source = EMPTY;
  }

  /** {@link releasePayload}, and free its memory: `payload` was not used, only `text`. @internal */
  freePayload(): void {
    if (this.#source !== this.chunk) freeOwn(this.#source); // or the chunk may have more
    this.#source = EMPTY;
  }

  /**
   * Release the chunk, as `next()` does, if there is nothing more in it.
   *
   * @returns whether there is nothing: `next()` would only return `false`. @internal
   */
  releaseIfRead(): boolean {
    if (!this.isRead) return false;
    if (this.parts !== undefined && this.#message !== undefined) return false; // it is the next part
    this.nextChunk();
    this.#source = EMPTY;
    return true;
  }

  /** Ignore everything that the peer sends from now on, as after an error: the connection has failed. @internal */
  override stop(): void {
    super.stop();
    this.#message = undefined;
    this.#control = undefined;
  }
}

/** The same error, with its position in the stream. */
export function atByte(offset: number, { code, message }: ProtocolError): ProtocolError {
  return new ProtocolError(code, `byte ${offset}: ${message}`);
}

/** Drives a FrameDecoder and writes down, in words, all that comes out of it. */
import {
  FrameDecoder,
  type FrameDecoderOptions,
} from '../../src/protocol/framing/frame-decoder.js';
import { ProtocolError } from '../../src/protocol/framing/protocol-error.js';
import { clientFrame, serverFrame } from './frames.js';

export interface Decoded {
  /** `text 4869`, `compressed binary a5`, `ping`, `close 1000 627965` …, in order. */
  events: string[];
  /** What `next()` threw. */
  error: ProtocolError | undefined;
  /** Index of the last byte that had been pushed when it threw. */
  failedAt: number | undefined;
}

/**
 * Pushes the chunks one after the other, calling `next()` until it is false after each. At the end it
 * checks what holds for all input: messages that were kept have not changed, and after a Close or a
 * failure nothing more comes out.
 */
export function decode(chunks: Iterable<Buffer>, options: FrameDecoderOptions = {}): Decoded {
  const decoder = new FrameDecoder(options);
  const result: Decoded = { events: [], error: undefined, failedAt: undefined };
  const kept: { payload: Buffer; hex: string }[] = [];
  let pushed = 0;
  for (const chunk of chunks) {
    pushed += chunk.length;
    decoder.push(chunk);
    try {
      while (decoder.next()) {
        const { payload } = decoder;
        kept.push({ payload, hex: payload.toString('hex') });
        result.events.push(inWords(decoder));
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (result.error)
        throw new Error(`a second failure, after ${result.error.code}`, { cause: error });
      result.error = error;
      result.failedAt = pushed - 1;
    }
  }
  for (const { payload, hex } of kept) {
    if (payload.toString('hex') !== hex)
      throw new Error(`a message was overwritten after it was delivered: ${hex}`);
  }
  if (result.error || decoder.close) {
    decoder.push(
      (options.role === 'client' ? serverFrame : clientFrame)({ opcode: 1, payload: 'more' }),
    );
    if (decoder.next()) throw new Error('a message came out after the end');
  }
  return result;
}

/** Push chunks and read until more bytes are needed; payloads are returned. */
export function read(decoder: FrameDecoder, ...chunks: Buffer[]): Buffer[] {
  const payloads: Buffer[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    while (decoder.next()) payloads.push(decoder.payload);
  }
  return payloads;
}

function inWords(decoder: FrameDecoder): string {
  const { opcode, payload, compressed, close } = decoder;
  const bytes = payload.toString('hex');
  if (opcode === 1 && !compressed && Buffer.from(decoder.text).toString('hex') !== bytes) {
    throw new Error(`text and payload differ: ${JSON.stringify(decoder.text)} and ${bytes}`);
  }
  switch (opcode) {
    case 1:
    case 2:
      return `${compressed ? 'compressed ' : ''}${opcode === 1 ? 'text' : 'binary'} ${bytes}`.trim();
    case 8:
      if (!close) throw new Error('a Close frame without decoder.close');
      return `close ${close.code} ${Buffer.from(close.reason).toString('hex')}`.trim();
    case 9:
      return `ping ${bytes}`.trim();
    case 10:
      return `pong ${bytes}`.trim();
    default:
      throw new Error(`next() reported opcode ${opcode}`);
  }
}

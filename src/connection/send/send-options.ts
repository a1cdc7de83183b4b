import { type FrameFlags, FLAG_RULES } from '../../protocol/framing/frame-encoder.js';
import { checkName } from '../names.js';
import type { Opcode } from '../../protocol/framing/frame.js';
import {
  type Advice,
  isBoolean,
  checkOptions,
  type Rules,
  show,
} from '../../protocol/option-checks.js';

/** Options of `send`. */
export interface SendOptions {
  /** Send as Binary (`true`) or Text (`false`) for data of any type. Bytes sent as Text must be UTF-8. */
  readonly binary?: boolean;
  /** Compress, or not, regardless of `threshold` of `perMessageDeflate`. */
  readonly compress?: boolean;
  /** The message may be dropped when `maxBufferedAmount` waits already and `slowConsumer` is `'drop'`. @default false */
  readonly droppable?: boolean;
  /**
   * Only the latest message with this key matters: while an older one waits because the peer is slow, this
   * one takes its place. Such a message is never dropped. 1 to 255 bytes of UTF-8.
   */
  readonly key?: string;
  /**
   * Hand the memory of the data over, as `postMessage` does: all views of its ArrayBuffer are empty from the call
   * on. It is freed as soon as the message is written, dropped or rejected, and not when garbage is collected.
   * The data must be the whole of an ArrayBuffer, as a received Binary message of 16 KiB and more is. Before
   * Node 21 nothing is handed over. @default false
   */
  readonly transfer?: boolean;
}

/** The bits of a frame for `sendFrame`. */
export interface SendFrameOptions extends FrameFlags {
  /** @default Opcode.Text for a string, Opcode.Binary for bytes */
  readonly opcode?: Opcode;
}

/** What the options of `publish` must be that are those of `send` too. */
export const PUBLISHED_RULES: Rules<Omit<SendOptions, 'transfer'>> = {
  binary: isBoolean,
  compress: isBoolean,
  droppable: isBoolean,
  key: { expected: 'a string', accepts: (value) => typeof value === 'string' },
};
/** What the options of `send` must be; those of `broadcast` too. */
export const SEND_RULES: Rules<SendOptions> = { ...PUBLISHED_RULES, transfer: isBoolean };
/** What to do about the options that `send` has in other libraries. */
export const SEND_ADVICE: Advice = {
  fin: 'send a part of a message with sendFrame',
  mask: 'leave it out: clients mask, and servers must not (RFC 6455 section 5.1)',
};
const FRAME_RULES: Rules<SendFrameOptions> = {
  ...FLAG_RULES,
  opcode: { expected: 'one of Opcode', accepts: (value) => typeof value === 'number' },
};

/** What the sender gets: the options of `send`, or of a message to many. */
export interface MessageOptions extends SendOptions {
  /** What the message was published to. */
  readonly topic?: string | undefined;
}

/** Options that were checked already, for a message to many: they are not checked again for each connection. */
export class CheckedSendOptions implements MessageOptions {
  declare readonly binary?: boolean;
  declare readonly transfer?: boolean;
  readonly compress?: boolean;
  readonly droppable: boolean;
  readonly key?: string;
  readonly topic: string | undefined;

  constructor(compress: boolean | undefined, droppable: boolean, key?: string, topic?: string) {
    if (compress !== undefined) this.compress = compress;
    this.droppable = droppable;
    if (key !== undefined) this.key = key;
    this.topic = topic;
  }
}

/**
 * Check the arguments after the data in a call of `send`. Correct options cost one look at
 * each option once.
 *
 * @throws TypeError that says what is expected.
 */
export function checkSendOptions(options: unknown, callback: unknown): void {
  checkCallback('send', callback, []);
  if (options === undefined || options instanceof CheckedSendOptions) return;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(
      `send: expected options to be an object, or the callback, got ${show(options)}`,
    );
  }
  let known = false;
  for (const name in options) {
    const value = (options as Record<string, unknown>)[name];
    known =
      (name === 'binary' || name === 'droppable' || name === 'compress' || name === 'transfer') &&
      (value === undefined || typeof value === 'boolean');
    if (!known) break;
  }
  if (known) return;
  const { key } = checkOptions('send', options, SEND_RULES, '', SEND_ADVICE);
  if (key !== undefined) checkName('send', 'key', key);
}

/** @throws TypeError for an argument after the callback that was given in place of the options. */
export function checkNothingAfter(callback: unknown): void {
  if (callback === undefined) return;
  throw new TypeError(`send: expected nothing after the callback, got ${show(callback)}`);
}

/** @throws TypeError for options of `sendFrame` that are unknown or have a wrong type. */
export function checkFrameOptions(options: unknown): void {
  checkOptions('sendFrame', options, FRAME_RULES);
}

/**
 * Check the last arguments of a call that takes a callback at its end.
 *
 * @throws TypeError for a callback that is not a function, and for more arguments.
 */
export function checkCallback(method: string, callback: unknown, more: readonly unknown[]): void {
  if (callback !== undefined && typeof callback !== 'function') {
    throw new TypeError(`${method}: expected the callback to be a function, got ${show(callback)}`);
  }
  const extra = more.filter((each) => each !== undefined);
  if (extra.length === 0) return;
  throw new TypeError(
    `${method}: expected no more arguments after the callback, got ${extra.map(show).join(', ')}`,
  );
}

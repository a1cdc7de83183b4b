/**
 * What processes tell each other on the channel of `node:cluster`, which the application may use, too. Each side
 * sends one of these objects in a tick.
 */

/** Marks our messages, and their version. */
const MARK = 'topics/1';

/** Something a broker wants of the primary. A channel is prefix and topic. */
export type Operation =
  /** It has started. The byte shows whether bytes survive the way. */
  | readonly ['hello', byte: Uint8Array]
  | readonly ['join', request: number, channels: readonly string[]]
  | readonly ['leave', channels: readonly string[]]
  | readonly ['publish', channel: string, envelope: Uint8Array]
  | readonly ['bye'];

/** From a worker to the primary: operations in order, each after the id of its broker. */
export interface ToPrimary {
  readonly hawser: typeof MARK;
  readonly operations: readonly (readonly [broker: string, operation: Operation])[];
}

/** Something the primary tells a worker. */
export type Notice =
  /** Topics are relayed from now on: brokers say hello again. */
  | readonly ['ready']
  | readonly ['welcome', broker: string]
  /** Bytes do not survive the way. */
  | readonly ['unusable', broker: string]
  | readonly ['joined', broker: string, request: number]
  /** For every broker of the worker that has joined the channel, except the one that published it. */
  | readonly ['message', from: string, channel: string, envelope: Uint8Array];

export interface ToWorker {
  readonly hawser: typeof MARK;
  readonly notices: readonly Notice[];
}

export const toPrimary = (operations: ToPrimary['operations']): ToPrimary => ({
  hawser: MARK,
  operations,
});

export const toWorker = (notices: readonly Notice[]): ToWorker => ({ hawser: MARK, notices });

/** Whether a message is ours. The application's can be anything. */
export const isOurs = (message: unknown): message is ToPrimary & ToWorker =>
  typeof message === 'object' && message !== null && 'hawser' in message && message.hawser === MARK;

import type { WebSocketConnection } from '../connection/connection.js';
import {
  CheckedSendOptions,
  SEND_ADVICE,
  SEND_RULES,
  type SendOptions,
} from '../connection/send/send-options.js';
import { checkName } from '../connection/names.js';
import {
  anyFunction,
  isBoolean,
  checkOptions,
  type Rule,
  type Rules,
  show,
} from '../protocol/option-checks.js';
import { freeOwn, takeMemory } from '../protocol/framing/own-memory.js';
import { checkTransfer, toBytes } from '../protocol/framing/payload.js';
import {
  type Data,
  type PreparedMessage,
  prepareMessage,
} from '../protocol/framing/prepared-message.js';

/** Options of `broadcast`. */
export interface BroadcastOptions<Context> extends SendOptions {
  /** The connections that get the message. Connections of other servers are ignored. @default all */
  readonly to?: Iterable<WebSocketConnection<Context>>;
  /** One connection or several that do not get the message. @default none */
  readonly except?: WebSocketConnection<Context> | Iterable<WebSocketConnection<Context>>;
  /** Selects the connections that get the message. An exception in it ends the broadcast. @default all */
  // A method, because its parameter is compared both ways: a WebSocketServer<User> is a WebSocketServer<unknown>.
  filter?(this: void, connection: WebSocketConnection<Context>): boolean;
  /** Whether the message may be dropped for a slow peer where `slowConsumer` is `'drop'`. @default true */
  readonly droppable?: boolean;
}

/** Options of `prepare`. */
export interface PrepareOptions {
  /** Sends Binary (`true`) or Text (`false`), for data of any type. Bytes sent as Text must be UTF-8. */
  readonly binary?: boolean;
  /** Hand the memory of the data over: it is freed as soon as it is encoded. See `SendOptions`. @default false */
  readonly transfer?: boolean;
}

/** What `except` must be. */
export const CONNECTIONS_RULE: Rule = {
  expected: 'a connection, or several in an array, a Set or another iterable',
  accepts: (value) => isConnection(value) || isIterable(value),
};
const BROADCAST_RULES: Rules<BroadcastOptions<unknown>> = {
  ...SEND_RULES,
  to: { expected: 'connections in an array, a Set or another iterable', accepts: isIterable },
  except: CONNECTIONS_RULE,
  filter: anyFunction,
};
const PREPARE_RULES: Rules<PrepareOptions> = { binary: isBoolean, transfer: isBoolean };

/** See `WebSocketServer.prepare`. */
export function prepare(data: Data, options: PrepareOptions | undefined): PreparedMessage {
  if (options !== undefined) checkOptions('prepare', options, PREPARE_RULES);
  return options?.transfer === true
    ? prepareTransferred('prepare', data, options.binary)
    : prepareMessage(data, options?.binary);
}

/** Encode data whose memory is handed over, and free that memory: the message has a copy. */
function prepareTransferred(
  caller: string,
  data: Data,
  binary: boolean | undefined,
): PreparedMessage {
  checkTransfer(caller, data);
  const message = prepareMessage(data, binary);
  freeOwn(takeMemory(toBytes(data)));
  return message;
}

/** See `WebSocketServer.broadcast`. With `to` it visits only the connections in `to`. */
export function broadcast<Context>(
  connections: ReadonlySet<WebSocketConnection<Context>>,
  data: Data,
  options: BroadcastOptions<Context> | undefined,
): number {
  if (options !== undefined) {
    checkOptions('broadcast', options, BROADCAST_RULES, '', SEND_ADVICE);
  }
  const { to, except, filter, binary, compress, key, droppable = true, transfer } = options ?? {};
  if (key !== undefined) checkName('broadcast', 'key', key);
  const message = transfer
    ? prepareTransferred('broadcast', data, binary)
    : prepareMessage(data, binary);
  const sendOptions = new CheckedSendOptions(compress, droppable && key === undefined, key);
  const chosen = to && connectionsIn('broadcast', 'to', to);
  const excluded = except && connectionsIn('broadcast', 'except', except);
  let count = 0;
  for (const connection of chosen ?? connections) {
    if (chosen !== undefined && !connections.has(connection)) continue;
    if (connection.readyState !== 'open' || excluded?.has(connection) === true) continue;
    if (filter !== undefined && !admits(filter, connection)) continue;
    connection.send(message, sendOptions);
    count++;
  }
  return count;
}

/**
 * Call `filter` for a connection.
 *
 * @throws TypeError for a promise, which would count as a yes.
 */
function admits<Context>(
  filter: (connection: WebSocketConnection<Context>) => unknown,
  connection: WebSocketConnection<Context>,
): boolean {
  const answer = filter(connection);
  if (typeof answer === 'object' && answer !== null && 'then' in answer) {
    Promise.resolve(answer).catch(() => undefined); // or its rejection would end the process
    throw new TypeError('broadcast: expected filter to answer at once, got a promise');
  }
  return Boolean(answer);
}

/** One connection or several, as a set. @throws TypeError for what cannot be a connection. */
export function connectionsIn<Context>(
  caller: string,
  option: string,
  given: WebSocketConnection<Context> | Iterable<WebSocketConnection<Context>>,
): Set<WebSocketConnection<Context>> {
  const set = new Set(isConnection(given) ? [given] : given);
  for (const each of set) {
    if (isConnection(each)) continue;
    throw new TypeError(`${caller}: expected ${option} to have connections, got ${show(each)}`);
  }
  return set;
}

/** Whether a value is a connection, by its methods: it may be of another copy of the package. */
function isConnection(value: unknown): value is WebSocketConnection<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { send, terminate } = value as Partial<WebSocketConnection>;
  return typeof send === 'function' && typeof terminate === 'function';
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

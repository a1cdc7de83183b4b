/// <reference types="node" preserve="true" />
import type { Broker } from '../index.js';
import { checkOptions, type Rules, show } from '../protocol/option-checks.js';
import { PATIENCE } from './link/adapter-state.js';
import { NatsBroker, type NatsConnection, type NatsSubscription } from './nats/nats-broker.js';

export type { NatsConnection, NatsSubscription };

/** Options of {@link natsBroker}. */
export interface NatsBrokerOptions {
  /** Begins each subject. Servers with the same prefix share their topics. @default 'hawser.' */
  prefix?: string;
}

const RULES: Rules<NatsBrokerOptions> = {
  prefix: {
    expected: "a string that begins a subject, such as 'app.topics.'",
    accepts: (value) => typeof value === 'string',
    // Each token has a character, and none of those with a meaning. The topic completes the last one.
    fault: (value) =>
      /^([^\s.*>]+\.)*[^\s.*>]*$/.test(value as string)
        ? undefined
        : `${show(value)} cannot begin a subject: it has a space, *, > or an empty token`,
  },
};
const METHODS = ['publish', 'subscribe', 'flush', 'status', 'closed', 'isClosed'] as const;

/**
 * Carry topics between servers with NATS.
 *
 * ```ts
 * const connection = await connect({ servers, maxReconnectAttempts: -1, noEcho: true }); // of @nats-io/transport-node
 * const wss = new WebSocketServer(server, { broker: natsBroker(connection) });
 * ```
 *
 * The connection stays the application's: the broker makes and closes none. Nothing is handed to it between
 * `'disconnect'` and `'reconnect'`. After that the broker is up when the server has confirmed all subscriptions.
 *
 * - With `maxReconnectAttempts: -1` the client tries for ever. By default it closes after 10 attempts, and the broker
 *   is down for good.
 * - With `noEcho` the server does not send back what was published. Two servers of one process then need a
 *   connection each: they do not hear each other on a shared one.
 * - A topic is one token of the subject, with percent-encoding for everything but `A-Z a-z 0-9 - _ ! ~ ' ( )`: topic
 *   `news/sport 1.5` is subject `hawser.news%2Fsport%201%2E5`.
 *
 * @throws TypeError for what is not a connection, and for an unknown option or a prefix that cannot begin a subject.
 */
export function natsBroker(connection: NatsConnection, options: NatsBrokerOptions = {}): Broker {
  const given: unknown = connection;
  const isConnection =
    typeof given === 'object' &&
    given !== null &&
    METHODS.every((name) => typeof (given as Record<string, unknown>)[name] === 'function');
  if (!isConnection) {
    const advice =
      given instanceof Promise
        ? 'await the promise first: await connect(…)'
        : 'pass what connect() of @nats-io/transport-node resolves to';
    throw new TypeError(`natsBroker: expected a connection of NATS, got ${show(given)}; ${advice}`);
  }
  const { prefix = 'hawser.' } = checkOptions('natsBroker', options, RULES) as NatsBrokerOptions;
  return new NatsBroker(connection, prefix, PATIENCE);
}

import type { IncomingMessage } from 'node:http';
import type { AnyRequest } from './options/options.js';
import type { WebSocketConnection } from '../connection/connection.js';

/** A rejected upgrade. */
export interface RejectedUpgrade<Request extends AnyRequest = IncomingMessage> {
  /** The HTTP status of the response. */
  readonly status: number;
  /** The reason, as in the log. It is the body of the `UpgradeRejection` if it has one. */
  readonly reason: string;
  /** The request that was rejected. */
  readonly request: Request;
  /** The client's address; with `trustProxy` the forwarded one. */
  readonly remoteAddress: string | undefined;
}

/** Messages that did not come. */
export interface BrokerLoss {
  readonly topic: string;
  /** The node that published them. */
  readonly node: string;
  /** How many. */
  readonly count: number;
}

/** The events of a server, with their listeners' arguments. */
export interface ServerEvents<Context, Request extends AnyRequest = IncomingMessage> {
  /** A connection is open; add its listeners here. */
  connection: [connection: WebSocketConnection<Context>, request: Request];
  /** An upgrade was rejected. */
  rejected: [rejected: RejectedUpgrade<Request>];
  /** A peer broke a rule, was too slow or did not answer the heartbeat, or its transport failed. The connection's `'close'` follows. */
  connectionError: [error: Error, connection: WebSocketConnection<Context>];
  /** A topic has its first subscriber in this process: start what feeds it. */
  topicActive: [topic: string];
  /** A topic has lost its last subscriber in this process. */
  topicIdle: [topic: string];
  /** Messages of other nodes were lost on the way: later ones of the same node and topic came without them. */
  brokerLoss: [loss: BrokerLoss];
  /** The broker can be used, with all topics confirmed, or it cannot, for this reason. */
  brokerState: [state: 'up' | 'down', error: Error | undefined];
  /** Something is wrong with the broker that does not change its state; the logger gets it too. */
  brokerError: [error: Error];
  /** The server's own port is open. */
  listening: [];
  /** `close()` is done. */
  close: [];
  /** A fault of the server itself, such as a port in use. Thrown if there is no listener, as in all of Node. */
  error: [error: Error];
}

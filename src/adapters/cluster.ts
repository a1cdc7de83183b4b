/// <reference types="node" preserve="true" />
import cluster from 'node:cluster';
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import type { Broker } from '../index.js';
import { checkOptions, type Rules } from '../protocol/option-checks.js';
import { PATIENCE } from './link/adapter-state.js';
import { ClusterBroker } from './cluster/cluster-broker.js';
import { Relay } from './cluster/relay.js';
import { WorkerChannel } from './cluster/worker-channel.js';

/** Options of {@link clusterBroker}. */
export interface ClusterBrokerOptions {
  /** Begins the name of each channel. Servers with the same prefix share their topics. @default 'hawser:' */
  prefix?: string;
}

const RULES: Rules<ClusterBrokerOptions> = {
  prefix: { expected: 'a string', accepts: (value) => typeof value === 'string' },
};

/** The one channel of this process. */
let channel: WorkerChannel | undefined;

/**
 * Carry topics between the workers of `node:cluster`, that is the processes of one machine. Nothing has to be
 * installed.
 *
 * ```ts
 * if (cluster.isPrimary) {
 *   cluster.setupPrimary({ serialization: 'advanced' });
 *   relayTopics();
 *   for (let count = 0; count < availableParallelism(); count++) cluster.fork();
 * } else {
 *   const wss = new WebSocketServer(server, { broker: clusterBroker() });
 * }
 * ```
 *
 * The primary knows which worker has joined what, and sends it nothing else: one message for each worker and tick.
 * The application's own messages to and from workers are left alone.
 *
 * @throws Error in a process that is not a worker of `node:cluster`.
 * @throws TypeError for an unknown option.
 */
export function clusterBroker(options: ClusterBrokerOptions = {}): Broker {
  const given = checkOptions('clusterBroker', options, RULES) as ClusterBrokerOptions;
  if (!cluster.isWorker) {
    throw new Error(
      'clusterBroker: this process is not a worker of node:cluster; start it with cluster.fork(), or use no broker: one process needs none',
    );
  }
  channel ??= new WorkerChannel(process);
  const id = `${cluster.worker!.id}-${randomBytes(8).toString('hex')}`;
  return new ClusterBroker(channel, id, given.prefix ?? 'hawser:', PATIENCE);
}

/** On the object of node:cluster, so that two copies of this package do not relay everything twice. */
const RELAYS = Symbol.for('hawser.relayTopics');

/**
 * Relay topics between the workers of this process. Call it once, in the primary, after
 * `cluster.setupPrimary({ serialization: 'advanced' })`; workers may be forked before or after it.
 *
 * @throws Error in a worker, if it was called before, and if the workers' channels cannot carry bytes.
 */
export function relayTopics(): void {
  if (!cluster.isPrimary) {
    throw new Error('relayTopics: this process is a worker; call it once, in the primary');
  }
  const marked = cluster as typeof cluster & { [RELAYS]?: true };
  if (marked[RELAYS]) throw new Error('relayTopics: it was called before; once is enough');
  if (cluster.settings.serialization !== 'advanced') {
    throw new Error(
      "relayTopics: the channels to the workers would turn bytes into JSON; call cluster.setupPrimary({ serialization: 'advanced' }) first",
    );
  }
  marked[RELAYS] = true;
  const relay = new Relay((message) => {
    process.emitWarning(message);
  });
  cluster.on('message', (worker, message) => {
    relay.receive(worker, message);
  });
  cluster.on('exit', (worker) => {
    relay.remove(worker);
  });
  for (const worker of Object.values(cluster.workers ?? {})) relay.greet(worker!);
}

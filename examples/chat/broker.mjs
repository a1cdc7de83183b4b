import cluster from 'node:cluster';
import { clusterBroker } from 'hawser/cluster';
import { natsBroker } from 'hawser/nats';
import { redisBroker } from 'hawser/redis';

/**
 * The broker that shares the rooms with other processes: Redis or NATS for many machines, the primary for
 * the workers of one, and none for a chat of one process. `close` ends the clients that were made for it.
 *
 * @param {{ REDIS_URL?: string, NATS_URL?: string }} env
 * @returns {Promise<{ broker?: import('hawser').Broker, close(): Promise<unknown> | void }>}
 */
export async function chooseBroker({ REDIS_URL, NATS_URL }) {
  if (REDIS_URL) return (await redis(REDIS_URL)) ?? ioredis(REDIS_URL);
  if (NATS_URL) {
    const { connect } = await import('@nats-io/transport-node');
    const servers = NATS_URL.split(',');
    const connection = await connect({ servers, maxReconnectAttempts: -1, noEcho: true });
    return { broker: natsBroker(connection), close: () => connection.close() };
  }
  return { broker: cluster.isWorker ? clusterBroker() : undefined, close() {} };
}

/** With the package redis; `undefined` if it is not installed. */
async function redis(/** @type {string} */ url) {
  const installed = await import('redis').catch(() => undefined);
  if (installed === undefined) return undefined;
  const publisher = installed.createClient({ url });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on('error', () => {}); // 'brokerState' tells, and the client tries again
    client.connect().catch(() => {});
  }
  const close = () => {
    for (const client of [publisher, subscriber]) client.destroy();
  };
  return { broker: redisBroker({ publisher, subscriber }), close };
}

async function ioredis(/** @type {string} */ url) {
  const { Redis } = await import('ioredis');
  const publisher = new Redis(url);
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) client.on('error', () => {});
  const close = () => {
    for (const client of [publisher, subscriber]) client.disconnect();
  };
  return { broker: redisBroker({ publisher, subscriber }), close };
}

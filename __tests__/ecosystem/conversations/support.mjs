// What the conversations share.
import { once } from 'node:events';
import { createRequire } from 'node:module';
import process from 'node:process';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program whose server and clients are closed ends by itself, and sooner than this. */
const LEFT_OPEN = 30_000;

after(() => {
  const timer = setTimeout(() => {
    console.error('a socket, a server or a timer is left open');
    process.exit(1);
  }, LEFT_OPEN);
  timer.unref();
});

/** `ws` or `hawser/ws`, for packages that take the class or a server as an option. */
export const engine = createRequire(import.meta.url)(process.env['HAWSER_ECOSYSTEM'] ?? 'ws');

/** Lets a server of node:http listen. @returns {Promise<number>} its port */
export async function listen(/** @type {import('node:http').Server} */ server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
}

/** Waits until `predicate` holds, without a limit: run.mjs has one. */
export async function until(/** @type {() => unknown} */ predicate) {
  while (!predicate()) await sleep(10);
}

/**
 * What arrives, to be awaited one by one.
 *
 * @template T
 */
export class Arrivals {
  /** @type {T[]} */
  #held = [];

  push = (/** @type {T} */ item) => void this.#held.push(item);

  /** How many have arrived and have not been taken. */
  get length() {
    return this.#held.length;
  }

  /** @returns {Promise<T>} */
  async next() {
    await until(() => this.#held.length > 0);
    return /** @type {T} */ (this.#held.shift());
  }
}

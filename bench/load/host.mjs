// The process of the load generator: `node host.mjs KIND`. It opens connections to one server, drives
// them, and checks every byte that comes back.
import { answer } from '../rpc.mjs';

/**
 * What a file in ../scenarios exports for this process.
 *
 * @typedef {object} Session
 * @property {(order: any) => Promise<object>} run one window: what was done is returned
 * @property {unknown} [told] what `open` found out
 * @property {(count: number) => Promise<void>} [more] open so many more connections
 */

const { open } = await import(`../scenarios/${process.argv[2]}.mjs`);

/** @type {Session} */
let session;

answer({
  async open(params) {
    session = await open(params);
    return session.told;
  },
  more: (count) => session.more?.(count),
  run: (order) => session.run(order),
});

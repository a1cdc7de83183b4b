// Questions and answers between run.mjs and the processes it starts, over Node's IPC channel.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A call that takes longer has hung. */
const TIMEOUT = 120_000;

/** The children that are alive. None of them outlives this process, even one that has hung. */
const alive = new Set();
process.once('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/**
 * In the child: answer the parent's calls, and end with the parent.
 *
 * @param {Record<string, (params: any) => unknown>} methods
 */
export function answer(methods) {
  process.on('disconnect', () => process.exit());
  process.on('uncaughtException', (error) => {
    process.send?.({ fatal: error.message }, () => process.exit(1));
  });
  process.on('message', async (/** @type {any} */ { id, method, params }) => {
    try {
      process.send?.({ id, result: await methods[method]?.(params) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
}

/** In the parent: a process that answers calls. */
export class Worker {
  #child;
  #label;
  #nextId = 0;
  /** @type {Error | undefined} */
  #failure;
  /** @type {Map<number, { resolve: (value: any) => void, reject: (reason: Error) => void }>} */
  #calls = new Map();

  /**
   * @param {string} label for error messages
   * @param {URL} file
   * @param {string[]} [args]
   * @param {NodeJS.ProcessEnv} [env] added to our own
   * @param {string} [execPath] another Node than our own
   */
  constructor(label, file, args = [], env = {}, execPath = process.execPath) {
    this.#label = label;
    this.#child = fork(fileURLToPath(file), args, {
      execArgv: ['--expose-gc'],
      execPath,
      env: { ...process.env, ...env },
    });
    this.#child.on('message', (/** @type {any} */ message) => this.#answered(message));
    alive.add(this.#child);
    this.#child.on('exit', (code, signal) => {
      alive.delete(this.#child);
      this.#fail(`ended (${signal ?? code})`);
    });
  }

  /**
   * @param {string} method
   * @param {unknown} [params]
   * @returns {Promise<any>}
   */
  call(method, params) {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#fail(`${method} took too long`), TIMEOUT);
      const done = (/** @type {(value: any) => void} */ settle) => (/** @type {any} */ value) => {
        clearTimeout(timer);
        settle(value);
      };
      this.#calls.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#child.send({ id, method, params }, () => {}); // a failure shows as 'exit'
    });
  }

  /** @returns {Promise<void>} when the process is gone */
  stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGKILL');
    });
  }

  #answered({ id, result, error, fatal }) {
    if (fatal !== undefined) return this.#fail(fatal);
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(`${this.#label}: ${error}`));
  }

  /** @param {string} why */
  #fail(why) {
    this.#failure ??= new Error(`${this.#label}: ${why}`);
    for (const { reject } of this.#calls.values()) reject(this.#failure);
    this.#calls.clear();
  }
}

// Loads modules of a build with istanbul's counters in them. The counters tell two things about a run:
// which statements and branches it reached, and how many statements it took.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, posix } from 'node:path';
import { compileFunction } from 'node:vm';
import { createInstrumenter } from 'istanbul-lib-instrument';

const VARIABLE = '__hawser_fuzz__';
const CAPACITY = 1 << 16;
const require = createRequire(import.meta.url);
const everywhere = /** @type {Record<string, any>} */ (globalThis);
/** @type {Record<string, object>} */
const counted = (everywhere[VARIABLE] ??= {});

/** A run took more statements than its target allows: the work is not linear, or has no end. */
class TooManySteps extends Error {
  /** @param {number} limit */
  constructor(limit) {
    super(`more than ${limit} statements were executed`);
  }
}

export class Coverage {
  /** Every counter of every module, one after the other. */
  #counters = new Uint32Array(CAPACITY);
  #used = 0;
  /** Which counts, by order of magnitude, some run has shown already: a bit for each. */
  #seen = new Uint8Array(CAPACITY);
  /** @type {Map<string, { exports: any }>} */
  #modules = new Map();
  /** Where in the build each counter stands. @type {string[]} */
  #places = [];
  #steps = 0;
  #limit = Infinity;

  /** @param {string} folder the build, such as build/ */
  constructor(folder) {
    this.folder = folder;
  }

  /**
   * A module of the build, instrumented, with all that it imports from there.
   *
   * @param {string} file such as `protocol/framing/frame-decoder.js`
   * @returns {any} its exports
   */
  load(file) {
    const loaded = this.#modules.get(file);
    if (loaded !== undefined) return loaded.exports;
    const module = { exports: {} };
    this.#modules.set(file, module);
    const instrumenter = createInstrumenter({
      coverageVariable: VARIABLE,
      coverageGlobalScope: 'globalThis',
      coverageGlobalScopeFunc: false,
      esModules: false,
      compact: false,
    });
    const path = join(this.folder, file);
    const code = instrumenter.instrumentSync(readFileSync(path, 'utf8'), path);
    // The code counts in what it finds under its path, if that has the hash which the code says.
    const hash = /var hash = "(\w+)"/.exec(code)?.[1];
    if (hash === undefined) throw new Error('istanbul writes its counters in another way now');
    counted[path] = this.#count(file, hash, instrumenter.lastFileCoverage());
    const run = compileFunction(code, ['exports', 'require', 'module'], { filename: path });
    run(module.exports, (/** @type {string} */ name) => this.#require(file, name), module);
    return module.exports;
  }

  /** Let the next run begin. @param {number} limit statements that it may execute */
  begin(limit) {
    this.#counters.fill(0, 0, this.#used);
    this.#steps = 0;
    this.#limit = limit;
  }

  /** Statements executed since `begin`. */
  get steps() {
    return this.#steps;
  }

  /** Whether the run since `begin` did what none before it did, or did it more often. It is then known. */
  learn() {
    const counters = this.#counters;
    const seen = this.#seen;
    let news = false;
    for (let i = 0; i < this.#used; i++) {
      const count = counters[i];
      if (count === 0) continue;
      const bit = magnitude(count);
      if ((seen[i] & bit) !== 0) continue;
      seen[i] |= bit;
      news = true;
    }
    return news;
  }

  /** How many of the statements, functions and branches of all loaded modules any run has reached. */
  get reached() {
    let reached = 0;
    for (let i = 0; i < this.#used; i++) if (this.#seen[i] !== 0) reached++;
    return { reached, of: this.#used };
  }

  /** Where the others are, as `file:line` in the build. */
  get unreached() {
    return [...new Set(this.#places.filter((_, i) => this.#seen[i] === 0))];
  }

  /** @param {string} from @param {string} name */
  #require(from, name) {
    return name.startsWith('.') ? this.load(posix.join(posix.dirname(from), name)) : require(name);
  }

  /**
   * What istanbul's code finds instead of the plain objects that it would count in.
   *
   * @param {string} file
   * @param {string} hash
   * @param {any} plain
   */
  #count(file, hash, { statementMap, fnMap, branchMap }) {
    const take = (/** @type {{ start: { line: number } }[]} */ places) => {
      const from = this.#used;
      for (const { start } of places) this.#places[this.#used++] = `${file}:${start.line}`;
      if (this.#used > CAPACITY) throw new Error('more counters than there is room for');
      return this.#counters.subarray(from, this.#used);
    };
    const statements = take(Object.values(statementMap));
    const step = () => {
      if (++this.#steps > this.#limit) throw new TooManySteps(this.#limit);
    };
    return {
      hash,
      f: take(Object.values(fnMap).map(({ loc }) => loc)),
      // The arms of a branch have places of their own, but an `else` that is not written has none.
      b: Object.values(branchMap).map(({ locations, loc }) => take(locations.map(() => loc))),
      get s() {
        step();
        return statements;
      },
    };
  }
}

/** One bit for each order of magnitude, as AFL does it: a loop that runs twice is not one that runs a hundred times. */
function magnitude(/** @type {number} */ count) {
  if (count < 4) return 1 << (count - 1);
  if (count < 8) return 8;
  if (count < 16) return 16;
  if (count < 32) return 32;
  return count < 128 ? 64 : 128;
}

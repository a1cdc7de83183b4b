/**
 * A piece of the program of a `Child` that counts hawser's work, so that a test of its cost needs no clock. Put it
 * at the program's beginning and start the child with `COUNTING`. Then `ask('work')` returns, counted since the
 * last call:
 *
 * - `steps`: executions of blocks of hawser's code, from V8's precise coverage;
 * - `moved`: bytes that Buffer allocated or copied, by any caller.
 */
export const COUNT_WORK = `
  const { Session } = require('node:inspector');
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  // Blocks are counted in code that is compiled from now on.
  for (const file of Object.keys(require.cache)) delete require.cache[file];
  hawser = require(process.argv[2]);
  const build = require('node:path').dirname(process.argv[2]);

  let moved = 0;
  const count = (target, name, bytes) => {
    const original = target[name];
    target[name] = function (...args) {
      moved += bytes(...args);
      return original.apply(this, args);
    };
  };
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow']) count(Buffer, name, (size) => size);
  count(Buffer, 'from', (value) => value.length ?? 0);
  count(Buffer, 'concat', (list) => list.reduce((sum, { length }) => sum + length, 0));
  count(Buffer.prototype, 'copy', (_to, _at, from = 0, to = from) => Math.max(0, to - from));

  commands.work = () => {
    let steps = 0;
    session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      for (const { url, functions } of result) {
        if (!url.includes(build)) continue;
        for (const { ranges } of functions) for (const { count } of ranges) steps += count;
      }
    });
    const work = { steps, moved };
    moved = 0;
    return work;
  };
`;

/** Flags of the child: optimized code does not count what it inlines. */
export const COUNTING = ['--no-opt', '--no-maglev'];

/** The answer to `ask('work')`. */
export interface Work {
  readonly steps: number;
  readonly moved: number;
}

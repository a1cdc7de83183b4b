import { spawnSync } from 'node:child_process';

/** Whether `command` can be started here and exits with 0. */
export function runs(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 120_000 }).status === 0;
}

/**
 * A `describe` for tests that need something a laptop may lack, such as a browser. Where it is missing the
 * tests say so in one line and are skipped; under `CI=true` they fail instead, so that nothing is missed.
 *
 * ```ts
 * describeIf('Chromium at /usr/bin/chromium', existsSync('/usr/bin/chromium'))('the chat page', () => { … });
 * ```
 */
export function describeIf(
  what: string,
  present: boolean,
): (name: string, body: () => void) => void {
  return (name, body) => {
    if (present) {
      describe(name, body);
    } else if (process.env['CI'] === 'true') {
      describe(name, () => {
        test(`finds ${what}`, () => {
          throw new Error(`${what} is missing, and under CI=true nothing is skipped: see .ci/run`);
        });
      });
    } else {
      process.stderr.write(`skipped: ${name} (${what} is missing)\n`);
      describe.skip(name, body);
    }
  };
}

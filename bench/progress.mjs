// One line that tells what runs: rewritten in place on a terminal, else printed now and then.
const EVERY = 10_000;

/** @param {number} total steps, as far as is known */
export function startProgress(total) {
  const began = performance.now();
  let done = 0;
  let printed = -Infinity;
  return {
    /**
     * @param {string} what
     * @param {number} [least] steps there are left, this one included, should `total` turn out too low
     */
    next(what, least = 1) {
      const now = performance.now();
      total = Math.max(total, done + least);
      const left = done === 0 ? '' : `, ${duration(((now - began) / done) * (total - done))} left`;
      const line = `[${done + 1}/${total}] ${what}${left}`;
      done++;
      if (process.stderr.isTTY) {
        process.stderr.write(`\r\x1b[K${line}`);
      } else if (now - printed > EVERY) {
        process.stderr.write(`${line}\n`);
        printed = now;
      }
    },
    end() {
      if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    },
  };
}

function duration(/** @type {number} */ milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

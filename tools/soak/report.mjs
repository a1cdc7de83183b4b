// What `npm run soak` prints at its end.
import { drift } from './judge.mjs';

export function report(results) {
  const { options, machine, samples, found, deeds, left, ends, limitedBy, verdicts } = results;
  const lines = [
    `\n${options.connections} connections for ${results.seconds} s, half of them chaos; seed ${options.seed}. ` +
      `${machine.system}, ${machine.cores} cores, Node ${machine.node}, load average before ${machine.loadBefore.toFixed(1)}.\n`,
    table([
      ['', 'wanted', 'got', ''],
      ...verdicts.map(({ what, wanted, got, holds }) => [
        what,
        wanted,
        got,
        holds ? 'ok' : 'FAILED',
      ]),
    ]),
  ];
  if (found !== undefined) lines.push('', figures(results));
  if (deeds !== undefined) {
    const visits = Object.values(deeds).reduce((sum, count) => sum + count, 0);
    lines.push('', `Chaos, ${visits} visits:`, list(deeds));
  }
  if (ends !== undefined) {
    lines.push(
      '',
      `How ${samples.at(-1)?.opened ?? 0} connections ended, by close code:`,
      list(ends),
      '',
      'Where the limits are low, by cause:',
      list(limitedBy),
    );
  }
  for (const fault of found?.faults ?? []) lines.push(`  ${fault}`);
  for (const socket of left?.which ?? []) lines.push(`  a socket that is left: ${socket}`);
  const failed = verdicts.filter(({ holds }) => !holds).length;
  lines.push(
    '',
    failed === 0 ? 'The soak holds.' : `The soak FAILED: ${failed} of ${verdicts.length}.`,
  );
  return lines.join('\n');
}

function figures({ samples, found, seconds }) {
  const heap = drift(samples, ({ heapUsed }) => heapUsed);
  const most = Math.max(...samples.map(({ rss }) => rss));
  const { latency } = found;
  const rows = [
    ['messages checked, echoes and broadcasts', `${found.echoes} and ${found.broadcasts}`],
    ['of them compressed', String(found.compressed)],
    ['a second', String(Math.round((found.echoes + found.broadcasts) / seconds))],
    ['MiB received and compared', (found.bytes / 2 ** 20).toFixed(0)],
    ['pongs checked', String(found.pongs)],
    ['visits of well-behaved peers', String(found.visits)],
    ['attempts that the kernel did not let in', String(found.notLetIn)],
    [
      'their latency, ms: median, p99, p99.9',
      [latency.p50, latency.p99, latency.p999].map(ms).join(', '),
    ],
    ['heap, MiB: mean after collection', (heap.mean / 2 ** 20).toFixed(1)],
    [
      'its slope, bytes a second, ± standard error',
      `${Math.round(heap.slope)} ± ${Math.round(heap.error)} over ${heap.seconds.toFixed(0)} s`,
    ],
    ['resident memory at most, MiB', (most / 2 ** 20).toFixed(0)],
  ];
  return table([['not judged', ''], ...rows]);
}

const ms = (/** @type {number | null} */ value) => (value === null ? '-' : value.toFixed(1));

const list = (/** @type {Record<string, number>} */ counts) =>
  Object.entries(counts)
    .map(([name, count]) => `  ${String(count).padStart(7)} ${name}`)
    .join('\n');

/** A Markdown table with aligned columns. */
function table(/** @type {string[][]} */ rows) {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0), 3),
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

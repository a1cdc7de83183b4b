// The chart of a run: four panels over the same seconds.
import { svg, text, WIDTH } from '../../bench/svg.mjs';
import { drift } from './judge.mjs';

const [LEFT, RIGHT, PANEL, GAP] = [70, 30, 110, 74];
const GREEN = '#0f8a6d';
const ORANGE = '#d1603d';
const MIB = 2 ** 20;

/**
 * @typedef {object} Line
 * @property {string} stroke
 * @property {{ x: number, y: number }[]} points
 */

export function chart({ samples, options, seconds }) {
  const heap = drift(samples, ({ heapUsed }) => heapUsed);
  const title = `Soak: ${options.connections} connections, half of them chaos, ${seconds} s`;
  const series = (/** @type {(sample: any) => number | null} */ of) =>
    samples
      .map((/** @type {any} */ sample) => ({ x: sample.at, y: of(sample) }))
      .filter(({ y }) => y !== null);
  const checked = samples.slice(1).map((sample, at) => ({
    x: sample.at,
    y: (sample.messages - samples[at].messages) / (sample.at - samples[at].at),
  }));
  /** @type {[string, Line[]][]} */
  const panels = [
    [
      'Heap of the server after a garbage collection, MiB; the line by least squares',
      [
        { stroke: GREEN, points: series(({ heapUsed }) => heapUsed / MIB) },
        { stroke: ORANGE, points: heap.line.map(({ x, y }) => ({ x, y: y / MIB })) },
      ],
    ],
    [
      'Connections at the server',
      [{ stroke: GREEN, points: series(({ connections }) => connections) }],
    ],
    ['Messages checked a second', [{ stroke: GREEN, points: checked }]],
    [
      'Latency of the well-behaved, ms: median, and 99th percentile (not judged)',
      [
        { stroke: GREEN, points: series(({ p50 }) => p50) },
        { stroke: ORANGE, points: series(({ p99 }) => p99) },
      ],
    ],
  ];
  const body = [text(16, 26, title, { classes: 'title' })];
  let top = 64;
  for (const [name, lines] of panels) {
    body.push(
      text(16, top - 14, name, { classes: 'quiet' }),
      ...panel(top, samples.at(-1).at, lines),
    );
    top += PANEL + GAP;
  }
  body.push(text(LEFT, top - GAP + 40, 'seconds', { classes: 'quiet' }));
  return svg(top - GAP + 56, title, body);
}

/** The axis of each begins at 0, so that nothing looks steeper than it is. */
function panel(
  /** @type {number} */ top,
  /** @type {number} */ seconds,
  /** @type {Line[]} */ lines,
) {
  const bottom = top + PANEL;
  const most = ceiling(Math.max(...lines.flatMap(({ points }) => points.map(({ y }) => y)), 0.001));
  const x = (/** @type {number} */ value) =>
    (LEFT + (value / seconds) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const y = (/** @type {number} */ value) => (bottom - (value / most) * PANEL).toFixed(1);
  const body = [];
  for (const share of [0, 0.5, 1]) {
    body.push(`<path class="grid" d="M${LEFT} ${y(share * most)}H${WIDTH - RIGHT}"/>`);
    const label = String(Number((share * most).toPrecision(3)));
    body.push(
      text(LEFT - 8, Number(y(share * most)) + 4, label, { classes: 'quiet', anchor: 'end' }),
    );
  }
  const step = ceiling(seconds / 8);
  for (let at = 0; at <= seconds; at += step) {
    body.push(text(Number(x(at)), bottom + 18, String(at), { classes: 'quiet', anchor: 'middle' }));
  }
  for (const { stroke, points } of lines) {
    if (points.length === 0) continue;
    const path = points.map((point) => `${x(point.x)} ${y(point.y)}`).join('L');
    body.push(`<path d="M${path}" fill="none" stroke="${stroke}" stroke-width="2"/>`);
  }
  return body;
}

/** The next 1, 2 or 5 followed by zeros. */
function ceiling(/** @type {number} */ value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * ([1, 2, 5, 10].find((digit) => digit * power >= value) ?? 10);
}

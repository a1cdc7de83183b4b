// The charts of the benchmark.
import { baseOf, peers } from './peers.mjs';
import { digits } from './report.mjs';
import { CPU, scenarios } from './scenarios/index.mjs';
import { svg, text, WIDTH } from './svg.mjs';

/** One for each peer, readable on white and on black and apart for the colour-blind. */
const COLOURS = {
  hawser: '#0f8a6d',
  'hawser-except': '#0f8a6d',
  'hawser-filter': '#0f8a6d',
  'hawser-deflate': '#0f8a6d',
  'hawser-transfer': '#0f8a6d',
  'ws-deflate': '#d1603d',
  net: '#8b949e',
  'net-gather': '#8b949e',
  ws: '#d1603d',
  'ws-bufferutil': '#b98a1b',
  uws: '#3f7fd1',
  websocket: '#9a6bc4',
  faye: '#c25a93',
};

const colour = (/** @type {string} */ name) => COLOURS[baseOf(name)] ?? '#8b949e';
const titleOf = (/** @type {string} */ name) => peers[name]?.title ?? name;

/** One chart for each kind of work: a panel a scenario, a bar a contestant, a line from its lowest to its highest round. */
export function barCharts({ medians }) {
  /** @type {Record<string, (scenario: import('./scenarios/index.mjs').Scenario) => boolean>} */
  const groups = {
    echo: ({ kind }) => kind === 'echo',
    'long-messages': ({ also }) => also?.includes('hawser-transfer') === true,
    broadcast: ({ kind }) => kind === 'broadcast' || kind === 'stream',
    memory: ({ kind }) => kind === 'idle',
    latency: ({ kind }) => kind === 'latency',
    'deflate-cpu': ({ kind, unit }) => kind.startsWith('deflate') && unit === CPU,
    'deflate-bytes': ({ name }) => name.startsWith('deflate-bytes'),
    'deflate-memory': ({ kind }) => kind === 'deflate-memory' || kind === 'deflate-storm',
  };
  /** @type {Record<string, string>} */
  const charts = {};
  for (const [name, belongs] of Object.entries(groups)) {
    const panels = scenarios
      .filter(belongs)
      .map((scenario) => ({
        scenario,
        rows: medians.filter((row) => row.scenario === scenario.name),
      }))
      .filter(({ rows }) => rows.length > 0);
    if (panels.length > 0) charts[name] = barChart(name, panels);
  }
  return charts;
}

function barChart(/** @type {string} */ label, panels) {
  const [right, barHeight, step] = [90, 16, 23];
  const titles = panels.flatMap(({ rows }) => rows.map(({ contestant }) => titleOf(contestant)));
  const left = Math.max(150, 24 + 6.6 * Math.max(...titles.map(({ length }) => length)));
  const body = [];
  let y = 12;
  for (const { scenario, rows } of panels) {
    body.push(text(16, (y += 20), scenario.title, { classes: 'title' }));
    body.push(text(16, (y += 18), `${scenario.unit}; shorter is better`, { classes: 'quiet' }));
    y += 10;
    // One bad round must not squeeze all the bars: the scale is that of the medians.
    const scale = (WIDTH - left - right) / Math.max(...rows.map(({ value }) => value));
    for (const { contestant, value, lowest, highest } of rows) {
      const middle = y + barHeight / 2;
      const x = (/** @type {number} */ figure) =>
        left + Math.min(figure * scale, WIDTH - left - 70);
      body.push(text(left - 8, middle + 4, titleOf(contestant), { anchor: 'end' }));
      body.push(
        `<rect x="${left}" y="${y}" width="${(x(value) - left).toFixed(1)}" height="${barHeight}" rx="2" fill="${colour(contestant)}"/>`,
        `<path class="interval" d="M${x(lowest).toFixed(1)} ${middle}H${x(highest).toFixed(1)}"/>`,
      );
      const end = Math.max(x(value), x(highest)) + 6;
      body.push(text(end.toFixed(1), middle + 4, digits(value), { classes: 'number' }));
      y += step;
    }
    y += 14;
  }
  return svg(y, label, body);
}

/** One chart for each thing that grows, both axes logarithmic. */
export function growthCharts({ series }) {
  /** @type {Record<string, string>} */
  const charts = {};
  for (const name of new Set(series.map((each) => each.name))) {
    charts[`growth-${name}`] = lineChart(series.filter((each) => each.name === name));
  }
  return charts;
}

function lineChart(lines) {
  const [left, right, top, bottom] = [80, 245, 64, 400];
  const [{ title, xTitle, yTitle }] = lines;
  const points = lines.flatMap((line) => line.points);
  const xs = axis(points.map(({ x }) => x));
  const ys = axis(points.map(({ y }) => y));
  const x = (/** @type {number} */ value) => place(value, xs, left, WIDTH - right).toFixed(1);
  const y = (/** @type {number} */ value) => place(value, ys, bottom, top).toFixed(1);

  const body = [text(16, 26, `Cost by ${title}`, { classes: 'title' })];
  body.push(text(16, 46, `${yTitle}; both axes logarithmic`, { classes: 'quiet' }));
  for (let power = xs.low; power <= xs.high; power++) {
    const at = x(10 ** power);
    body.push(`<path class="grid" d="M${at} ${top}V${bottom}"/>`);
    body.push(text(at, bottom + 20, short(10 ** power), { classes: 'quiet', anchor: 'middle' }));
  }
  for (let power = ys.low; power <= ys.high; power++) {
    const at = y(10 ** power);
    body.push(`<path class="grid" d="M${left} ${at}H${WIDTH - right}"/>`);
    body.push(
      text(left - 8, Number(at) + 4, short(10 ** power), { classes: 'quiet', anchor: 'end' }),
    );
  }
  body.push(text(left, bottom + 42, xTitle, { classes: 'quiet' }));
  lines.forEach((line, index) => {
    const path = line.points.map((point) => `${x(point.x)} ${y(point.y)}`).join('L');
    const stroke = colour(line.peer);
    body.push(`<path d="M${path}" fill="none" stroke="${stroke}" stroke-width="2.5"/>`);
    for (const point of line.points) {
      body.push(`<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3.5" fill="${stroke}"/>`);
    }
    const at = top + 10 + index * 24;
    const start = WIDTH - right + 20;
    body.push(`<path d="M${start} ${at}h22" stroke="${stroke}" stroke-width="2.5"/>`);
    const legend = `${titleOf(line.peer)}, slope ${line.slope.toFixed(2)}`;
    body.push(text(start + 30, at + 4, legend));
  });
  return svg(bottom + 60, `Cost by ${title}`, body);
}

/** The whole powers of ten around some values. */
function axis(/** @type {number[]} */ values) {
  const low = Math.floor(Math.log10(Math.min(...values)));
  return { low, high: Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values)))) };
}

function place(value, { low, high }, from, to) {
  return from + ((Math.log10(value) - low) / (high - low)) * (to - from);
}

function short(/** @type {number} */ value) {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(Number(value.toPrecision(1)));
}

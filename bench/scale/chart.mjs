// A chart of lines in the style of the benchmark's.
import { svg, text, WIDTH } from '../svg.mjs';

const [LEFT, RIGHT, TOP, BOTTOM] = [80, 225, 64, 360];
const COLOURS = ['#d1603d', '#3f7fd1', '#0f8a6d', '#b98a1b'];

/** @typedef {{ title: string, isLog?: boolean }} Axis */

/**
 * @param {string} title
 * @param {Axis} across
 * @param {Axis} up
 * @param {{ name: string, points: [x: number, y: number][] }[]} lines
 */
export function lineChart(title, across, up, lines) {
  const points = lines.flatMap((line) => line.points);
  const x = scale(across, points.map(([value]) => value), LEFT, WIDTH - RIGHT); // prettier-ignore
  const y = scale(up, points.map(([, value]) => value), BOTTOM, TOP); // prettier-ignore
  const body = [text(16, 26, title, { classes: 'title' })];
  body.push(text(16, 46, up.title, { classes: 'quiet' }));
  for (const tick of x.ticks) {
    body.push(`<path class="grid" d="M${x.at(tick)} ${TOP}V${BOTTOM}"/>`);
    body.push(text(x.at(tick), BOTTOM + 20, short(tick), { classes: 'quiet', anchor: 'middle' }));
  }
  for (const tick of y.ticks) {
    body.push(`<path class="grid" d="M${LEFT} ${y.at(tick)}H${WIDTH - RIGHT}"/>`);
    body.push(
      text(LEFT - 8, Number(y.at(tick)) + 4, short(tick), { classes: 'quiet', anchor: 'end' }),
    );
  }
  body.push(text(LEFT, BOTTOM + 42, across.title, { classes: 'quiet' }));
  for (const [index, line] of lines.entries()) {
    const stroke = COLOURS[index % COLOURS.length];
    const path = line.points.map((point) => `${x.at(point[0])} ${y.at(point[1])}`).join('L');
    body.push(`<path d="M${path}" fill="none" stroke="${stroke}" stroke-width="2.5"/>`);
    const [start, at] = [WIDTH - RIGHT + 20, TOP + 10 + index * 24];
    body.push(`<path d="M${start} ${at}h22" stroke="${stroke}" stroke-width="2.5"/>`);
    body.push(text(start + 30, at + 4, line.name));
  }
  return svg(BOTTOM + 60, title, body);
}

/** Where values lie between two ends of an axis, and its ticks. */
function scale(/** @type {Axis} */ { isLog = false }, values, from, to) {
  const change = (/** @type {number} */ value) => (isLog ? Math.log10(value) : value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const step = isLog ? 1 : 10 ** Math.floor(Math.log10(most)) / (most < 4 * 10 ** Math.floor(Math.log10(most)) ? 2 : 1); // prettier-ignore
  const low = isLog ? Math.floor(change(least)) : 0;
  const high = isLog ? Math.max(low + 1, Math.ceil(change(most))) : Math.ceil(most / step) * step;
  const count = Math.round((high - low) / step);
  const ticks = Array.from({ length: count + 1 }, (_, index) => low + index * step);
  return {
    ticks: isLog ? ticks.map((power) => 10 ** power) : ticks,
    at: (/** @type {number} */ value) =>
      (from + ((change(value) - low) / (high - low)) * (to - from)).toFixed(1),
  };
}

function short(/** @type {number} */ value) {
  if (value >= 1e6) return `${value / 1e6} M`;
  return value >= 1e3 ? `${value / 1e3} k` : String(Number(value.toPrecision(2)));
}

// SVG written by hand, for charts that follow the reader's light or dark mode.

export const WIDTH = 820;
const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .quiet { fill: #59636e; }
  .number { font-variant-numeric: tabular-nums; }
  .grid { stroke: #d1d9e0; fill: none; }
  .interval { stroke: #1f2328; stroke-opacity: 0.55; }
  .background { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .grid { stroke: #3d444d; }
    .interval { stroke: #f0f6fc; }
    .background { fill: #0d1117; }
  }`;

const escape = (/** @type {string} */ text) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export function svg(
  /** @type {number} */ height,
  /** @type {string} */ label,
  /** @type {string[]} */ body,
) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(label)}">
<style>${STYLE}
</style>
<rect class="background" width="${WIDTH}" height="${height}"/>
${body.join('\n')}
</svg>
`;
}

export function text(x, y, content, { classes = '', anchor = 'start' } = {}) {
  return `<text x="${x}" y="${y}" class="${classes}" text-anchor="${anchor}">${escape(content)}</text>`;
}

// What is kept of a run: everything in results/<mode>.json, charts, and a line in results/runs.jsonl
// for every run ever made, whatever came out of it.
import { appendFileSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, loadavg, platform } from 'node:os';
import { fileURLToPath } from 'node:url';
import { barCharts, growthCharts } from './charts.mjs';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
/** Charts that a document shows, and those of LOG.md. */
const DOCS = fileURLToPath(new URL('../docs/performance/', import.meta.url));
const LOG = fileURLToPath(new URL('charts/', import.meta.url));

/**
 * @param {string} mode
 * @param {import('./choose.mjs').Choice & { rounds: number }} choice
 */
export function startRun(mode, { claims, refused, rounds, quick }) {
  const began = new Date();
  const load = loadavg();
  return {
    end: (/** @type {boolean} */ complete) => ({
      mode,
      began: began.toISOString(),
      seconds: Math.round((Date.now() - began.getTime()) / 1000),
      complete,
      quick,
      rounds,
      machine: {
        node: process.version,
        system: `${platform()} ${arch()}`,
        cores: availableParallelism(),
        loadBefore: load[0],
      },
      peers: claims,
      refused,
    }),
  };
}

/**
 * @param {'compare' | 'growth' | 'against'} mode
 * @param {any} results
 * @param {boolean} docs copy the charts to where docs/ and LOG.md show them, too
 */
export function keep(mode, results, docs) {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${mode}.json`, `${JSON.stringify(results, null, 2)}\n`);
  const { samples: _samples, ...line } = results;
  appendFileSync(`${RESULTS}runs.jsonl`, `${JSON.stringify(line)}\n`);
  if (mode === 'against') return;
  const charts = mode === 'compare' ? barCharts(results) : growthCharts(results);
  for (const [name, svg] of Object.entries(charts)) writeFileSync(`${RESULTS}${name}.svg`, svg);
  if (!docs) return;
  for (const name of Object.keys(charts)) {
    const folder = /^(deflate|long)/.test(name) ? DOCS : LOG;
    mkdirSync(folder, { recursive: true });
    copyFileSync(`${RESULTS}${name}.svg`, `${folder}${name}.svg`);
  }
}

/**
 * What is kept of the last run of a mode; undefined if there was none.
 *
 * @param {string} mode
 */
export function readResults(mode) {
  try {
    return JSON.parse(readFileSync(`${RESULTS}${mode}.json`, 'utf8'));
  } catch {
    return undefined;
  }
}

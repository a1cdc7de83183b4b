// `npm run soak`; README.md tells what it does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, loadavg, platform } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from '../bench/rpc.mjs';
import { chart } from './chart.mjs';
import { judge } from './judge.mjs';
import { report } from './report.mjs';

const HELP = `npm run soak -- [options]

  --seconds n        how long, without the beginning and the end (120)
  --connections n    that many at once, half of them well-behaved (2000)
  --seed n           of everything that chance decides (1)
  --json             print the results as JSON instead of tables
  --results folder   where results.json and soak.svg go (soak/results)
  --dist file        another build's index.js
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    seconds: { type: 'string', default: '120' },
    connections: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    results: { type: 'string', default: here('results') },
    dist: { type: 'string', default: here('../dist/index.js') },
  },
});

/** Samples of a run. */
const SAMPLES = 60;
/** Milliseconds that the server has to let go of its connections once there is no peer any more. */
const PATIENCE = 5000;

if (values.help) console.log(HELP);
else await main();

async function main() {
  const options = {
    seconds: wholeNumber('seconds', 1),
    connections: wholeNumber('connections', 2),
    seed: wholeNumber('seed', 0),
  };
  const { node } = process.versions;
  const results = {
    began: new Date().toISOString(),
    options,
    machine: {
      node: `v${node}`,
      system: `${platform()} ${arch()}`,
      cores: availableParallelism(),
      loadBefore: loadavg()[0] ?? 0,
    },
    ...(await soak(options)),
  };
  const verdicts = judge(results);
  const all = { ...results, holds: verdicts.every(({ holds }) => holds), verdicts };
  mkdirSync(values.results, { recursive: true });
  writeFileSync(join(values.results, 'results.json'), `${JSON.stringify(all, null, 2)}\n`);
  if (results.samples.length > 2) writeFileSync(join(values.results, 'soak.svg'), chart(all));
  console.log(values.json ? JSON.stringify(all, null, 2) : report(all));
  if (!all.holds) process.exitCode = 1;
}

/** @param {{ seconds: number, connections: number, seed: number }} options */
async function soak({ seconds, connections, seed }) {
  const wellBehaved = Math.ceil(connections / 2);
  const server = new Worker('the server', file('server.mjs'), [resolve(values.dist)]);
  const well = new Worker('the well-behaved', file('well-behaved.mjs'));
  const chaos = new Worker('chaos', file('chaos.mjs'));
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  /** @type {import('./judge.mjs').Sample[]} */
  const samples = [];
  const sample = async () => {
    const [{ ends, limitedBy, warnings, ...ours }, theirs] = await Promise.all([
      server.call('sample'),
      well.call('sample'),
    ]);
    samples.push({ at: elapsed(), ...ours, ...theirs });
    return { ends, limitedBy, warnings };
  };
  try {
    const port = await server.call('listen');
    const before = await server.call('sample');
    await well.call('start', { port, count: wellBehaved, seed });
    await chaos.call('start', { port, count: connections - wellBehaved, seed });
    for (let next = 1; next <= SAMPLES; next++) {
      await delay(Math.max(0, (next / SAMPLES) * seconds - elapsed()) * 1000);
      await sample();
    }
    const deeds = await chaos.call('deeds');
    await well.call('stop');
    const found = await well.call('finish', await server.call('stopBroadcasting'));
    excuse(found, await server.call('neverAccepted', found.unanswered));
    await chaos.stop();
    const left = await server.call('emptied', PATIENCE);
    const { ends, limitedBy, warnings } = await server.call('sample');
    return { wellBehaved, seconds, before, samples, found, deeds, left, ends, limitedBy, warnings };
  } catch (error) {
    // Whoever noticed it first: is it the server that is gone?
    const crash = await server.call('sample').then(
      () => undefined,
      (/** @type {Error} */ reason) => reason.message,
    );
    if (crash === undefined) throw error; // a fault of the soak itself
    return { wellBehaved, seconds: Math.round(elapsed()), samples, crash };
  } finally {
    await Promise.all([server.stop(), well.stop(), chaos.stop()]);
  }
}

/**
 * Where the machine is too busy the kernel tells a client that it is connected, forgets it, and resets it minutes later.
 * The server has never heard of it: that is nobody who was refused.
 *
 * @param {any} found
 * @param {{ description: string }[]} never
 */
function excuse(found, never) {
  const excused = new Set(never.map(({ description }) => description));
  found.faults = found.faults.filter((/** @type {string} */ fault) => !excused.has(fault));
  found.refused -= never.length;
  found.notLetIn += never.length;
}

/** @param {'seconds' | 'connections' | 'seed'} name */
function wholeNumber(name, /** @type {number} */ least) {
  const number = Number(values[name]);
  if (!Number.isSafeInteger(number) || number < least) {
    throw new Error(`--${name} ${values[name]} is not a whole number from ${least} on`);
  }
  return number;
}

function file(/** @type {string} */ name) {
  return new URL(name, import.meta.url);
}

function here(/** @type {string} */ name) {
  return fileURLToPath(file(name));
}

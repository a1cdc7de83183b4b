// `npm run soak`; README.md tells what it does.
import { mkdirSync, writeFileSync } from 'node:fs';
import { arch, availableParallelism, loadavg, platform } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Worker } from '../../bench/rpc.mjs';
import { chart } from './chart.mjs';
import { ALLOWED_OUTSIDE, hasFault, judge, work } from './judge.mjs';
import { report } from './report.mjs';

const HELP = `npm run soak -- [options]

  --seconds n        how long, without the beginning and the end (120); longer until there was enough to judge
  --connections n    that many at once, half of them well-behaved (2000)
  --echoes n         so many messages that were sent back are checked at least (half of the connections)
  --seed n           of everything that chance decides (1)
  --json             print the results as JSON instead of tables
  --results folder   where results.json and soak.svg go (tools/soak/results)
  --dist file        another build's index.js
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    seconds: { type: 'string', default: '120' },
    connections: { type: 'string', default: '2000' },
    echoes: { type: 'string' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    results: { type: 'string', default: here('results') },
    dist: { type: 'string', default: here('../../dist/index.js') },
  },
});

/** Samples of a run: fewer of a short one, because each of them collects garbage. */
const samplesOf = (/** @type {number} */ seconds) => (seconds < 10 ? 24 : 60);
/** Seconds that a run may take in addition until there was enough to judge: on a machine that has hardly time for it. */
const OVERTIME = 120;
/**
 * What is still missing when so many times in a row nothing at all has come is lost. Each time the server has looked at
 * its sockets, and the peers at theirs: one that is not given the processor does not look.
 */
const SILENT_LOOKS = 50;
/** Milliseconds from one of these to the next. */
const LOOK_EVERY = 100;

if (values.help) console.log(HELP);
else await main();

async function main() {
  const connections = wholeNumber('connections', 2);
  const options = {
    seconds: wholeNumber('seconds', 1),
    connections,
    echoes: values.echoes === undefined ? Math.ceil(connections / 2) : wholeNumber('echoes', 1),
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

/** @param {{ seconds: number, connections: number, echoes: number, seed: number }} options */
async function soak(options) {
  const { seconds, connections, seed } = options;
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
    const ports = await server.call('listen');
    const before = await server.call('sample');
    await well.call('start', { ...ports, count: wellBehaved, seed });
    await chaos.call('start', { ...ports, count: connections - wellBehaved, seed });
    const count = samplesOf(seconds);
    const step = seconds / count;
    const isOver = async () => {
      if (samples.length < count) return false;
      if (elapsed() > seconds + OVERTIME) return true;
      const [{ limitedBy, warnings }, found, deeds] = await Promise.all([
        server.call('sample'),
        well.call('found'),
        chaos.call('deeds'),
      ]);
      const soFar = { options, wellBehaved, found, deeds, limitedBy, warnings };
      return hasFault(soFar) || work(soFar).every(({ holds }) => holds);
    };
    while (!(await isOver())) {
      // What is late is not made up for: samples at one moment would say nothing of growth.
      const planned = (samples.length + 1) * step - elapsed();
      await delay(Math.max(step / 2, planned) * 1000);
      await sample();
    }
    const lasted = Math.round(elapsed());
    const deeds = await chaos.call('deeds');
    await well.call('stop');
    await well.call('finish', await server.call('stopBroadcasting'));
    await everythingCame(server, well);
    const found = await well.call('found');
    excuse(found, await server.call('neverAccepted', found.unanswered));
    await chaos.stop();
    const left = await server.call('emptied', before.external + ALLOWED_OUTSIDE);
    const { ends, limitedBy, warnings } = await server.call('sample');
    const ended = { found, deeds, left, ends, limitedBy, warnings };
    return { wellBehaved, seconds: lasted, before, samples, ...ended };
  } catch (error) {
    // Whichever process noticed first, is it the server that has ended?
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
 * Wait until the well-behaved have got everything and are gone, or nothing comes any more.
 *
 * @param {Worker} server
 * @param {Worker} well
 */
async function everythingCame(server, well) {
  let bytes = -1;
  for (let silent = 0; silent < SILENT_LOOKS; silent++) {
    await delay(LOOK_EVERY);
    await server.call('look');
    const now = await well.call('look');
    if (now.allDone) return;
    if (now.bytes > bytes) silent = -1;
    bytes = now.bytes;
  }
  await well.call('giveUp');
}

/**
 * Where the machine is too busy the kernel tells a client that it is connected, forgets it, and resets it minutes later.
 * The server has never seen that client, so it does not count as refused.
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

/** @param {'seconds' | 'connections' | 'echoes' | 'seed'} name */
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

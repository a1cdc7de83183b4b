// `--profile`: where a server spends its time in one window. The whole profile goes to results/, to be
// opened in the developer tools of a browser; the terminal gets the functions that took most.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { contestantsOf } from './compare.mjs';
import { measure } from './processes.mjs';
import { CPU } from './scenarios/index.mjs';
import { digits } from './report.mjs';

const EFFORT = { warmUp: 700, window: 2000, streamed: 2_000_000, held: 0, exchanged: 60_000 };
const SHOWN = 15;
const RESULTS = fileURLToPath(new URL('results/', import.meta.url));

/** @param {import('./choose.mjs').Choice} choice */
export async function run({ scenarios, peers }) {
  mkdirSync(RESULTS, { recursive: true });
  for (const scenario of scenarios.filter(({ unit }) => unit === CPU)) {
    for (const { name, peer, params } of contestantsOf(scenario, peers)) {
      const all = { ...scenario.params, ...params };
      /** @type {any} */
      let profile;
      const { cpu = 0 } = await measure(peer, scenario.kind, all, EFFORT, {
        onProfile: (taken) => {
          profile = taken;
        },
      });
      writeFileSync(`${RESULTS}${scenario.name}-${name}.cpuprofile`, JSON.stringify(profile));
      console.log(`\n${scenario.title}: ${name}, ${digits(cpu)} µs a message while profiled`);
      for (const { where, share } of heaviest(profile).slice(0, SHOWN)) {
        console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${where}`);
      }
    }
  }
}

/** Functions by the time spent in themselves, as shares of the time not idle. */
function heaviest({ nodes, samples, timeDeltas }) {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const file = url.split('/').at(-1);
      const name = functionName === '' ? '(anonymous)' : functionName;
      return [id, file === '' ? name : `${name} ${file}:${lineNumber + 1}`];
    }),
  );
  /** @type {Map<string, number>} */
  const times = new Map();
  let busy = 0;
  samples.forEach((/** @type {number} */ id, /** @type {number} */ index) => {
    const name = names.get(id);
    if (name === '(idle)') return;
    busy += timeDeltas[index];
    times.set(name, (times.get(name) ?? 0) + timeDeltas[index]);
  });
  return [...times]
    .map(([where, time]) => ({ where, share: time / busy }))
    .sort((a, b) => b.share - a.share);
}

// `--check`: the scenarios in small, for correctness. What is wrong shows as an error of the load
// generator, which compares every byte.
import { contestantsOf } from './compare.mjs';
import { measure } from './processes.mjs';

const EFFORT = { warmUp: 20, window: 50, streamed: 16_000, held: 600, exchanged: 400 };
const CONNECTIONS = 20;

/** @param {import('./choose.mjs').Choice} choice */
export async function run({ scenarios, peers }) {
  let failed = 0;
  for (const scenario of scenarios) {
    const { name, kind, params } = scenario;
    for (const contestant of contestantsOf(scenario, peers)) {
      const small = { ...params, ...contestant.params, least: 0 };
      if (small.connections > CONNECTIONS) small.connections = CONNECTIONS;
      try {
        await measure(contestant.peer, kind, small, EFFORT);
        console.log(`ok      ${name}: ${contestant.name}`);
      } catch (error) {
        failed++;
        console.log(`FAILED  ${name}: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
  console.log(failed === 0 ? 'Every byte was right.' : `${failed} failed.`);
  if (failed > 0) process.exitCode = 1;
}

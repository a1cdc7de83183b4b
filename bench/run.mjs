// `npm run bench`; README.md tells what it does.
import { parseArgs } from 'node:util';
import { setUp } from './setup.mjs';

const HELP = `npm run bench -- [options]

  --quick            fewer rounds, shorter windows, only the peers that targets name: two minutes
  --check            whether every byte is right; no figures (hawser and ws unless --peer says otherwise)
  --growth           how cost grows with connections, bytes, subscribers and messages
  --against build    hawser now beside another build: a commit, or a folder with dist/index.js. Exit code 1
                     if a row got worse
  --profile          where the servers spend their time (hawser unless --peer says otherwise)
  --scenario a,b     only these scenarios (--rows is the same)
  --peer x,y         only these peers
  --node 20,24,26    the servers on these lines of Node, side by side; a line that is missing is installed
                     outside the project
  --rounds n         instead of 5 (3 with --quick or --growth; with --against at most so many, 60)
  --minutes n        with --against: no further round after so long, 12
  --resume           with --against: go on from the rounds of the last run
  --docs             copy the charts to docs/performance/ and bench/charts/ (of a whole run)
  --dist file        measure another build's index.js as hawser; builds nothing
  --no-build         measure dist/ as it is
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    quick: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    against: { type: 'string' },
    minutes: { type: 'string' },
    resume: { type: 'boolean', default: false },
    scenario: { type: 'string' },
    rows: { type: 'string' },
    peer: { type: 'string' },
    node: { type: 'string' },
    rounds: { type: 'string' },
    docs: { type: 'boolean', default: false },
    dist: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
  },
});

if (values.help) {
  console.log(HELP);
} else {
  setUp({ build: !values['no-build'], dist: values.dist });
  // Not before: they import what setUp installs.
  const { choose } = await import('./choose.mjs');
  const mode = ['growth', 'check', 'profile', 'against'].find((name) => values[name]) ?? 'compare';
  const { run } = await import(`./${mode}.mjs`);
  await run(await choose({ ...values, scenario: values.scenario ?? values.rows }));
}

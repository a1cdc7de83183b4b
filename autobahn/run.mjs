// Runs the container of the Autobahn testsuite against an echo server: `node autobahn/run.mjs`, after
// `npm run build`. Needs Docker on Linux (the container uses the network of the host).
import { spawnSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { differences } from './judge.mjs';
import { listen } from './server.mjs';

const IMAGE = 'crossbario/autobahn-testsuite:0.8.2';
const folder = fileURLToPath(new URL('.', import.meta.url));
const read = (/** @type {string} */ file) => JSON.parse(readFileSync(`${folder}${file}`, 'utf8'));

if (spawnSync('docker', ['info'], { stdio: 'ignore' }).status !== 0) {
  console.error('docker is missing, or its daemon does not run');
  process.exit(1);
}
mkdirSync(`${folder}reports`, { recursive: true });
const wss = await listen(9001);
const container = spawn(
  'docker',
  [
    ...['run', '--rm', '--network', 'host'],
    ...['--volume', `${folder}fuzzingclient.json:/config/fuzzingclient.json:ro`],
    ...['--volume', `${folder}reports:/reports`],
    ...[IMAGE, 'wstest', '--mode', 'fuzzingclient', '--spec', '/config/fuzzingclient.json'],
  ],
  { stdio: 'inherit' },
);
const [status] = await once(container, 'close');
await wss.close({ timeout: 1000 });
if (status !== 0) throw new Error(`the container ended with ${status}`);

const cases = read('reports/index.json').hawser ?? {};
const lines = differences(cases, read('expected.json'));
for (const line of lines) console.error(line);
console.log(`${Object.keys(cases).length} cases, ${lines.length} differences`);
process.exitCode = lines.length === 0 ? 0 : 1;

// Removes what a build made: `node scripts/clean.mjs dist`.
import { rmSync } from 'node:fs';

for (const name of process.argv.slice(2)) rmSync(name, { recursive: true, force: true });

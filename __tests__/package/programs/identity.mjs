// One class, whichever way it came: prints what the two doors have, and whether it is the same.
import { createRequire } from 'node:module';
import * as imported from 'hawser';

const required = createRequire(import.meta.url)('hawser');
const names = Object.keys(required).sort();
console.log(
  JSON.stringify({
    imported: Object.keys(imported).sort(),
    required: names,
    different: names.filter((name) => imported[name] !== required[name]),
    undefined: names.filter((name) => required[name] === undefined),
  }),
);

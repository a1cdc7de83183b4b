// One class, whichever way it came: prints what the two doors have, and whether it is the same.
import { createRequire } from 'node:module';
import * as main from 'hawser';
import * as client from 'hawser/client';
import * as cluster from 'hawser/cluster';
import * as metrics from 'hawser/metrics';
import * as nats from 'hawser/nats';
import * as redis from 'hawser/redis';

const require = createRequire(import.meta.url);

function compare(imported, required) {
  const names = Object.keys(required).sort();
  return {
    imported: Object.keys(imported).sort(),
    required: names,
    different: names.filter((name) => imported[name] !== required[name]),
    undefined: names.filter((name) => required[name] === undefined),
  };
}

console.log(
  JSON.stringify([
    compare(main, require('hawser')),
    compare(metrics, require('hawser/metrics')),
    compare(redis, require('hawser/redis')),
    compare(nats, require('hawser/nats')),
    compare(cluster, require('hawser/cluster')),
    compare(client, require('hawser/client')),
  ]),
);

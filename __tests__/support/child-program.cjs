// The program that support/child.ts starts: node child-program.cjs HAWSER SETUP
// SETUP is JavaScript that builds a server; see child.ts for the names it may use.
'use strict';

const { writeSync } = require('node:fs');
const { createServer } = require('node:http');
const http2 = require('node:http2');

const [, , path, setup, version] = process.argv;

/** One line of JSON, written before anything else can happen, a crash included. */
const say = (...words) => {
  writeSync(1, `${JSON.stringify(words)}\n`);
};

/** What the parent may ask for, by name. */
const commands = {
  /** Bytes in use, after garbage collection (with --expose-gc). */
  memory: async () => {
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      globalThis.gc();
    }
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return { heapUsed, external, arrayBuffers };
  },
};
process.on('message', async ([id, name, ...args]) => {
  say('answer', id, (await commands[name](...args)) ?? null);
});

const hawser = require(path);
const server = version === 'HTTP/2' ? http2.createServer() : createServer();
new Function('hawser', 'server', 'say', 'commands', 'require', setup)(
  hawser,
  server,
  say,
  commands,
  require,
);
server.listen(0, () => say('port', server.address().port));

// `RUNTIME harness.cjs FILE`: runs one compiled test file where Jest itself does not run, and prints one line of JSON.
// It has of Jest what the portable tests use: describe, it, test, their each and skip, the hooks, expect, jest.fn,
// jest.spyOn and jest.replaceProperty.
const { inspect } = require('node:util');
const process = require('node:process');
const { expect } = require('expect');
const { ModuleMocker } = require('jest-mock');

const [file, seconds, waits = '[]'] = process.argv.slice(2);
/** Parts of the titles of tests that would wait here for ever. */
const endless = JSON.parse(waits);

const suite = (name, parent) => ({
  name,
  parent,
  children: [],
  hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] },
});
const root = suite('', undefined);
let current = root;

function describe(name, body) {
  const inner = suite(String(name), current);
  current.children.push(inner);
  current = inner;
  try {
    body();
  } finally {
    current = inner.parent;
  }
}

function test(name, body) {
  current.children.push({ name: String(name), body });
}

/** What stands in a title for the arguments: $name, and printf's words, of which `%#` is the row's number. */
function titled(title, args, index) {
  if (/\$\w/.test(title) && args.length === 1 && typeof args[0] === 'object') {
    return title.replace(/\$(\w+)/g, (_, name) => inspect(args[0][name]));
  }
  let at = 0;
  return title.replaceAll('%#', String(index)).replace(/%[sdifjop]/g, (place) => {
    const value = args[at++];
    return place === '%s' && typeof value !== 'object' ? String(value) : inspect(value);
  });
}

for (const add of [describe, test]) {
  add.each = (rows) => (title, body) => {
    for (const [index, row] of [...rows].entries()) {
      const args = Array.isArray(row) ? row : [row];
      add(titled(title, args, index), () => body(...args));
    }
  };
}

const mocker = new ModuleMocker(globalThis);
Object.assign(globalThis, {
  describe,
  test,
  it: test,
  expect,
  jest: {
    fn: mocker.fn.bind(mocker),
    spyOn: mocker.spyOn.bind(mocker),
    replaceProperty: mocker.replaceProperty.bind(mocker),
    restoreAllMocks: mocker.restoreAllMocks.bind(mocker),
    setTimeout: () => undefined,
  },
});
for (const name of Object.keys(root.hooks)) {
  globalThis[name] = (body) => current.hooks[name].push(body);
}

/** Runs it; what takes too long has hung. */
async function within(what, body) {
  let timer;
  const hung = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${what} has hung`)), Number(seconds) * 1000);
  });
  try {
    await Promise.race([(async () => body())(), hung]);
  } finally {
    clearTimeout(timer);
  }
}

const passed = [];
const failed = [];

function fail(name, error) {
  const text = error instanceof Error || error?.message ? (error.stack ?? error.message) : error;
  failed.push({ name, error: String(text) });
}

async function run(node, path) {
  for (const hook of node.hooks.beforeAll) {
    await within('beforeAll', hook).catch((error) => fail(`${path} beforeAll`, error));
  }
  for (const child of node.children) {
    const name = `${path} ${child.name}`.trim();
    if (child.children) await run(child, name);
    else if (!endless.some((title) => name.includes(title))) await runTest(child, node, name);
  }
  for (const hook of node.hooks.afterAll) {
    await within('afterAll', hook).catch((error) => fail(`${path} afterAll`, error));
  }
}

async function runTest({ body }, node, name) {
  const outer = [];
  for (let at = node; at; at = at.parent) outer.unshift(at);
  try {
    try {
      for (const { hooks } of outer) for (const hook of hooks.beforeEach) await within(name, hook);
      await within(name, body);
    } finally {
      for (const { hooks } of outer.reverse()) {
        for (const hook of hooks.afterEach) await within(`${name}, afterEach`, hook);
      }
    }
    passed.push(name);
  } catch (error) {
    fail(name, error);
  }
}

const report = () => process.stdout.write(`${JSON.stringify({ passed: passed.length, failed })}\n`);
process.on('uncaughtException', (error) => fail('(an exception that nobody caught)', error));
process.on('unhandledRejection', (error) => fail('(a rejection that nobody handled)', error));

async function main() {
  try {
    require(file);
  } catch (error) {
    fail('(the file)', error);
  }
  await run(root, '');
  report();
  setTimeout(() => process.exit(failed.length > 0 ? 1 : 0), 50);
}
void main();

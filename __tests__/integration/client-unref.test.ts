import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { builtPackage } from '../support/built-package.js';
import { serveHttp2 } from '../support/http2.js';
import { later, serve } from '../support/server.js';

/** Connects with these options, calls what stands in `then`, and says when its process ends. */
const program = (url: string, options: string, then: string): string => `
  const { connect } = require(${JSON.stringify(join(dirname(builtPackage()), 'client', 'index.js'))});
  process.on('exit', () => console.log('ended'));
  void (async () => {
    const conn = await connect(${JSON.stringify(url)}, ${options});
    console.log('open', conn.transport);
    ${then}
  })();
`;

/** What a program has printed when it ends; it is killed with the test. */
function output(source: string): Promise<string> {
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  later(() => child.kill());
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return new Promise((resolve) => {
    child.on('close', () => {
      resolve(text);
    });
  });
}

describe.each([
  ['HTTP/1.1', 'http1', () => serve(), '{}'],
  ['HTTP/2', 'http2', () => serveHttp2(), '{ http2: true }'],
])('a process with a connection over %s', (_version, transport, begin, options) => {
  it.each([
    ['after unref()', 'conn.unref();'],
    ['after close()', 'await conn.close();'],
    ['after terminate()', 'conn.terminate();'],
    // What `await using` calls; Node 20 and 22 do not know the syntax.
    ['at the end of a block', 'await conn[Symbol.asyncDispose]();'],
  ])('ends %s', async (_when, then) => {
    const { port } = await begin();
    const text = await output(program(`ws://127.0.0.1:${port}/`, options, then));
    expect(text).toBe(`open ${transport}\nended\n`);
  });

  it('goes on without', async () => {
    const served = await begin();
    const { port } = served;
    const wss = served.wss as { on(event: 'connection', listener: () => void): unknown };
    let isOver = false;
    const opened = new Promise<void>((resolve) => {
      wss.on('connection', resolve);
    });
    const ended = output(program(`ws://127.0.0.1:${port}/`, options, '')).then(() => {
      isOver = true;
    });
    await opened;
    // Long enough for a process with nothing to wait for.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isOver).toBe(false);
    void ended;
  });
});

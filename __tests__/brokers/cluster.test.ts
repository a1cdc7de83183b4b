/* What clusterBroker and relayTopics promise, with real processes of node:cluster. */
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { builtPackage } from '../support/built-package.js';

/** A primary and its workers. */
class Machine {
  readonly #primary: ChildProcess;
  readonly #answers = new Map<number, (answer: { value?: unknown; error?: string }) => void>();
  #asked = 0;

  constructor(serialization = 'advanced') {
    const program = resolve(__dirname, 'cluster-program.cjs');
    const args = [dirname(builtPackage()), serialization];
    this.#primary = fork(program, args, { execArgv: [] });
    this.#primary.on('message', (message) => {
      const [id, answer] = message as [number, { value?: unknown; error?: string }];
      this.#answers.get(id)?.(answer);
      this.#answers.delete(id);
    });
    machines.add(this);
  }

  /** Runs code in a worker, or in the primary as worker 0. */
  async in<T>(worker: number, code: string): Promise<T> {
    const id = ++this.#asked;
    const answer = new Promise<{ value?: unknown; error?: string }>((done) => {
      this.#answers.set(id, done);
    });
    this.#primary.send([id, worker, code]);
    const { value, error } = await answer;
    if (error !== undefined) throw new Error(error);
    return value as T;
  }

  /** Forks workers, each with a broker that is up. */
  static async start(workers: number): Promise<Machine> {
    const machine = new Machine();
    await machine.in(0, 'relayTopics();');
    for (let count = 0; count < workers; count++) await machine.fork();
    return machine;
  }

  /** @returns the number of the new worker, in which a broker is up. */
  async fork(options = '{}'): Promise<number> {
    const id = await this.in<number>(0, FORK);
    await this.in(
      id,
      `begin(${options}); await until(() => brokers[0].node.states.includes('up'));`,
    );
    return id;
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#primary;
    if (exitCode === null && signalCode === null) {
      const exit = once(this.#primary, 'exit');
      this.#primary.disconnect();
      await exit;
    }
    machines.delete(this);
  }
}

const FORK = `
  const worker = cluster.fork();
  await new Promise((done) => worker.once('online', done));
  return worker.id;`;

const join = (topics: readonly string[], broker = 0): string => `
  const topics = ${JSON.stringify(topics)};
  const { broker, node } = brokers[${broker}];
  broker.join(topics);
  await until(() => topics.every((topic) => node.joined.includes(topic)));`;

/** What a broker has got, once it is so many. */
const delivered = (count: number, broker = 0): string => `
  const { node } = brokers[${broker}];
  await until(() => node.delivered.length >= ${count});
  return node.delivered;`;

const machines = new Set<Machine>();
afterEach(async () => {
  for (const machine of [...machines]) await machine.stop();
});

test('carries messages in order from one worker to the others, and only to those that joined', async () => {
  const machine = await Machine.start(3);
  await machine.in(2, join(['a', 'b']));
  await machine.in(3, join(['b']));
  await machine.in(1, join(['a']));
  await machine.in(
    1,
    `for (let tick = 0; tick < 200; tick++) {
      await publish(brokers[0], [['a', String(tick)], ['b', String(tick)], ['c', 'not joined']]);
      if (tick % 7 === 0) await new Promise(setImmediate);
    }`,
  );
  const ticks = Array.from({ length: 200 }, (_, tick) => String(tick));
  const second = await machine.in<[string, string][]>(2, delivered(400));
  const of = (topic: string): string[] =>
    second.filter(([name]) => name === topic).map(([, text]) => text);
  expect([second.length, of('a'), of('b')]).toEqual([400, ticks, ticks]);
  expect(await machine.in(3, delivered(200))).toEqual(ticks.map((tick) => ['b', tick]));
  // Its own echo does not come.
  expect(await machine.in(1, 'return brokers[0].node.delivered;')).toEqual([]);
});

test('carries binary messages of 1 MiB, and many of them', async () => {
  const machine = await Machine.start(2);
  await machine.in(2, join(['big']));
  await machine.in(
    1,
    `const bytes = Buffer.alloc(brokers[0].broker.maxMessage);
    for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7) & 0xff;
    await publish(brokers[0], Array.from({ length: 40 }, () => ['big', bytes]));`,
  );
  const bytes = Buffer.alloc(1024 * 1024);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7) & 0xff;
  const hash = createHash('sha1').update(bytes).digest('hex');
  expect(await machine.in(2, delivered(40))).toEqual(
    Array.from({ length: 40 }, () => ['big', hash]),
  );
});

test('takes topics with any name, and 3 000 of them', async () => {
  const machine = await Machine.start(2);
  const odd = [' ', '\n', '*', '__proto__', 'ü 😀', 'x'.repeat(255)];
  const topics = [...odd, ...Array.from({ length: 3000 }, (_, i) => `topic ${i}`)];
  await machine.in(2, join(topics));
  await machine.in(
    1,
    `await publish(brokers[0], ${JSON.stringify(topics.map((topic) => [topic, '1']))});`,
  );
  expect(await machine.in(2, delivered(topics.length))).toEqual(topics.map((each) => [each, '1']));
});

test('a topic that is left gets no more, and one joined again does', async () => {
  const machine = await Machine.start(2);
  await machine.in(2, join(['back', 'gone', 'last']));
  await machine.in(
    2,
    `const { broker, node } = brokers[0];
    node.joined.length = 0;
    for (let round = 0; round < 20; round++) { broker.leave(['back', 'gone']); broker.join(['back']); }
    await until(() => node.joined.includes('back'));`,
  );
  await machine.in(1, `await publish(brokers[0], [['gone', '1'], ['back', '2'], ['last', '3']]);`);
  expect(await machine.in(2, delivered(2))).toEqual([
    ['back', '2'],
    ['last', '3'],
  ]);
});

test('one message for each worker and tick, both ways', async () => {
  const machine = await Machine.start(2);
  await machine.in(2, join(['a', 'b']));
  const count = `state.count = 0; const count = (message) => { if (message.hawser === 'topics/1') state.count++; };`;
  await machine.in(0, `${count} cluster.on('message', (_worker, message) => count(message));`);
  await machine.in(2, `${count} process.on('message', count);`);
  await machine.in(
    1,
    `begin({ prefix: 'other:' });
    const [one, other] = brokers;
    await until(() => other.node.states.includes('up'));
    one.broker.join(['c']); other.broker.join(['c']);
    for (let i = 0; i < 100; i++) {
      one.broker.publish([{ topic: 'a', envelope: Buffer.from('x') }, { topic: 'b', envelope: Buffer.from('x') }]);
    }`,
  );
  await machine.in(2, delivered(200));
  expect(await machine.in(0, 'return state.count;')).toBe(2); // the second broker's hello, and all the rest
  expect(await machine.in(2, 'return state.count;')).toBe(1);
});

test('several servers and prefixes in one worker', async () => {
  const machine = await Machine.start(2);
  await machine.in(
    1,
    `begin({}); begin({ prefix: 'other:' });
    await until(() => brokers.every(({ node }) => node.states.includes('up')));`,
  );
  for (const broker of [0, 1, 2]) await machine.in(1, join(['a'], broker));
  await machine.in(2, join(['a']));
  await machine.in(1, `await publish(brokers[0], [['a', '1']]);`);
  await machine.in(2, `await publish(brokers[0], [['a', '2']]);`);
  // The publisher of `1` is the first; the second shares its prefix and the third does not.
  expect(await machine.in(1, delivered(1, 0))).toEqual([['a', '2']]);
  expect((await machine.in<[][]>(1, delivered(2, 1))).sort()).toEqual([
    ['a', '1'],
    ['a', '2'],
  ]);
  expect(await machine.in(1, 'return brokers[2].node.delivered;')).toEqual([]);
  await machine.in(1, 'await brokers[0].broker.close();');
  await machine.in(2, `await publish(brokers[0], [['a', '3']]);`);
  expect(await machine.in(1, delivered(3, 1))).toContainEqual(['a', '3']);
  expect(await machine.in(1, 'return brokers[0].node.delivered;')).toEqual([['a', '2']]);
});

test('a worker that is killed is forgotten, and another takes its place', async () => {
  const machine = await Machine.start(3);
  for (const worker of [2, 3]) await machine.in(worker, join(['a']));
  await machine.in(
    0,
    `const worker = cluster.workers[2];
    const exit = new Promise((done) => worker.once('exit', done));
    worker.process.kill('SIGKILL');
    await exit;`,
  );
  await machine.in(1, `await publish(brokers[0], [['a', '1']]);`);
  expect(await machine.in(3, delivered(1))).toEqual([['a', '1']]);
  const fourth = await machine.fork();
  await machine.in(fourth, join(['a']));
  await machine.in(1, `await publish(brokers[0], [['a', '2']]);`);
  expect(await machine.in(fourth, delivered(1))).toEqual([['a', '2']]);
});

test('without relayTopics() a worker is told so after 5 s, and comes up when it is called', async () => {
  const machine = new Machine();
  const worker = await machine.in<number>(0, FORK);
  await machine.in(worker, `begin({}); brokers[0].broker.join(['a']);`);
  const [message] = await machine.in<string[]>(
    worker,
    'const { errors } = brokers[0].node; await until(() => errors.length > 0); return errors;',
  );
  expect(message).toBe(
    'clusterBroker: no progress for 5 s: the primary process does not answer; call relayTopics() of hawser/cluster there, once; 0 of 1 topics are confirmed; asking again',
  );
  expect(
    await machine.in(
      worker,
      `return brokers[0].broker.publish([{ topic: 'a', envelope: Buffer.from('x') }]);`,
    ),
  ).toBe(0);
  await machine.in(0, 'relayTopics();');
  await machine.in(worker, `await until(() => brokers[0].node.joined.includes('a'));`);
  expect(await machine.in(worker, 'return brokers[0].node.states;')).toEqual(['up']);
});

test('channels that turn bytes into JSON are refused, in the primary and in a worker', async () => {
  const machine = new Machine('json');
  await expect(machine.in(0, 'relayTopics();')).rejects.toThrow(
    "call cluster.setupPrimary({ serialization: 'advanced' }) first",
  );
  await machine.in(
    0,
    `cluster.setupPrimary({ serialization: 'advanced' });
    relayTopics();
    cluster.setupPrimary({ serialization: 'json' });`,
  );
  const worker = await machine.in<number>(0, FORK);
  const [message] = await machine.in<string[]>(
    worker,
    'begin({}); const { errors } = brokers[0].node; await until(() => errors.length > 0); return errors;',
  );
  expect(message).toMatch(/turns bytes into JSON; call cluster\.setupPrimary/);
});

test('what is called in the wrong place, or twice, throws', async () => {
  const machine = await Machine.start(1);
  await expect(machine.in(0, 'relayTopics();')).rejects.toThrow('it was called before');
  await expect(machine.in(1, 'relayTopics();')).rejects.toThrow('this process is a worker');
  await expect(machine.in(0, 'clusterBroker();')).rejects.toThrow('not a worker of node:cluster');
});

test('close() removes the listeners, and the application still has its channel', async () => {
  const machine = await Machine.start(1);
  const listeners = `return ['message', 'disconnect'].map((event) => process.listenerCount(event));`;
  const before = await machine.in<number[]>(1, listeners);
  await machine.in(1, join(['a']));
  await machine.in(1, 'await brokers[0].broker.close();');
  expect(await machine.in(1, listeners)).toEqual(before.map((count) => count - 1));
  expect(
    await machine.in(
      1,
      `return brokers[0].broker.publish([{ topic: 'a', envelope: Buffer.from('x') }]);`,
    ),
  ).toBe(0);
});

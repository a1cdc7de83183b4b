import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Broker, BrokerNode, Outgoing } from '../../src/index.js';
import { seededRandom } from './random.cjs';
import { runs } from './requires.js';

export const REDIS = 'redis-server (apt-get install redis-server)';
export const NATS = 'nats-server (apt-get install nats-server)';
export const hasRedis: boolean = runs('redis-server', '--version');
/** Debian puts it where only root's PATH looks. */
const NATS_PROGRAM = existsSync('/usr/sbin/nats-server') ? '/usr/sbin/nats-server' : 'nats-server';
export const hasNats: boolean = runs(NATS_PROGRAM, '--version');

/** A wait that lasts so long has hung, in ms. */
const HUNG = 120_000;

/** A port of the loopback interface that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** A real broker in a process of its own, which can be killed and started again on the same port. */
export class BrokerProcess {
  readonly port: number;
  readonly #command: string;
  readonly #args: readonly string[];
  readonly #folder: string;
  #child: ChildProcess | undefined;

  private constructor(command: string, port: number, args: readonly string[]) {
    this.#command = command;
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), 'hawser-broker-'));
    this.#args = args;
    running.add(this);
  }

  static async redis(...settings: string[]): Promise<BrokerProcess> {
    const port = await freePort();
    const fixed = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    const args = ['--port', String(port), ...fixed, ...settings];
    return new BrokerProcess('redis-server', port, args).start();
  }

  /** A server of a Redis Cluster that knows no other and has no slots: see {@link redisCluster}. */
  static async clusterRedis(...settings: string[]): Promise<BrokerProcess> {
    const bus = ['--cluster-port', String(await freePort())];
    return BrokerProcess.redis('--cluster-enabled', 'yes', ...bus, ...settings);
  }

  static async nats(...settings: string[]): Promise<BrokerProcess> {
    const port = await freePort();
    const args = ['-a', '127.0.0.1', '-p', String(port), ...settings];
    return new BrokerProcess(NATS_PROGRAM, port, args).start();
  }

  get url(): string {
    return `${this.#command === NATS_PROGRAM ? 'nats' : 'redis'}://127.0.0.1:${this.port}`;
  }

  /** Starts it, again after {@link kill}. @returns when it accepts connections. */
  async start(): Promise<this> {
    let output = '';
    const child = spawn(this.#command, this.#args, { cwd: this.#folder });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    await until(`${this.#command} to listen`, async () => {
      if (child.exitCode !== null) throw new Error(`${this.#command} ended:\n${output}`);
      return accepts(this.port);
    });
    return this;
  }

  /** Ends it at once, as a crash would. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  /** Stops it from doing anything, with its connections open; {@link thaw} lets it go on. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
    // The signal is sent, and its threads may still answer until each of them has got it.
    while (this.#threads().some((state) => state !== 'T'));
  }

  /** The states of its threads, as the kernel of Linux tells them; none elsewhere. */
  #threads(): string[] {
    const tasks = `/proc/${this.#child?.pid}/task`;
    if (!existsSync(tasks)) return [];
    return readdirSync(tasks).map((task) => {
      try {
        return /\) (\w)/.exec(readFileSync(`${tasks}/${task}/stat`, 'latin1'))?.[1] ?? 'T';
      } catch {
        return 'T'; // it has ended meanwhile
      }
    });
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
    running.delete(this);
  }
}

/** Asks Redis without a client library. @returns the values of a flat array. */
export async function askRedis({ port }: BrokerProcess, ...command: string[]): Promise<string[]> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const words = command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  socket.end(`*${command.length}\r\n${words.join('')}`);
  let reply = '';
  for await (const chunk of socket) reply += String(chunk);
  if (reply.startsWith('-')) throw new Error(reply);
  // *4 $10 name :1 …: a string has its length in a line before it, a number has not.
  const lines = reply.split('\r\n').slice(reply.startsWith('*') ? 1 : 0, -1);
  return lines.filter((line) => !line.startsWith('$')).map((line) => line.replace(/^[:+]/, ''));
}

/** Slots of a Redis Cluster. */
const SLOTS = 16384;

/** A Redis Cluster of so many servers, each with an equal range of slots and no replica. */
export async function redisCluster(count: number): Promise<BrokerProcess[]> {
  // Without full coverage the servers go on when one is down.
  const settings = ['--cluster-require-full-coverage', 'no'];
  const servers = await Promise.all(
    Array.from({ length: count }, async () => BrokerProcess.clusterRedis(...settings)),
  );
  const [first] = servers;
  const firstOf = (place: number): number => Math.ceil((place * SLOTS) / count);
  for (const [place, server] of servers.entries()) {
    const range = [firstOf(place), firstOf(place + 1) - 1].map(String);
    await askRedis(server, 'CLUSTER', 'ADDSLOTSRANGE', ...range);
    // Otherwise the servers may take the same number for the state of the cluster.
    await askRedis(server, 'CLUSTER', 'SET-CONFIG-EPOCH', String(place + 1));
    if (server === first) continue;
    const bus = await askRedis(first!, 'CONFIG', 'GET', 'cluster-port');
    await askRedis(server, 'CLUSTER', 'MEET', '127.0.0.1', String(first!.port), bus[1]!);
  }
  await until('the cluster', async () => {
    const all = await Promise.all(servers.map(async (each) => askRedis(each, 'CLUSTER', 'INFO')));
    return all.every(
      (lines) =>
        lines.includes('cluster_state:ok') && lines.includes(`cluster_known_nodes:${count}`),
    );
  });
  return servers;
}

const running = new Set<BrokerProcess>();

/** For `afterAll`: no broker that a test started outlives it. */
export async function stopBrokers(): Promise<void> {
  for (const broker of [...running]) await broker.stop();
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A server that accepts connections and never answers. */
export class SilentServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Bytes that came. */
  received = 0;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('data', ({ length }) => (this.received += length)).on('error', () => undefined);
    });
  }

  static async listen(): Promise<SilentServer> {
    const silent = new SilentServer();
    silent.#server.listen(0, '127.0.0.1');
    await once(silent.#server, 'listening');
    return silent;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Passes connections on to a port, or refuses them: a network that fails for one node. */
export class Gate {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isShut = false;

  private constructor(target: number) {
    this.#server = createServer((socket) => {
      if (this.#isShut) {
        socket.destroy();
        return;
      }
      const other = connect(target, '127.0.0.1');
      socket.pipe(other).pipe(socket);
      for (const each of [socket, other]) {
        this.#sockets.add(each);
        each.on('error', () => undefined); // 'close' follows
        each.on('close', () => {
          this.#sockets.delete(each);
          socket.destroy();
          other.destroy();
        });
      }
    });
  }

  static async open(target: number): Promise<Gate> {
    const gate = new Gate(target);
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Breaks all connections, and refuses new ones until {@link allow}. */
  shut(): void {
    this.#isShut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  allow(): void {
    this.#isShut = false;
  }

  async close(): Promise<void> {
    this.shut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Waits until something is true. */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now();
  while (!(await isTrue())) {
    if (performance.now() - began > HUNG) throw new Error(`waited for ${what}`);
    await new Promise((done) => setTimeout(done, 10));
  }
}

let nodes = 0;

/** A server as its broker sees it, which keeps all that it is told. */
export class TestNode implements BrokerNode {
  readonly id: string = (++nodes).toString(16).padStart(16, '0');
  readonly delivered: (readonly [topic: string, envelope: Buffer])[] = [];
  readonly joinedTopics = new Set<string>();
  /** `up`, `down` and `writable`, in order. */
  readonly states: string[] = [];
  readonly errors: Error[] = [];
  /** The errors of `down`. */
  readonly losses: Error[] = [];

  deliver(topic: string, envelope: Uint8Array): void {
    // A copy, because the bytes may be a view of a socket's memory.
    this.delivered.push([topic, Buffer.from(envelope)]);
  }

  joined(topics: readonly string[]): void {
    for (const topic of topics) this.joinedTopics.add(topic);
  }

  writable(): void {
    this.states.push('writable');
  }

  up(): void {
    this.states.push('up');
  }

  down(error: Error): void {
    this.states.push('down');
    this.losses.push(error);
    this.joinedTopics.clear();
  }

  error(error: Error): void {
    this.errors.push(error);
  }

  /** What came for a topic, as text. */
  texts(topic: string): string[] {
    return this.delivered.filter(([name]) => name === topic).map(([, bytes]) => bytes.toString());
  }

  /** Waits until the broker is up. */
  async isUp(): Promise<void> {
    await until('up', () => this.states.at(-1) === 'up').catch((error: unknown) => {
      throw new Error(this.errors.map(({ message }) => message).join('\n'), { cause: error });
    });
  }

  async hasJoined(...topics: string[]): Promise<void> {
    await until(`joined ${topics[0] ?? ''}`, () =>
      topics.every((topic) => this.joinedTopics.has(topic)),
    );
  }
}

/** What a server publishes: for each topic the bytes, or text. */
export function batch(...messages: (readonly [string, string | Uint8Array])[]): Outgoing[] {
  return messages.map(([topic, data]) => ({
    topic,
    envelope: typeof data === 'string' ? Buffer.from(data) : data,
  }));
}

/** Lets topics come and go at random, many in each of 50 ticks. @returns those that are joined at the end. */
export async function churn(broker: Broker, topics: readonly string[]): Promise<Set<string>> {
  const random = seededRandom(50);
  const joined = new Set<string>();
  for (let tick = 0; tick < 50; tick++) {
    const [coming, going] = [new Set<string>(), new Set<string>()];
    for (let change = 0; change < topics.length / 5; change++) {
      const topic = topics[Math.floor(random() * topics.length)]!;
      if (random() < 0.4) coming.add(topic);
      else going.add(topic);
    }
    const join = [...coming].filter((topic) => !going.has(topic) && !joined.has(topic));
    const leave = [...going].filter((topic) => joined.has(topic));
    for (const topic of join) joined.add(topic);
    for (const topic of leave) joined.delete(topic);
    broker.join(join);
    broker.leave(leave);
    await new Promise(setImmediate);
  }
  return joined;
}

/** Publishes to all topics until a broker has got something of each that it has joined, and checks that it gets no other. */
export async function expectOnly(
  wanted: ReadonlySet<string>,
  topics: readonly string[],
  one: { broker: Broker; node: TestNode },
  other: { node: TestNode },
): Promise<void> {
  const publish = async (text: string): Promise<void> =>
    publishAll(one.broker, one.node, batch(...topics.map((topic) => [topic, text] as const)));
  const got = (text: string): string[] =>
    other.node.delivered.filter(([, each]) => each.toString() === text).map(([topic]) => topic);
  await until('all that are wanted', async () => {
    await publish('first');
    return new Set(got('first')).size >= wanted.size;
  });
  await publish('last');
  await until('the last', () => got('last').length >= wanted.size);
  expect(got('last').sort()).toEqual([...wanted].sort());
}

/** Publishes all of a batch, as a server with a buffer does: what is not taken is offered again. */
export async function publishAll(
  broker: Broker,
  node: TestNode,
  messages: readonly Outgoing[],
): Promise<void> {
  let rest = messages;
  for (;;) {
    const calls = node.states.length;
    rest = rest.slice(broker.publish(rest));
    if (rest.length === 0) return;
    await until('room for the rest', () => node.states.length > calls);
  }
}

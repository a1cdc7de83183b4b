import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { WebSocket } from 'ws';
import type { BrokerStats } from '../../src/index.js';
import { until } from './brokers.js';
import { builtPackage } from './built-package.js';

const PROGRAM = resolve(__dirname, '../brokers/nodes-program.cjs');
/** By how much the clock of the last node of a fleet is ahead, in ms. */
export const CLOCK_SHIFT = 3_600_000;

/** How the nodes of a fleet reach each other. */
export type Kind = 'ioredis' | 'node-redis' | 'nats' | 'cluster';

interface Answer {
  readonly answer: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** A process of nodes-program.cjs: a node, or the primary of several. */
class Host {
  readonly process: ChildProcess;
  readonly exit: Promise<unknown>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor(env: Record<string, string>) {
    this.process = fork(PROGRAM, [dirname(builtPackage())], {
      execArgv: [],
      env: { ...process.env, ...env },
    });
    this.process.on('message', (message) => {
      const answer = message as Answer;
      this.#waiting.get(answer.answer)?.(answer);
      this.#waiting.delete(answer.answer);
    });
    this.exit = once(this.process, 'exit').then(() => {
      for (const [id, settle] of this.#waiting) settle({ answer: id, error: 'the process ended' });
    });
    hosts.add(this);
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async ask(worker: number, command: string, args: unknown[]): Promise<unknown> {
    const id = ++this.#asked;
    if (!this.isRunning) throw new Error(`${command}: the process ended`);
    const answered = new Promise<Answer>((done) => this.#waiting.set(id, done));
    this.process.send([id, worker, command, ...args]);
    const { value, error } = await answered;
    if (error !== undefined) throw new Error(`${command}: ${error}`);
    return value;
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.process.kill('SIGKILL');
    await this.exit;
    hosts.delete(this);
  }
}

const hosts = new Set<Host>();

/** For `afterAll`: no process that a test started outlives it. */
export async function stopFleets(): Promise<void> {
  for (const host of [...hosts]) await host.stop();
}

/** A node: a server in a process of its own. */
export class Node {
  readonly name: string;
  port = 0;
  readonly #host: Host;
  readonly #worker: number;

  constructor(name: string, host: Host, worker: number) {
    this.name = name;
    this.#host = host;
    this.#worker = worker;
  }

  async ask<T = void>(command: string, ...args: unknown[]): Promise<T> {
    return (await this.#host.ask(this.#worker, command, args)) as T;
  }

  async stats(): Promise<BrokerStats & { readonly conflated: number }> {
    return this.ask('stats');
  }

  /** What its server was told of the broker, in order. */
  async states(): Promise<string[]> {
    return this.ask('states');
  }

  /** How many messages it has published to each topic. */
  async counts(): Promise<Map<string, number>> {
    return new Map(await this.ask<[string, number][]>('counts'));
  }

  /** Waits until its broker has this state. */
  async is(state: 'up' | 'down'): Promise<void> {
    await until(`${this.name} to be ${state}`, async () => (await this.stats()).state === state);
  }

  /** Ends its process at once, as a crash would. */
  async kill(): Promise<void> {
    if (this.#worker === 0) await this.#host.stop();
    else await this.#host.ask(0, 'kill', [this.#worker]);
  }
}

/** Node processes that share a broker. The clock of the last is an hour ahead. */
export class Fleet {
  readonly nodes: readonly Node[];
  readonly #kind: Kind;
  readonly #host: Host | undefined;

  private constructor(kind: Kind, nodes: readonly Node[], host: Host | undefined) {
    this.#kind = kind;
    this.nodes = nodes;
    this.#host = host;
  }

  static async start(kind: Kind, names = ['A', 'B', 'C']): Promise<Fleet> {
    const primary = kind === 'cluster' ? new Host({}) : undefined;
    const nodes: Node[] = [];
    for (const [index, name] of names.entries()) {
      const isLast = index === names.length - 1;
      const env = { CLOCK_SHIFT: String(isLast ? CLOCK_SHIFT : 0) };
      if (primary === undefined) nodes.push(new Node(name, new Host(env), 0));
      else nodes.push(new Node(name, primary, (await primary.ask(0, 'fork', [env])) as number));
    }
    return new Fleet(kind, nodes, primary);
  }

  /** A node more, in the same cluster. */
  async add(name: string): Promise<Node> {
    const host = this.#host ?? new Host({});
    const worker = this.#host === undefined ? 0 : ((await host.ask(0, 'fork', [{}])) as number);
    return new Node(name, host, worker);
  }

  /** Starts a server on each node. @param brokers options of each broker, for each node. */
  async begin(brokers: (node: Node) => object[], options: object = {}): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => this.beginOn(node, brokers(node), options)));
  }

  async beginOn(node: Node, brokers: object[], options: object = {}): Promise<void> {
    node.port = await node.ask<number>('begin', node.name, this.#kind, brokers, options);
    await node.is('up');
  }

  async end(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.ask('end')));
  }
}

/** A WebSocket client that counts what comes. */
export class Client {
  readonly node: Node;
  readonly topics: readonly string[];
  /** The numbers of the messages, in order, by `TOPIC|NODE`. */
  readonly numbers = new Map<string, number[]>();
  count = 0;
  /** The last text. */
  last = '';
  readonly #socket: WebSocket;
  #isJoined = false;

  private constructor(node: Node, topics: readonly string[], socket: WebSocket) {
    this.node = node;
    this.topics = topics;
    this.#socket = socket;
    socket.on('message', (data) => {
      this.#take((data as Buffer).toString());
    });
    socket.on('error', () => undefined); // its node was killed
  }

  /** Connects, and subscribes. @returns when the broker has confirmed all topics. */
  static async open(node: Node, topics: readonly string[]): Promise<Client> {
    const socket = new WebSocket(`ws://127.0.0.1:${node.port}`, { perMessageDeflate: false });
    const client = new Client(node, topics, socket);
    await once(socket, 'open');
    socket.send(JSON.stringify(topics));
    await until('the topics to be joined', () => {
      if (socket.readyState !== WebSocket.OPEN) throw new Error(`${node.name} closed a connection`);
      return client.#isJoined;
    });
    return client;
  }

  /** What it got of a node's messages to a topic. */
  of(topic: string, node: Node): number[] {
    return this.numbers.get(`${topic}|${node.name}`) ?? [];
  }

  /** Waits until it has everything that its node has sent so far. */
  async settle(): Promise<void> {
    this.#socket.ping();
    await once(this.#socket, 'pong');
  }

  /** Reads nothing until {@link resume}. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.terminate();
  }

  #take(text: string): void {
    if (text === 'joined') {
      this.#isJoined = true;
      return;
    }
    this.count++;
    this.last = text;
    const bar = text.lastIndexOf('|');
    const source = text.slice(0, bar).trimStart();
    const numbers = this.numbers.get(source);
    if (numbers === undefined) this.numbers.set(source, [Number(text.slice(bar + 1))]);
    else numbers.push(Number(text.slice(bar + 1)));
  }
}

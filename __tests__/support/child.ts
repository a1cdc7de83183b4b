import { type ChildProcess, spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { builtPackage } from './built-package.js';
import type { RawClient, RequestParts } from './raw-client.js';
import { askOver, openOver, type Version } from './versions.js';
import { clientFrame } from './frames.js';

const PROGRAM = resolve(__dirname, 'child-program.cjs');
/** A wait that lasts so long has hung, in ms. */
const HUNG = 120_000;

/** How a process ended. */
export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * A server in a process of its own, made from the built package. There an uncaught exception ends
 * the process as it would a user's, and memory is the server's alone.
 */
export class Child {
  /** Every line that the program said, as an array. */
  readonly said: unknown[][] = [];
  /** What else there was on stdout: V8 itself can be made to print there. */
  printed = '';
  /** What it wrote to stderr. */
  stderr = '';
  readonly exit: Promise<Exit>;

  readonly #process: ChildProcess;
  #rest = '';
  #wake = new Set<() => void>();
  #ended: Exit | undefined;
  #asked = 0;

  readonly #version: Version;

  private constructor(
    setup: string,
    flags: string[],
    node: string = process.execPath,
    version: Version = 'HTTP/1.1',
  ) {
    this.#version = version;
    const args = [...flags, PROGRAM, builtPackage(), setup, version];
    const child = spawn(node, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    this.#process = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('[')) this.said.push(JSON.parse(line) as unknown[]);
        else this.printed += `${line}\n`;
      }
      this.#news();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#news();
    });
    this.exit = new Promise((done) => {
      child.on('close', (code, signal) => {
        this.#ended = { code, signal };
        children.delete(this);
        this.#news();
        done(this.#ended);
      });
    });
    children.add(this);
  }

  /**
   * Starts a server. `setup` is JavaScript with these names in scope: `hawser` (the package), `server` (an
   * http.Server that listens afterwards), `say(...words)`, `commands` (an object of functions that `ask`
   * calls), `require`.
   */
  static async serve(setup: string, ...flags: string[]): Promise<Child> {
    const child = new Child(setup, flags);
    await child.says('port');
    return child;
  }

  /** {@link serve} with an HTTP/2 server as `server`, or with an http.Server. */
  static async serveOver(version: Version, setup: string, ...flags: string[]): Promise<Child> {
    const child = new Child(setup, flags, undefined, version);
    await child.says('port');
    return child;
  }

  /** {@link serve} on another program of Node. */
  static async serveOn(node: string, setup: string): Promise<Child> {
    const child = new Child(setup, [], node);
    await child.says('port');
    return child;
  }

  get port(): number {
    return this.said.find(([word]) => word === 'port')?.[1] as number;
  }

  /** Whether the process is still there. */
  get running(): boolean {
    return this.#ended === undefined;
  }

  /** The `count`th line that begins with these words, without them; waits for it. */
  async says(...words: unknown[]): Promise<unknown[]> {
    return this.saysTimes(1, ...words);
  }

  async saysTimes(count: number, ...words: unknown[]): Promise<unknown[]> {
    const find = (): unknown[] | undefined =>
      this.said.filter((line) => words.every((word, i) => line[i] === word))[count - 1];
    await this.#until(`line ${String(count)} of ${JSON.stringify(words)}`, () => !!find());
    return (find() as unknown[]).slice(words.length);
  }

  /** Waits until stderr matches. */
  async complains(pattern: RegExp): Promise<void> {
    await this.#until(String(pattern), () => pattern.test(this.stderr));
  }

  /** Calls one of the program's `commands`. */
  async ask<T>(name: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#asked;
    this.#process.send([id, name, ...args]);
    return (await this.says('answer', id))[0] as T;
  }

  /** A raw client of this server, over its version of HTTP. */
  open(parts?: Pick<RequestParts, 'target' | 'headers'>): Promise<RawClient> {
    return openOver(this.#version, this.port, parts);
  }

  /** A raw client that has sent a handshake, and frames with it, over the version of HTTP of this server. */
  request(
    parts?: Pick<RequestParts, 'target' | 'headers'>,
    ...early: Buffer[]
  ): Promise<RawClient> {
    return askOver(this.#version, this.port, parts, ...early);
  }

  /** That it still serves: a new connection is accepted and its ping answered. */
  async expectAlive(): Promise<void> {
    const client = await this.open();
    client.send(clientFrame({ opcode: 9, payload: 'alive?' }));
    expect(await client.words()).toBe(`pong ${Buffer.from('alive?').toString('hex')}`);
    client.destroy();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #news(): void {
    for (const wake of this.#wake) wake();
  }

  async #until(what: string, there: () => boolean): Promise<void> {
    const state = { late: false };
    const timer = setTimeout(() => {
      state.late = true;
      this.#news();
    }, HUNG);
    while (!there() && !state.late && this.running) {
      await new Promise<void>((done) => {
        const wake = (): void => {
          this.#wake.delete(wake);
          done();
        };
        this.#wake.add(wake);
      });
    }
    clearTimeout(timer);
    if (there()) return;
    throw new Error(
      `waited for ${what}, but ${state.late ? `${HUNG / 1000} s passed` : 'the process ended'}. ` +
        `It said ${JSON.stringify(this.said)}\n${this.stderr}`,
    );
  }
}

const children = new Set<Child>();

/** For `afterEach` or `afterAll`: no process that a test started outlives it. */
export async function stopChildren(): Promise<void> {
  for (const child of [...children]) {
    child.kill();
    await child.exit;
  }
}

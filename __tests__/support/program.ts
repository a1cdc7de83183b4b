import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const ROOT = resolve(__dirname, '../..');

/** A program under test, running in a process of its own, as its user would start it. */
export class Program {
  /** Everything it printed so far, on both streams. */
  output = '';
  readonly exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    this.exit = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    running.add(this);
    void this.exit.then(() => running.delete(this));
  }

  /** `node FILE ARGUMENTS`, the file named from the root of the repository. */
  static run(file: string, env: Record<string, string> = {}, ...args: string[]): Program {
    return Program.#spawn([file, ...args], env);
  }

  /** `node --input-type=module --eval SOURCE`: for a program that a test makes up. */
  static evaluate(source: string): Program {
    return Program.#spawn(['--input-type=module', '--eval', source], {});
  }

  static #spawn(args: string[], env: Record<string, string>): Program {
    return new Program(
      spawn(process.execPath, args, {
        cwd: ROOT,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
  }

  /** Waits until the output contains the pattern; fails at once if the program ends without it. */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found) return found;
      // A program that has ended has said all that it will say.
      if (!running.has(this))
        throw new Error(`It never printed ${String(pattern)}:\n${this.output}`);
      await new Promise((done) => setTimeout(done, 10));
    }
  }

  /** The address it printed, with 127.0.0.1 for localhost, so that no resolver has a say. */
  async url(): Promise<URL> {
    const [address] = await this.prints(/(?:https?|ws):\/\/\S+:\d+/);
    return new URL(address.replace('localhost', '127.0.0.1'));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

const running = new Set<Program>();

/** For `afterEach`: nothing that a test started outlives it. */
export async function stopPrograms(): Promise<void> {
  for (const program of [...running]) {
    program.signal('SIGKILL');
    await program.exit;
  }
}

/** A chat with limits of the test's choice. */
export function startChat(options: Record<string, number> = {}): Program {
  return Program.evaluate(`
    import { createChat } from './examples/chat/chat.mjs';
    const chat = createChat(${JSON.stringify(options)});
    console.log('http://127.0.0.1:' + (await chat.listen({ port: 0, host: '127.0.0.1' })));
  `);
}

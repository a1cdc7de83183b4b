import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../src/client/connect.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';

export const FIREFOX = '/usr/bin/firefox-esr';
/** A wait that lasts so long has hung, in ms. */
const HUNG = 120_000;

/** What WebDriver BiDi answers to a command: its result, or an error. */
interface Answer {
  readonly id: number | null;
  readonly result?: Record<string, unknown>;
  readonly error?: string;
  readonly message?: string;
}

/** Sends commands of WebDriver BiDi, one JSON text each way for each of them. */
class Commands {
  readonly #connection: WebSocketConnection;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;

  constructor(connection: WebSocketConnection) {
    this.#connection = connection;
    connection.on('message', (text) => {
      const answer = JSON.parse(String(text)) as Answer; // or an event, which has no id
      this.#waiting.get(answer.id ?? 0)?.(answer);
    });
    connection.on('close', (code) => {
      const message = `Firefox has closed with ${String(code)}`;
      for (const settle of this.#waiting.values()) settle({ id: null, error: 'closed', message });
    });
  }

  async send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    const id = ++this.#count;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#connection.send(JSON.stringify({ id, method, params }));
    const { result, error, message } = await answered;
    this.#waiting.delete(id);
    if (result === undefined) throw new Error(`${method}: ${error}: ${message}`);
    return result;
  }
}

/** Firefox from Debian without a window, driven by hawser's own client. It accepts any certificate. */
export class Firefox {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #commands: Commands;

  private constructor(child: ChildProcess, profile: string, commands: Commands) {
    this.#child = child;
    this.#profile = profile;
    this.#commands = commands;
  }

  static async launch(): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'hawser-firefox-'));
    const args = [
      '--headless',
      '--no-remote',
      '--profile',
      profile,
      '--remote-debugging-port',
      '0',
    ];
    const child = spawn(FIREFOX, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const connection = await connect(`${await addressOf(child)}/session`, {
        maxPayload: 2 ** 26,
      });
      const commands = new Commands(connection);
      const capabilities = { alwaysMatch: { acceptInsecureCerts: true } };
      await commands.send('session.new', { capabilities });
      return new Firefox(child, profile, commands);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async newPage(): Promise<FirefoxPage> {
    const { context } = await this.#commands.send('browsingContext.create', { type: 'tab' });
    return new FirefoxPage(this.#commands, String(context));
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'close');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), HUNG);
    await this.#commands.send('browser.close');
    await ended;
    clearTimeout(timer);
    rmSync(this.#profile, { recursive: true, force: true });
  }
}

/** A tab of Firefox, with the methods of Playwright's `Page` that the tests use. */
export class FirefoxPage {
  readonly #commands: Commands;
  readonly #context: string;
  #url = '';

  constructor(commands: Commands, context: string) {
    this.#commands = commands;
    this.#context = context;
  }

  url(): string {
    return this.#url;
  }

  async goto(url: string): Promise<void> {
    this.#url = url;
    const where = { context: this.#context, url, wait: 'complete' };
    await this.#commands.send('browsingContext.navigate', where);
  }

  /** Evaluate an expression in the page. @returns its value, or that of its promise, as JSON carries it */
  async evaluate(expression: string): Promise<unknown> {
    const result = await this.#commands.send('script.evaluate', {
      expression: `Promise.resolve(${expression}).then((value) => JSON.stringify(value))`,
      awaitPromise: true,
      target: { context: this.#context },
    });
    if (result['type'] === 'exception') {
      throw new Error((result['exceptionDetails'] as { text: string }).text);
    }
    const { value } = result['result'] as { value?: string };
    return value === undefined ? undefined : JSON.parse(value);
  }

  async close(): Promise<void> {
    await this.#commands.send('browsingContext.close', { context: this.#context });
  }
}

/** The address that Firefox prints once it takes commands. */
async function addressOf(child: ChildProcess): Promise<string> {
  let output = '';
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      reject(new Error(`Firefox does not take commands:\n${output}`));
    };
    const timer = setTimeout(fail, HUNG);
    child.on('error', fail).on('close', fail);
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = /WebDriver BiDi listening on (ws:\S+)/.exec(output);
      if (found === null) return;
      clearTimeout(timer);
      resolve(found[1]!);
    });
  });
}

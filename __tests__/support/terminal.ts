import { EventEmitter } from 'node:events';
import { PassThrough, Writable } from 'node:stream';
import type { Surroundings } from '../../src/cli/terminal.js';

/** An output that keeps what it gets. */
class Screen extends Writable {
  readonly isTTY: boolean;
  /** Everything that was written. */
  text = '';

  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }

  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }
}

/** A process as a command sees it, in the hands of a test. */
export class FakeSurroundings implements Surroundings {
  readonly input: PassThrough & { isTTY: boolean };
  readonly output: Screen;
  readonly errors: Screen;
  readonly signals = new EventEmitter();
  readonly env: Readonly<Record<string, string | undefined>>;

  constructor({ isTTY = false, env = {} }: { isTTY?: boolean; env?: Record<string, string> } = {}) {
    this.input = Object.assign(new PassThrough(), { isTTY });
    this.output = new Screen(isTTY);
    this.errors = new Screen(isTTY);
    this.env = env;
  }

  /** Type lines. */
  type(...lines: string[]): void {
    for (const line of lines) this.input.write(`${line}\n`);
  }
}

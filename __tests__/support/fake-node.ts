import type { BrokerNode } from '../../src/index.js';

/** A server as its broker sees it. Every call becomes a line. */
export class FakeNode implements BrokerNode {
  readonly id = '0123456789abcdef';
  readonly lines: string[] = [];

  deliver(topic: string, envelope: Uint8Array): void {
    this.lines.push(`deliver ${topic} ${Buffer.from(envelope).toString()}`);
  }
  joined(topics: readonly string[]): void {
    this.lines.push(`joined ${topics.join(' ')}`);
  }
  writable(): void {
    this.lines.push('writable');
  }
  up(): void {
    this.lines.push('up');
  }
  down(error: Error): void {
    this.lines.push(`down ${error.message}`);
  }
  error(error: Error): void {
    this.lines.push(`error ${error.message}`);
  }

  /** The lines since the last call. */
  take(): string[] {
    return this.lines.splice(0);
  }
}

/** Lets everything that waits for promises run. */
export const settle = async (): Promise<void> =>
  new Promise((done) => {
    setImmediate(() => setImmediate(done));
  });

/** A call that waits for its answer. */
export interface Call {
  readonly args: readonly unknown[];
  resolve(value?: unknown): void;
  reject(error: Error): void;
}

/** A function that returns promises, settled by the test. */
export class Calls {
  /** Those without an answer. */
  readonly open: Call[] = [];
  /** Every call since the last {@link take}, as text. */
  readonly lines: string[] = [];

  readonly call =
    (name: string) =>
    async (...args: readonly unknown[]): Promise<unknown> => {
      const text = args
        .map((each) => (Array.isArray(each) ? each.map(String).join(' ') : ''))
        .join('');
      this.lines.push(`${name} ${text}`);
      return new Promise((resolve, reject) => {
        this.open.push({ args, resolve, reject });
      });
    };

  take(): string[] {
    return this.lines.splice(0);
  }

  /** Answers all calls so far. */
  async resolve(): Promise<void> {
    for (const call of this.open.splice(0)) call.resolve();
    await settle();
  }

  async reject(error: Error): Promise<void> {
    for (const call of this.open.splice(0)) call.reject(error);
    await settle();
  }
}

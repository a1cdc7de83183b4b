import process from 'node:process';
import type { ConnectOptions } from '../../client/index.js';
import { durationText, rounded } from '../time-text.js';
import { Fleet } from './fleet.js';
import { Histogram } from './histogram.js';
import { LoopDelay } from './loop-delay.js';
import { numberedPayload, numberOf } from './numbered-payload.js';
import type { LoadReport } from './report.js';
import { Schedule } from './schedule.js';

/** What is to be loaded, and how. Durations are ms. */
export interface LoadOptions {
  readonly url: string;
  readonly connect: ConnectOptions;
  readonly connections: number;
  /** The time over which the connections are opened. */
  readonly ramp: number;
  /** Messages per second over all connections; 0 to receive alone. */
  readonly rate: number;
  readonly size: number;
  /** The time for which messages are sent or received, after all connections have been tried. */
  readonly time: number;
  /** The longest wait for answers after the last message. */
  readonly wait: number;
}

/** The time between two lines of progress. */
const PROGRESS = 1000;

/** One run: open connections, send at a rate that nothing slows down, count what comes back. */
export class Load {
  /** Its connections. */
  readonly fleet: Fleet;
  readonly #options: LoadOptions;
  readonly #schedule: Schedule;
  readonly #latency = new Histogram();
  readonly #lateness = new Histogram();
  /** Whether the answer to a message has come. */
  readonly #answered: Uint8Array;
  #start = 0;
  #sent = 0;
  #received = 0;
  #receivedBytes = 0;
  #unexpected = 0;
  #isStopped = false;
  /** Ends the current wait. */
  #wake: (() => void) | undefined;

  constructor(options: LoadOptions) {
    const { url, connect, rate, time } = options;
    this.#options = options;
    this.#schedule = new Schedule(rate, time);
    this.#answered = new Uint8Array(this.#schedule.total);
    this.fleet = new Fleet(url, connect, (data) => {
      this.#receive(data);
    });
  }

  /** Stop sending, or waiting, and go on to the report. */
  stop(): void {
    this.#isStopped = true;
    this.fleet.stop();
    this.#wake?.();
  }

  /**
   * Run.
   *
   * @param progress told a line about the current state, once a second.
   * @throws TypeError for wrong options.
   */
  async run(progress: (line: string) => void): Promise<LoadReport> {
    const { fleet } = this;
    const { connections, ramp, rate, time, wait } = this.#options;
    const timer = setInterval(() => {
      progress(this.#progress());
    }, PROGRESS);
    try {
      await fleet.open(connections, ramp);
      const loopDelay = new LoopDelay();
      const usage = process.cpuUsage();
      this.#start = performance.now();
      // What came before is not part of the rate.
      this.#received = this.#receivedBytes = this.#unexpected = 0;
      if (fleet.size > 0 && !this.#isStopped) await (rate > 0 ? this.#send() : this.#sleep(time));
      const milliseconds = this.#elapsed();
      const { user, system } = process.cpuUsage(usage);
      const eventLoopDelay = loopDelay.stop();
      if (this.#received < this.#sent) await this.#sleep(wait);
      await fleet.close();
      return this.#report(milliseconds, eventLoopDelay, (user + system) / 1000 / milliseconds);
    } finally {
      clearInterval(timer);
    }
  }

  async #send(): Promise<void> {
    const schedule = this.#schedule;
    for (;;) {
      this.#sendDue(this.#elapsed());
      if (schedule.isDone || this.#isStopped) return;
      await this.#sleep(schedule.wait(this.#elapsed()));
    }
  }

  #sendDue(elapsed: number): void {
    for (;;) {
      const message = this.#schedule.take(elapsed);
      if (message === undefined) return;
      const payload = numberedPayload(message, this.#options.size);
      if (this.fleet.send(message, payload)) this.#sent++;
      this.#lateness.record(this.#elapsed() - this.#schedule.plannedAt(message));
    }
  }

  #receive(data: string | Buffer): void {
    this.#receivedBytes += data.length;
    const message = typeof data === 'string' ? numberOf(data) : undefined;
    if (message === undefined || message >= this.#schedule.taken || this.#answered[message]) {
      this.#unexpected++;
      return;
    }
    this.#answered[message] = 1;
    this.#received++;
    this.#latency.record(this.#elapsed() - this.#schedule.plannedAt(message));
    // The last answer ends the wait for it.
    if (this.#schedule.isDone && this.#received === this.#sent) this.#wake?.();
  }

  #sleep(milliseconds: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #elapsed(): number {
    return performance.now() - this.#start;
  }

  #progress(): string {
    const { fleet } = this;
    if (this.#start === 0) return `opening: ${fleet.size} of ${this.#options.connections}`;
    const latency = this.#latency.summary();
    const p99 = latency === undefined ? '' : `, p99 ${durationText(latency.p99)}`;
    const came = this.#received + this.#unexpected;
    return `${durationText(this.#elapsed())}: ${fleet.size} open, ${this.#sent} sent, ${came} received${p99}`;
  }

  #report(
    milliseconds: number,
    eventLoopDelay: LoadReport['eventLoopDelay'],
    cpu: number,
  ): LoadReport {
    const { fleet } = this;
    const { url, connections, size } = this.#options;
    const planned = this.#schedule.taken;
    return {
      url,
      connections,
      opened: fleet.opened,
      failures: fleet.failures.counts,
      handshake: fleet.handshake,
      closedEarly: fleet.closedEarly.counts,
      closed: fleet.closed.counts,
      milliseconds: rounded(milliseconds),
      planned,
      sent: this.#sent,
      size,
      received: this.#received,
      receivedBytes: this.#receivedBytes,
      lost: planned - this.#received,
      unexpected: this.#unexpected,
      latency: this.#latency.summary(),
      lateness: this.#lateness.summary(),
      eventLoopDelay,
      cpu: rounded(cpu),
    };
  }
}

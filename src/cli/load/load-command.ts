import { type Arguments, readQuantity, UsageError } from '../arguments.js';
import { type Command, ExitStatus } from '../command.js';
import { CONNECT_OPTIONS, connectOptionsOf, urlOf } from '../connect-arguments.js';
import { toJson } from '../escape.js';
import { explainFailure } from '../explain-failure.js';
import { byteSize, duration, positiveNumber, wholeNumber } from '../quantities.js';
import type { Terminal } from '../terminal.js';
import { condition } from './conditions.js';
import { Load, type LoadOptions } from './load.js';
import { NUMBER_LENGTH } from './numbered-payload.js';
import { reportText, warningsOf } from './report.js';

/** The most messages of a run: one byte of memory is kept for each. */
const MOST_MESSAGES = 1_000_000_000;
/** What may wait on one connection, in bytes, before it is given up: an open loop does not wait for a slow server. */
const MAX_BUFFERED = 64 * 1024 * 1024;

/** `hawser load`. */
export const loadCommand: Command = {
  name: 'load',
  operands: '<url>',
  summary:
    'Measure a WebSocket server: send at a fixed rate, without waiting for answers, and count them.',
  options: {
    connections: { short: 'c', value: 'N', help: 'connections (default: 10)' },
    ramp: { value: 'SECONDS', help: 'open them over this time (default: 1)' },
    rate: {
      short: 'r',
      value: 'N',
      help: 'messages per second, of all connections (default: 100)',
    },
    size: { value: 'BYTES', help: `bytes of a message, from ${NUMBER_LENGTH} (default: 128)` },
    time: {
      short: 't',
      value: 'SECONDS',
      help: 'send for this time, once all are open (default: 10)',
    },
    wait: { value: 'SECONDS', help: 'wait this long for the last answers (default: 5)' },
    echo: { help: 'the server sends each message back (the default)' },
    receive: { help: 'send nothing, and count what comes' },
    json: { help: 'print the report as one JSON object' },
    'fail-if': {
      value: 'CONDITION',
      isRepeatable: true,
      help: "exit with 1 if it is true: 'p99>50ms', 'lost>0'; may be repeated",
    },
    ...CONNECT_OPTIONS,
  },
  notes: [
    'Latencies count from the time at which a message was planned to leave, so that a server that stalls cannot hide it.',
    'Conditions: p50, p90, p99, p99.9, max, handshake (its p99); lost (also in %), received, refused, closed (early).',
    'Exit status: 0 measured, 1 a condition is true or the server refused, 2 unreachable, 64 wrong arguments.',
  ],
  run: async (given, terminal) => {
    const options = loadOptionsOf(given);
    const conditions = given
      .texts('fail-if')
      .map((text) => readQuantity('--fail-if', text, condition));
    const load = new Load(options);
    let interrupts = 0;
    terminal.onInterrupt(() => {
      interrupts++;
      load.stop();
      if (interrupts > 1) load.fleet.terminate();
    });
    const report = await load.run((line) => {
      terminal.status(line);
    });
    const warnings = warningsOf(report);
    const failed = conditions.filter(({ isTrueOf }) => isTrueOf(report)).map(({ text }) => text);
    if (given.has('json')) {
      terminal.print(toJson({ ...report, warnings, failed }));
    } else {
      for (const line of reportText(report)) terminal.print(line);
      for (const line of warnings) terminal.note(line, 'yellow');
      for (const text of failed) terminal.note(`Failed: ${text}`, 'red');
    }
    if (report.opened === 0) return unopened(load, terminal);
    return failed.length > 0 ? ExitStatus.Refused : ExitStatus.Clean;
  },
};

/** Explain why there was no connection at all. */
function unopened({ fleet: { firstFailure } }: Load, terminal: Terminal): number {
  // Interrupted before the first.
  if (firstFailure === undefined) return ExitStatus.Interrupted;
  const { status, lines } = explainFailure(firstFailure);
  for (const line of lines) terminal.note(line, 'red');
  return status;
}

function loadOptionsOf(given: Arguments): LoadOptions {
  const url = urlOf(given);
  if (given.has('echo') && given.has('receive')) {
    throw new UsageError('give one of --echo and --receive');
  }
  const seconds = (name: string, unless: number): number =>
    given.quantity(name, duration('s')) ?? unless;
  const options = {
    url,
    connect: { ...connectOptionsOf(given), maxBufferedAmount: MAX_BUFFERED },
    connections: given.quantity('connections', wholeNumber(1, 1_000_000)) ?? 10,
    ramp: seconds('ramp', 1000),
    rate: given.has('receive') ? 0 : (given.quantity('rate', positiveNumber) ?? 100),
    size: given.quantity('size', byteSize) ?? 128,
    time: seconds('time', 10_000),
    wait: seconds('wait', 5000),
  };
  const { rate, size, time } = options;
  if (size < NUMBER_LENGTH) {
    throw new UsageError(`--size: expected at least ${NUMBER_LENGTH} bytes, got ${size}`);
  }
  if ((rate * time) / 1000 > MOST_MESSAGES) {
    throw new UsageError(`--rate and --time: expected at most ${MOST_MESSAGES} messages`);
  }
  return options;
}

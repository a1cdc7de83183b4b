import type { Arguments, OptionSpecs } from './arguments.js';
import type { Terminal } from './terminal.js';

/** The statuses that the commands exit with. */
export const ExitStatus = {
  /** Everything went well; for `connect`, a complete closing handshake with 1000, 1001 or no code. */
  Clean: 0,
  /** The server refused the handshake; for `load`, a condition of `--fail-if` is true. */
  Refused: 1,
  /** The server could not be reached; for `listen`, the port could not be opened. */
  Unreachable: 2,
  /** The connection ended with another code or without a Close, or the answer to the handshake was wrong. */
  Abnormal: 3,
  /** Wrong arguments: EX_USAGE of BSD's sysexits.h. */
  Usage: 64,
  /** Interrupted twice; as a shell reports SIGINT. */
  Interrupted: 130,
} as const;

/** A command of the tool. */
export interface Command {
  readonly name: string;
  /** What follows the name: `<url>`. */
  readonly operands: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly options: OptionSpecs;
  /** Lines below the options in the help. */
  readonly notes: readonly string[];
  /**
   * Run it.
   *
   * @returns the status to exit with.
   * @throws UsageError, TypeError or RangeError for wrong arguments.
   */
  readonly run: (given: Arguments, terminal: Terminal) => Promise<number>;
}

/** The help of a command. */
export function helpOf({ name, operands, summary, options, notes }: Command): string {
  const rows = Object.entries(options).map(([option, { value, short, help }]) => {
    const letter = short === undefined ? '    ' : `-${short}, `;
    return [`  ${letter}--${option}${value === undefined ? '' : ` ${value}`}`, help] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return [
    `hawser ${name} ${operands}`,
    summary,
    '',
    ...rows.map(([left, help]) => left.padEnd(width) + help),
    '',
    ...notes,
  ].join('\n');
}

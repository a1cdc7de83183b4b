import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nearest } from '../protocol/nearest-name.js';
import { Arguments, UsageError } from './arguments.js';
import { type Command, helpOf, ExitStatus } from './command.js';
import { connectCommand } from './connect/connect-command.js';
import { onOneLine } from './escape.js';
import { listenCommand } from './listen/listen-command.js';
import { loadCommand } from './load/load-command.js';
import { type Surroundings, Terminal } from './terminal.js';

const COMMANDS: readonly Command[] = [connectCommand, listenCommand, loadCommand];

const HELP = `hawser: WebSockets from the command line

  npx hawser connect <url>    talk to a server: a line in, a line out
  npx hawser listen [port]    be a server: print, echo, relay, run a program, misbehave
  npx hawser load <url>       measure a server: latencies at a rate, and what was lost

Options: npx hawser <command> --help
Version: npx hawser --version`;

const HELP_OPTION = { short: 'h', help: 'show this' } as const;

/** Run the command that the arguments name. @returns the status to exit with. */
export async function run(args: readonly string[], around: Surroundings): Promise<number> {
  const [name, ...rest] = args;
  const print = (text: string): number => {
    around.output.write(`${text}\n`);
    return ExitStatus.Clean;
  };
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    return print(HELP);
  }
  if (name === '--version' || name === '-v') return print(version());
  const command = COMMANDS.find((each) => each.name === name);
  try {
    if (command === undefined) throw new UsageError(`unknown command ${name}${suggestion(name)}`);
    const given = new Arguments(rest, { ...command.options, help: HELP_OPTION });
    if (given.has('help')) return print(helpOf(command));
    const terminal = new Terminal(around);
    try {
      return await command.run(given, terminal);
    } finally {
      terminal.close();
    }
  } catch (error) {
    // hawser's own checks of options throw TypeError and RangeError, with what to write instead.
    if (!(
      error instanceof UsageError ||
      error instanceof TypeError ||
      error instanceof RangeError
    )) {
      throw error;
    }
    const of = command === undefined ? '' : ` ${command.name}`;
    const { message } = error;
    // The messages of hawser begin with the name of a function.
    const shown = error instanceof UsageError ? message : message.replace(/^\w+: /, '');
    around.errors.write(`hawser${of}: ${onOneLine(shown)}\nSee npx hawser${of} --help\n`);
    return ExitStatus.Usage;
  }
}

function suggestion(name: string): string {
  const meant = nearest(
    name,
    COMMANDS.map((each) => each.name),
  );
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

/** That of the package: both src/cli and dist/cli are two folders below its manifest. */
function version(): string {
  const manifest = readFileSync(join(__dirname, '../../package.json'), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

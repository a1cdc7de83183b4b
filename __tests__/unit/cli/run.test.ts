import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from '../../../src/cli/run.js';
import { loadCommand } from '../../../src/cli/load/load-command.js';
import { FakeSurroundings } from '../../support/terminal.js';
import { later } from '../../support/server.js';

/** Run with these arguments. */
async function hawser(...args: string[]) {
  const around = new FakeSurroundings();
  later(() => around.input.destroy());
  const status = await run(args, around);
  return { status, output: around.output.text, errors: around.errors.text };
}

describe('hawser', () => {
  it.each([[], ['--help'], ['-h'], ['help']])('has eight lines of help: %j', async (...args) => {
    const { status, output } = await hawser(...args.flat());
    expect(status).toBe(0);
    expect(output.trimEnd().split('\n')).toHaveLength(8);
    for (const name of ['connect', 'listen', 'load']) expect(output).toContain(`hawser ${name}`);
  });

  it.each(['--version', '-v'])('has a version: %s', async (option) => {
    const manifest = readFileSync(resolve(__dirname, '../../../package.json'), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await hawser(option)).toEqual({ status: 0, output: `${version}\n`, errors: '' });
  });

  it.each(['connect', 'listen', 'load'])('has help for %s', async (name) => {
    for (const option of ['--help', '-h']) {
      const { status, output } = await hawser(name, option);
      expect(status).toBe(0);
      expect(output).toMatch(new RegExp(`^hawser ${name} `));
      // A help that wraps is hard to read.
      const [, ...lines] = output.split('\n').filter((line) => line.startsWith('  '));
      expect(lines.filter((line) => line.length > 100)).toEqual([]);
    }
  });

  it.each([
    [['conect'], 'hawser: unknown command conect; did you mean connect?\nSee npx hawser --help\n'],
    [['serve'], 'hawser: unknown command serve\nSee npx hawser --help\n'],
    [
      ['connect', '--orgin', 'x'],
      'hawser connect: unknown option --orgin; did you mean --origin?\nSee npx hawser connect --help\n',
    ],
    [['listen', '--relay', '--echo'], 'hawser listen: give one of --echo and --relay\n'],
    [['load'], 'hawser load: expected a URL'],
    [['load', 'x\x1b[2J', 'y'], 'hawser load: expected one URL, got also "y"'],
    [['connect', '--binary', '\x1b[2J'], 'hawser connect: expected a URL'],
    [['connect', 'ftp://example.com/'], 'hawser connect: expected a URL with ws:, wss:'],
    [
      ['listen', '\x1b[2J'],
      'hawser listen: port: expected a whole number from 0 to 65535, got "\\x1b',
    ],
  ])('of %j says what is wrong', async (args, text) => {
    const { status, output, errors } = await hawser(...args);
    expect({ status, output }).toEqual({ status: 64, output: '' });
    expect(errors).toMatch(new RegExp(`^${text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`));
  });

  it('does not hide a fault of its own', async () => {
    jest.spyOn(loadCommand, 'run').mockRejectedValue(new Error('a fault'));
    await expect(hawser('load', 'x')).rejects.toThrow('a fault');
  });
});

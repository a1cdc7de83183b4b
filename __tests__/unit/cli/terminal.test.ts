import { Terminal } from '../../../src/cli/terminal.js';
import { FakeSurroundings } from '../../support/terminal.js';
import { eventually, settle } from '../../support/server.js';

/** Without what moves the cursor and clears lines, which `readline` writes. */
// eslint-disable-next-line no-control-regex -- the colours are escape sequences
const plain = (text: string): string => text.replaceAll(/\x1b\[\d*[A-LSTfn]/g, '');

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

describe('with pipes', () => {
  it('lines are lines, and results do not mix with notes', async () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    expect(terminal.isInteractive).toBe(false);
    expect(terminal.isShown).toBe(false);
    const lines = collect(terminal.lines());
    around.type('one', 'two');
    around.input.end();
    expect(await lines).toEqual(['one', 'two']);
    expect(terminal.print('result', 'cyan')).toBe(true);
    terminal.note('note');
    terminal.status('progress');
    terminal.close();
    expect(around.output.text).toBe('result\n');
    expect(around.errors.text).toBe('note\n');
  });

  it('a reader that has left counts as an interruption, once', async () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    const interrupted = jest.fn();
    terminal.onInterrupt(interrupted);
    around.output.emit('error', new Error('EPIPE'));
    around.output.emit('error', new Error('EPIPE'));
    around.errors.emit('error', new Error('EPIPE'));
    expect(interrupted).toHaveBeenCalledTimes(1);
    terminal.close();
    await settle();
  });

  it('drained waits until the reader takes more', async () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    await terminal.drained();
    const done: (() => void)[] = [];
    around.output._write = (_chunk, _encoding, callback) => done.push(callback);
    expect(terminal.print('x'.repeat(100_000))).toBe(false);
    let isDrained = false;
    const drained = terminal.drained().then(() => (isDrained = true));
    await settle();
    expect(isDrained).toBe(false);
    done.shift()!();
    await drained;
    terminal.close();
  });

  it('signals interrupt, until the end', () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    around.signals.emit('SIGINT');
    const interrupted = jest.fn();
    terminal.onInterrupt(interrupted);
    around.signals.emit('SIGINT');
    around.signals.emit('SIGTERM');
    expect(interrupted).toHaveBeenCalledTimes(2);
    terminal.close();
    expect(around.signals.listenerCount('SIGINT')).toBe(0);
    expect(around.signals.listenerCount('SIGTERM')).toBe(0);
  });
});

describe('with a terminal', () => {
  it('there is a prompt below what is printed, and history', async () => {
    const around = new FakeSurroundings({ isTTY: true });
    const terminal = new Terminal(around);
    expect(terminal.isInteractive).toBe(true);
    const lines: string[] = [];
    const typing = (async () => {
      for await (const line of terminal.lines()) lines.push(line);
    })();
    await settle();
    around.type('hello');
    await eventually('the line', () => lines.length === 1);
    around.input.write('half');
    terminal.print('< answer', 'cyan');
    terminal.note('Note.', 'red');
    expect(plain(around.output.text)).toMatch(
      // eslint-disable-next-line no-control-regex -- the colours are escape sequences
      /^> hello\r\n> half\x1b\[36m< answer\x1b\[0m\n> half\x1b\[31mNote\.\x1b\[0m\n> half$/,
    );
    expect(around.errors.text).toBe('');
    around.input.write('\x15\x1b[A\r'); // Ctrl-U, arrow up
    await eventually('the line of the history', () => lines.length === 2);
    expect(lines).toEqual(['hello', 'hello']);
    around.input.write('\x04');
    await typing;
    terminal.print('after Ctrl-D');
    expect(around.output.text).toMatch(/\x1b\[2Kafter Ctrl-D\n$/); // eslint-disable-line no-control-regex -- as above
    terminal.close();
  });

  it('lines that were typed before the end come after it', async () => {
    const around = new FakeSurroundings({ isTTY: true });
    const terminal = new Terminal(around);
    const lines: string[] = [];
    const typing = (async () => {
      for await (const line of terminal.lines()) {
        lines.push(line);
        if (lines.length === 1) terminal.close();
      }
    })();
    await settle();
    around.input.write('one\r');
    around.input.write('two\rthree\r');
    await typing;
    expect(lines.slice(0, 2)).toEqual(['one', 'two']);
  });

  it('Ctrl-C interrupts', async () => {
    const around = new FakeSurroundings({ isTTY: true });
    const terminal = new Terminal(around);
    const interrupted = jest.fn();
    terminal.onInterrupt(interrupted);
    const typing = collect(terminal.lines());
    await settle();
    around.input.write('\x03');
    await settle();
    expect(interrupted).toHaveBeenCalledTimes(1);
    terminal.close();
    await typing;
  });

  it('notes stay in the file that stderr leads to', async () => {
    const around = new FakeSurroundings({ isTTY: true });
    Object.assign(around.errors, { isTTY: false });
    const terminal = new Terminal(around);
    const typing = collect(terminal.lines());
    await settle();
    terminal.note('Note.');
    expect(around.errors.text).toBe('Note.\n');
    terminal.close();
    await typing;
  });

  it('a status is replaced by the next one, and by what is printed', () => {
    const around = new FakeSurroundings({ isTTY: true, env: { NO_COLOR: '1' } });
    const terminal = new Terminal(around);
    terminal.status('one');
    terminal.status('two');
    terminal.print('result');
    terminal.status('three');
    terminal.close();
    expect(plain(around.errors.text)).toBe('onetwothree');
    expect(around.errors.text.split('\x1b[2K')).toHaveLength(3);
    expect(around.output.text).toBe('result\n');
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('has no colours with %j', (env) => {
    const around = new FakeSurroundings({ isTTY: true, env: env });
    const terminal = new Terminal(around);
    terminal.print('result', 'cyan');
    Object.assign(around.input, { isTTY: false });
    terminal.note('note', 'red');
    expect(around.output.text + around.errors.text).not.toContain('\x1b');
    terminal.close();
  });

  it('paints notes on stderr', () => {
    const around = new FakeSurroundings({ isTTY: true, env: { NO_COLOR: '' } });
    Object.assign(around.input, { isTTY: false });
    const terminal = new Terminal(around);
    terminal.note('note');
    expect(around.errors.text).toBe('\x1b[2mnote\x1b[0m\n');
    terminal.close();
  });
});

import { Arguments } from '../../../../src/cli/arguments.js';
import { connectCommand } from '../../../../src/cli/connect/connect-command.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { FakeSurroundings } from '../../../support/terminal.js';
import { later, serve } from '../../../support/server.js';

async function hawserConnect(lines: string[], args: string[], isTTY = false) {
  const around = new FakeSurroundings({ isTTY, env: { NO_COLOR: '1' } });
  const terminal = new Terminal(around);
  later(() => {
    terminal.close();
  });
  const status = connectCommand.run(new Arguments(args, connectCommand.options), terminal);
  around.type(...lines);
  if (isTTY) around.input.write('\x04');
  else around.input.end();
  return { status: await status, around };
}

describe('hawser connect', () => {
  it('sends lines and prints messages', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    const { status, around } = await hawserConnect(['one', 'two'], [`:${port}`]);
    expect({ status, output: around.output.text }).toEqual({ status: 0, output: 'one\ntwo\n' });
    expect(around.errors.text).toMatch(
      /^Connected to ws:\/\/localhost:\d+\/ after .*\nClosed after/,
    );
  });

  it('does not show the password of the URL', async () => {
    const { wss, port } = await serve();
    const authorizations: (string | undefined)[] = [];
    wss.on('connection', (_conn, request) => authorizations.push(request.headers.authorization));
    const url = `ws://ann:secret@127.0.0.1:${port}/`;
    const { status, around } = await hawserConnect(['one'], [url, '--wait', '0']);
    expect(status).toBe(0);
    expect(authorizations).toEqual(['Basic YW5uOnNlY3JldA==']);
    expect(around.errors.text).toContain(`Connected to ws://127.0.0.1:${port}/ after`);
  });

  it('prints JSON, and bytes in hex without another encoding', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.send(Buffer.of(1, 255)));
    const { around } = await hawserConnect([], [`:${port}`, '--json', '--wait', '0.2']);
    expect(around.output.text).toContain('"encoding":"hex","data":"01ff"');
    expect(around.errors.text).toBe('');
  });

  it('uses an encoding in both directions', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
    const base64 = ['--binary', 'base64'];
    const { around } = await hawserConnect(['AQL/'], [`:${port}`, ...base64]);
    expect(around.output.text).toBe('AQL/\n');
    const both = await hawserConnect(['AQL/'], [`:${port}`, ...base64, '--json']);
    expect(both.around.output.text).toContain('"encoding":"base64","data":"AQL/"');
  });

  it('connects once, unless it is told to go on', async () => {
    const { wss, port } = await serve();
    let connections = 0;
    wss.on('connection', (conn) => {
      connections++;
      if (connections % 2 === 1) conn.terminate();
      else void conn.close(1000);
    });
    const once = await hawserConnect([], [`:${port}`, '--wait', 'forever']);
    expect({ status: once.status, connections }).toEqual({ status: 3, connections: 1 });
    connections = 0;
    const again = await hawserConnect([], [`:${port}`, '--wait', 'forever', '--reconnect']);
    expect({ status: again.status, connections }).toEqual({ status: 0, connections: 2 });
  });

  it('closes at once when a person ends the input', async () => {
    const { port } = await serve();
    const { status } = await hawserConnect(['one'], [`:${port}`], true);
    expect(status).toBe(0);
  });

  it.each([
    [['--ping', '0'], '--ping: expected a time above 0'],
    [['--binary', 'octal'], '--binary: expected hex or base64, got "octal"'],
    [['--wait', 'x'], '--wait: expected a number of seconds'],
    [['-H', 'A\x1b: 1'], 'header name'],
  ])('rejects %j', async (args, message) => {
    await expect(hawserConnect([], ['x', ...args])).rejects.toThrow(message);
  });

  it('shows Pings when it sends some', async () => {
    const { port } = await serve();
    const { around } = await hawserConnect([], [`:${port}`, '--ping', '0.01', '--wait', '0.5']);
    expect(around.errors.text).toContain('Pong after');
  });
});

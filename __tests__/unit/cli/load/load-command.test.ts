import { Arguments } from '../../../../src/cli/arguments.js';
import { loadCommand } from '../../../../src/cli/load/load-command.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { FakeSurroundings } from '../../../support/terminal.js';
import { eventually, later, serve } from '../../../support/server.js';

function hawserLoad(...args: string[]) {
  const around = new FakeSurroundings();
  const terminal = new Terminal(around);
  later(() => {
    terminal.close();
  });
  const given = new Arguments(args, loadCommand.options);
  return { around, status: loadCommand.run(given, terminal) };
}

async function echo() {
  const { wss, port } = await serve();
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  return { wss, url: `ws://127.0.0.1:${port}/` };
}

const SHORT = ['-c', '2', '--ramp', '0', '-t', '0.1', '-r', '200'];

describe('hawser load', () => {
  it('reports', async () => {
    const { url } = await echo();
    const { around, status } = hawserLoad(url, ...SHORT, '--fail-if', 'lost>0');
    expect(await status).toBe(0);
    expect(around.output.text).toMatch(/^connections {3}2 of 2 opened/);
    expect(around.output.text).toContain('received      20, 0 lost (0 %)');
    expect(around.errors.text).not.toContain('Failed');
  });

  it('fails if a condition is true, and names it', async () => {
    const { url } = await echo();
    const conditions = ['--fail-if', 'received>1', '--fail-if', 'lost>0'];
    const { around, status } = hawserLoad(url, ...SHORT, ...conditions);
    expect(await status).toBe(1);
    expect(around.errors.text).toContain('Failed: received>1\n');
    expect(around.errors.text).not.toContain('lost>0');
  });

  it('reports in JSON', async () => {
    const { url } = await echo();
    const { around, status } = hawserLoad(url, ...SHORT, '--json', '--fail-if', 'received>1');
    expect(await status).toBe(1);
    const [line, ...more] = around.output.lines;
    expect(more).toEqual([]);
    expect(JSON.parse(line!)).toMatchObject({ url, sent: 20, failed: ['received>1'] });
  });

  it('has defaults, and can be interrupted twice', async () => {
    const { wss, url } = await echo();
    const { around, status } = hawserLoad(url);
    await eventually('messages', () => wss.stats().messagesReceived > 30);
    // Closes that are not answered.
    for (const conn of wss.connections) conn.on('closing', () => undefined);
    around.signals.emit('SIGINT');
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
    expect(around.output.text).toContain('10 of 10 opened');
    expect(around.output.text).toContain('128 bytes each');
    expect(around.output.text).toContain('1006 (no Close was received)');
  });

  it('receives', async () => {
    const { wss, url } = await echo();
    wss.on('connection', (conn) => setTimeout(() => conn.send('tick'), 50));
    const { around, status } = hawserLoad(url, '--receive', '-c', '2', '-t', '0.5', '--ramp', '0');
    expect(await status).toBe(0);
    expect(around.output.text).toContain('received      2, ');
  });

  it('warns when it was the limit itself', async () => {
    const { url } = await echo();
    const { around, status } = hawserLoad(url, ...SHORT);
    await eventually('the start', () => true);
    const usage = jest.spyOn(process, 'cpuUsage').mockReturnValue({ user: 1e9, system: 0 });
    expect(await status).toBe(0);
    usage.mockRestore();
    expect(around.errors.text).toContain('Warning: the limit was this generator, not the server');
  });

  it('explains why there was no connection', async () => {
    const { port } = await serve({
      authorize: () => {
        throw new UpgradeRejection(401);
      },
    });
    const refused = hawserLoad(`ws://127.0.0.1:${port}/`, ...SHORT);
    expect(await refused.status).toBe(1);
    expect(refused.around.output.text).toContain('2 failed: status 401');
    expect(refused.around.errors.text).toContain('The server refused: 401 Unauthorized.');
  });

  it('interrupted before the first connection measured nothing', async () => {
    const { server, port } = await serve();
    server.removeAllListeners('upgrade').on('upgrade', () => undefined);
    const { around, status } = hawserLoad(`ws://127.0.0.1:${port}/`);
    around.signals.emit('SIGINT');
    expect(await status).toBe(130);
  });

  it.each([
    [['--echo', '--receive'], 'give one of --echo and --receive'],
    [['--size', '7'], '--size: expected at least 8 bytes, got 7'],
    [['--rate', '1000000', '--time', '1h'], '--rate and --time: expected at most 1000000000'],
    [['--fail-if', 'slow'], '--fail-if: expected a condition such as p99>50ms'],
    [['--connections', '0'], '--connections: expected a whole number from 1'],
    [['--rate', '0'], '--rate: expected a number above 0'],
  ])('rejects %j', async (args, message) => {
    await expect(hawserLoad('x', ...args).status).rejects.toThrow(message);
  });
});

import { Arguments } from '../../../../src/cli/arguments.js';
import { listenCommand } from '../../../../src/cli/listen/listen-command.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { connect } from '../../../../src/client/connect.js';
import { FakeSurroundings } from '../../../support/terminal.js';
import { eventually, later } from '../../../support/server.js';

function hawserListen(...args: string[]) {
  const around = new FakeSurroundings();
  const terminal = new Terminal(around);
  const status = listenCommand.run(new Arguments(args, listenCommand.options), terminal);
  later(() => {
    terminal.close();
  });
  return { around, status };
}

/** Listen on any port with these arguments, and connect. */
async function connected(...args: string[]) {
  const { around, status } = hawserListen('0', ...args);
  await eventually('the port', () => around.errors.text.includes('Listening'));
  const [url] = /ws:\S+/.exec(around.errors.text)!;
  later(async () => {
    around.signals.emit('SIGINT');
    around.signals.emit('SIGINT');
    await status;
  });
  const conn = await connect(url, { perMessageDeflate: true, subprotocols: ['chat'] });
  later(() => {
    conn.terminate();
  });
  const messages: unknown[] = [];
  conn.on('message', (data) => messages.push(data));
  return { around, status, conn, messages, url };
}

describe('hawser listen', () => {
  it('listens on this machine alone, and does nothing else', async () => {
    const { around, status, conn, url } = await connected();
    expect(url).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/$/);
    expect([conn.subprotocol, conn.extensions]).toEqual(['', '']);
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
  });

  it('has port 8080 unless another is given', async () => {
    const { status, around } = hawserListen('--host', '192.0.2.1');
    expect(await status).toBe(2);
    expect(around.errors.text).toContain('192.0.2.1:8080');
  });

  it('takes its options', async () => {
    const { conn, messages } = await connected('--echo', '--subprotocol', 'chat', '--compress');
    expect(conn.subprotocol).toBe('chat');
    expect(conn.extensions).toContain('permessage-deflate');
    conn.send('hello');
    await eventually('the echo', () => messages.length === 1);
  });

  it('relays', async () => {
    const { conn, messages, url } = await connected('--relay', '--delay', '1', '--max', '2');
    const other = await connect(url);
    later(() => {
      other.terminate();
    });
    other.send('hello');
    await eventually('the message', () => messages.length === 1);
    await expect(connect(url)).rejects.toMatchObject({ status: 503 });
    expect(conn.readyState).toBe('open');
  });

  it('runs a program', async () => {
    const { conn, messages } = await connected('--exec', 'cat', '--slow', '1MB/s', '--no-pong');
    conn.send('hello');
    await eventually('the answer', () => messages.length === 1);
    expect(messages).toEqual(['hello']);
  });

  it('has faults', async () => {
    const closing = await connected('--close', '3000', '--drop-after', '1');
    await eventually('the end', () => closing.conn.closeInfo?.code === 3000);
    await expect(connected('--refuse', '503')).rejects.toMatchObject({ status: 503 });
  });

  it.each([
    [['x'], 'port: expected a whole number from 0 to 65535, got "x"'],
    [['1', '2'], 'expected one port, got also "2"'],
    [['--echo', '--exec', 'cat'], 'give one of --echo and --exec'],
    [
      ['--close', '1006'],
      '--close: expected a code from 1000 to 1003, 1007 to 1014 or 3000 to 4999',
    ],
    [['--close', '2999'], '--close: expected a code'],
    [['--close', '5000'], '--close: expected a code'],
    [['--refuse', '200'], '--refuse: expected a whole number from 300 to 599, got "200"'],
    [['--slow', '0'], '--slow: expected bytes per second, above 0'],
    [['--drop-after', '0'], '--drop-after: expected a whole number from 1'],
    [['--delay', 'x'], '--delay: expected a number of milliseconds'],
  ])('rejects %j', (args, message) => {
    expect(() => hawserListen(...args)).toThrow(message);
  });
});

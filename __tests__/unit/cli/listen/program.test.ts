import type * as NodeChildren from 'node:child_process';
import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { runProgram } from '../../../../src/cli/listen/program.js';
import { connect } from '../../../../src/client/connect.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { eventually, later, serve } from '../../../support/server.js';

const children = jest.requireActual<typeof NodeChildren>('node:child_process');

/** A client of a server that runs the program for it. */
async function clientOf(command: string, grace?: number) {
  const { wss, port } = await serve();
  const notes: string[] = [];
  const connections: WebSocketConnection[] = [];
  wss.on('connection', (conn) => {
    connections.push(conn);
    runProgram(conn, command, (line) => notes.push(line), grace);
  });
  const client = await connect(`ws://127.0.0.1:${port}/`);
  later(() => {
    client.terminate();
  });
  const messages: unknown[] = [];
  client.on('message', (data) => messages.push(data));
  return { client, messages, notes, connections };
}

const node = (source: string): string => `"${process.execPath}" -e '${source}'`;

describe('the program of a connection', () => {
  it('gets messages as lines, and its lines are messages', async () => {
    const { client, messages } = await clientOf('cat');
    client.send('one');
    client.send(Buffer.from('two'));
    await eventually('the answers', () => messages.length === 2);
    expect(messages).toEqual(['one', 'two']);
    // Its input ends with the connection, and so does cat.
    expect(await client.close()).toMatchObject({ code: 1000, clean: true });
  });

  it('closes the connection with its end, after everything it wrote', async () => {
    const { client, messages } = await clientOf('echo one; echo two');
    await eventually('the end', () => client.closeInfo !== undefined);
    expect(messages).toEqual(['one', 'two']);
    expect(client.closeInfo).toMatchObject({ code: 1000, initiator: 'peer' });
  });

  it('closes with 1011 when it fails, and what it wrote to stderr is noted', async () => {
    const { client, notes } = await clientOf('echo trouble >&2; exit 3');
    await eventually('the end', () => client.closeInfo !== undefined);
    expect(client.closeInfo).toMatchObject({ code: 1011, reason: 'the program failed' });
    expect(notes).toEqual(['trouble']);
  });

  it('is terminated, with what it has started, when it does not end with its input', async () => {
    const { client, messages } = await clientOf('sleep 600 & echo $!; wait', 10);
    await eventually('the process', () => messages.length === 1);
    const pid = Number(messages[0]);
    expect(() => process.kill(pid, 0)).not.toThrow();
    client.terminate();
    await eventually('its end', () => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  it('holds messages while it does not read, and the connection too', async () => {
    const late = node('setTimeout(() => process.stdin.pipe(process.stdout), 300)');
    const { client, messages, connections } = await clientOf(late);
    const big = 'x'.repeat(100_000);
    for (let i = 0; i < 20; i++) client.send(big);
    await eventually('the pause', () => connections[0]!.isPaused);
    await eventually('the answers', () => messages.length === 20);
    expect(messages.every((each) => each === big)).toBe(true);
  });

  it('waits while the peer does not read', async () => {
    const { client, messages, connections } = await clientOf(
      node('for (let i = 0; i < 100; i++) console.log("y".repeat(100000))'),
    );
    client.pause();
    await eventually('a full socket', () => connections[0]!.bufferedAmount > 100_000);
    client.resume();
    await eventually('the end', () => client.closeInfo !== undefined);
    expect(messages).toHaveLength(100);
  });

  it('need not read what it is sent', async () => {
    const { client, messages, connections } = await clientOf('exec <&-; echo ready; sleep 600', 10);
    await eventually('the closed input', () => messages.length === 1);
    let received = 0;
    connections[0]!.on('message', () => received++);
    for (let i = 0; i < 3; i++) {
      client.send('x'.repeat(200_000));
      await eventually('the message', () => received === i + 1);
    }
    await client.roundTrip();
    await eventually('the end of the pause', () => !connections[0]!.isPaused);
    expect(await client.close()).toMatchObject({ code: 1000, clean: true });
  });

  it('that cannot be started closes the connection', async () => {
    const streams = { stdin: new PassThrough(), stdout: new PassThrough() };
    const kill = jest.fn();
    const child = Object.assign(new EventEmitter(), {
      ...streams,
      stderr: new PassThrough(),
      pid: undefined,
      kill,
    });
    const spawn = jest.spyOn(children, 'spawn').mockReturnValue(child as never);
    const { client, notes } = await clientOf('cat', 1);
    await eventually('the start', () => spawn.mock.calls.length === 1);
    child.emit('error', new Error('spawn EAGAIN'));
    streams.stdout.destroy(new Error('gone'));
    await eventually('the end', () => client.closeInfo !== undefined);
    expect(client.closeInfo!.reason).toBe('the program could not be started');
    expect(notes).toEqual(['spawn EAGAIN']);
    // There is no group to be terminated.
    await eventually('the attempt', () => kill.mock.calls.length === 1);
  });
});

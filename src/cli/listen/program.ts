import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import process from 'node:process';
import type { Readable } from 'node:stream';
import type { WebSocketConnection } from '../../index.js';
import { linesOf } from '../lines.js';

/** How long a program may go on after its input has ended, in ms. */
const GRACE = 1000;
const NEWLINE = Buffer.from('\n');

/**
 * Run a program for a connection: each message is a line of its input, and each line of its output a message. Its end
 * closes the connection, with 1000 or, if it failed, with 1011. The connection's end ends its input, and then the program.
 *
 * @param command a command of the shell.
 * @param note told what the program writes to stderr, and why it could not be started.
 * @param grace ms between the end of its input and SIGTERM.
 */
export function runProgram(
  connection: WebSocketConnection,
  command: string,
  note: (line: string) => void,
  grace: number = GRACE,
): void {
  // A group of its own: a signal to the shell alone would leave what the shell has started.
  const child = spawn(command, { shell: true, detached: true, stdio: 'pipe' });
  const { pid, stdin, stdout, stderr } = child;
  // EPIPE: a program need not read its input.
  stdin.on('error', () => undefined);
  connection.on('message', (data: string | Buffer) => {
    // A program that has closed its input gets no more.
    if (stdin.destroyed || stdin.write(Buffer.concat([Buffer.from(data), NEWLINE]))) return;
    connection.pause();
    for (const event of ['drain', 'close']) stdin.once(event, () => connection.resume());
  });
  void forEachLine(stdout, async (line) => {
    if (!connection.send(line)) await connection.drained();
  });
  void forEachLine(stderr, note);
  child.on('error', (error) => {
    note(error.message);
    void connection.close(1011, 'the program could not be started');
  });
  let hasEnded = false;
  child.on('close', (code) => {
    hasEnded = true;
    if (code === 0) void connection.close(1000);
    else void connection.close(1011, 'the program failed');
  });
  connection.on('close', () => {
    // Its number may be that of another process by now.
    if (hasEnded) return;
    stdin.end();
    const timer = setTimeout(() => {
      endGroup(pid!, child);
    }, grace);
    child.on('close', () => {
      clearTimeout(timer);
    });
  });
}

/** A program that was not started has streams that break off. */
async function forEachLine(
  stream: Readable,
  action: (line: string) => void | Promise<void>,
): Promise<void> {
  try {
    for await (const line of linesOf(stream)) await action(line);
  } catch {
    // The end of the program is told.
  }
}

/** Terminate the shell and what it has started; on Windows, which has no groups, the shell alone. */
function endGroup(pid: number, child: { kill(): boolean }): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    child.kill();
  }
}

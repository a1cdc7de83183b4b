import {
  Conversation,
  type ConversationOptions,
} from '../../../../src/cli/connect/conversation.js';
import { TextTranscript } from '../../../../src/cli/connect/transcript.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { reconnecting, type ReconnectingConnection } from '../../../../src/client/reconnecting.js';
import type { ReconnectingOptions } from '../../../../src/client/reconnecting-options.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { FakeSurroundings } from '../../../support/terminal.js';
import { eventually, later, serve, settle } from '../../../support/server.js';

interface Talk {
  readonly around: FakeSurroundings;
  readonly terminal: Terminal;
  readonly status: Promise<number>;
  readonly link: ReconnectingConnection;
}

function talk(
  url: string,
  options: Partial<ConversationOptions> = {},
  reconnection: ReconnectingOptions = { retry: () => false },
  isTTY = false,
): Talk {
  const around = new FakeSurroundings({ isTTY, env: { NO_COLOR: '1' } });
  const terminal = new Terminal(around);
  later(() => {
    terminal.close();
  });
  const link = reconnecting(url, reconnection);
  const conversation = new Conversation(
    link,
    terminal,
    new TextTranscript(terminal, url, 'hex', true),
    { encoding: undefined, pingInterval: undefined, wait: 0, ...options },
  );
  return { around, terminal, status: conversation.run(), link };
}

/** A server that echoes, and its connections. */
async function echo() {
  const { wss, port } = await serve();
  const connections: WebSocketConnection[] = [];
  wss.on('connection', (conn) => {
    connections.push(conn);
    conn.on('message', (data) => conn.send(data));
  });
  return { wss, url: `ws://127.0.0.1:${port}/`, connections };
}

describe('a conversation', () => {
  it('ends with its input, after the answers that come before the Close', async () => {
    const { url } = await echo();
    const { around, status } = talk(url);
    around.type('one', 'two');
    around.input.end();
    expect(await status).toBe(0);
    expect(around.output.lines).toEqual(['one', 'two']);
    expect(around.errors.text).toContain('Closed after');
  });

  it('waits for answers', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => {
      conn.on('message', () => setTimeout(() => conn.send('late'), 50));
    });
    const { around, status } = talk(`ws://127.0.0.1:${port}/`, { wait: 600_000 });
    around.type('one');
    around.input.end();
    await eventually('the answer', () => around.output.text === 'late\n');
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
  });

  it('ends when the server closes, whatever it waits for', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { wait: 600_000 });
    around.input.end();
    await eventually('the connection', () => connections.length === 1);
    await connections[0]!.close(1008, 'no');
    expect(await status).toBe(3);
    expect(around.errors.text).toMatch(/Closed by the peer after .* with 1008 .*"no"/);
  });

  it('ends once, also when its wait is over after the server has closed', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { wait: 30 });
    around.input.end();
    await eventually('the connection', () => connections.length === 1);
    await connections[0]!.close(4000);
    expect(await status).toBe(3);
    const { text } = around.errors;
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(around.errors.text).toBe(text);
  });

  it('without input goes on until it is interrupted', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { wait: Infinity });
    around.input.end();
    await eventually('the connection', () => connections.length === 1);
    await settle();
    expect(connections[0]!.readyState).toBe('open');
    around.signals.emit('SIGTERM');
    expect(await status).toBe(0);
    expect(connections[0]!.closeInfo).toMatchObject({ code: 1000, clean: true });
  });

  it('is terminated by the second interruption', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url);
    await eventually('the connection', () => connections.length === 1);
    // A Close that is not answered.
    connections[0]!.on('closing', () => undefined);
    await eventually('the note', () => around.errors.text.includes('Connected'));
    around.signals.emit('SIGINT');
    around.signals.emit('SIGINT');
    expect(await status).toBe(130);
  });

  it('takes it that a connection ends before its Ping is answered', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { wait: 600_000, pingInterval: 1 });
    await eventually('the connection', () => connections.length === 1);
    connections[0]!.pause(); // reads no Ping
    await eventually('the note', () => around.errors.text.includes('Connected'));
    await new Promise((resolve) => setTimeout(resolve, 20)); // after some turns of the interval
    connections[0]!.terminate();
    expect(await status).toBe(3);
  });

  it('can be interrupted before there is a connection', async () => {
    const { server, port } = await serve();
    server.removeAllListeners('upgrade').on('upgrade', () => undefined);
    const { around, status } = talk(`ws://127.0.0.1:${port}/`);
    await settle();
    around.signals.emit('SIGINT');
    expect(await status).toBe(130);
    const twice = talk(`ws://127.0.0.1:${port}/`);
    twice.around.signals.emit('SIGINT');
    twice.around.signals.emit('SIGINT');
    expect(await twice.status).toBe(130);
  });

  it('explains why there is no connection', async () => {
    const { port } = await serve({ path: '/feed' });
    const { around, status } = talk(`ws://127.0.0.1:${port}/`);
    expect(await status).toBe(1);
    expect(around.errors.text).toContain('The server refused: 404 Not Found.');
  });

  it('goes on with the next connection, and sends what was typed meanwhile', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { wait: 600_000 }, { delay: { min: 1, max: 1 } });
    await eventually('the connection', () => connections.length === 1);
    connections[0]!.terminate();
    await eventually('the loss', () => around.errors.text.includes('The next attempt begins in'));
    around.type('later');
    around.input.end();
    await eventually('the echo', () => around.output.text === 'later\n');
    expect(connections).toHaveLength(2);
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
    expect(around.errors.text).toMatch(/Connection lost after .* with 1006/);
  });

  it('sends Pings, and shows the round trips and the Pings of the server', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { pingInterval: 5 });
    await eventually('a Pong', () => around.errors.text.includes('Pong after'));
    connections[0]!.ping('hi');
    await eventually('a Ping', () => around.errors.text.includes('Ping from the server: hi'));
    connections[0]!.terminate();
    expect(await status).toBe(3);
    const { length } = around.errors.text;
    await settle();
    expect(around.errors.text).toHaveLength(length);
  });

  it('gives up a Ping whose connection ends', async () => {
    const { wss, port } = await serve();
    const pings: Buffer[] = [];
    wss.on('connection', (conn) => {
      // Its Pong never leaves.
      conn.on('ping', (payload) => {
        pings.push(payload);
        conn.terminate();
      });
    });
    const { status } = talk(`ws://127.0.0.1:${port}/`, { pingInterval: 1 });
    expect(await status).toBe(3);
    expect(pings).toHaveLength(1);
  });

  it('is as slow as the reader of its output', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => {
      conn.send('x'.repeat(100_000));
      conn.send('y');
    });
    const { around, status } = talk(`ws://127.0.0.1:${port}/`, { wait: 600_000 });
    const done: (() => void)[] = [];
    const written: string[] = [];
    around.output._write = (chunk: string, _encoding, callback) => {
      written.push(chunk);
      done.push(callback);
    };
    await eventually('the first message', () => written.length === 1);
    await settle();
    expect(done).toHaveLength(1);
    done.shift()!();
    await eventually('the second message', () => written.length === 2);
    done.shift()!();
    expect(written[1]).toBe('y\n');
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
  });

  it('waits for a server that reads slowly', async () => {
    const { wss, port } = await serve();
    let received = 0;
    wss.on('connection', (conn) => {
      conn.on('message', () => received++);
      conn.pause();
      setTimeout(() => conn.resume(), 50);
    });
    const { around, status } = talk(`ws://127.0.0.1:${port}/`);
    for (let i = 0; i < 100; i++) around.type('x'.repeat(100_000));
    around.input.end();
    expect(await status).toBe(0);
    expect(received).toBe(100);
  });

  it('sends nothing after it was interrupted', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url);
    await eventually('the connection', () => connections.length === 1);
    await eventually('the note', () => around.errors.text.includes('Connected'));
    around.signals.emit('SIGINT');
    around.type('too late');
    expect(await status).toBe(0);
    expect(around.output.text).toBe('');
  });

  it('counts what was not sent', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => {
      conn.pause();
    });
    const { around, status, link } = talk(`ws://127.0.0.1:${port}/`);
    for (let i = 0; i < 200; i++) around.type('x'.repeat(100_000));
    await eventually('the connection', () => wss.connections.size === 1);
    // The kernel takes some of it, and then no more.
    let full = 0;
    await eventually('a full socket', () => {
      full = (link.connection?.bufferedAmount ?? 0) > 0 ? full + 1 : 0;
      return full > 100;
    });
    // The rest of the input waits: no more than the high-water mark and one line is taken from it.
    expect(link.connection!.bufferedAmount).toBeLessThan(300_000);
    for (const conn of wss.connections) conn.terminate();
    expect(await status).toBe(3);
    expect(around.errors.text).toMatch(
      /\d messages were not sent: the connection ended first\.\n$/,
    );
  });

  it('ends with an error for a piped line in another encoding', async () => {
    const { url, connections } = await echo();
    const { around, status } = talk(url, { encoding: 'hex' });
    around.type('01', 'zz');
    await expect(status).rejects.toThrow('--binary hex: this line is not hex: "zz"');
    await eventually('the connection', () => connections.length === 1);
    await eventually('its end', () => connections[0]!.readyState === 'closed');
  });

  it('goes on after a typed line in another encoding', async () => {
    const { url } = await echo();
    const { around, status } = talk(url, { encoding: 'hex' }, undefined, true);
    around.type('zz', '01');
    await eventually('the echo', () => around.output.text.includes('< (binary, 1 bytes) 01'));
    expect(around.output.text).toContain('Not sent: this is not hex.');
    around.input.write('\x04');
    expect(await status).toBe(0);
  });

  it('lets its input go at its end', async () => {
    const { url, connections } = await echo();
    const { terminal, status } = talk(url);
    await eventually('the connection', () => connections.length === 1);
    await connections[0]!.close();
    expect(await status).toBe(0);
    terminal.close();
    await settle();
  });
});

import { request, Server } from 'node:http';
import { Listener, type ListenOptions } from '../../../../src/cli/listen/listener.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { connect } from '../../../../src/client/connect.js';
import type { ConnectOptions } from '../../../../src/client/connect-options.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { FakeSurroundings } from '../../../support/terminal.js';
import { clientFrame } from '../../../support/frames.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import {
  connect as connectRaw,
  eventually,
  later,
  serve,
  settle,
} from '../../../support/server.js';

const OPTIONS: ListenOptions = {
  port: 0,
  host: '127.0.0.1',
  origins: [],
  subprotocols: [],
  compress: false,
  isQuiet: false,
  maxConnections: 10,
  answer: 'nothing',
  program: undefined,
  delay: 0,
  dropAfter: undefined,
  closeCode: undefined,
  refuseStatus: undefined,
  socketFaults: undefined,
};

async function listener(options: Partial<ListenOptions> = {}, isTTY = false) {
  const around = new FakeSurroundings({ isTTY, env: { NO_COLOR: '1' } });
  const terminal = new Terminal(around);
  const status = new Listener({ ...OPTIONS, ...options }, terminal).run();
  later(async () => {
    around.signals.emit('SIGINT');
    around.signals.emit('SIGINT');
    await status;
    terminal.close();
  });
  const told = (): string => around.errors.text + around.output.text;
  await eventually('the port', () => /Listening on .*\//.test(told()));
  const [, port] = /:(\d+)\/ \(Ctrl-C ends\)/.exec(told())!;
  return { around, status, port: Number(port), told };
}

async function client(port: number, options?: ConnectOptions) {
  const conn = await connect(`ws://127.0.0.1:${port}/feed`, options);
  later(() => {
    conn.terminate();
  });
  const messages: unknown[] = [];
  conn.on('message', (data) => messages.push(data));
  return { conn, messages };
}

const end = (conn: WebSocketConnection) =>
  eventually('the end', () => conn.closeInfo !== undefined);

describe('a listener', () => {
  it('shows connections, messages and ends, and sends what is typed to all', async () => {
    const { around, status, port, told } = await listener();
    const [one, two] = [await client(port), await client(port)];
    one.conn.send('hello\x1b[2J');
    await eventually('the message', () => around.output.lines.length === 1);
    two.conn.send(Buffer.of(1, 255));
    await eventually('both messages', () => around.output.lines.length === 2);
    expect(around.output.lines).toEqual(['#1 < hello\x1b[2J', '#2 < (binary, 2 bytes) 01ff']);
    around.type('to all');
    await eventually('the line', () => two.messages.length === 1 && one.messages.length === 1);
    await two.conn.close(4000, 'bye');
    await eventually('the end', () => told().includes('#2 Closed by the peer'));
    expect(around.errors.text).toMatch(/#1 connected from 127\.0\.0\.1:\d+ to \/feed\n/);
    expect(around.errors.text).toMatch(/#2 .* with 4000 \(the application's own code\), "bye"\n/);
    around.signals.emit('SIGINT');
    expect(await status).toBe(0);
    expect(one.conn.closeInfo).toMatchObject({ code: 1001, clean: true });
  });

  it('escapes what came in a terminal', async () => {
    const { around, port } = await listener({}, true);
    const { conn } = await client(port);
    conn.send('a\x1b[2J\n#2 < fake');
    await eventually('the message', () => around.output.text.includes('\n  #2 < fake'));
    expect(around.output.text).toContain('#1 < a\\x1b[2J\n');
  });

  it('echoes, later if it is told to', async () => {
    const { port } = await listener({ answer: 'echo', delay: 30, isQuiet: true });
    const { conn, messages } = await client(port);
    conn.send('hello');
    await conn.roundTrip();
    expect(messages).toEqual([]);
    await eventually('the echo', () => messages.length === 1);
    expect(messages).toEqual(['hello']);
  });

  it('shows no message when it is quiet', async () => {
    const { around, port } = await listener({ answer: 'echo', isQuiet: true });
    const { conn, messages } = await client(port);
    conn.send('hello');
    await eventually('the echo', () => messages.length === 1);
    expect(around.output.text).toBe('');
  });

  it('relays to all others', async () => {
    const { port } = await listener({ answer: 'relay' });
    const [one, two] = [await client(port), await client(port)];
    one.conn.send('hello');
    await eventually('the message', () => two.messages.length === 1);
    await one.conn.roundTrip();
    expect([one.messages, two.messages]).toEqual([[], ['hello']]);
  });

  it('runs a program for each connection', async () => {
    const { port, told } = await listener({ program: 'echo trouble >&2; cat' });
    const { conn, messages } = await client(port);
    conn.send('hello');
    await eventually('the answer', () => messages.length === 1);
    await eventually('the trouble', () => told().includes('#1 stderr: trouble'));
    expect(messages).toEqual(['hello']);
  });

  it('loses connections after some messages', async () => {
    const { port } = await listener({ dropAfter: 2, answer: 'echo' });
    const { conn } = await client(port);
    conn.send('one');
    await conn.roundTrip();
    conn.send('two');
    await end(conn);
    expect(conn.closeInfo).toMatchObject({ code: 1006, initiator: 'transport' });
  });

  it.each([0, 20])('closes connections with a code, after %d ms', async (delay) => {
    const { port } = await listener({ closeCode: 1013, delay });
    const { conn } = await client(port);
    await end(conn);
    expect(conn.closeInfo).toMatchObject({ code: 1013, initiator: 'peer' });
  });

  it('refuses handshakes', async () => {
    const { port, told } = await listener({ refuseStatus: 503 });
    await expect(client(port)).rejects.toMatchObject({ status: 503 });
    expect(told()).toMatch(/Refused 127\.0\.0\.1 \/feed: 503 /);
  });

  it('answers no Ping', async () => {
    const socketFaults = { rate: undefined, losesPings: true };
    const { port } = await listener({ socketFaults, answer: 'echo' });
    const { conn, messages } = await client(port);
    let pongs = 0;
    conn.on('pong', () => pongs++);
    conn.ping('are you there?');
    conn.send('hello');
    await eventually('the echo', () => messages.length === 1);
    expect(pongs).toBe(0);
    expect(await conn.close()).toMatchObject({ code: 1000, clean: true });
  });

  it('reads slowly, and gets what came with the handshake', async () => {
    const socketFaults = { rate: 100_000, losesPings: false };
    const { port, around } = await listener({ socketFaults, answer: 'echo' });
    const raw = await connectRaw(port);
    // In one packet.
    const frame = clientFrame({ opcode: 1, payload: 'hello' });
    raw.send(Buffer.concat([Buffer.from(upgradeRequest()), frame]));
    await eventually('the message', () => around.output.lines.length === 1);
    expect(around.output.text).toBe('#1 < hello\n');
  });

  it('lets in pages of the sites that it is told, and no others', async () => {
    const { port, told } = await listener({ origins: ['https://good.example'] });
    await client(port, { origin: 'https://good.example' });
    const evil = client(port, { origin: 'https://evil.example' });
    await expect(evil).rejects.toMatchObject({ status: 403 });
    expect(told()).toContain(', Origin https://evil.example: 403 this origin is not allowed\n');
    expect(told()).toContain('--origin https://evil.example lets pages of this site in.');

    const any = await listener({ origins: ['*'] });
    await client(any.port, { origin: 'https://evil.example' });
  });

  it('knows no other host name than those of this machine, against DNS rebinding', async () => {
    const { port } = await listener();
    const headers = { Host: `evil.example:${port}` };
    const origin = `http://evil.example:${port}`;
    await expect(client(port, { headers, origin })).rejects.toMatchObject({ status: 403 });
    const open = await listener({ host: '0.0.0.0' });
    await client(open.port, { headers });
  });

  it('answers a browser', async () => {
    const { port } = await listener();
    const answer = await new Promise<number>((resolve) => {
      request({ port, host: '127.0.0.1' }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      }).end();
    });
    expect(answer).toBe(426);
  });

  it('explains why it cannot listen', async () => {
    const { server } = await serve();
    const address = server.address() as { port: number };
    const rows = [
      [
        { port: address.port },
        /^Port \d+ of 127\.0\.0\.1 is in use\. Give another, or 0 for any\.\n/,
      ],
      [{ host: '192.0.2.1' }, /^Cannot listen on 192\.0\.2\.1:0: listen EADDRNOTAVAIL/],
    ] as const;
    for (const [options, text] of rows) {
      const around = new FakeSurroundings();
      const terminal = new Terminal(around);
      expect(await new Listener({ ...OPTIONS, ...options }, terminal).run()).toBe(2);
      expect(around.errors.text).toMatch(text);
      terminal.close();
    }
  });

  it('explains that a port needs privileges', async () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    const refused = Object.assign(new Error('no'), { code: 'EACCES' });
    jest.spyOn(Server.prototype, 'listen').mockImplementation(function (this: never) {
      setImmediate(() =>
        (this as { emit(name: string, error: Error): void }).emit('error', refused),
      );
      return this;
    });
    expect(await new Listener({ ...OPTIONS, port: 80 }, terminal).run()).toBe(2);
    expect(around.errors.text).toMatch(/^Port 80 of 127\.0\.0\.1 needs privileges\./);
    terminal.close();
  });

  it('listens on IPv6', async () => {
    const { told } = await listener({ host: '::1' });
    expect(told()).toMatch(/Listening on ws:\/\/\[::1\]:\d+\//);
  });

  it('is terminated by the second interruption', async () => {
    const { around, status, port } = await listener();
    const { conn } = await client(port);
    // A Close that is not answered.
    conn.on('closing', () => undefined);
    around.signals.emit('SIGINT');
    around.signals.emit('SIGINT');
    expect(await status).toBe(130);
  });

  it('is as slow as the reader of its output', async () => {
    const { around, port } = await listener();
    const { conn } = await client(port);
    const done: (() => void)[] = [];
    const written: string[] = [];
    around.output._write = (chunk: string, _encoding, callback) => {
      written.push(chunk);
      done.push(callback);
    };
    conn.send('x'.repeat(100_000));
    conn.send('y');
    await eventually('the first message', () => written.length === 1);
    await settle();
    expect(written).toHaveLength(1);
    done.shift()!();
    await eventually('the second message', () => written.length === 2);
    for (const callback of done) callback();
  });
});

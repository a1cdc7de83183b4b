import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { readOpenMetrics } from '../support/openmetrics';
import { Client, dropClients } from '../support/chat-visitor';
import { Program, stopPrograms } from '../support/program';

const EXAMPLES = resolve(__dirname, '../../examples');
const SHORT = readdirSync(EXAMPLES).filter((name) => name.endsWith('.mjs'));

afterEach(async () => {
  dropClients();
  await stopPrograms();
});

/** Starts an example on a free port; `ws` is where its clients go. */
async function start(name: string, env: Record<string, string> = {}) {
  const program = Program.run(`examples/${name}`, { PORT: '0', ...env });
  const url = await program.url();
  return { program, http: url.href.replace(/^ws/, 'http'), ws: url.href.replace(/^http/, 'ws') };
}

/** The status and body with which an upgrade was refused. */
async function refusal(client: Client) {
  const [, response] = (await once(client.socket, 'unexpected-response')) as [
    unknown,
    IncomingMessage,
  ];
  let body = '';
  for await (const chunk of response.setEncoding('utf8')) body += chunk as string;
  return { status: response.statusCode, headers: response.headers, body };
}

describe('the short examples', () => {
  test.each(SHORT)('%s has fewer than 60 lines', (name) => {
    expect(readFileSync(resolve(EXAMPLES, name), 'utf8').trimEnd().split('\n').length).toBeLessThan(
      60,
    );
  });

  test('each has its row in the index, and its test here', () => {
    const index = readFileSync(resolve(EXAMPLES, 'README.md'), 'utf8');
    const tests = readFileSync(__filename, 'utf8');
    for (const name of SHORT) {
      expect(index).toContain(`[${name}](${name})`);
      expect(tests).toContain(`start('${name}'`);
    }
  });

  test('the index names only files that exist', () => {
    const index = readFileSync(resolve(EXAMPLES, 'README.md'), 'utf8');
    const files = [...index.matchAll(/\]\((?!http)([^)]+)\)/g)].map((match) => match[1]!);
    expect(files.length).toBeGreaterThan(SHORT.length);
    for (const file of files) expect(() => readdirOrRead(resolve(EXAMPLES, file))).not.toThrow();
  });
});

function readdirOrRead(path: string): unknown {
  return path.includes('.') && !path.endsWith('chat') ? readFileSync(path) : readdirSync(path);
}

describe('echo', () => {
  test('sends Text back as Text and Binary as Binary, and tells who closed', async () => {
    const { program, ws } = await start('echo.mjs');
    const client = await Client.open(ws);
    client.send('Grüße ⚓');
    client.send(Buffer.from([0, 255, 7]));
    client.send('');
    expect(await client.next()).toBe('Grüße ⚓');
    expect(await client.next()).toEqual(Buffer.from([0, 255, 7]));
    expect(await client.next()).toBe('');
    client.socket.close(4000, 'enough');
    expect((await client.closed).code).toBe(4000);
    await program.prints(/closed 4000 enough by peer/);
  });

  test('goes on when a client vanishes', async () => {
    const { program, ws } = await start('echo.mjs');
    const gone = await Client.open(ws);
    gone.socket.terminate();
    await program.prints(/closed 1006 .*by transport/);
    const next = await Client.open(ws);
    next.send('still there?');
    expect(await next.next()).toBe('still there?');
  });
});

describe('auth-and-origin', () => {
  const origin = 'https://app.example';

  test('lets in a user who has a session, and knows them by name', async () => {
    const { ws } = await start('auth-and-origin.mjs');
    const headers = { Cookie: 'theme=dark; session=s3cret' };
    const client = await Client.open(ws, { origin, headers });
    expect(await client.next()).toBe('Welcome, captain Ada.');
  });

  test.each([
    ['no cookie', {}],
    ['a wrong one', { Cookie: 'session=guess' }],
    ['one that only ends like it', { Cookie: 'mysession=s3cret' }],
  ])('answers 401 to a visitor with %s', async (_, headers) => {
    const { program, ws } = await start('auth-and-origin.mjs');
    const refused = await refusal(new Client(ws, { origin, headers }));
    expect(refused).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Cookie realm="harbour"' },
      body: expect.stringMatching(/^Log in first\.\n?$/) as string,
    });
    await program.prints(/rejected 401/);
  });

  test('answers 403 to a page of another origin, whatever its cookie', async () => {
    const { ws } = await start('auth-and-origin.mjs');
    const headers = { Cookie: 'session=s3cret' };
    const refused = await refusal(new Client(ws, { origin: 'https://evil.example', headers }));
    expect(refused.status).toBe(403);
  });
});

describe('client', () => {
  test('sends all, gets all back, and closes', async () => {
    const echo = await start('echo.mjs');
    const { port } = new URL(echo.ws);
    const { program } = await start('client.mjs', { PORT: port });
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toMatch(
      /connected to \S+ over http1, 101\nechoed message 1\nechoed message 1000\nclosed with 1000, clean\n$/,
    );
  });

  test('says that nothing listens, and that it may not connect', async () => {
    const nowhere = Program.run('examples/client.mjs', { URL: 'ws://127.0.0.1:1/' });
    expect(await nowhere.exit).toEqual({ code: 1, signal: null });
    expect(nowhere.output).toBe('nothing listens at ws://127.0.0.1:1/\n');
    const { ws } = await start('auth-and-origin.mjs');
    const refused = Program.run('examples/client.mjs', { URL: ws });
    expect(await refused.exit).toEqual({ code: 1, signal: null });
    expect(refused.output).toMatch(/^not allowed \(401\): Log in first/);
  });
});

describe('reconnecting', () => {
  test('is echoed, survives the end of its server, and ends when it is told to', async () => {
    const echo = await start('echo.mjs');
    const { port } = new URL(echo.ws);
    const { program } = await start('reconnecting.mjs', { PORT: port, TICK_MS: '10' });
    await program.prints(/connected to 127\.0\.0\.1\n/);
    await program.prints(/echoed 1\nechoed 2\n/);
    echo.program.signal('SIGKILL');
    await program.prints(/closed with 1006 ; again in \d+ ms/);
    await start('echo.mjs', { PORT: port });
    await program.prints(/again in [^]*connected to [^]*echoed \d+\n/);
    program.signal('SIGTERM');
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toMatch(/done\n$/);
  });
});

describe('topics', () => {
  test('delivers to the others in a room, and to no room that does not exist', async () => {
    const { program, ws } = await start('topics.mjs');
    const [ann, ben, cat] = [await Client.open(ws), await Client.open(ws), await Client.open(ws)];
    ben.send('{"join":"harbour"}');
    await program.prints(/harbour: has its first visitor/);
    cat.send('{"join":"no such room"}');
    cat.send('no JSON');
    ann.send('{"join":"harbour"}');
    ann.send('{"say":"hello","in":"harbour"}');
    expect(await ben.next()).toBe('{"room":"harbour","say":"hello"}');
    expect(await ann.next()).toBe('{"deliveredTo":1,"rooms":["harbour"]}');
    cat.send('{"say":"not in it","in":"harbour"}');
    ann.send('{"leave":"harbour"}');
    ben.socket.terminate();
    await program.prints(/harbour: empty/);
    expect([ben.inbox, cat.inbox]).toEqual([[], []]);
  });
});

describe('latest-value', () => {
  test('gives a fast client every price, a slow one the latest, and a new one what is known', async () => {
    // The buffers on the way hold about 100 ticks: the fast client may lag by a second on a busy machine.
    const env = { TICK_MS: '10', DEPTH: '20000' };
    const { program, ws } = await start('latest-value.mjs', env);
    const read = async (client: Client): Promise<{ symbol: string; count: number }> =>
      JSON.parse(String(await client.next())) as { symbol: string; count: number };
    const fast = await Client.open(ws);
    const slow = await Client.open(ws);
    slow.socket.pause();
    let seen = 0;
    // Until more has been published than all buffers on the way hold, and all of it was read here.
    for (let last = 0; last < 400; seen++) {
      const { symbol, count } = await read(fast);
      expect(count).toBe(Math.floor(seen / 3) + 1);
      expect(symbol).toBe(['ACME', 'GLOBEX', 'INITECH'][seen % 3]);
      last = count;
    }
    await program.prints(/conflated: [1-9]/);
    slow.socket.resume();
    const counts: Record<string, number[]> = { ACME: [], GLOBEX: [], INITECH: [] };
    for (let newest = 0; newest < 450;) {
      const { symbol, count } = await read(slow);
      counts[symbol]!.push(count);
      newest = Math.min(...Object.values(counts).map((all) => all.at(-1) ?? 0));
    }
    for (const all of Object.values(counts)) {
      expect(all).toEqual([...all].sort((one, other) => one - other)); // never an older one after a newer
      expect(all.length).toBeLessThan(all.at(-1)!); // some were skipped
    }
    const late = await Client.open(ws);
    const known = [await read(late), await read(late), await read(late)];
    expect(known.map(({ symbol }) => symbol)).toEqual(['ACME', 'GLOBEX', 'INITECH']);
  });
});

describe('cluster', () => {
  const read = async (client: Client) =>
    JSON.parse(String(await client.next())) as Record<string, string | number>;

  /** A client whose connection is on another worker than those given. */
  async function openElsewhere(ws: string, workers: number[]) {
    for (;;) {
      const client = await Client.open(ws);
      const worker = (await read(client))['worker'] as number;
      if (!workers.includes(worker)) return { client, worker };
      client.socket.terminate();
    }
  }

  async function join(client: Client, room: string) {
    client.send(JSON.stringify({ join: room }));
    expect(await read(client)).toEqual({ joined: room });
  }

  test('delivers to a room on every worker, and replaces a worker that was killed', async () => {
    const { program, ws } = await start('cluster.mjs');
    const ann = await openElsewhere(ws, []);
    const ben = await openElsewhere(ws, [ann.worker]);
    for (const { client } of [ann, ben]) await join(client, 'harbour');
    ann.client.send('{"say":"hello","in":"harbour"}');
    expect(await read(ben.client)).toEqual({ room: 'harbour', say: 'hello', from: ann.worker });
    ben.client.send('no JSON');
    ben.client.send('{"join":"No Such Topic"}');
    ben.client.send('{"say":"not in it","in":"bridge"}');
    ben.client.send('{"say":"hello, Ann","in":"harbour"}');
    expect(await read(ann.client)).toEqual({
      room: 'harbour',
      say: 'hello, Ann',
      from: ben.worker,
    });

    process.kill(ben.worker, 'SIGKILL');
    expect((await ben.client.closed).code).toBe(1006);
    const ended = `worker ${ben.worker} ended \\(SIGKILL\\), worker (\\d+) replaces it`;
    const [, replacement] = await program.prints(new RegExp(ended));
    const cat = await openElsewhere(ws, [ann.worker]);
    expect(cat.worker).toBe(Number(replacement));
    await join(cat.client, 'harbour');
    ann.client.send('{"say":"welcome","in":"harbour"}');
    expect(await read(cat.client)).toEqual({ room: 'harbour', say: 'welcome', from: ann.worker });
    expect([ann.client.inbox, ben.client.inbox]).toEqual([[], []]);
  });

  test('ends when its port is taken, and does not fork for ever', async () => {
    const { ws } = await start('cluster.mjs', { WORKERS: '1' });
    const second = Program.run('examples/cluster.mjs', { PORT: new URL(ws).port });
    expect(await second.exit).toEqual({ code: 1, signal: null });
    expect(second.output).toContain('EADDRINUSE');
  });
});

describe('async-iteration', () => {
  test('adds up what comes, in order, however fast it comes', async () => {
    const { program, ws } = await start('async-iteration.mjs');
    const client = await Client.open(ws);
    expect(await client.next()).toMatch(/^Send numbers/);
    for (let n = 1; n <= 200; n++) client.send(`${n}`);
    client.send('no number');
    client.send('sum');
    expect(await client.next()).toBe('20100');
    expect(await client.closed).toEqual({ code: 1000, reason: 'That was all' });
    await program.prints(/closed 1000 cleanly/);
  });

  test('notices in the loop that the peer has gone', async () => {
    const { program, ws } = await start('async-iteration.mjs');
    const client = await Client.open(ws);
    client.send('1');
    client.socket.terminate();
    await expect(program.prints(/closed 1006 abruptly/)).resolves.toBeTruthy();
  });
});

describe('backpressure', () => {
  const parse = (message: string | Buffer) =>
    JSON.parse(String(message)) as { price?: number; row?: number; missed?: number };

  test('exports every row, in order, to a peer that stops reading now and then', async () => {
    const { program, ws } = await start('backpressure.mjs', { TICK_MS: '60000' });
    const client = await Client.open(ws);
    client.send('export');
    const rows: number[] = [];
    for (let message; (message = await client.next()) !== 'that was all';) {
      const { row } = parse(message);
      if (row === undefined) continue;
      rows.push(row);
      if (row % 5000 === 0) {
        client.socket.pause();
        setTimeout(() => client.socket.resume(), 50);
      }
    }
    expect(rows).toStrictEqual(Array.from({ length: 20_000 }, (_, n) => n + 1));
    await program.prints(/export: done/);
  });

  test('stops the export when the peer has gone', async () => {
    const { program, ws } = await start('backpressure.mjs', { TICK_MS: '60000' });
    const client = await Client.open(ws);
    client.send('export');
    await client.next();
    client.socket.terminate();
    await expect(program.prints(/export: the peer left at row \d+/)).resolves.toBeTruthy();
  });

  /** Reads on until it is enough, and that as many prices are missing as it is told. @returns how many that is */
  async function follow(
    client: Client,
    from: number,
    isEnough: (read: number, missed: number) => boolean,
  ): Promise<number> {
    let [last, read, gaps, missed] = [from, 0, 0, 0];
    for (; !isEnough(read, missed); read++) {
      let message = parse(await client.next());
      const told = message.missed;
      // What it missed lies before this message, or between it and the next price.
      if (told !== undefined) message = parse(await client.next());
      gaps += message.price! - last - 1;
      last = message.price!;
      if (told === undefined) continue;
      expect(told).toBe(gaps);
      missed += told;
      gaps = 0;
    }
    return missed;
  }

  test('lets a peer that does not read miss prices, tells it how many, and spares the others', async () => {
    const { ws } = await start('backpressure.mjs', { TICK_MS: '1' });
    const slow = await Client.open(ws);
    const quick = await Client.open(ws);
    const first = parse(await slow.next()).price!;
    slow.socket.pause();
    // If this process is not given the processor, the quick one does not read either, and misses as much.
    const few = await follow(quick, parse(await quick.next()).price!, (read) => read === 1000);
    slow.socket.resume();
    const many = await follow(slow, first, (_read, missed) => missed > 0);
    expect(many).toBeGreaterThan(few);
  });
});

describe('express', () => {
  test('serves pages and conversations on one port', async () => {
    const { http, ws } = await start('express.mjs');
    const a = await Client.open(`${ws}news`);
    const b = await Client.open(`${ws}news`);
    expect([await a.next(), await b.next()]).toEqual(['Nothing new yet.', 'Nothing new yet.']);
    expect(await (await fetch(http)).text()).toMatch(/^2 listening/);

    const answer = await fetch(`${http}news`, { method: 'POST', body: 'Land ahead' });
    expect([answer.status, await answer.text()]).toEqual([202, 'Told 2.\n']);
    expect([await a.next(), await b.next()]).toEqual(['Land ahead', 'Land ahead']);
  });

  test('answers 404 to a conversation elsewhere, and 415 to what is not text', async () => {
    const { http, ws } = await start('express.mjs');
    expect(await refusal(new Client(`${ws}elsewhere`))).toMatchObject({ status: 404 });
    const answer = await fetch(`${http}news`, {
      method: 'POST',
      body: '{}',
      headers: { 'Content-Type': 'application/json' },
    });
    expect(answer.status).toBe(415);
  });
});

describe('graceful-shutdown', () => {
  test('turns the health check to 503, says goodbye to everyone, reports, and ends', async () => {
    const { program, http, ws } = await start('graceful-shutdown.mjs', { DRAIN_MS: '0' });
    const health = async () => (await fetch(`${http}health`)).status;
    expect(await health()).toBe(200);
    const prompt = await Client.open(ws);
    const busy = await Client.open(ws);
    busy.socket.pause(); // it does not read the Close yet, so the server has to wait for it

    program.signal('SIGTERM');
    expect(await prompt.closed).toEqual({ code: 1001, reason: '' });
    expect(await health()).toBe(503);
    const late = await refusal(new Client(ws));
    expect(late.status).toBe(503);

    busy.socket.resume();
    expect(await busy.closed).toEqual({ code: 1001, reason: '' });
    await program.prints(/closed 2: 2 cleanly, 0 terminated, in \d+ ms/);
    expect(await program.exit).toEqual({ code: 0, signal: null });
    expect(program.output).toMatch(/stopped\n$/);
  });
});

describe('metrics', () => {
  test('gives Prometheus the figures of what has happened, and a line for each end', async () => {
    const { program, http, ws } = await start('metrics.mjs');
    const client = await Client.open(ws);
    client.send('hello');
    expect(await client.next()).toBe('hello');
    const scrape = async () => {
      const answer = await fetch(new URL('/metrics', http));
      expect(answer.headers.get('content-type')).toMatch(/^application\/openmetrics-text; /);
      const families = readOpenMetrics(await answer.text());
      return (name: string) => [...families.get(`hawser_${name}`)!.samples.values()];
    };
    const before = await scrape();
    expect(before('connections')).toEqual([1]);
    expect(before('messages_received')).toEqual([1]);
    expect(before('closed_by_code')).toEqual([]);
    client.socket.close(1001);
    await client.closed;
    await program.prints(/127\.0\.0\.1 closed 1001 by peer\n/);
    const after = await scrape();
    expect(after('connections')).toEqual([0]);
    expect(after('closed_by_code')).toEqual([1]);
    expect(await fetch(new URL('/', http))).toMatchObject({ status: 404 });
  });
});

describe('compression', () => {
  test('compresses what it echoes and broadcasts, and not the token', async () => {
    const { program, ws } = await start('compression.mjs');
    const client = await Client.open(ws);
    const text = 'the same again and again, '.repeat(2000);
    const { bytesRead } = wireOf(client);
    client.send(text);
    const replies = [await client.next(), await client.next()].filter(
      (reply) => !reply.includes('prices'),
    );
    while (replies.length < 2) replies.push(await client.next());
    expect(replies).toEqual([text, `your token is ${'•'.repeat(200)}, you wrote ${text.length}`]);
    const read = wireOf(client).bytesRead - bytesRead;
    expect(read).toBeGreaterThan(Buffer.byteLength(replies[1]!)); // as it is
    expect(read).toBeLessThan(text.length / 2); // compressed
    await program.prints(/permessage-deflate; client_no_context_takeover/);
    const without = await Client.open(ws, { perMessageDeflate: false });
    await program.prints(/this client does not compress/);
    const broadcast = JSON.parse(String(await without.next())) as { prices: unknown[] };
    expect(broadcast.prices).toHaveLength(50);
  });
});

/** The socket beneath a client, which counts bytes. */
function wireOf(client: Client): Socket {
  return (client.socket as unknown as { _socket: Socket })._socket;
}

describe('upload', () => {
  test('writes a file that is longer than maxPayload, and tells how much has arrived', async () => {
    const { program, http, ws } = await start('upload.mjs');
    const page = await (await fetch(http)).text();
    expect(page).toContain('<progress');
    const client = await Client.open(ws, { origin: new URL(http).origin });
    client.send('not a file');
    expect(await client.next()).toBe('{"error":"send a file"}');
    const content = Buffer.alloc(5 * 1024 * 1024, 'abc');
    client.send(content);
    let received = 0;
    for (;;) {
      const said = JSON.parse(String(await client.next())) as { received?: number; done?: string };
      if (said.done === undefined) {
        expect(said.received).toBeGreaterThan(received);
        received = said.received!;
        continue;
      }
      expect(received).toBe(content.length);
      expect(readFileSync(said.done).equals(content)).toBe(true);
      break;
    }
    await program.prints(/upload: .*1\.bin/);
  });

  test('says that a file is a part if the client vanishes', async () => {
    const { program, ws } = await start('upload.mjs');
    const client = await Client.open(ws);
    client.socket.send(Buffer.alloc(100_000), { fin: false });
    const { received } = JSON.parse(String(await client.next())) as { received: number };
    expect(received).toBeGreaterThan(0);
    client.socket.terminate();
    await program.prints(/upload: the connection ended before the end of a message/);
  });
});

describe('download', () => {
  test('makes a report while it is sent, and then the next message', async () => {
    const { program, ws } = await start('download.mjs');
    const client = await Client.open(ws);
    client.send('50000');
    const report = JSON.parse(String(await client.next())) as { row: number; square: number }[];
    expect(report).toHaveLength(50_000);
    expect(report.at(-1)).toEqual({ row: 50_000, square: 2_500_000_000 });
    expect(await client.next()).toBe('that was all');
    await program.prints(/download: 50000 of 50000 rows were made/);
    await program.prints(/download: sent/);
  });

  test('stops making it when the client leaves', async () => {
    const { program, ws } = await start('download.mjs');
    const client = await Client.open(ws);
    client.send(String(1e9));
    client.socket.pause();
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.socket.terminate();
    const [, made] = await program.prints(/download: (\d+) of 1000000000 rows were made/);
    expect(Number(made)).toBeLessThan(1e9);
    await program.prints(/download: the connection closed before/);
  });

  test('closes for what is no number', async () => {
    const { ws } = await start('download.mjs');
    const client = await Client.open(ws);
    client.send('many');
    expect((await client.closed).code).toBe(1008);
  });
});

/** The features of Sloop::WebSocket, each under the name it has in docs/migrating.md. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Opcode, type ServerOptions } from '../../src/index.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { Host, type Ours, stopHosts } from '../support/host.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

afterEach(stopHosts);

/** What the logger was told. */
let logged: string[];
beforeEach(() => {
  logged = [];
});
const logger = {
  warn: (message: string) => logged.push(`warn: ${message}`),
  error: (message: string) => logged.push(`error: ${message}`),
};

async function meet(options?: ServerOptions): Promise<{
  host: Host;
  client: RawClient;
  ours: Ours;
}> {
  const host = await Host.start({ logger, ...options });
  const client = await RawClient.open(host.port);
  return { host, client, ours: await host.connection() };
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

const FEATURES: Record<string, () => Promise<void>> = {
  '`start` opens a WebSocket on a client that negotiates one': async () => {
    const { client, ours } = await meet();
    client.send(clientFrame({ opcode: 1, payload: 'hello' }));
    expect(await ours.receive(1)).toEqual(['hello']);
  },

  '`start` returns undef for what is no negotiation, and logs it': async () => {
    const host = await Host.start({ logger });
    const rejected = jest.fn();
    host.server.on('rejected', rejected);
    const client = await RawClient.connect(host.port);
    client.send(upgradeRequest({ headers: { 'Sec-WebSocket-Key': 'short' } }));
    const { status, body } = await client.response();
    expect([status, body]).toEqual([400, expect.stringContaining('Sec-WebSocket-Key')]);
    expect(logged).toEqual([expect.stringMatching(/^warn: .* 400: .*Sec-WebSocket-Key/)]);
    expect(rejected).toHaveBeenCalledWith(expect.objectContaining({ status: 400 }));
    expect(host.server.connections.size).toBe(0);
    client.destroy();
  },

  '`start` runs after the reply, and chains a handler that was there before': async () => {
    const host = await Host.start({ logger });
    const called: string[] = [];
    host.server.on('connection', (conn) => {
      called.push('first');
      conn.send('first');
    });
    host.server.on('connection', (conn) => {
      called.push('second');
      conn.send('second');
    });
    const client = await RawClient.open(host.port); // the 101 comes before any frame
    expect(await client.words()).toBe(`text ${hex('first')}`);
    expect(await client.words()).toBe(`text ${hex('second')}`);
    expect(called).toEqual(['first', 'second']);
  },

  '`dataIn` is called for each message, and told its kind': async () => {
    const { client, ours } = await meet();
    const kinds: boolean[] = [];
    ours.connection.on('message', (_data, isBinary) => kinds.push(isBinary));
    client.send(clientFrame({ opcode: 1, payload: 'text' }));
    client.send(clientFrame({ opcode: 2, payload: 'bytes' }));
    expect(await ours.receive(2)).toEqual(['text', Buffer.from('bytes')]);
    expect(kinds).toEqual([false, true]);
  },

  '`dataIn` is required': async () => {
    const { client, ours } = await meet();
    ours.connection.removeAllListeners('message');
    client.send(clientFrame({ opcode: 1, payload: 'early' }));
    client.send(clientFrame({ opcode: 9 }));
    expect(await client.words()).toBe('pong');
    const late = new Promise((message) => ours.connection.once('message', message));
    expect(await late).toBe('early');
  },

  'Callbacks get the client, so that none needs to be captured': async () => {
    const host = await Host.start({ logger });
    const client = await RawClient.open(host.port);
    const { connection } = await host.connection();
    expect(host.server.connections.has(connection)).toBe(true);
    const itself = new Promise((done) => {
      connection.once('message', function (this: unknown) {
        done(this);
      });
    });
    client.send(clientFrame({ opcode: 1 }));
    expect(await itself).toBe(connection);
  },

  'The opcode, length, FIN and RSV bits of what came': async () => {
    const { client, ours } = await meet();
    const order: unknown[] = [];
    ours.connection.on('frame', (frame) => order.push(frame));
    ours.connection.on('message', (data) => order.push(data));
    client.send(clientFrame({ opcode: 1, fin: false, payload: 'ab' }));
    client.send(clientFrame({ opcode: 0, payload: 'c' }));
    await ours.receive(1);
    const rsv = { rsv1: false, rsv2: false, rsv3: false };
    expect(order).toEqual([
      { opcode: Opcode.Text, fin: false, ...rsv, length: 2 },
      { opcode: Opcode.Continuation, fin: true, ...rsv, length: 1 },
      'abc',
    ]);
  },

  'RSV bits are passed on and not judged': async () => {
    const { client, ours } = await meet();
    client.send(clientFrame({ opcode: 1, rsv: 4, payload: 'x' }));
    expect((await client.close()).code).toBe(1002);
    client.finish();
    expect(await ours.ended).toMatchObject({ cause: { code: 'ERR_RESERVED_BIT' } });
  },

  '`onControl` is called for a pong': async () => {
    const { client, ours } = await meet();
    ours.connection.ping('who?');
    expect(await client.words()).toBe(`ping ${hex('who?')}`);
    client.send(clientFrame({ opcode: 10, payload: 'who?' }));
    expect(await ours.pongs(1)).toEqual(['who?']);
  },

  'Without `onControl` a pong is noted and discarded': async () => {
    const { client, ours } = await meet();
    ours.connection.removeAllListeners('pong');
    client.send(clientFrame({ opcode: 10, payload: 'unheard' }));
    client.send(clientFrame({ opcode: 1, payload: 'next' }));
    expect(await ours.receive(1)).toEqual(['next']);
    expect(client.frames).toEqual([]);
  },

  'A ping is answered automatically': async () => {
    const { client } = await meet();
    client.send(clientFrame({ opcode: 9, payload: 'there?' }));
    expect(await client.words()).toBe(`pong ${hex('there?')}`);
  },

  '`onClose` takes over the answer to a Close': async () => {
    const { client, ours } = await meet();
    const asked = new Promise<() => void>((answer) => {
      ours.connection.on('closing', (code, reason, reply) => {
        answer(() => {
          reply(4000, `${code} ${reason}`);
        });
      });
    });
    client.send(clientClose(4001, 'bye'));
    const reply = await asked;
    ours.connection.ping('still nothing?'); // not open any more: it is not sent either
    expect(client.frames).toEqual([]);
    reply();
    expect(await client.close()).toEqual({ code: 4000, reason: '4001 bye' });
    expect(client.frames).toHaveLength(1);
  },

  'Without `onClose` a Close is answered automatically': async () => {
    const { client, ours } = await meet();
    client.send(clientClose(4001, 'bye'));
    expect(await client.close()).toEqual({ code: 4001, reason: '' });
    client.finish();
    expect(await ours.ended).toMatchObject({ clean: true, initiator: 'peer' });
  },

  'The status code of a Close and the rest of its payload': async () => {
    const { host, client, ours } = await meet();
    client.send(clientClose(4321, 'grüße'));
    client.finish();
    expect(await ours.ended).toMatchObject({ code: 4321, reason: 'grüße' });
    expect(ours.connection.closeInfo).toMatchObject({ code: 4321, reason: 'grüße' });
    const second = await RawClient.open(host.port);
    second.send(clientClose());
    second.finish();
    expect(await (await host.connection()).ended).toMatchObject({ code: 1005, reason: '' });
  },

  '`maxLen` is 4 MiB; more is discarded, an error logged and the client dropped': async () => {
    const { client, ours } = await meet();
    client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(4 * 1024 * 1024) }));
    expect((await ours.receive(1))[0]).toHaveLength(4_194_304);
    expect(logged).toEqual([]);
    client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(4 * 1024 * 1024 + 1) }));
    expect((await client.close()).code).toBe(1009);
    expect(await client.ended()).toBe('end');
    expect(logged).toEqual([expect.stringMatching(/^error: .*1009.*4194305/)]);
  },

  'Fragments are assembled before any callback': async () => {
    const { client, ours } = await meet();
    for (const [i, payload] of ['al', '', 'l of ', 'it'].entries()) {
      client.send(clientFrame({ opcode: i === 0 ? 1 : 0, fin: i === 3, payload }));
    }
    client.send(clientFrame({ opcode: 1, payload: 'next' }));
    expect(await ours.receive(2)).toEqual(['all of it', 'next']);
  },

  '`sendFrame` sends Text unless told otherwise': async () => {
    const { client, ours } = await meet();
    ours.connection.send('text');
    ours.connection.sendFrame('text');
    ours.connection.send(Buffer.from('bytes'));
    expect(await client.words()).toBe(`text ${hex('text')}`);
    expect(await client.words()).toBe(`text ${hex('text')}`);
    expect(await client.words()).toBe(`binary ${hex('bytes')}`);
  },

  '`sendFrame` with an opcode': async () => {
    const { client, ours } = await meet();
    ours.connection.sendFrame('abc', { opcode: Opcode.Binary });
    ours.connection.sendFrame('abc', { opcode: Opcode.Ping });
    ours.connection.sendFrame('abc', { opcode: Opcode.Pong });
    for (const name of ['binary', 'ping', 'pong']) {
      expect(await client.words()).toBe(`${name} ${hex('abc')}`);
    }
  },

  '`sendFrame` with RSV bits': async () => {
    const { client, ours } = await meet();
    ours.connection.sendFrame('abc', { rsv1: true });
    ours.connection.sendFrame('abc', { rsv2: true, rsv3: true });
    expect((await client.frame()).rsv).toBe(4);
    expect((await client.frame()).rsv).toBe(3);
  },

  'What is sent is never fragmented automatically': async () => {
    const { client, ours } = await meet();
    ours.connection.send('x'.repeat(5_000_000));
    const frame = await client.frame();
    expect([frame.fin, frame.opcode, frame.payload.length]).toEqual([true, 1, 5_000_000]);
    ours.connection.sendFrame('by ', { fin: false });
    ours.connection.sendFrame('hand', { opcode: Opcode.Continuation });
    expect(await client.words()).toBe(`text nofin ${hex('by ')}`);
    expect(await client.words()).toBe(`continuation ${hex('hand')}`);
  },

  'An empty payload': async () => {
    const { client, ours } = await meet();
    ours.connection.send('');
    ours.connection.send(Buffer.alloc(0));
    ours.connection.sendFrame('');
    ours.connection.ping();
    for (const words of ['text', 'binary', 'text', 'ping']) {
      expect(await client.words()).toBe(words);
    }
    client.send(clientFrame({ opcode: 1 }));
    client.send(clientFrame({ opcode: 2 }));
    expect(await ours.receive(2)).toEqual(['', Buffer.alloc(0)]);
  },

  'A payload that is no reference is fatal': async () => {
    const { ours } = await meet();
    expect(() => ours.connection.send(7 as unknown as string)).toThrow(TypeError);
    expect(() => ours.connection.sendFrame({} as unknown as string)).toThrow(TypeError);
  },

  '`sendFrame` to a client that was not started, or is gone, is logged': async () => {
    const { client, ours } = await meet();
    client.reset();
    await ours.ended;
    const error = await new Promise((done) => {
      expect(ours.connection.send('too late', done)).toBe(false);
    });
    expect(error).toMatchObject({ code: 'ERR_CONNECTION_NOT_OPEN' });
    expect(ours.connection.sendFrame('too late')).toBe(false);
  },

  '`close` sends a Close without payload': async () => {
    const { client, ours } = await meet();
    void ours.connection.close(1005);
    expect((await client.frame()).payload).toHaveLength(0);
    const { client: second, ours: theirs } = await meet();
    void theirs.connection.close();
    expect(await second.words()).toBe('close 1000');
  },

  'Errors go to `err_log`, requests to `logger`': async () => {
    const { host, client } = await meet({
      authorize: ({ url }) => {
        if (url === '/throws') throw new Error('mine');
      },
    });
    client.send(clientFrame({ opcode: 3 }));
    await client.close();
    for (const target of ['/throws', '/version']) {
      const refused = await RawClient.connect(host.port);
      const headers = { 'Sec-WebSocket-Version': target === '/version' ? '8' : '13' };
      refused.send(upgradeRequest({ target, headers }));
      await refused.response();
      refused.destroy();
    }
    expect(logged).toEqual([
      expect.stringMatching(/^error: .*1002/),
      expect.stringMatching(/^error: .*exception/),
      expect.stringMatching(/^warn: .*500/),
      expect.stringMatching(/^warn: .*426/),
    ]);
  },
};

describe('as with Sloop::WebSocket', () => {
  test.each(Object.entries(FEATURES))('%s', async (_name, feature) => {
    await expect(feature()).resolves.toBeUndefined();
  });
});

test('docs/migrating.md has exactly these rows, in this order', () => {
  const text = readFileSync(resolve(__dirname, '../../docs/migrating.md'), 'utf8');
  const section = text.slice(text.indexOf('## From Sloop'));
  const rows = section.split('\n').flatMap((line) => /^\| (.+?) \| /.exec(line)?.[1] ?? []);
  expect(rows.slice(1)).toEqual(Object.keys(FEATURES));
});

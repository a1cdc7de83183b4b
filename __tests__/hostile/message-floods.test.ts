/** Peers that send as fast as they can, messages or parts of one (CVE-2026-12151), against a `messageRate`. */
import { Child, stopChildren } from '../support/child.js';
import { clientFrame } from '../support/frames.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopChildren);

  /** Its clock does not advance, so there is the burst and nothing more. */
  const serve = (action: string): Promise<Child> =>
    Child.serveOver(
      version,
      `
    const clock = { now: () => 0, setTimeout: () => 0, clearTimeout: () => {} };
    const messageRate = { perSecond: 10, burst: 20, action: '${action}' };
    const wss = new hawser.WebSocketServer(server, { clock, messageRate });
    let messages = 0;
    let pings = 0;
    let read = 0;
    wss.on('connection', (conn, request) => {
      (request.stream ?? request.socket).on('data', (chunk) => { read += chunk.length; });
      conn.on('message', () => messages++);
      conn.on('ping', () => pings++);
      conn.on('close', (code, reason, { cause }) => say('closed', code, cause?.code));
    });
    commands.has = () => ({ messages, pings });
    commands.read = () => read;
  `,
    );

  const frames = (count: number, frame: Buffer) => Buffer.concat(Array<Buffer>(count).fill(frame));
  const EMPTY_FRAGMENTS = Buffer.concat([
    clientFrame({ opcode: 2, fin: false }),
    frames(100_000, clientFrame({ opcode: 0, fin: false })),
  ]);

  test.each([
    ['messages', frames(100_000, clientFrame({ opcode: 1, payload: 'x' })), 20, 0],
    ['empty fragments', EMPTY_FRAGMENTS, 0, 0],
    ['Pings', frames(100_000, clientFrame({ opcode: 9 })), 0, 20 * 64],
  ])(
    'a flood of %s ends with 1008, delivers what the rate allows, and harms no other connection',
    async (_, flood, messages, pings) => {
      const child = await serve('close');
      const client = await child.open();
      client.send(flood);
      expect((await client.close()).code).toBe(1008);
      client.reset();
      expect(await child.says('closed')).toStrictEqual([1008, 'ERR_MESSAGE_RATE']);
      expect(await child.ask('has')).toStrictEqual({ messages, pings });
      await child.expectAlive();
      expect(child.stderr).toBe('');
    },
  );

  test('a peer that floods a server that pauses has to keep the flood to itself', async () => {
    const child = await serve('pause');
    const client = await child.open();
    const flood = Buffer.concat(
      Array<Buffer>(400).fill(clientFrame({ opcode: 2, payload: Buffer.alloc(64 * 1024) })),
    );
    client.send(flood); // 25 MiB; a socket's buffers hold a few
    // It has what the rate allows; then it reads no more.
    let has = { messages: 0 };
    while (has.messages < 20) has = await child.ask('has');
    let before = -1;
    let read = await child.ask<number>('read');
    while (read !== before) {
      before = read;
      await new Promise((resolve) => setTimeout(resolve, 50));
      read = await child.ask<number>('read');
    }
    expect(read).toBeLessThan(2 * 1024 * 1024); // 20 messages, and the read that brought the last
    expect(await child.ask('has')).toStrictEqual({ messages: 20, pings: 0 });
    await child.expectAlive();
    client.destroy();
  });
});

import { type ServerOptions } from '../../src/index.js';
import { Host, type Message, type Ours, stopHosts } from '../support/host.js';
import type { Open, Peer } from './peer.js';

/** What this client can be made to do, beyond what all can. */
interface Abilities {
  /** It can send a Ping. */
  pings: boolean;
  /** It can send a message in fragments. */
  fragments: boolean;
  /** It can send a Close without a code. */
  closesWithoutCode: boolean;
  /** It does not take a byte order mark away from the text it received. */
  keepsBom: boolean;
  /** The close code that a server sees when the client goes away; none if it cannot be made to. */
  leavesWith: 1001 | 1006 | undefined;
}

/** Text from every plane in use and every length of UTF-8, and what JSON and HTML mind. */
const TEXTS = [
  '',
  'plain',
  'Grüße, Ελλάδα, Ёж, 日本語, עברית, हिन्दी',
  '⚓ 👩‍👩‍👧‍👦 🏴‍☠️ 𝒽𝒶𝓌𝓈𝑒𝓇 \u{10ffff}',
  'nul \0, bom \ufeff, \u2028, "quotes" & <b>tags</b>\r\n',
  'é'.repeat(40_000),
];

const LENGTHS = [0, 1, 125, 126, 65_535, 65_536, 1_048_576];

/** Bytes of all values, in no simple period. */
export function bytes(length: number): Buffer {
  const all = Buffer.alloc(length);
  for (let i = 0; i < length; i++) all[i] = i * 7 + (i >> 8) * 13 + (i >> 16);
  return all;
}

/** Messages of both kinds, each different from its neighbours. */
const many = (count: number, who: string): Message[] =>
  Array.from({ length: count }, (_, i) =>
    i % 3 === 0 ? bytes(i % 300) : `${who} ${String(i)} ${'·'.repeat(i % 50)}`,
  );

/**
 * Conversations between hawser and a client, both ends watched. `page` is served for those that need one;
 * `common` are options of the server in all of them.
 */
export function conversations(
  open: Open,
  can: Abilities,
  page = '',
  common: ServerOptions = {},
): void {
  afterEach(stopHosts);

  async function meet(
    options: ServerOptions = {},
    subprotocols?: string[],
  ): Promise<{ host: Host; ours: Ours; peer: Peer }> {
    const host = await Host.start({ ...common, ...options }, page);
    const peer = await open(host.url, subprotocols);
    return { host, ours: await host.connection(), peer };
  }

  test('text of every plane, empty text and long text pass both ways unchanged', async () => {
    const { ours, peer } = await meet();
    await peer.send(...TEXTS);
    expect(await ours.receive(TEXTS.length)).toEqual(TEXTS);
    for (const text of TEXTS) ours.connection.send(text);
    expect(await peer.receive(TEXTS.length)).toEqual(TEXTS);
  });

  if (can.keepsBom) {
    test('a byte order mark at the beginning of text is part of it', async () => {
      const { ours, peer } = await meet();
      await peer.send('\ufefftext');
      expect(await ours.receive(1)).toEqual(['\ufefftext']);
      ours.connection.send('\ufefftext');
      expect(await peer.receive(1)).toEqual(['\ufefftext']);
    });
  }

  test('binary messages of all three length forms pass both ways unchanged', async () => {
    const { ours, peer } = await meet();
    const messages = LENGTHS.map(bytes);
    await peer.send(...messages);
    const there = await ours.receive(messages.length);
    expect(there.map((one) => one.length)).toEqual(LENGTHS);
    expect(there.every((one, i) => messages[i]!.equals(one as Buffer))).toBe(true);
    for (const one of messages) ours.connection.send(one);
    const back = await peer.receive(messages.length);
    expect(back.map((one) => one.length)).toEqual(LENGTHS);
    expect(back.every((one, i) => messages[i]!.equals(one as Buffer))).toBe(true);
  });

  test('a thousand messages each way at once keep their order and their kind', async () => {
    const { ours, peer } = await meet();
    const [fromUs, fromPeer] = [many(1000, 'we'), many(1000, 'they')];
    const sent = peer.send(...fromPeer);
    for (const one of fromUs) ours.connection.send(one);
    expect(await ours.receive(1000)).toEqual(fromPeer);
    expect(await peer.receive(1000)).toEqual(fromUs);
    await sent;
  });

  test('eight MiB sent with drained() between arrive whole', async () => {
    const { ours, peer } = await meet();
    const chunk = bytes(65_536);
    for (let i = 0; i < 128; i++) {
      if (!ours.connection.send(chunk)) expect(await ours.connection.drained()).toBe(true);
    }
    const chunks = await peer.receive(128);
    expect(chunks.every((one) => chunk.equals(one as Buffer))).toBe(true);
  });

  test('the client answers our pings, in order and with their payload', async () => {
    const { ours, peer } = await meet();
    for (const payload of ['', 'one', 'x'.repeat(125)]) {
      ours.connection.ping(payload);
      expect(await ours.pongs(1)).toEqual([payload]);
    }
    ours.connection.send('and goes on');
    expect(await peer.receive(1)).toEqual(['and goes on']);
  });

  if (can.pings) {
    test('we answer the pings of the client', async () => {
      const { peer } = await meet();
      await expect(peer.ping!('are you there?')).resolves.toBeUndefined();
      await expect(peer.ping!('ö'.repeat(62))).resolves.toBeUndefined();
    });
  }

  if (can.fragments) {
    test('messages in fragments arrive joined', async () => {
      const { ours, peer } = await meet();
      const headers: string[] = [];
      ours.connection.on('frame', ({ opcode, fin }) => headers.push(`${opcode}${fin ? '!' : ''}`));
      await peer.sendFragments!(['drei ', 'Stücke', ' ⚓']);
      await peer.sendFragments!([bytes(300), bytes(0), bytes(70_000)]);
      const [text, binary] = await ours.receive(2);
      expect(text).toBe('drei Stücke ⚓');
      expect(Buffer.concat([bytes(300), bytes(70_000)]).equals(binary as Buffer)).toBe(true);
      // That they really came in fragments, and ended with a frame that had FIN set.
      expect(headers.join(' ')).toMatch(/^1( 0)+ 0! 2( 0)+ 0!$/);
    });
  }

  test('the subprotocol is chosen by our preference and both ends know it', async () => {
    const { ours, peer } = await meet({ subprotocols: ['chat.v2', 'chat.v1'] }, [
      'other',
      'chat.v1',
      'chat.v2',
    ]);
    expect([ours.connection.subprotocol, peer.subprotocol]).toEqual(['chat.v2', 'chat.v2']);
  });

  test('without subprotocols neither end has one', async () => {
    const { ours, peer } = await meet();
    expect([ours.connection.subprotocol, peer.subprotocol]).toEqual(['', '']);
  });

  test('when the client closes, its code and reason reach us and its code comes back', async () => {
    const { ours, peer } = await meet();
    await peer.close(4321, 'tschüß ⚓');
    expect(await ours.ended).toEqual({
      code: 4321,
      reason: 'tschüß ⚓',
      clean: true,
      initiator: 'peer',
    });
    expect(await peer.ended()).toEqual({ code: 4321, reason: '' });
  });

  if (can.closesWithoutCode) {
    test('a close without a code is one at both ends', async () => {
      const { ours, peer } = await meet();
      await peer.close();
      expect(await ours.ended).toEqual({ code: 1005, reason: '', clean: true, initiator: 'peer' });
      expect(await peer.ended()).toEqual({ code: 1005, reason: '' });
    });
  }

  test('when the application answers the close itself, the client sees its answer', async () => {
    const { ours, peer } = await meet();
    ours.connection.on('closing', (code, reason, reply) => {
      reply(4000, `${code} ${reason} to you too`);
    });
    await peer.close(4001, 'bye');
    expect(await peer.ended()).toEqual({ code: 4000, reason: '4001 bye to you too' });
    expect((await ours.ended).clean).toBe(true);
  });

  test('when we close, what was sent before arrives, then code and reason, and the end is clean', async () => {
    const { ours, peer } = await meet();
    ours.connection.send('last words');
    const closed = ours.connection.close(4999, 'grüße ⚓');
    expect(await peer.receive(1)).toEqual(['last words']);
    expect(await peer.ended()).toEqual({ code: 4999, reason: 'grüße ⚓' });
    expect(await closed).toMatchObject({ code: 4999, clean: true, initiator: 'local' });
  });

  test('when we close without a code, the client sees 1005', async () => {
    const { ours, peer } = await meet();
    const closed = ours.connection.close(1005);
    expect(await peer.ended()).toEqual({ code: 1005, reason: '' });
    expect(await closed).toMatchObject({ clean: true, initiator: 'local' });
  });

  test('when the server closes, every client sees 1001 with the reason, all of them cleanly', async () => {
    const { host, peer } = await meet();
    const second = await open(host.url);
    await host.connection();
    const report = await host.server.close({ reason: 'maintenance' });
    expect(report).toMatchObject({ total: 2, clean: 2, terminated: 0 });
    expect(await peer.ended()).toEqual({ code: 1001, reason: 'maintenance' });
    expect(await second.ended()).toEqual({ code: 1001, reason: 'maintenance' });
    await expect(open(host.url)).rejects.toThrow();
  });

  test('a message of maxPayload passes, and one byte more ends with a 1009 that the client sees', async () => {
    const { ours, peer } = await meet({ maxPayload: 100_000 });
    await peer.send(bytes(100_000));
    expect((await ours.receive(1))[0]).toHaveLength(100_000);
    await peer.send('x'.repeat(100_001));
    const { code, reason } = await peer.ended();
    expect([code, reason]).toEqual([1009, expect.stringContaining('maxPayload')]);
    expect(await ours.ended).toMatchObject({ code: 1009, clean: false });
  });

  test('a client that sends eight MiB too much still sees the 1009', async () => {
    const { peer } = await meet({ maxPayload: 1000 });
    // Some clients reject a send that the close overtakes.
    void peer.send(...Array<Buffer>(8).fill(bytes(1_048_576))).catch(() => undefined);
    expect((await peer.ended()).code).toBe(1009);
  });

  if (can.leavesWith !== undefined) {
    test('we notice when the client goes away', async () => {
      const { host, ours, peer } = await meet();
      await peer.leave!();
      expect(await ours.ended).toMatchObject({ code: can.leavesWith });
      expect(host.server.connections.size).toBe(0);
    });
  }
}

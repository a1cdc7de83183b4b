/**
 * Clients that open as many connections as they can, whole handshakes all of them: against each of the limits
 * on upgrades, under addresses that they make up, and with an `authorize` that takes its time.
 */
import type { ClientHttp2Session } from 'node:http2';
import { Child, stopChildren } from '../support/child.js';
import { openSession } from '../support/http2.js';
import type { RawClient } from '../support/raw-client.js';
import { ACCEPTED, askOn, openOver, VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  const OPENED = String(ACCEPTED[version]);
  const FLOOD = 1000;
  /** A smaller one before, after which what is made once is made. */
  const FIRST = 300;
  const LIMIT = 20;
  /** Less than 1000 sockets or streams hold that are closed and nothing more, which is about 1.5 MiB. */
  const LITTLE = 786_432;

  afterEach(stopChildren);

  /** A server that reports its connections and, if it is `slow`, accepts no client before `decide` is called. */
  const serve = (options: object, slow = false): Promise<Child> =>
    Child.serveOver(
      version,
      `
    const options = ${JSON.stringify(options)};
    const waiting = [];
    if (${slow}) options.authorize = () => new Promise((resolve) => waiting.push(resolve));
    const wss = new hawser.WebSocketServer(server, { upgradeTimeout: 300_000, heartbeat: false, ...options });
    commands.waiting = () => waiting.length;
    commands.decide = () => waiting.splice(0).forEach((resolve) => resolve());
    commands.stats = () => wss.stats();
    commands.sockets = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  `,
      '--expose-gc',
    );

  type Headers = Record<string, string | string[]>;

  /** Connects with these headers. @returns the answer: the status and `Retry-After`. */
  async function knock(
    child: Child,
    headers: Headers = {},
    session?: ClientHttp2Session,
  ): Promise<[string, RawClient]> {
    const client =
      session === undefined ? await child.request({ headers }) : askOn(session, { headers });
    const { status, header } = await client.response();
    return [[status, header('Retry-After')].join(' ').trim(), client];
  }

  /** Connects many clients, fifty at a time, over HTTP/2 on fifty sessions; rejected clients leave, accepted ones stay. */
  async function flood(
    child: Child,
    count: number,
    headersOf: (number: number) => Headers = () => ({}),
  ) {
    const answers: Record<string, number> = {};
    const inside: RawClient[] = [];
    let number = 0;
    const come = async (): Promise<void> => {
      const session = version === 'HTTP/2' ? await openSession(child.port) : undefined;
      while (number < count) {
        const [answer, client] = await knock(child, headersOf(number++), session);
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (answer === OPENED) inside.push(client);
        else client.reset();
      }
      session?.close(); // once those that stay have gone
    };
    await Promise.all(Array.from({ length: 50 }, come));
    return { answers, inside };
  }

  async function until(
    child: Child,
    name: string,
    expected: unknown,
    of = (answer: unknown) => answer,
  ) {
    while (of(await child.ask(name)) !== expected) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async function bytesOf(child: Child): Promise<number> {
    const { heapUsed, external } = await child.ask<{ heapUsed: number; external: number }>(
      'memory',
    );
    return heapUsed + external;
  }

  /** That all are gone from the server's memory too, and as many as before find room, and no more. */
  async function expectFreed(child: Child, before: number, refusal: string, headers?: Headers) {
    await until(child, 'sockets', 0);
    expect(await child.ask('stats')).toMatchObject({ connections: 0, upgradesPending: 0 });
    expect((await bytesOf(child)) - before).toBeLessThan(LITTLE);
    const answers: string[] = [];
    const clients: RawClient[] = [];
    for (let i = 0; i <= LIMIT; i++) {
      const [answer, client] = await knock(child, headers);
      answers.push(answer);
      clients.push(client);
    }
    expect(answers).toStrictEqual([...Array<string>(LIMIT).fill(OPENED), refusal]);
    for (const client of clients) client.destroy();
    expect(child.stderr).toBe('');
  }

  /** Addresses without number, each claimed once. */
  const claimed = (number: number) => `198.18.${number >> 8}.${number & 255}`;
  const FULL = { [OPENED]: LIMIT };

  test.each([
    ['maxConnections', { maxConnections: LIMIT }, '503 10', undefined, {}],
    ['maxConnectionsPerAddress', { maxConnectionsPerAddress: LIMIT }, '429 10', undefined, {}],
    [
      'maxConnectionsPerAddress, under a made up address each and no proxy to be trusted',
      { maxConnectionsPerAddress: LIMIT },
      '429 10',
      (number: number) => ({ 'X-Forwarded-For': claimed(number) }),
      {},
    ],
    [
      'maxConnectionsPerAddress, under made up addresses before the one that the proxy wrote',
      { maxConnectionsPerAddress: LIMIT, trustProxy: 1 },
      '429 10',
      (number: number) => ({ 'X-Forwarded-For': `192.0.2.2, ${claimed(number)}, 192.0.2.1` }),
      { 'X-Forwarded-For': '192.0.2.1' },
    ],
    [
      'maxConnectionsPerAddress, under made up addresses in a header before the one of the proxy',
      { maxConnectionsPerAddress: LIMIT, trustProxy: 1 },
      '429 10',
      (number: number) => ({ 'X-Forwarded-For': ['192.0.2.2', claimed(number), '192.0.2.1'] }),
      { 'X-Forwarded-For': '192.0.2.1' },
    ],
  ])(
    'of a flood against %s as many get in as may, the others hear when to come again, and all of it is freed',
    async (_, options, refusal, headersOf, headers: Headers) => {
      const child = await serve(options);
      for (const client of (await flood(child, FIRST, headersOf)).inside) client.destroy();
      await until(child, 'sockets', 0);
      const before = await bytesOf(child);
      const { answers, inside } = await flood(child, FLOOD, headersOf);
      expect(answers).toStrictEqual({ ...FULL, [refusal]: FLOOD - LIMIT });
      expect(await child.ask('stats')).toMatchObject({
        connections: LIMIT,
        upgradesRejected: { [refusal.slice(0, 3)]: FIRST + FLOOD - 2 * LIMIT },
      });
      if ('trustProxy' in options) {
        // Another client of the proxy, whose address the flood has claimed, is accepted.
        const [answer, other] = await knock(child, { 'X-Forwarded-For': '192.0.2.2' });
        expect(answer).toBe(OPENED);
        other.destroy();
      }
      for (const client of inside) client.destroy();
      await expectFreed(child, before, refusal, headers);
    },
  );

  test('a flood is rejected while authorize decides on other clients, which all keep their places', async () => {
    const child = await serve({ maxPendingUpgrades: LIMIT }, true);
    const comeAndWait = async (): Promise<RawClient[]> => {
      const clients: RawClient[] = [];
      while (clients.length < LIMIT) {
        clients.push(await child.request());
      }
      await until(child, 'waiting', LIMIT);
      return clients;
    };
    const early = await comeAndWait();
    await flood(child, FIRST);
    await child.ask('decide');
    for (const client of early) expect((await client.response()).status).toBe(ACCEPTED[version]);
    for (const client of early) client.destroy();
    await until(child, 'sockets', 0);
    const before = await bytesOf(child);

    const [first, ...others] = await comeAndWait();
    expect((await flood(child, FLOOD)).answers).toStrictEqual({ '503 10': FLOOD });
    expect(await child.ask('waiting')).toBe(LIMIT); // authorize was not asked about one of them
    first!.reset(); // and is not accepted
    await until(
      child,
      'stats',
      1,
      (stats) => (stats as { upgradesAbandoned: number }).upgradesAbandoned,
    );
    await child.ask('decide');
    for (const client of others) expect((await client.response()).status).toBe(ACCEPTED[version]);
    expect(await child.ask('stats')).toMatchObject({
      connections: LIMIT - 1,
      upgradesPending: 0,
      upgradesRejected: { 503: FIRST + FLOOD },
    });
    for (const client of others) client.destroy();
    await until(child, 'sockets', 0);
    expect((await bytesOf(child)) - before).toBeLessThan(LITTLE);

    // Every place is free again: as many wait, and one is too many.
    const second = await comeAndWait();
    const [answer, refused] = await knock(child);
    expect(answer).toBe('503 10');
    await child.ask('decide');
    for (const client of second) expect((await client.response()).status).toBe(ACCEPTED[version]);
    for (const client of [refused, ...second]) client.destroy();
    expect(child.stderr).toBe('');
  });

  test('a flood from one address does not keep clients of another address out', async () => {
    const child = await serve({ maxConnectionsPerAddress: LIMIT });
    const { answers, inside } = await flood(child, FLOOD);
    expect(answers).toStrictEqual({ ...FULL, '429 10': FLOOD - LIMIT });
    const from = { port: child.port, host: '127.0.0.1', localAddress: '127.0.0.2' };
    inside.push(await openOver(version, from));
    for (const client of inside) client.destroy();
  });
});

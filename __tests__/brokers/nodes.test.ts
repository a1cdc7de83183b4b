/* What topics promise over a broker: whole servers in processes of their own, real brokers and WebSocket clients. */
import { shardOf } from '../../src/server/topics/shard-broker.js';
import {
  askRedis,
  BrokerProcess,
  Gate,
  hasNats,
  hasRedis,
  NATS,
  REDIS,
  stopBrokers,
  until,
} from '../support/brokers.js';
import { Client, CLOCK_SHIFT, Fleet, type Kind, type Node, stopFleets } from '../support/fleet.js';
import { describeIf } from '../support/requires.js';

afterAll(async () => {
  await stopFleets();
  await stopBrokers();
});

const names = (count: number, name: string): string[] =>
  Array.from({ length: count }, (_, i) => `${name} ${i}`);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Clients of each node; `topicsOf` says what each subscribes to. */
async function openClients(
  nodes: readonly Node[],
  count: number,
  topicsOf: (index: number) => string[],
): Promise<Client[]> {
  return Promise.all(
    upTo(count).map(async (index) => Client.open(nodes[index % nodes.length]!, topicsOf(index))),
  );
}

/** Publishes one more message of each node to each topic. What came before it has come when it has. */
async function publishLast(nodes: readonly Node[], topics: readonly string[]): Promise<void> {
  await Promise.all(nodes.map(async (node) => node.ask('publish', topics, 1)));
}

/** Waits for everything that `nodes` have published, and checks that all of it came once and in order, and no more. */
async function expectEverything(nodes: readonly Node[], clients: readonly Client[]): Promise<void> {
  const counts = await Promise.all(nodes.map(async (node) => node.counts()));
  const expected = clients.map(({ topics }) => {
    const sources = topics.flatMap((topic) =>
      nodes.map((node, i): [string, number] => [
        `${topic}|${node.name}`,
        counts[i]!.get(topic) ?? 0,
      ]),
    );
    return sources.filter(([, count]) => count > 0).sort();
  });
  const totals = expected.map((sources) => sources.reduce((sum, [, count]) => sum + count, 0));
  await until('all messages', () => clients.every(({ count }, i) => count >= totals[i]!));
  await Promise.all(clients.map(async (client) => client.settle()));
  expect(clients.map(({ count }) => count)).toEqual(totals);
  for (const [i, { numbers }] of clients.entries()) {
    const got = [...numbers].map(([source, each]) => [source, each.join()]).sort();
    expect(got).toEqual(expected[i]!.map(([source, count]) => [source, upTo(count).join()]));
  }
}

/** The messages that all nodes but one have published to these topics. */
async function publishedElsewhere(
  nodes: readonly Node[],
  node: Node,
  topics: readonly string[],
): Promise<number> {
  const others = nodes.filter((each) => each !== node);
  const counts = await Promise.all(others.map(async (other) => other.counts()));
  return counts
    .flatMap((each) => topics.map((topic) => each.get(topic) ?? 0))
    .reduce((sum, count) => sum + count, 0);
}

interface Row {
  readonly kind: Kind;
  /** Starts the server that the nodes share. */
  readonly serve: () => Promise<BrokerProcess | undefined>;
}
const redisRow = (kind: Kind): [Kind, Row] => [
  kind,
  { kind, serve: async () => BrokerProcess.redis() },
];

let prefixes = 0;
/** The tests of a table share a server, and each has a prefix of its own. */
const newPrefix = (): string => `test-${++prefixes}.`;

/** What holds for each broker. */
function promises({ kind, serve }: Row): void {
  let server: BrokerProcess | undefined;
  let fleet: Fleet;
  let nodes: readonly Node[];
  let clients: Client[] = [];
  let prefix: string;
  const brokers = (): object[] => [{ port: server?.port ?? 0, prefix }];

  beforeAll(async () => {
    [server, fleet] = await Promise.all([serve(), Fleet.start(kind)]);
    nodes = fleet.nodes;
  });
  beforeEach(() => {
    prefix = newPrefix();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await fleet.end();
  });
  afterAll(stopFleets);

  test('300 clients of three nodes get every message of their topics once and in order, and no other', async () => {
    await fleet.begin(brokers);
    const topics = names(20, 'topic');
    clients = await openClients(nodes, 300, (i) => [topics[i % 20]!, topics[(i * 7 + 3) % 20]!]);
    await Promise.all(nodes.map(async (node) => node.ask('publish', topics, 9)));
    await publishLast(nodes, topics);
    await expectEverything(nodes, clients);
    for (const node of nodes) {
      expect(await node.stats()).toMatchObject({
        state: 'up',
        published: 20 * 10,
        received: 2 * 20 * 10,
        lost: 0,
        interruptions: 0,
        buffered: 0,
        bufferDropped: 0,
        joinsPending: 0,
      });
      expect(await node.states()).toEqual(['up']);
      // That nothing moves for 5 s, once, is the machine's fault.
      const faults = await node.ask<string[]>('faults');
      expect(faults.filter((fault) => !fault.includes('no progress for 5 s'))).toEqual([]);
    }
  });

  test('a lag is never negative, although the clocks differ by an hour', async () => {
    await fleet.begin(brokers);
    clients = await openClients(nodes, 3, () => ['a']);
    await Promise.all(nodes.map(async (node) => node.ask('publish', ['a'], 50)));
    await expectEverything(nodes, clients);
    const lags = await Promise.all(nodes.map(async (node) => (await node.stats()).lag));
    for (const { p50, p99 } of lags) {
      expect(p50).toBeGreaterThanOrEqual(0);
      expect(p99).toBeGreaterThanOrEqual(p50 ?? Infinity);
    }
    // Only the last node, whose clock is ahead, takes what comes for an hour old.
    expect(lags[2]!.p99).toBeGreaterThanOrEqual(CLOCK_SHIFT);
    for (const { p99 } of lags.slice(0, 2)) expect(p99).toBeLessThan(CLOCK_SHIFT / 2);
  });

  test('a topic without subscribers elsewhere costs no delivery', async () => {
    await fleet.begin(brokers);
    const [first, ...others] = nodes;
    clients = await Promise.all([
      Client.open(first!, ['here']),
      ...others.map(async (node) => Client.open(node, ['everywhere'])),
    ]);
    const before = await Promise.all(others.map(async (node) => node.ask<number>('deliveries')));
    await first!.ask('publish', ['here'], 100);
    // What came of it would have come before this.
    await first!.ask('publish', ['everywhere'], 1);
    await expectEverything(nodes, clients);
    for (const [i, node] of others.entries()) {
      expect((await node.stats()).received).toBe(1);
      const deliveries = await node.ask<number | null>('deliveries');
      if (typeof deliveries === 'number') expect(deliveries - before[i]!).toBe(1);
    }
    if (kind === 'ioredis' || kind === 'node-redis') {
      const channels = [`${prefix}here`, `${prefix}everywhere`];
      expect(await askRedis(server!, 'PUBSUB', 'NUMSUB', ...channels)).toEqual([
        channels[0],
        '1',
        channels[1],
        '2',
      ]);
    }
  });

  test('joined() has no hole: what is published after it arrives', async () => {
    await fleet.begin(brokers);
    for (const topic of names(50, 'new')) {
      const client = await Client.open(nodes[1]!, [topic]);
      clients.push(client);
      await nodes[0]!.ask('publish', [topic], 1);
      await until(`the message to ${topic}`, () => client.count > 0);
    }
    await expectEverything(nodes, clients);
  });

  test('only the latest of each key: a late client, a late node and a slow client', async () => {
    await fleet.begin(brokers);
    const keys = names(10, 'key');
    const set = async (number: number): Promise<void> =>
      nodes[0]!.ask(
        'set',
        'prices',
        keys.map((key) => [key, `${key}|${number}`]),
        true,
      );
    const open = async (node: Node): Promise<Client> => {
      const client = await Client.open(node, ['prices']);
      clients.push(client);
      return client;
    };
    const has = async (client: Client, ...numbers: number[]): Promise<void> => {
      await until('the values', () => client.count >= 10 * numbers.length);
      expect(keys.map((key) => client.numbers.get(key))).toEqual(keys.map(() => numbers));
    };
    const early = await open(nodes[1]!);
    await set(1);
    await has(early, 1);
    await has(await open(nodes[1]!), 1);
    // A node that joins later has live values only, and keeps those.
    const late = await open(nodes[2]!);
    expect(late.count).toBe(0);
    await set(2);
    await has(late, 2);
    await has(await open(nodes[2]!), 2);

    const slow = await open(nodes[1]!);
    await has(slow, 2);
    slow.pause();
    let last = 2;
    await until('values to be replaced', async () => {
      for (let round = 0; round < 10; round++) await set(++last);
      return (await nodes[1]!.stats()).conflated >= 50;
    });
    await until('the last', () => keys.every((key) => early.numbers.get(key)?.at(-1) === last));
    slow.resume();
    await until('the last', () => keys.every((key) => slow.numbers.get(key)?.at(-1) === last));
    expect(slow.count).toBeLessThan(10 * (last - 1));
  });

  test('a node is killed under load: the others miss nothing of each other, and another takes its place', async () => {
    const own = await Fleet.start(kind);
    await own.begin(brokers);
    const topics = names(5, 'busy');
    clients = await openClients(own.nodes, 6, () => topics);
    await Promise.all(own.nodes.map(async (node) => node.ask('load', topics)));
    await until('the load', () => clients.every(({ count }) => count > 200));
    const [first, second, killed] = own.nodes;
    await killed!.kill();
    const fourth = await own.add('D');
    await own.beginOn(fourth, brokers());
    const others = clients.filter(({ node }) => node !== killed);
    const newcomer = await Client.open(fourth, ['busy 0']);
    clients.push(newcomer);
    await until('the load', () => newcomer.count > 20);
    for (const node of [first!, second!]) await node.ask('unload');
    await publishLast([first!, second!, fourth], topics);
    for (const node of [first!, second!, fourth]) {
      const counts = await node.counts();
      for (const topic of topics) {
        const all = upTo(counts.get(topic)!);
        await until('all', () => others.every((each) => each.of(topic, node).length >= all.length));
        for (const client of others) expect(client.of(topic, node)).toEqual(all);
      }
      expect((await node.stats()).lost).toBe(0);
    }
    for (const client of others) {
      for (const topic of topics) {
        const numbers = client.of(topic, killed!);
        expect(numbers).toEqual(upTo(numbers.length));
      }
    }
  });
}

/** What holds for a broker whose server can end, and comes back. */
function interruptions({ kind, serve }: Row): void {
  let server: BrokerProcess;
  let fleet: Fleet;
  let nodes: readonly Node[];
  let clients: Client[] = [];
  let gate: Gate | undefined;

  beforeAll(async () => {
    server = (await serve())!;
    fleet = await Fleet.start(kind);
    nodes = fleet.nodes;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await fleet.end();
    await gate?.close();
    gate = undefined;
  });
  afterAll(stopFleets);

  test('the server is killed under load and comes back: each message comes once, or is counted as lost', async () => {
    const prefix = newPrefix();
    await fleet.begin(() => [{ port: server.port, prefix }], { maxTopicsPerConnection: 3000 });
    const quiet = names(3000, 'quiet');
    const listener = await Client.open(nodes[0]!, quiet);
    const topics = names(5, 'busy');
    clients = await openClients(nodes, 6, () => topics);
    // Counting begins with the first message that comes.
    await publishLast(nodes, topics);
    await until('the first', () => clients.every(({ count }) => count === 15));
    await Promise.all(nodes.map(async (node) => node.ask('load', topics)));
    await until('the load', () => clients.every(({ count }) => count > 200));

    await server.kill();
    await Promise.all(nodes.map(async (node) => node.is('down')));
    await server.start();
    await Promise.all(nodes.map(async (node) => node.is('up')));
    const counts = clients.map(({ count }) => count);
    await until('the load', () => clients.every(({ count }, i) => count > counts[i]! + 200));

    await Promise.all(nodes.map(async (node) => node.ask('unload')));
    // All that were joined are there again.
    await nodes[1]!.ask('publish', quiet, 1);
    await until('the quiet topics', () => listener.count >= quiet.length);
    expect([...listener.numbers.keys()].sort()).toEqual(
      quiet.map((topic) => `${topic}|${nodes[1]!.name}`).sort(),
    );
    listener.close();
    await publishLast(nodes, topics);
    const published = await Promise.all(nodes.map(async (node) => node.counts()));
    const last = (topic: string, i: number): number => published[i]!.get(topic)! - 1;
    await until('the last', () =>
      clients.every((client) =>
        nodes.every((node, i) =>
          topics.every((topic) => client.of(topic, node).at(-1) === last(topic, i)),
        ),
      ),
    );
    await Promise.all(clients.map(async (client) => client.settle()));

    const all = await Promise.all(nodes.map(async (node) => node.stats()));
    for (const [i, node] of nodes.entries()) {
      const { received, lost, published: taken, bufferDropped, interruptions } = all[i]!;
      expect(interruptions).toBeGreaterThanOrEqual(1);
      expect((await node.states()).slice(0, 3)).toEqual(['up', 'down', 'up']);
      // Each message is accounted for, where it was published and where it was to come.
      const own = [...published[i]!.values()].reduce((sum, count) => sum + count, 0);
      expect(taken + bufferDropped).toBe(own);
      const heard = node === nodes[0] ? [...topics, ...quiet] : topics;
      expect(received + lost).toBe(await publishedElsewhere(nodes, node, heard));
      expect(lost).toBeGreaterThan(0);
    }
    for (const client of clients) {
      let missed = 0;
      for (const [i, node] of nodes.entries()) {
        for (const topic of topics) {
          const numbers = client.of(topic, node);
          // Growing: in order, and none twice.
          expect(numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)).toBe(true);
          const missing = last(topic, i) + 1 - numbers.length;
          // Local subscribers miss nothing.
          if (node === client.node) expect(missing).toBe(0);
          missed += missing;
        }
      }
      // What its node has counted is what it has missed.
      expect(missed).toBe(all[nodes.indexOf(client.node)]!.lost);
    }
  });

  test('with brokerBuffer, what is published during an outage comes afterwards, in order', async () => {
    const prefix = newPrefix();
    gate = await Gate.open(server.port);
    const { port } = gate;
    const [first, ...others] = nodes;
    await fleet.begin((node) => [{ port: node === first ? port : server.port, prefix }], {
      brokerBuffer: { messages: 10_000, bytes: 10_000_000, age: 600_000 },
    });
    const topics = names(5, 'kept');
    clients = await openClients(nodes, 6, () => topics);
    await publishLast(nodes, topics);
    await expectEverything(nodes, clients);

    // The first node comes back last: a node that is not back yet would miss what it has kept.
    gate.shut();
    await server.kill();
    await Promise.all(nodes.map(async (node) => node.is('down')));
    await first!.ask('publish', topics, 100);
    expect(await first!.stats()).toMatchObject({ buffered: 500, bufferDropped: 0 });
    await server.start();
    await Promise.all(others.map(async (node) => node.is('up')));
    gate.allow();
    await first!.is('up');
    await publishLast(nodes, topics);
    await expectEverything(nodes, clients);
    for (const node of nodes) {
      expect(await node.stats()).toMatchObject({ lost: 0, buffered: 0, bufferDropped: 0 });
    }
  });
}

describeIf(REDIS, hasRedis)('nodes over Redis', () => {
  describe.each([redisRow('ioredis'), redisRow('node-redis')])('with %s', (_kind, row) => {
    promises(row);
    interruptions(row);
  });
});

/** Three brokers, of which the second is killed. */
function shards(starts: readonly (readonly [Kind, () => Promise<BrokerProcess>])[]): void {
  afterAll(stopFleets);

  test('a server is killed under load: topics of the two others miss nothing and go on, its own come back and are counted', async () => {
    const servers = await Promise.all(starts.map(async ([, start]) => start()));
    const prefix = newPrefix();
    const fleet = await Fleet.start('ioredis');
    const { nodes } = fleet;
    await fleet.begin(() =>
      servers.map(({ port }, place) => ({ kind: starts[place]![0], port, prefix })),
    );
    const ofShard = (place: number, count: number, name: string): string[] =>
      names(1000, name)
        .filter((topic) => shardOf(topic, 3) === place)
        .slice(0, count);
    const healthy = [0, 2].flatMap((place) => ofShard(place, 3, 'healthy'));
    const hurt = ofShard(1, 3, 'hurt');
    const topics = [...healthy, ...hurt];
    const clients = await openClients(nodes, 6, () => topics);
    const redisPlaces = [0, 2];
    const channels = await Promise.all(
      redisPlaces.map(async (place) => askRedis(servers[place]!, 'PUBSUB', 'CHANNELS')),
    );
    expect(channels.map((each) => each.sort())).toEqual(
      redisPlaces.map((place) =>
        healthy
          .filter((topic) => shardOf(topic, 3) === place)
          .map((topic) => prefix + topic)
          .sort(),
      ),
    );
    // Counting begins with the first message that comes.
    await publishLast(nodes, topics);
    await expectEverything(nodes, clients);
    await Promise.all(nodes.map(async (node) => node.ask('load', topics)));
    const countsOf = (some: readonly string[]): number[] =>
      clients.flatMap((client) =>
        nodes.flatMap((node) => some.map((topic) => client.of(topic, node).length)),
      );
    /** Waits until each client has 50 messages more of each node and topic. */
    const flows = async (some: readonly string[]): Promise<void> => {
      const before = countsOf(some);
      await until('the load', () => countsOf(some).every((count, i) => count > before[i]! + 50));
    };
    await flows(topics);

    await servers[1]!.kill();
    await Promise.all(nodes.map(async (node) => node.is('down')));
    // Its server is away until all of this is done.
    await flows(healthy);
    const [late] = ofShard(0, 1, 'late');
    const newcomer = await Client.open(nodes[0]!, [late!]);
    await nodes[1]!.ask('publish', [late], 1);
    await until('the message', () => newcomer.count === 1);
    for (const node of nodes) {
      expect(await node.stats()).toMatchObject({ state: 'down', joinsPending: hurt.length });
      expect(await node.ask<string[]>('reasons')).toEqual([
        expect.stringMatching(/^broker 2 of 3: /),
      ]);
    }

    await servers[1]!.start();
    await Promise.all(nodes.map(async (node) => node.is('up')));
    await flows(topics);
    await Promise.all(nodes.map(async (node) => node.ask('unload')));
    await publishLast(nodes, topics);
    const published = await Promise.all(nodes.map(async (node) => node.counts()));
    await until('the last', () =>
      clients.every((client) =>
        nodes.every((node, i) =>
          topics.every((t) => client.of(t, node).at(-1) === published[i]!.get(t)! - 1),
        ),
      ),
    );
    await Promise.all(clients.map(async (client) => client.settle()));

    const all = await Promise.all(nodes.map(async (node) => node.stats()));
    for (const client of clients) {
      let missed = 0;
      for (const [i, node] of nodes.entries()) {
        for (const topic of healthy) {
          expect(client.of(topic, node)).toEqual(upTo(published[i]!.get(topic)!));
        }
        for (const topic of hurt) {
          const numbers = client.of(topic, node);
          // Growing: in order, and none twice.
          expect(numbers.every((number, at) => at === 0 || number > numbers[at - 1]!)).toBe(true);
          const missing = published[i]!.get(topic)! - numbers.length;
          if (node === client.node) expect(missing).toBe(0);
          missed += missing;
        }
      }
      expect(missed).toBeGreaterThan(0);
      expect(missed).toBe(all[nodes.indexOf(client.node)]!.lost);
    }
    for (const [i, { interruptions, published: taken, bufferDropped }] of all.entries()) {
      expect(interruptions).toBeGreaterThanOrEqual(1);
      expect(bufferDropped).toBeGreaterThan(0);
      const own = [...published[i]!.values()].reduce((sum, count) => sum + count, 0);
      expect(taken + bufferDropped).toBe(own);
    }
    for (const client of [...clients, newcomer]) client.close();
    await fleet.end();
  });
}

const aRedis = ['ioredis', async () => BrokerProcess.redis()] as const;
describeIf(REDIS, hasRedis)('nodes over three Redis servers', () => {
  shards([aRedis, ['node-redis', aRedis[1]], aRedis]);
});
describeIf(`${REDIS} and ${NATS}`, hasRedis && hasNats)(
  'nodes over two Redis servers and a NATS',
  () => {
    shards([aRedis, ['nats', async () => BrokerProcess.nats()], aRedis]);
  },
);

describeIf(NATS, hasNats)('nodes over NATS', () => {
  const row: Row = { kind: 'nats', serve: async () => BrokerProcess.nats() };
  promises(row);
  interruptions(row);
});
describe('nodes of a cluster', () => {
  promises({ kind: 'cluster', serve: async () => undefined });
});

/* What natsBroker promises, with a real NATS server and the real client. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { natsBroker, type NatsBrokerOptions } from '../../src/adapters/nats.js';
import { NatsBroker } from '../../src/adapters/nats/nats-broker.js';
import type { Broker } from '../../src/index.js';
import {
  batch,
  BrokerProcess,
  churn,
  expectOnly,
  hasNats,
  NATS,
  publishAll,
  stopBrokers,
  TestNode,
  until,
} from '../support/brokers.js';
import { describeIf } from '../support/requires.js';

const connections: NatsConnection[] = [];
const closing: Broker[] = [];

async function open(url: string, settings: object = {}): Promise<NatsConnection> {
  const connection = await connect({
    servers: url,
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
    ...settings,
  });
  connections.push(connection);
  return connection;
}

interface Started {
  broker: Broker;
  node: TestNode;
  connection: NatsConnection;
}

function start(connection: NatsConnection, broker: Broker): Started {
  closing.push(broker);
  const node = new TestNode();
  broker.start(node);
  return { broker, node, connection };
}

async function begin(
  url: string,
  options?: NatsBrokerOptions,
  settings?: object,
): Promise<Started> {
  const connection = await open(url, settings);
  const all = start(connection, natsBroker(connection, options));
  await all.node.isUp();
  return all;
}

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `topic ${i}`);

afterEach(async () => {
  await Promise.all(closing.splice(0).map(async (broker) => broker.close()));
  await Promise.all(connections.splice(0).map(async (connection) => connection.close()));
});
afterAll(stopBrokers);

describeIf(NATS, hasNats)('natsBroker', () => {
  let nats: BrokerProcess;
  beforeAll(async () => {
    nats = await BrokerProcess.nats();
  });

  test('carries messages in order from one server to another, and only to those that joined', async () => {
    const one = await begin(nats.url);
    const other = await begin(nats.url);
    other.broker.join(['a', 'b']);
    await other.node.hasJoined('a', 'b');
    const sent: string[] = [];
    for (let tick = 0; tick < 200; tick++) {
      sent.push(`${tick}`);
      const messages = batch(['a', `${tick}`], ['b', `${tick}`], ['not joined', `${tick}`]);
      await publishAll(one.broker, one.node, messages);
    }
    await until('all messages', () => other.node.texts('b').length === 200);
    expect([other.node.texts('a'), other.node.texts('b')]).toEqual([sent, sent]);
    expect(new Set(other.node.delivered.map(([topic]) => topic))).toEqual(new Set(['a', 'b']));
  });

  test('carries binary messages as large as the server takes, and many of them', async () => {
    const one = await begin(nats.url);
    const other = await begin(nats.url);
    const bytes = Buffer.alloc(one.broker.maxMessage);
    expect(bytes.length).toBe(1024 * 1024 - 1024);
    for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff;
    other.broker.join(['big']);
    await other.node.hasJoined('big');
    const all = batch(...Array.from({ length: 50 }, () => ['big', bytes] as const));
    expect(one.broker.publish(all)).toBeLessThan(30);
    await until('writable', () => one.node.states.includes('writable'));
    await publishAll(one.broker, one.node, all.slice(0, 24));
    await until('more', () => other.node.delivered.length > 24);
    expect(other.node.delivered.every(([, each]) => each.equals(bytes))).toBe(true);
  });

  test('takes topics with any name', async () => {
    const one = await begin(nats.url);
    const other = await begin(nats.url);
    const topics = [
      ' ',
      '\n\r\n',
      '*',
      '>',
      '.',
      'a.b',
      'a..b',
      '$SYS',
      '%2E',
      'ü 😀',
      'x'.repeat(255),
    ];
    other.broker.join([...topics, '%252E']);
    await other.node.hasJoined(...topics);
    await publishAll(one.broker, one.node, batch(...topics.map((t) => [t, t] as const)));
    await until('all messages', () => other.node.delivered.length === topics.length);
    expect(other.node.delivered.map(([topic, each]) => [topic, each.toString()])).toEqual(
      topics.map((topic) => [topic, topic]),
    );
  });

  test('of 1000 topics that come and go for 50 ticks exactly those are there that are wanted', async () => {
    const one = await begin(nats.url);
    const other = await begin(nats.url);
    const wanted = await churn(other.broker, names(1000));
    expect(wanted.size).toBeGreaterThan(100);
    await expectOnly(wanted, names(1000), one, other);
    expect(other.node.errors).toEqual([]);
  });

  test('comes back after the server was killed, with every topic and every message once', async () => {
    const mortal = await BrokerProcess.nats();
    const topics = names(3000);
    const one = await begin(mortal.url);
    const other = await begin(mortal.url);
    other.broker.join(topics);
    await other.node.hasJoined(...topics);
    other.broker.leave(['topic 7']);
    await mortal.kill();
    await until('both down', () =>
      [one, other].every(({ node }) => node.states.join() === 'up,down'),
    );
    expect(one.broker.publish(batch(['topic 1', 'lost']))).toBe(0);
    other.broker.leave(['topic 8']);
    other.broker.join(['topic 7']);
    const wanted = topics.filter((topic) => topic !== 'topic 8');
    await mortal.start();
    await Promise.all([one.node.isUp(), other.node.isUp()]);
    await other.node.hasJoined(...wanted);
    for (const text of ['1', '2']) {
      await publishAll(one.broker, one.node, batch(...topics.map((t) => [t, text] as const)));
    }
    await publishAll(one.broker, one.node, batch(['topic 0', 'last']));
    await until('the last', () => other.node.texts('topic 0').includes('last'));
    expect(other.node.delivered).toHaveLength(2 * wanted.length + 1);
    for (const topic of wanted.slice(1)) expect(other.node.texts(topic)).toEqual(['1', '2']);
    expect(other.node.joinedTopics.has('topic 8')).toBe(false);
  });

  test('a connection that gives up is reported with what to do', async () => {
    const mortal = await BrokerProcess.nats();
    const { broker, node } = await begin(mortal.url, {}, { maxReconnectAttempts: 1 });
    await mortal.kill();
    await until('the report', () => node.errors.length > 0);
    expect(node.losses.map(({ message }) => message)).toEqual(['natsBroker: the server was lost']);
    const closed = node.errors.map(({ message }) => message).join('\n');
    expect(closed).toMatch(/the connection was closed for good.*maxReconnectAttempts: -1/);
    expect(broker.publish(batch(['a', 'x']))).toBe(0);
    broker.join(['a']);
    broker.leave(['a']);
  });

  test('a server that stops answering is reported, and what is published meanwhile is bounded', async () => {
    const frozen = await BrokerProcess.nats();
    const connection = await open(frozen.url);
    const { broker, node } = start(connection, new NatsBroker(connection, 'hawser.', 300));
    broker.join(['a']);
    await node.isUp();
    await node.hasJoined('a');
    node.errors.length = 0; // a busy machine may have made no progress for 0.3 s before
    frozen.freeze();
    broker.join(['b']);
    await until('a report', () => node.errors.length > 0);
    expect(node.errors[0]?.message).toBe(
      'natsBroker: no progress for 0.3 s: the broker does not confirm what was asked; 1 of 2 topics are confirmed; asking again',
    );
    let taken = 0;
    while (broker.publish(batch(['a', Buffer.alloc(1_000_000)])) === 1) taken++;
    expect(taken).toBeLessThan(40);
    frozen.thaw();
    await node.hasJoined('b');
    await until('writable', () => node.states.includes('writable'));
    await until('what was taken', () => node.texts('a').length === taken);
  });

  test('a proxy that accepts and never answers, where the server was, is reported', async () => {
    const mortal = await BrokerProcess.nats();
    // The client connects through this, so that the server's place can be taken.
    let isSilent = false;
    const sockets = new Set<Socket>();
    const proxy = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      if (isSilent) return;
      const onward = connectSocket(mortal.port, '127.0.0.1').on('error', () => undefined);
      sockets.add(onward);
      socket.pipe(onward).pipe(socket);
    });
    await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
    const { port } = proxy.address() as { port: number };
    const settings = { timeout: 500, waitOnFirstConnect: true };
    const connection = await open(`nats://127.0.0.1:${port}`, settings);
    const { broker, node } = start(connection, new NatsBroker(connection, 'hawser.', 300));
    await node.isUp();
    broker.join(['a']);
    await node.hasJoined('a');
    node.errors.length = node.states.length = 0; // a busy machine may have been slow before
    isSilent = true;
    for (const socket of sockets) socket.destroy();
    await until('two reports', () => node.errors.length >= 2);
    expect(node.states).toEqual(['down']);
    expect(node.errors[0]?.message).toContain('the connection has no server');
    expect(node.errors[0]?.message).toContain('0 of 1 topics are confirmed');
    expect(broker.publish(batch(['a', 'x']))).toBe(0);
    isSilent = false;
    await node.isUp();
    await publishAll(broker, node, batch(['a', 'x']));
    await until('the message', () => node.texts('a').length === 1);
    await broker.close();
    await connection.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((done) => proxy.close(done));
  });

  test('a subscription that the server refuses is reported, and others are made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-nats-'));
    const file = join(folder, 'nats.conf');
    const permissions = 'permissions: { publish: ">", subscribe: "allowed.>" }';
    writeFileSync(file, `authorization { users: [{ user: x, password: y, ${permissions} }] }`);
    const guarded = await BrokerProcess.nats('--config', file);
    const connection = await open(guarded.url, { user: 'x', pass: 'y' });
    const refused = start(connection, natsBroker(connection, { prefix: 'forbidden.' }));
    const allowed = start(connection, natsBroker(connection, { prefix: 'allowed.' }));
    for (const { broker } of [refused, allowed]) broker.join(['a']);
    await allowed.node.hasJoined('a');
    await until('the report', () => refused.node.errors.length > 0);
    expect(refused.node.errors.map(({ message }) => message).join()).toMatch(
      /natsBroker: .*(refuses the subscription to "forbidden\.a"|Permissions Violation)/,
    );
    expect(refused.node.joinedTopics.size).toBe(0);
    rmSync(folder, { recursive: true });
  });

  test('close() leaves the connection as it was', async () => {
    const { broker, node, connection } = await begin(nats.url);
    broker.join(names(1000));
    await node.hasJoined(...names(1000));
    await broker.close();
    expect(connection.isClosed()).toBe(false);
    const inside = connection as unknown as {
      protocol: { listeners: unknown[]; subscriptions: { size(): number } };
    };
    expect(inside.protocol.subscriptions.size()).toBe(0);
    expect(inside.protocol.listeners).toHaveLength(0);
    expect(broker.publish(batch(['topic 1', 'x']))).toBe(0);
    await connection.flush();
  });

  test('prefixes keep topics apart', async () => {
    const one = await begin(nats.url, { prefix: 'one.' });
    const other = await begin(nats.url, { prefix: 'other.' });
    const third = await begin(nats.url, { prefix: 'one.' });
    for (const { broker, node } of [other, third]) {
      broker.join(['a', 'last']);
      await node.hasJoined('a', 'last');
    }
    await publishAll(one.broker, one.node, batch(['a', 'x']));
    await until('the message', () => third.node.texts('a').length === 1);
    await publishAll(one.broker, one.node, batch(['last', 'x']));
    await until('the last', () => third.node.texts('last').length === 1);
    expect(other.node.delivered).toEqual([]);
  });
});

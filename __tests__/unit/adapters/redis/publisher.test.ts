import { Publisher } from '../../../../src/adapters/redis/publisher.js';
import type { Outgoing } from '../../../../src/index.js';
import { settle } from '../../../support/fake-node.js';
import { FakeRedisClient } from '../../../support/fake-redis.js';

function make(command: 'PUBLISH' | 'SPUBLISH' = 'PUBLISH'): {
  client: FakeRedisClient;
  publisher: Publisher;
  lines: string[];
} {
  const client = new FakeRedisClient();
  const lines: string[] = [];
  const publisher = new Publisher(client, command, 5000, {
    ready: () => lines.push('ready'),
    lost: ({ message }) => lines.push(`lost ${message}`),
    fault: ({ message }) => lines.push(`fault ${message}`),
    failed: ({ message }) => lines.push(`failed ${message}`),
    writable: () => lines.push('writable'),
  });
  publisher.start();
  return { client, publisher, lines };
}

/** Ready, with the probe answered. */
async function ready(command?: 'PUBLISH' | 'SPUBLISH'): Promise<ReturnType<typeof make>> {
  const all = make(command);
  all.client.connect();
  await all.client.commands.resolve();
  all.client.commands.take();
  all.lines.splice(0);
  return all;
}

const messages = (count: number, bytes = 1): Outgoing[] =>
  Array.from({ length: count }, (_, i) => ({ topic: `${i}`, envelope: Buffer.alloc(bytes, 'x') }));

/** The command and its arguments after the script. */
const sent = ({ commands }: FakeRedisClient): string[] =>
  commands.take().map((line) => line.replace(/local e .* return e/, 'SCRIPT'));

test('takes nothing before Redis has answered, or while the client is not ready', async () => {
  const { client, publisher, lines } = make();
  expect([publisher.publish(messages(2), 'p:'), publisher.hasAnswered]).toEqual([0, false]);
  client.connect();
  expect(sent(client)).toEqual(['send EVAL SCRIPT 0']);
  expect(publisher.publish(messages(2), 'p:')).toBe(0);
  await client.commands.resolve();
  expect([lines, publisher.hasAnswered]).toEqual([['ready'], true]);
  expect(publisher.publish(messages(2), 'p:')).toBe(2);
  client.isConnected = false;
  expect(publisher.publish(messages(2), 'p:')).toBe(0);
  client.lose('reset');
  client.events!.fault(new Error('refused'));
  expect([lines, publisher.hasAnswered]).toEqual([['ready', 'lost reset', 'fault refused'], false]);
  publisher.stop();
  expect(client.events).toBeUndefined();
});

test.each(['PUBLISH', 'SPUBLISH'] as const)(
  '%s for one message, a script for several',
  async (name) => {
    const { client, publisher } = await ready(name);
    expect(publisher.publish(messages(1), 'p:')).toBe(1);
    const bytes = new Uint8Array(Buffer.from('-bytes-').buffer, 0, 0);
    expect(publisher.publish([...messages(2), { topic: 'ü', envelope: bytes }], 'p:')).toBe(3);
    expect(client.commands.open[1]!.args[0]).toContainEqual(expect.stringContaining(`'${name}'`));
    expect(sent(client)).toEqual([`send ${name} p:0 x`, 'send EVAL SCRIPT 0 p:0 x p:1 x p:ü ']);
    expect(publisher.publish([], 'p:')).toBe(0);
  },
);

test('a script has 512 messages and 1 MiB at most', async () => {
  const { client, publisher } = await ready();
  expect(publisher.publish(messages(1025), '')).toBe(1025);
  expect(sent(client).map((line) => line.split(' x').length - 1)).toEqual([512, 512, 1]);
  expect(publisher.publish(messages(5, 400 * 1024), '')).toBe(5);
  expect(sent(client).map((line) => line.slice(0, 12))).toEqual([
    'send EVAL SC',
    'send EVAL SC',
    'send PUBLISH',
  ]);
});

test.each(["NOPERM this user has no permissions to run 'eval'", "ERR unknown command 'EVAL'"])(
  'single commands where the probe is answered %j',
  async (message) => {
    const { client, publisher, lines } = make();
    client.connect();
    await client.commands.reject(new Error(message));
    expect(lines).toEqual(['ready']);
    sent(client);
    expect(publisher.publish(messages(2), '')).toBe(2);
    expect(sent(client)).toEqual(['send PUBLISH 0 x', 'send PUBLISH 1 x']);
  },
);

test('and where it fails for another reason, which is told', async () => {
  const { client, publisher, lines } = make();
  client.connect();
  await client.commands.reject(new Error('BUSY'));
  expect([lines, publisher.publish(messages(2), '')]).toEqual([['failed BUSY', 'ready'], 2]);
  expect(sent(client).slice(1)).toEqual(['send PUBLISH 0 x', 'send PUBLISH 1 x']);
});

test('answers of a lost connection mean nothing', async () => {
  const { client, publisher, lines } = make();
  client.connect();
  const [failing] = client.commands.open.splice(0);
  client.lose('reset');
  client.connect();
  const [passing] = client.commands.open.splice(0);
  client.lose('reset');
  failing!.reject(new Error('reset'));
  passing!.resolve();
  await settle();
  expect([lines, publisher.hasAnswered]).toEqual([['lost reset', 'lost reset'], false]);
  client.connect();
  await client.commands.resolve();
  publisher.publish(messages(1), '');
  client.lose('reset');
  await client.commands.reject(new Error('reset'));
  expect(lines.slice(2)).toEqual(['ready', 'lost reset']);
});

test('a refusal is told once in 5 s, and scripts are not tried again when they are forbidden', async () => {
  const { client, publisher, lines } = await ready();
  const now = jest.spyOn(performance, 'now').mockReturnValue(10_000);
  publisher.publish(messages(2), '');
  await client.commands.reject(new Error('OOM'));
  publisher.publish(messages(2), '');
  await client.commands.reject(new Error('NOPERM eval'));
  now.mockReturnValue(15_000);
  publisher.publish(messages(2), '');
  await client.commands.reject(new Error('NOPERM channel'));
  now.mockRestore();
  expect(lines).toEqual([
    'failed Redis refused to publish 2 messages: OOM',
    'failed Redis refused to publish 1 messages: NOPERM channel',
  ]);
  expect(sent(client).map((line) => line.slice(0, 9))).toEqual([
    'send EVAL',
    'send EVAL',
    'send PUBL',
    'send PUBL',
  ]);
});

test('takes no more than 16 MiB that are not confirmed, and tells when there is room', async () => {
  const { client, publisher, lines } = await ready();
  expect(publisher.publish(messages(40, 1024 * 1024), '')).toBe(16);
  expect(publisher.publish(messages(1), '')).toBe(0);
  for (const call of client.commands.open.splice(0, 7)) call.resolve();
  await settle();
  expect(lines).toEqual([]);
  await client.commands.resolve();
  expect(lines).toEqual(['writable']);
});

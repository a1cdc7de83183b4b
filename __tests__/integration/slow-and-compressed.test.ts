/** Slow consumers while long messages are being compressed. */
import { randomBytes } from 'node:crypto';
import { createConnectionPair, type WebSocketConnection } from '../../src/index.js';

const LIMIT = 100_000;
const options = { perMessageDeflate: { threshold: 0 }, maxBufferedAmount: LIMIT } as const;
let ends: WebSocketConnection[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end.terminate();
});

/** A server's end, whose peer reads nothing yet, and what became of its messages. */
function stalled(slowConsumer: 'close' | 'drop') {
  const { server, client } = createConnectionPair({ ...options, slowConsumer });
  ends = [server, client];
  client.pause();
  const told: string[] = [];
  const note = (name: string) => (error?: Error) => {
    told.push(`${name} ${(error as { code?: string } | undefined)?.code ?? 'sent'}`);
  };
  return { server, client, told, note };
}
const turns = async (probe: () => boolean): Promise<void> => {
  while (!probe()) await new Promise((resolve) => setImmediate(resolve));
};

test('a message is dropped before it is compressed, while the one before it still is', async () => {
  const { server, client, told, note } = stalled('drop');
  const dropped: unknown[] = [];
  server.on('dropped', (data) => dropped.push(data));
  const long = randomBytes(LIMIT + 50_000);
  server.send(long, note('long'));
  expect(server.bufferedAmount).toBe(long.length);
  expect(server.send('news', { droppable: true }, note('news'))).toBe(false);
  expect(dropped).toStrictEqual(['news']);
  expect(server.bufferedAmount).toBe(long.length);
  server.send('last', note('last')); // may not be dropped, and finds room
  const received: unknown[] = [];
  client.on('message', (data) => received.push(data));
  client.resume();
  await turns(() => received.length === 2 && told.length === 3);
  expect(received).toStrictEqual([long, 'last']);
  expect(told).toStrictEqual(['news ERR_MESSAGE_DROPPED', 'long sent', 'last sent']);
  expect(server.readyState).toBe('open');
});

test('what was admitted after a compression is not judged a second time', async () => {
  const { server, client, told, note } = stalled('close');
  const one = randomBytes(LIMIT - 10); // does not shrink: a few bytes more than that are queued
  const two = randomBytes(80_000);
  server.send(one, note('one'));
  server.send(two, note('two')); // less than the limit waits, by ten bytes
  const received: unknown[] = [];
  client.on('message', (data) => received.push(data));
  await turns(() => server.bufferedAmount > 0 && told.length === 0 && received.length === 0);
  client.resume();
  await turns(() => received.length === 2 || server.readyState !== 'open');
  expect(received).toStrictEqual([one, two]);
  expect(server.readyState).toBe('open');
});

test('what waits for a compression is discarded with the rest, and its callbacks say so', async () => {
  const { server, told, note } = stalled('close');
  server.send(randomBytes(LIMIT - 10), note('long'));
  server.send(randomBytes(100), note('behind'));
  server.ping('p');
  expect(server.send('too much', note('too much'))).toBe(false);
  expect(server.readyState).toBe('closing');
  expect(server.bufferedAmount).toBeLessThan(130); // the Close
  await turns(() => told.length === 3);
  expect(told).toStrictEqual([
    'long ERR_SLOW_CONSUMER',
    'behind ERR_SLOW_CONSUMER',
    'too much ERR_SLOW_CONSUMER',
  ]);
  server.terminate();
  await turns(() => server.closeInfo !== undefined);
  expect(server.closeInfo).toMatchObject({ initiator: 'local', code: 1013 });
});

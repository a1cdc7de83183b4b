/**
 * Messages with a key, in any mixture with others, to a peer that is fast and slow by turns: per key nothing goes
 * back, the last of each key arrives, nothing overtakes what has no key, every callback is called once, and a
 * compressor that takes its context over sees what goes out, in that order.
 */
import fc from 'fast-check';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { openInflater } from '../../src/connection/deflate/shared-contexts.js';
import { PermessageDeflate } from '../../src/connection/deflate/permessage-deflate.js';
import { TypedEmitter } from '../../src/connection/typed-emitter.js';
import { createConnection } from '../../src/connection/connection.js';
import { prepareMessage } from '../../src/protocol/framing/prepared-message.js';
import { RetainedMessages } from '../../src/server/topics/retained-messages.js';
import { Publication } from '../../src/server/topics/publication.js';
import { Topics } from '../../src/server/topics/topics.js';
import { check } from '../support/arbitraries.js';
import {
  compressing,
  DETAILS,
  HandClock,
  parametersOf,
  settingsOf,
  Sink,
  turns,
} from '../support/connection.js';
import { parseFrames } from '../support/frames.js';

const TOPICS = ['news', 'prices'] as const;

type Step =
  | { do: 'send'; topic: string | undefined; key: string | undefined; length: number }
  | { do: 'ping' | 'stall' | 'take' | 'catchUp' | 'wait' };

const message = {
  do: fc.constant('send' as const),
  topic: fc.constantFrom(...TOPICS, ...TOPICS, undefined),
  length: fc.oneof(fc.nat(30), fc.integer({ min: 120, max: 9000 }), fc.constant(20_000)),
};
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ ...message, key: fc.constantFrom('a', 'b', 'c') }),
  },
  { weight: 1, arbitrary: fc.record({ ...message, key: fc.constant(undefined) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        ...(['ping', 'stall', 'stall', 'take', 'take', 'catchUp', 'wait', 'wait'] as const),
      ),
    }),
  },
);

/** A message that was sent, by its number in the order of the calls. */
interface Sent {
  readonly number: number;
  readonly topic: string | undefined;
  readonly key: string | undefined;
  readonly told: string[];
}

/** Texts of JSON that resemble one another, so that a compressor refers to those before. */
const textOf = (number: number, length: number): string =>
  `{"number":${number},"text":"${'some words and more. '.repeat(Math.ceil(length / 21))}"}`;
const numberIn = (payload: string): number => (JSON.parse(payload) as { number: number }).number;

interface World {
  readonly sink: Sink;
  readonly connection: WebSocketConnection;
  readonly topics: Topics<undefined>;
  /** What was sent, in the order of the wire: the numbers of messages, and `'ping'`. */
  readonly received: () => (number | 'ping')[];
}

function begin(takeover: boolean): World {
  const sink = new Sink(100); // what is compressed is short
  const topics = new Topics<undefined>(
    new TypedEmitter(),
    Infinity,
    new RetainedMessages(1, undefined),
  );
  const parameters = parametersOf({ serverNoContextTakeover: !takeover });
  const compression = new PermessageDeflate(compressing({ threshold: 0 }), parameters, 'server');
  const settings = settingsOf(new HandClock(), { maxBufferedAmount: Infinity, topics });
  const connection = createConnection<undefined>(sink, settings, { ...DETAILS, compression });
  for (const topic of TOPICS) connection.subscribe(topic);
  const received = (): (number | 'ping')[] => {
    const inflater = openInflater({ windowBits: 15, takeover }, undefined);
    return parseFrames(sink.bytes).map(({ opcode, rsv, payload }) => {
      if (opcode === 9) return 'ping';
      const text = (rsv & 4) !== 0 ? inflater.inflate(payload, 1e6)! : payload;
      return numberIn(text.toString());
    });
  };
  return { sink, connection, topics, received };
}

test.each([
  ['with takeover', true],
  ['without', false],
])('%s', async (_name, takeover) => {
  const seen = { replaced: 0, overtook: 0 };
  await check(
    300,
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      async (steps) => {
        const { sink, connection, topics, received } = begin(takeover);
        sink.backpressured = true;
        const sent: Sent[] = [];
        const order: (number | 'ping')[] = [];
        for (const each of steps) {
          if (each.do === 'send') {
            const { topic, key, length } = each;
            const number = sent.length;
            const message: Sent = { number, topic, key, told: [] };
            sent.push(message);
            order.push(number);
            const text = textOf(number, length);
            if (topic === undefined) {
              connection.send(text, key === undefined ? {} : { key }, (error) => {
                message.told.push((error as { code?: string } | undefined)?.code ?? 'sent');
              });
            } else {
              const delivery = { compress: undefined, droppable: false, retain: false, key };
              topics.publish(topic, Publication.of(text, undefined, delivery));
            }
          } else if (each.do === 'ping') {
            connection.ping();
            order.push('ping');
          } else {
            if (each.do === 'stall') sink.backpressured = true;
            if (each.do === 'catchUp') sink.backpressured = false;
            if (each.do === 'take' || each.do === 'catchUp') sink.release();
            await turns(each.do === 'wait' ? 2 : 1);
          }
        }
        sink.backpressured = false;
        sink.release();
        await turns(10);
        expect(connection.bufferedAmount).toBe(0);

        const wire = received();
        const arrived = wire.filter((each) => each !== 'ping');
        const places = new Map(arrived.map((number, place) => [number, place]));
        expect(places.size).toBe(arrived.length); // each at most once
        expect(wire.length - arrived.length).toBe(order.filter((each) => each === 'ping').length);
        for (const { number, topic, told } of sent) {
          const expected = places.has(number) ? 'sent' : 'ERR_MESSAGE_REPLACED';
          if (topic === undefined) expect(told).toEqual([expected]);
        }
        const streams = new Map<string, number[]>();
        for (const { number, topic, key } of sent) {
          if (key === undefined) {
            // It arrives, after all that came before it and before all that came after it, as far as it is a fence.
            expect(places.has(number)).toBe(true);
            for (const other of sent) {
              if (topic !== undefined && other.topic !== topic && other.key !== undefined) continue;
              const place = places.get(other.number);
              if (place === undefined || other === sent[number]) continue;
              expect(place < places.get(number)!).toBe(other.number < number);
            }
          } else {
            const stream = `${topic} ${key}`;
            streams.set(stream, [...(streams.get(stream) ?? []), number]);
          }
        }
        for (const numbers of streams.values()) {
          const got = arrived.filter((number) => numbers.includes(number));
          expect(got).toEqual([...got].sort((one, other) => one - other)); // never back
          expect(got.at(-1)).toBe(numbers.at(-1)); // the last one arrives
        }
        seen.replaced += sent.length - arrived.length;
        if (arrived.some((number, i) => i > 0 && number < arrived[i - 1]!)) seen.overtook++;
        connection.terminate();
      },
    ),
  );
  expect(seen.replaced).toBeGreaterThan(300);
  expect(seen.overtook).toBeGreaterThan(20);
});

test('what waits for a slow peer is bounded by the number of keys', async () => {
  const { sink, connection, topics, received } = begin(false);
  sink.backpressured = true;
  connection.send('x'.repeat(30_000), { compress: false });
  await turns();
  const before = connection.bufferedAmount;
  const frame = prepareMessage(textOf(99_999, 0)).frame.length;
  for (let number = 0; number < 100_000; number++) {
    const key = `key ${number % 1000}`;
    const delivery = { compress: false, droppable: false, retain: false, key };
    topics.publish('prices', Publication.of(textOf(number, 0), undefined, delivery));
  }
  expect(connection.bufferedAmount - before).toBeLessThanOrEqual(1000 * frame);
  sink.writes.length = 0;
  sink.backpressured = false;
  sink.release();
  await turns(20);
  expect(received()).toEqual(Array.from({ length: 1000 }, (_, i) => 99_000 + i));
});

import * as fc from 'fast-check';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import type { MessageStream } from '../../src/connection/stream/message-stream.js';
import { createConnectionPair } from '../../src/server/connection-pair.js';
import { bytes, check, framesOf, message, SEED } from '../support/arbitraries.js';
import { cutAt, randomCuts } from '../support/bytes.js';
import { connectionOn, HandClock, Sink, turns } from '../support/connection.js';
import { clientFrame } from '../support/frames.js';

/** How a message is taken. */
type Taking = 'loop' | 'readable' | 'whole' | 'leave' | 'discard' | 'ignore';
const taking = fc.constantFrom<Taking>('loop', 'loop', 'readable', 'whole', 'leave', 'discard', 'ignore'); // prettier-ignore

/** Take a message. @returns its content, or `undefined` if its rest was left. */
async function take(stream: MessageStream, how: Taking): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  switch (how) {
    case 'discard':
      stream.discard();
      return undefined;
    case 'ignore':
      return undefined;
    case 'whole':
      return stream.binary
        ? `binary ${(await stream.bytes()).toString('hex')}`
        : `text ${Buffer.from(await stream.text()).toString('hex')}`;
    case 'leave':
      for await (const chunk of stream) {
        if (chunk.length > 0) break;
      }
      return undefined;
    case 'readable': {
      const reader = stream.readable.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        chunks.push(Buffer.from(value as string));
      }
      break;
    }
    case 'loop':
      for await (const chunk of stream) {
        if (typeof chunk === 'string') expect(chunk).not.toMatch(/\p{Surrogate}/u);
        chunks.push(Buffer.from(chunk as string));
      }
  }
  return `${stream.binary ? 'binary' : 'text'} ${Buffer.concat(chunks).toString('hex')}`;
}

/** Take the messages of a connection, each as it is said. */
async function takeAll(
  connection: WebSocketConnection,
  takings: readonly Taking[],
): Promise<(string | undefined)[]> {
  const got: (string | undefined)[] = [];
  try {
    for await (const each of connection.incoming()) {
      got.push(await take(each, takings[got.length % takings.length]!));
    }
  } catch (error) {
    got.push((error as { code?: string }).code);
  }
  return got;
}

test('messages are taken as they were sent, however they and their frames are cut', async () => {
  await check(
    300,
    fc.asyncProperty(
      fc.array(message, { minLength: 1, maxLength: 5 }),
      fc.array(taking, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.boolean(),
      async (messages, takings, seed, isSlow) => {
        const sink = new Sink(1024 * 1024);
        const connection = connectionOn(sink, {}, new HandClock());
        connection.start(Buffer.alloc(0));
        const taken = takeAll(connection, takings);
        const all = messages.map(framesOf);
        const wire = Buffer.concat(all.flatMap(({ frames }) => frames.map((each) => clientFrame(each)))); // prettier-ignore
        for (const chunk of cutAt(wire, randomCuts(wire, seed ^ SEED))) {
          sink.emit('data', chunk);
          if (isSlow) await turns(1);
        }
        await turns(5);
        sink.destroy();
        const expected = all
          .flatMap(({ events }) => events.filter((event) => /^(text|binary)/.test(event)))
          .map((event, i) => (/loop|readable|whole/.test(takings[i % takings.length]!) ? `${event} `.trimStart() : undefined)); // prettier-ignore
        const trimmed = (list: (string | undefined)[]) => list.map((each) => each?.trim());
        expect(trimmed(await taken)).toEqual(trimmed(expected));
      },
    ),
  );
});

/** Something that the application does. */
interface Call {
  what: 'stream' | 'send' | 'ping';
  content: Buffer;
  isText: boolean;
  /** Where the content is cut into chunks. */
  cuts: number[];
  /** Whether the source takes a turn for each chunk. */
  isSlow: boolean;
}
const content = fc.oneof(
  { weight: 6, arbitrary: bytes },
  {
    weight: 2,
    arbitrary: fc.integer({ min: 10_000, max: 300_000 }).map((length) => Buffer.alloc(length, 'all work and no play ')), // prettier-ignore
  },
);
const call: fc.Arbitrary<Call> = fc.record({
  what: fc.constantFrom('stream', 'stream', 'send', 'ping'),
  content,
  isText: fc.boolean(),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
  isSlow: fc.boolean(),
});

/** Text that tells its bytes, with characters of every length. */
const CHARACTERS = Array.from({ length: 256 }, (_, byte) =>
  String.fromCodePoint(byte * 263 + (byte > 200 ? 65_536 : 0)),
);
const textOf = (from: Buffer): string =>
  Array.from(from.subarray(0, 50_000), (byte) => CHARACTERS[byte]).join('');

async function* chunksOf(
  { content: all, isText, cuts, isSlow }: Call,
  fails: boolean,
): AsyncGenerator<string | Buffer> {
  // prettier-ignore
  const whole = isText ? textOf(all) : all;
  const edges = [0, ...cuts.map((share) => Math.floor(share * whole.length)).sort((a, b) => a - b), whole.length]; // prettier-ignore
  for (let i = 0; i + 1 < edges.length; i++) {
    if (isSlow) await turns(1);
    yield whole.slice(edges[i], edges[i + 1]);
  }
  if (fails) throw new Error('the source fails');
}

const options = fc.constantFrom(false, 'none', 'both').map((takeover) => ({
  perMessageDeflate: takeover === false ? false : { contextTakeover: takeover as 'none' | 'both', threshold: 0 }, // prettier-ignore
}));

test('what is sent as a stream arrives in its place, whole and once, or not at all', async () => {
  await check(
    120,
    fc.asyncProperty(
      options,
      fc.array(call, { minLength: 1, maxLength: 8 }),
      fc.array(taking, { minLength: 1, maxLength: 4 }),
      fc.boolean(),
      fc.constantFrom('server', 'client'),
      async (settings, calls, takings, fails, role) => {
        const pair = createConnectionPair(settings);
        const [one, other] = role === 'server' ? [pair.server, pair.client] : [pair.client, pair.server]; // prettier-ignore
        const pings: string[] = [];
        other.on('ping', (payload) => pings.push(payload.toString()));
        const taken = takeAll(other, takings);
        const expected: string[] = [];
        const expectedPings: string[] = [];
        const sent: Promise<unknown>[] = [];
        const say = ({ isText, content: all }: Call): void =>
          void expected.push(
            isText
              ? `text ${Buffer.from(textOf(all)).toString('hex')}`
              : `binary ${all.toString('hex')}`,
          );
        for (const [i, each] of calls.entries()) {
          if (each.what === 'ping') {
            one.ping(String(i));
            expectedPings.push(String(i));
          } else if (each.what === 'send') {
            one.send(each.isText ? textOf(each.content) : each.content);
            say(each);
          } else {
            sent.push(one.sendStream(chunksOf(each, false)));
            say(each);
          }
        }
        await Promise.all(sent);
        if (fails) {
          const last = { ...calls[0]!, isSlow: true };
          await expect(one.sendStream(chunksOf(last, true))).rejects.toThrow('the source fails');
        }
        await one.close();
        const got = await taken;
        // What was not finished is seen as that, or not at all.
        if (got.at(-1) === 'ERR_MESSAGE_INCOMPLETE') got.pop();
        else if (fails && got.length > expected.length) expect(got.pop()).toBeUndefined();
        expect(got).toEqual(
          expected.map((each, i) =>
            /loop|readable|whole/.test(takings[i % takings.length]!) ? each : undefined,
          ),
        );
        expect(pings).toEqual(expectedPings);
      },
    ),
  );
});

import * as fc from 'fast-check';
import { prepareMessage } from '../../src/protocol/framing/prepared-message.js';
import { createConnectionPair } from '../../src/server/connection-pair.js';
import { check } from '../support/arbitraries.js';

/** Something that the application does. */
interface Call {
  what: 'send' | 'bytes' | 'prepared' | 'plain' | 'ping' | 'frames';
  /** Bytes of the message; many of them are compressed in steps. */
  size: number;
  /** Whether the event loop turns before the next call. */
  pause: boolean;
}

const size = fc.oneof(
  { weight: 3, arbitrary: fc.nat(400) },
  { weight: 2, arbitrary: fc.integer({ min: 65_000, max: 66_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 700_000 }) },
);
const call: fc.Arbitrary<Call> = fc.record({
  what: fc.constantFrom('send', 'bytes', 'prepared', 'plain', 'ping', 'frames'),
  size,
  pause: fc.boolean(),
});
const options = fc.record({
  contextTakeover: fc.constantFrom('none', 'server', 'client', 'both'),
  windowBits: fc.integer({ min: 8, max: 15 }),
  threshold: fc.constantFrom(0, 256),
});

/** Text that is told by its number, and can be compressed. */
const text = (number: number, length: number): string =>
  `${number}: `.padEnd(length, `all work and no play of ${number} `);

test.each(['server', 'client'] as const)(
  'what the %s sends arrives in the order of calls, whole and once, and every callback is called',
  async (role) => {
    await check(
      60,
      fc.asyncProperty(
        options,
        fc.array(call, { minLength: 1, maxLength: 14 }),
        async (perMessageDeflate, calls) => {
          const pair = createConnectionPair({ perMessageDeflate });
          const [one, other] = role === 'server' ? [pair.server, pair.client] : [pair.client, pair.server]; // prettier-ignore
          const got: string[] = [];
          other.on('message', (data, isBinary) => got.push(`${isBinary ? 'binary' : 'text'} ${data.toString()}`)); // prettier-ignore
          other.on('ping', (payload) => got.push(`ping ${payload.toString()}`));
          let drains = 0;
          let owed = false;
          one.on('drain', () => {
            drains++;
            owed = false;
          });
          const expected: string[] = [];
          const called: number[] = [];
          let callbacks = 0;
          for (const [i, each] of calls.entries()) {
            const done = (error?: Error): void => void called.push(error === undefined ? i : -1);
            let below: boolean;
            if (each.what === 'ping') {
              below = one.ping(`${i}`);
              expected.push(`ping ${i}`);
            } else if (each.what === 'frames') {
              below = one.sendFrame(`${i} `, { opcode: 1, fin: false });
              below = one.sendFrame('in frames', { opcode: 0 }) && below;
              expected.push(`text ${i} in frames`);
            } else {
              const message = text(i, each.size);
              callbacks++;
              if (each.what === 'send') below = one.send(message, done);
              else if (each.what === 'plain') below = one.send(message, { compress: false }, done);
              else if (each.what === 'bytes') below = one.send(Buffer.from(message), done);
              else below = one.send(prepareMessage(message), done);
              expected.push(`${each.what === 'bytes' ? 'binary' : 'text'} ${message}`);
            }
            owed ||= !below;
            if (each.pause) await new Promise((resolve) => setImmediate(resolve));
          }
          const told = owed;
          const closed = new Promise((resolve) => other.on('close', resolve));
          if (told) await new Promise<void>((resolve) => void one.once('drain', () => resolve()));
          expect(drains).toBeGreaterThanOrEqual(told ? 1 : 0);
          expect(await one.close(4000)).toMatchObject({ code: 4000, clean: true });
          expect(await closed).toBe(4000);
          expect(got).toStrictEqual(expected);
          await new Promise((resolve) => setImmediate(resolve));
          expect(called).toHaveLength(callbacks);
          expect(called).toStrictEqual([...called].sort((a, b) => a - b));
          expect(called).not.toContain(-1);
          expect(one.bufferedAmount).toBe(0);
        },
      ),
    );
  },
);

test.each(['close', 'terminate', 'cut'] as const)(
  'with %s at any time what arrives is a beginning of what was sent, and every callback is called once',
  async (end) => {
    await check(
      60,
      fc.asyncProperty(
        options,
        fc.array(call, { minLength: 1, maxLength: 10 }),
        fc.nat(10),
        async (perMessageDeflate, calls, endAt) => {
          const { server, client } = createConnectionPair({ perMessageDeflate });
          const got: string[] = [];
          client.on('message', (data) => got.push(data.toString()));
          const expected: string[] = [];
          const called = new Map<number, number>();
          for (const [i, each] of calls.entries()) {
            if (i === endAt) {
              if (end === 'close') void server.close();
              else if (end === 'terminate') server.terminate();
              else client.terminate();
            }
            const message = text(
              i,
              each.what === 'ping' || each.what === 'frames' ? 10 : each.size,
            );
            if (server.readyState === 'open') expected.push(message);
            called.set(i, 0);
            server.send(message, () => called.set(i, called.get(i)! + 1));
            if (each.pause) await new Promise((resolve) => setImmediate(resolve));
          }
          await server.close();
          await client.close();
          for (let turn = 0; turn < 3; turn++) {
            await new Promise((resolve) => setImmediate(resolve));
          }
          expect(got).toStrictEqual(expected.slice(0, got.length));
          if (end === 'close') {
            expect(got).toStrictEqual(expected);
            expect(server.bufferedAmount).toBe(0);
          }
          expect([...called.values()]).toStrictEqual(Array<number>(calls.length).fill(1));
        },
      ),
    );
  },
);

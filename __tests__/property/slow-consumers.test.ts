/**
 * Whatever is sent to however slow a peer: the order is kept, no message arrives in part, each
 * callback is called once with the right result, and `bufferedAmount` is exact.
 */
import fc from 'fast-check';
import { prepareMessage } from '../../src/protocol/framing/prepared-message.js';
import { check } from '../support/arbitraries.js';
import { parseFrames } from '../support/frames.js';
import { connectionOn, HandClock, Sink, turns } from '../support/connection.js';

type Step =
  | { do: 'send'; length: number; droppable: boolean; as: 'text' | 'bytes' | 'prepared' }
  | { do: 'ping' | 'release' | 'wait' | 'catchUp' | 'second' };

const length = fc.oneof(
  fc.nat(20),
  fc.integer({ min: 100, max: 150 }),
  fc.nat(5000),
  fc.integer({ min: 16_300, max: 40_000 }),
  fc.constant(70_000),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('send' as const),
      length,
      droppable: fc.boolean(),
      as: fc.constantFrom('text' as const, 'bytes' as const, 'prepared' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'ping' as const,
        'release' as const,
        'release' as const,
        'wait' as const,
        'catchUp' as const,
        'second' as const,
      ),
    }),
  },
);

/** Payloads tell their number, and a byte that is repeated to the end: a mixture would show. */
function payloadOf(number: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.max(4, size), number % 128);
  bytes.write(number.toString(36).padStart(4, '0'), 0, 'latin1');
  return bytes;
}

const headerOf = (size: number): number => (size < 126 ? 2 : size < 65_536 ? 4 : 10);

test.each(['close', 'drop'] as const)('under %s', async (slowConsumer) => {
  const seen = { dropped: 0, tooSlow: 0, drained: 0, sent: 0 };
  await check(
    600,
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 60 }),
      fc.constantFrom(1000, 30_000, 100_000),
      fc.constantFrom(500, 20_000, 1_000_000),
      async (steps, maxBufferedAmount, highWaterMark) => {
        const clock = new HandClock();
        const sink = new Sink();
        sink.backpressured = true;
        const connection = connectionOn(
          sink,
          { maxBufferedAmount, highWaterMark, slowConsumer },
          clock,
        );
        connection.start(Buffer.alloc(0));
        const outcomes = new Map<number, string[]>();
        let dropped = 0;
        let drains = 0;
        let owed = false;
        let accepted = 0; // bytes that were queued, headers included
        let numbers = 0;
        connection.on('dropped', () => dropped++);
        connection.on('drain', () => {
          expect(connection.bufferedAmount).toBe(0);
          drains++;
          owed = false;
        });
        let handed = 0; // bytes that the socket was given, by the socket's own account
        const check = (): void => {
          if (connection.readyState !== 'open') return;
          expect(connection.bufferedAmount).toBe(accepted - (handed - sink.writableLength));
        };
        const write = sink.write.bind(sink) as (...args: unknown[]) => boolean;
        sink.write = ((...args: [Buffer]) => {
          handed += args[0].length;
          return write(...args);
        }) as typeof sink.write;

        for (const each of steps) {
          const before = connection.bufferedAmount;
          const wasOpen = connection.readyState === 'open';
          if (each.do === 'send') {
            const number = numbers++;
            const payload = payloadOf(number, each.length);
            const data =
              each.as === 'bytes'
                ? payload
                : each.as === 'text'
                  ? payload.toString('latin1')
                  : prepareMessage(payload);
            const told: string[] = [];
            outcomes.set(number, told);
            const droppedBefore = dropped;
            const below = connection.send(data, { droppable: each.droppable }, (error) => {
              told.push((error as { code?: string } | undefined)?.code ?? 'sent');
            });
            const limit =
              slowConsumer === 'drop' && !each.droppable
                ? 2 * maxBufferedAmount
                : maxBufferedAmount;
            const wasDropped = dropped > droppedBefore;
            const isOpen = connection.readyState === 'open';
            if (wasOpen && isOpen && !wasDropped) {
              expect(before).toBeLessThan(limit);
              accepted += headerOf(payload.length) + payload.length;
              expect(below).toBe(connection.bufferedAmount < highWaterMark);
            } else {
              expect(below).toBe(false);
              if (wasOpen) expect(before).toBeGreaterThanOrEqual(limit);
              if (wasDropped) expect(each.droppable && slowConsumer === 'drop').toBe(true);
            }
            if (isOpen && !below) owed = true;
          } else if (each.do === 'ping') {
            connection.ping('p');
            if (wasOpen && connection.bufferedAmount > before) accepted += 3;
            if (wasOpen && connection.bufferedAmount >= highWaterMark) owed = true;
          } else if (each.do === 'release') {
            sink.release();
          } else if (each.do === 'wait') {
            await turns(1);
          } else if (each.do === 'second') {
            clock.advance(1000);
          } else {
            sink.backpressured = false;
            sink.release();
            await turns(2);
            if (connection.readyState === 'open') {
              expect(connection.bufferedAmount).toBe(0);
              expect(owed).toBe(false);
            }
            sink.backpressured = true;
          }
          check();
        }
        const waiting = connection.drained();
        // The peer reads at last; one that was too slow has no time left.
        sink.backpressured = false;
        sink.release();
        await turns(2);
        const wasOpen = connection.readyState === 'open';
        expect(await waiting).toBe(wasOpen);
        check();
        sink.destroy();
        await turns(2);

        // What arrived are whole frames, in the order of the calls.
        const frames = parseFrames(sink.bytes);
        const arrived = frames
          .filter(({ opcode }) => opcode <= 2)
          .map(({ payload }) => {
            const number = parseInt(payload.toString('latin1', 0, 4), 36);
            expect(payload.subarray(4).every((byte) => byte === number % 128)).toBe(true);
            return number;
          });
        expect(arrived).toStrictEqual([...arrived].sort((one, other) => one - other));
        // Each callback was called once, and what was told to have left has.
        for (const told of outcomes.values()) expect(told).toHaveLength(1);
        const sent = [...outcomes].filter(([, [told]]) => told === 'sent').map(([n]) => n);
        expect(sent.filter((n) => !arrived.includes(n))).toStrictEqual([]);
        const others = [...outcomes].filter(([, [told]]) => told === 'ERR_MESSAGE_DROPPED');
        expect(others).toHaveLength(dropped);
        expect(others.filter(([n]) => arrived.includes(n))).toStrictEqual([]);
        if (wasOpen) expect(sent).toStrictEqual(arrived);
        // Only the Close follows the frame in progress.
        const close = frames.findIndex(({ opcode }) => opcode === 8);
        if (close >= 0) expect(close).toBe(frames.length - 1);
        seen.dropped += dropped;
        seen.drained += drains;
        seen.sent += sent.length;
        seen.tooSlow += wasOpen ? 0 : 1;
      },
    ),
  );
  // The sequences reached what they are for.
  expect(seen.sent).toBeGreaterThan(500);
  expect(seen.drained).toBeGreaterThan(50);
  expect(seen.tooSlow).toBeGreaterThan(20);
  expect(seen.dropped > 20).toBe(slowConsumer === 'drop');
});

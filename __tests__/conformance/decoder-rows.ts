/** Runs rows of a decoder table: whole, byte by byte, and cut at random. */
import { createHash } from 'node:crypto';
import { cutAt, everyByte, randomCuts } from '../support/bytes.js';
import { decode, type Decoded } from '../support/decode.js';
import type { DecoderRow } from './tables/table.js';

/** Where the random cuts start from: HAWSER_SEED, or 1. */
const SEED = Number(process.env['HAWSER_SEED'] ?? 1);
const ROUNDS = 6;

export function testDecoderRows(rows: readonly DecoderRow[]): void {
  const sections = [...new Set(rows.map((row) => row.section))];
  for (const section of sections) {
    describe(`RFC 6455, section ${section}`, () => {
      it.each(
        rows.filter((row) => row.section === section).map((row) => [row.title, row] as const),
      )('%s', (_title, row) => {
        expectRow(row, [], 'whole');
        expectRow(row, everyByte(row.bytes), 'byte by byte');
        for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
          expectRow(row, randomCuts(row.bytes, seed), `cut at random, HAWSER_SEED=${seed}`);
        }
      });
    });
  }
}

function expectRow(row: DecoderRow, cuts: readonly number[], how: string): void {
  const where =
    cuts.length > 0 && cuts.length < 9 ? `${how}, before bytes ${cuts.join(', ')}` : how;
  const result = decode(cutAt(row.bytes, cuts), row.options);
  expect({ where, ...summary(result) }).toEqual({ where, ...expected(row) });
  const { failure } = row;
  if (failure?.at === undefined && failure?.by === undefined) return;
  // The chunk during which it must have failed: the one that holds byte `at`, or one no later than that of `by`.
  const chunkEnd = (index: number): number =>
    [...cuts, row.bytes.length].find((end) => end > index)! - 1;
  const failedAt = result.failedAt!;
  if (failure.at !== undefined)
    expect({ where, failedAt }).toEqual({ where, failedAt: chunkEnd(failure.at) });
  else expect(failedAt).toBeLessThanOrEqual(chunkEnd(failure.by!));
}

function summary({ events, error }: Decoded): object {
  return { events: events.map(digest), failure: error && `${error.closeCode} ${error.code}` };
}

function expected({ events, failure }: DecoderRow): object {
  return { events: events.map(digest), failure: failure && `${failure.closeCode} ${failure.code}` };
}

/** Keeps what Jest prints about a message of 64 KiB readable. */
export function digest(event: string): string {
  if (event.length < 600) return event;
  const hash = createHash('sha1').update(event).digest('hex');
  return `${event.slice(0, 60)}… (${event.length} characters, SHA-1 ${hash})`;
}

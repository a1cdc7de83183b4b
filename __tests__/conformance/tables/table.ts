/**
 * The notation of the conformance tables: one row a line, columns between bars.
 *
 *   section | title | bytes | outcome | options
 *
 * bytes    what the endpoint receives, in the notation of `hex`.
 * outcome  what it makes of them, separated by commas, in order:
 *            text 4869          a Text message (`compressed text` when its first frame has RSV1)
 *            binary / ping / pong 00ff
 *            close 1000 627965  a Close frame: its code (1005 when empty) and reason
 *            !1002 ERR_X        the connection is failed with this close code, for this reason;
 *                               `at 7`: known with the byte at index 7 and not before it,
 *                               `by 7`: known with that byte at the latest
 *            -                  nothing (yet)
 * options  `maxPayload=10`, `rsv1` (an extension that defines RSV1 was negotiated), `client` (the
 *          endpoint under test is a client).
 *
 * A row is counted only if no other has the same bytes and options.
 */
import { hex } from '../../support/bytes.js';

/** What an endpoint makes of the bytes that it receives. */
export interface Outcome {
  /** Messages and control frames, with their bytes written out in full. */
  events: string[];
  failure: { code: string; closeCode: number; at?: number; by?: number } | undefined;
}

export interface DecoderRow extends Outcome {
  section: string;
  title: string;
  /** The literal, as written. */
  literal: string;
  bytes: Buffer;
  options: { role?: 'client'; maxPayload?: number; rsv1?: boolean };
}

/** The lines of a table, each split into its columns; empty lines and lines that start with # are left out. */
export function lines(text: string, columns: number): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const cells = line.split('|').map((cell) => cell.trim());
      if (cells.length > columns) throw new Error(`more than ${String(columns)} columns: ${line}`);
      return [...cells, ...Array<string>(columns - cells.length).fill('')];
    });
}

/** Reads the column `outcome`. */
export function readOutcome(text: string, where: string): Outcome {
  const outcome: Outcome = { events: [], failure: undefined };
  for (const item of text === '-' ? [] : text.split(',').map((part) => part.trim())) {
    if (outcome.failure) throw new Error(`${where}: nothing follows a failure`);
    const failure = /^!(1\d{3}) (ERR_[A-Z0-9_]+)(?: (at|by) (\d+))?$/.exec(item);
    const event = /^((?:compressed )?(?:text|binary)|ping|pong|close \d+)(?: (.+))?$/.exec(item);
    if (failure) {
      const [, closeCode, code = '', when, index] = failure;
      outcome.failure = {
        code,
        closeCode: Number(closeCode),
        ...(when ? { [when]: Number(index) } : {}),
      };
    } else if (event) {
      const [, name = '', payload = ''] = event;
      outcome.events.push(`${name} ${hex(payload).toString('hex')}`.trim());
    } else throw new Error(`${where}: not an outcome: ${item}`);
  }
  return outcome;
}

export function decoderTable(text: string): DecoderRow[] {
  return lines(text, 5).map(
    ([section = '', title = '', literal = '', outcome = '', options = '']) => {
      const where = `row "${section} ${title}"`;
      if (!/^\d+\.\d+(\.\d+)?$/.test(section)) throw new Error(`${where}: not a section`);
      const row: DecoderRow = {
        section,
        title,
        literal,
        bytes: hex(literal),
        ...readOutcome(outcome, where),
        options: {},
      };
      for (const option of options.split(' ').filter((word) => word !== '')) {
        const [name, value] = option.split('=');
        if (name === 'client') row.options.role = 'client';
        else if (name === 'rsv1') row.options.rsv1 = true;
        else if (name === 'maxPayload') row.options.maxPayload = Number(value);
        else throw new Error(`${where}: no such option: ${option}`);
      }
      return row;
    },
  );
}

/** Checks that each row of the tables is a case of its own, and that zlib agrees with it about the bytes. */
import { parseFrames } from '../support/frames.js';
import { inflateStrictly } from '../support/inflate.js';
import { deflateMessages, type DeflateRow } from './tables/deflate-messages.js';
import { deflateNegotiation } from './tables/deflate-negotiation.js';

const tables: Record<string, { title: string; key: string }[]> = {
  'what a server answers to an offer': deflateNegotiation.map((row) => ({
    title: `${row.section} ${row.title}`,
    key: `${row.headers.join(' ¶ ')} ${JSON.stringify(row.policy)}`,
  })),
  'what a server makes of compressed messages': deflateMessages.map((row) => ({
    title: `${row.section} ${row.title}`,
    key: `${row.bytes.toString('hex')} ${JSON.stringify(row.options)}`,
  })),
};

describe('The rows of RFC 7692', () => {
  it.each(Object.entries(tables))('each test something different: %s', (_name, rows) => {
    const titles = new Map<string, string>();
    for (const { title, key } of rows) {
      if (titles.has(key)) throw new Error(`"${title}" has the bytes of "${titles.get(key)!}"`);
      titles.set(key, title);
    }
    expect(titles.size).toBe(rows.length);
  });

  it.each(Object.entries(tables))('have titles that tell them apart: %s', (_name, rows) => {
    const titles = rows.map(({ title }) => title);
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).toEqual([]);
    expect(titles.filter((title) => title.length < 10)).toEqual([]);
  });

  /** The compressed messages of a row that are whole, their fragments joined. */
  function compressed(row: DeflateRow): Buffer[] {
    const messages: { rsv: number; parts: Buffer[]; whole: boolean }[] = [];
    for (const { opcode, rsv, payload, fin } of parseFrames(row.bytes, 'client')) {
      if (opcode > 7) continue;
      if (opcode > 0) messages.push({ rsv, parts: [], whole: false });
      const message = messages.at(-1)!;
      message.parts.push(payload);
      message.whole = fin;
    }
    return messages
      .filter(({ rsv, whole }) => rsv === 4 && whole)
      .map(({ parts }) => Buffer.concat(parts));
  }

  const inflated = deflateMessages.filter(
    ({ failure }) =>
      failure === undefined || ['ERR_INVALID_DEFLATE', 'ERR_INVALID_UTF8'].includes(failure.code),
  );

  it.each(inflated.map((row) => [`${row.section} ${row.title}`, row] as const))(
    'say what zlib says: %s',
    (_title, row) => {
      const told = row.events
        .map((event) => event.replace(/^(text|binary) ?/, ''))
        .filter((_event, i) => /^(text|binary)/.test(row.events[i]!));
      let history = Buffer.alloc(0);
      let failed = false;
      for (const payload of compressed(row)) {
        try {
          const message = inflateStrictly(payload, row.options.takeover ? history : undefined);
          history = Buffer.concat([history, message]);
          // Messages that were sent uncompressed are in `told` as well; those that UTF-8 fails are not.
          if (row.failure?.code !== 'ERR_INVALID_UTF8') {
            expect(failed || told.includes(message.toString('hex'))).toBe(true);
          }
        } catch {
          failed = true;
        }
      }
      expect(failed).toBe(row.failure?.code === 'ERR_INVALID_DEFLATE');
    },
  );
});

/** Checks that each row of the tables is a case of its own. */
import { closeFrames } from './tables/close-frames.js';
import { closingHandshake } from './tables/closing-handshake.js';
import { controlFrames } from './tables/control-frames.js';
import { fragmentation } from './tables/fragmentation.js';
import { framing } from './tables/framing.js';
import { masking } from './tables/masking.js';
import { openingHandshake } from './tables/opening-handshake.js';
import { sending } from './tables/sending.js';
import { utf8 } from './tables/utf8.js';

const tables: Record<string, { title: string; key: string }[]> = {
  'what a decoder makes of bytes': [
    framing,
    masking,
    fragmentation,
    controlFrames,
    closeFrames,
    utf8,
  ]
    .flat()
    .map((row) => ({
      title: `${row.section} ${row.title}`,
      key: `${row.bytes.toString('hex')} ${JSON.stringify(row.options)}`,
    })),
  'what an encoder makes of messages': sending.map((row) => ({
    title: `${row.section} ${row.title}`,
    key: `${row.role} ${row.bytes.toString('hex')}`,
  })),
  'what a server answers to a request': openingHandshake.map((row) => ({
    title: `${row.section} ${row.title}`,
    key: `${row.server} ${row.request.toString('latin1')}`,
  })),
  'how connections end': closingHandshake.map((row) => ({
    title: `${row.section} ${row.title}`,
    key: row.literal.replace(/\s/g, ''),
  })),
};

describe('The rows of RFC 6455', () => {
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
});

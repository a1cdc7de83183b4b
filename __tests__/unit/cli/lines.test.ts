import { Readable } from 'node:stream';
import { linesOf } from '../../../src/cli/lines.js';

const read = async (...chunks: (string | Buffer)[]): Promise<string[]> => {
  const lines: string[] = [];
  for await (const line of linesOf(Readable.from(chunks, { objectMode: false }))) lines.push(line);
  return lines;
};

describe('the lines of a stream', () => {
  it('are without their ends, wherever the stream is cut', async () => {
    const text = 'one\ntwo\r\n\nthree ½\nlast';
    const lines = ['one', 'two', '', 'three ½', 'last'];
    expect(await read(text)).toEqual(lines);
    const bytes = Buffer.from(text);
    expect(await read(...[...bytes].map((byte) => Buffer.of(byte)))).toEqual(lines);
  });

  it('need no end, and there may be no lines', async () => {
    expect(await read('one\n')).toEqual(['one']);
    expect(await read()).toEqual([]);
  });
});

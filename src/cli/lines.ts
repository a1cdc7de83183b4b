import type { Readable } from 'node:stream';

/** The lines of a stream of UTF-8, without their ends. */
export async function* linesOf(input: Readable): AsyncGenerator<string, undefined> {
  let rest = '';
  input.setEncoding('utf8');
  for await (const chunk of input as AsyncIterable<string>) {
    rest += chunk;
    // A long line is not searched again with each chunk.
    if (!chunk.includes('\n')) continue;
    const lines = rest.split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield line.replace(/\r$/, '');
  }
  if (rest !== '') yield rest;
  return undefined;
}

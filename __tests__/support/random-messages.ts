import { random } from './bytes.js';
import type { Message } from './host.js';

/** Words that occur often enough to be worth referring back to, some of them not ASCII. */
const WORDS =
  'alpha beta gamma Größe Ελλάδα 日本語 ⚓ 👩‍🚀 position temperature message the of and'.split(' ');

/** Bytes that do not compress, in no order that recurs; any stretch of it will do. */
const NOISE = Buffer.alloc(300_000);
for (let at = 0, next = random(1); at < NOISE.length; at++) NOISE[at] = next() * 256;

/**
 * Messages of the kinds that compressors treat differently: records that are alike, prose, noise, runs,
 * nothing at all, what was sent before, and now and then one that is long. Each is its own only by chance, so
 * compare sequences, not sets.
 *
 * @param next numbers in [0, 1).
 */
export function randomMessages(count: number, next: () => number): Message[] {
  const below = (limit: number): number => Math.floor(next() * limit);
  const words = (limit: number): string =>
    Array.from({ length: below(limit) }, () => WORDS[below(WORDS.length)]!).join(' ');
  const noise = (length: number): Buffer => {
    const start = below(NOISE.length - length);
    return NOISE.subarray(start, start + length);
  };
  const record = (): string =>
    JSON.stringify({
      id: below(1e6),
      kind: WORDS[below(WORDS.length)],
      at: next(),
      tags: words(8).split(' '),
      nested: { x: below(100), y: below(100), text: words(20) },
    });
  const messages: Message[] = [];
  while (messages.length < count) {
    const kind = next();
    if (kind < 0.4) messages.push(record());
    else if (kind < 0.5) messages.push(words(300));
    else if (kind < 0.6) messages.push(noise(below(1000)));
    else if (kind < 0.7) messages.push(below(2) ? '' : noise(below(3)));
    else if (kind < 0.8) messages.push(Buffer.alloc(below(20_000), below(256)));
    else if (kind < 0.85) messages.push(Array.from({ length: below(60) }, record).join('\n'));
    else if (kind < 0.985) messages.push(messages[below(messages.length)] ?? 'the first');
    else messages.push(below(2) ? record().repeat(below(1000)) : noise(below(120_000)));
  }
  return messages;
}

/** A message in one to five fragments, some of them empty; text is not cut inside a character. */
export function randomFragments(message: Message, next: () => number): Message[] {
  const cuts = Array.from({ length: Math.floor(next() * 5) }, () =>
    Math.floor(next() * (message.length + 1)),
  ).sort((a, b) => a - b);
  const edges = [0, ...cuts, message.length].map((at) =>
    typeof message === 'string' && /[\udc00-\udfff]/.test(message[at] ?? '') ? at - 1 : at,
  );
  return edges.slice(1).map((end, i) => {
    const start = edges[i]!;
    return typeof message === 'string' ? message.slice(start, end) : message.subarray(start, end);
  });
}

/**
 * The same bytes to ws's Receiver and to FrameDecoder: the same messages and the same close code, but
 * for a closed list of differences. Each has a name, a rule that defines exactly when it may occur, and
 * rows that show it.
 */
import * as fc from 'fast-check';
import {
  PROTOCOL_ERRORS,
  type ProtocolErrorCode,
} from '../../src/protocol/framing/protocol-error.js';
import { FrameDecoder } from '../../src/protocol/framing/frame-decoder.js';
import { check, cutShares, offsets, spoiledBytes } from '../support/arbitraries.js';
import { cutAt, hex } from '../support/bytes.js';
import { decode } from '../support/decode.js';

const MAX_PAYLOAD = 1000;

/** What bytes alone cannot cause in a decoder: it takes a client, time, a rate, or decompression. */
const UNREACHABLE = [
  'ERR_MASK_FORBIDDEN',
  'ERR_MESSAGE_TIMEOUT',
  'ERR_MESSAGE_RATE',
  'ERR_INVALID_DEFLATE',
];

interface Verdict {
  events: string[];
  code: number | undefined;
}

interface Receiver {
  on(event: string, listener: (...values: never[]) => void): void;
  write(chunk: Buffer): void;
}
// eslint-disable-next-line @typescript-eslint/no-require-imports -- @types/ws does not know Receiver
const { Receiver } = require('ws') as {
  Receiver: new (options: {
    isServer: boolean;
    maxPayload: number;
    maxFragments?: number;
    maxBufferedChunks?: number;
  }) => Receiver;
};

/** What ws makes of the chunks. Its errors come a tick later. */
async function decodeWithWs(
  chunks: Buffer[],
  limits: { maxFragments?: number; maxBufferedChunks?: number } = {},
): Promise<Verdict> {
  const receiver = new Receiver({ isServer: true, maxPayload: MAX_PAYLOAD, ...limits });
  const verdict: Verdict = { events: [], code: undefined };
  const note = (name: string, payload: Buffer): void =>
    void verdict.events.push(`${name} ${payload.toString('hex')}`.trim());
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    note(isBinary ? 'binary' : 'text', data),
  );
  receiver.on('ping', (data: Buffer) => note('ping', data));
  receiver.on('pong', (data: Buffer) => note('pong', data));
  receiver.on('conclude', (code: number, reason: Buffer) => note(`close ${code}`, reason));
  const state = { over: false };
  receiver.on('error', (error: Error & Record<symbol, number>) => {
    state.over = true;
    const symbol = Object.getOwnPropertySymbols(error).find(
      ({ description }) => description === 'status-code',
    );
    if (!symbol) throw new Error(`ws failed without a close code: ${error.message}`);
    verdict.code = error[symbol];
  });
  receiver.on('finish', () => (state.over = true));
  for (const chunk of chunks) {
    if (!state.over) receiver.write(chunk);
    await new Promise<void>((resolve) => process.nextTick(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  return verdict;
}

function decodeHere(chunks: Buffer[]): Verdict & { error: ProtocolErrorCode | undefined } {
  const { events, error } = decode(chunks, { maxPayload: MAX_PAYLOAD });
  return { events, code: error?.closeCode, error: error?.code };
}

const isPrefix = (short: string[], long: string[]): boolean =>
  short.every((event, i) => event === long[i]);
const same = (a: string[], b: string[]): boolean => a.length === b.length && isPrefix(a, b);

type Rule = (
  here: Verdict & { error: ProtocolErrorCode | undefined },
  ws: Verdict,
  bytes: Buffer,
) => boolean;

/** ws went on for a while, but has not let the message through in which the bad byte was. */
const onlyControlFramesAfter = (here: Verdict, ws: Verdict): boolean =>
  isPrefix(here.events, ws.events) &&
  ws.events.slice(here.events.length).every((event) => /^(ping|pong|close)\b/.test(event));

/** The closed list. */
const DIFFERENCES = {
  // Section 5.2: "the minimal number of bytes MUST be used". ws reads on.
  'shortest-length': (here, ws) =>
    here.error === 'ERR_LENGTH_NOT_MINIMAL' && isPrefix(here.events, ws.events),
  // Section 5.2: "the most significant bit MUST be 0". ws takes it for a length that is too big.
  'top-bit': (here, ws) =>
    here.error === 'ERR_LENGTH_TOP_BIT' && ws.code === 1009 && same(here.events, ws.events),
  // Section 8.1, at once. ws looks when the message is complete: that may never be, or another fault may come before.
  'fail-fast-utf8': (here, ws) =>
    here.error === 'ERR_INVALID_UTF8' && ws.code !== 1007 && onlyControlFramesAfter(here, ws),
  // The same, and both fail with 1007; but ws has delivered control frames in the meantime.
  'fail-fast-utf8-overtakes-control-frames': (here, ws) =>
    here.error === 'ERR_INVALID_UTF8' && ws.code === 1007 && onlyControlFramesAfter(here, ws),
  // Section 7.4: a status code that must not be sent, at once. ws looks when the Close is complete.
  'fail-fast-close-code': (here, ws) =>
    here.error === 'ERR_CLOSE_CODE' && ws.code === undefined && same(here.events, ws.events),
  // Section 5.5.1: a Close of 1 byte. ws knows from its length; here its payload is awaited.
  'one-byte-close': (here, ws, bytes) =>
    here.error === undefined &&
    ws.code === 1002 &&
    same(here.events, ws.events) &&
    [1, 2, 3, 4, 5].some(
      (missing) =>
        decodeHere([Buffer.concat([bytes, Buffer.alloc(missing)])]).error === 'ERR_CLOSE_PAYLOAD',
    ),
} satisfies Record<string, Rule>;
type Difference = keyof typeof DIFFERENCES;

/** Which difference explains two verdicts; undefined when they are the same. */
function explain(
  here: ReturnType<typeof decodeHere>,
  ws: Verdict,
  bytes: Buffer,
): Difference | 'none' | undefined {
  if (same(here.events, ws.events) && here.code === ws.code) return undefined;
  return (
    (Object.keys(DIFFERENCES) as Difference[]).find((name) => DIFFERENCES[name](here, ws, bytes)) ??
    'none'
  );
}

const verdict = (events: string, code?: number): Verdict => ({
  events: events ? events.split(', ') : [],
  code,
});

const rows: [name: Difference, what: string, bytes: string, here: Verdict, ws: Verdict][] = [
  [
    'shortest-length',
    '1 byte in 16 bits',
    '82fe 0001 00000000 a5',
    verdict('', 1002),
    verdict('binary a5'),
  ],
  [
    'shortest-length',
    '126 bytes in 64 bits',
    '82ff 000000000000007e 00000000 a5x126',
    verdict('', 1002),
    verdict(`binary ${'a5'.repeat(126)}`),
  ],
  [
    'shortest-length',
    'over the limit, too',
    '82ff 00000000000003e9 00000000',
    verdict('', 1002),
    verdict('', 1009),
  ],
  ['top-bit', '2^63', '82ff 8000000000000000 00000000', verdict('', 1002), verdict('', 1009)],
  [
    'fail-fast-utf8',
    'the frame is not complete',
    '8183 00000000 ff',
    verdict('', 1007),
    verdict(''),
  ],
  [
    'fail-fast-utf8',
    'the message is not complete',
    '0181 00000000 ff',
    verdict('', 1007),
    verdict(''),
  ],
  [
    'fail-fast-utf8',
    'another fault comes before the end',
    '0181 00000000 ff 8181 00000000 61',
    verdict('', 1007),
    verdict('', 1002),
  ],
  [
    'fail-fast-utf8',
    'a Close comes before the end',
    '0181 00000000 ff 8880 00000000',
    verdict('', 1007),
    verdict('close 1005'),
  ],
  [
    'fail-fast-utf8-overtakes-control-frames',
    'a Ping before the end',
    '0181 00000000 ff 8980 00000000 8080 00000000',
    verdict('', 1007),
    verdict('ping', 1007),
  ],
  [
    'fail-fast-close-code',
    'the reason has not come',
    '8885 00000000 03e7',
    verdict('', 1002),
    verdict(''),
  ],
  [
    'fail-fast-utf8',
    'the end of a reason has not come',
    '8885 00000000 03e8 ff',
    verdict('', 1007),
    verdict(''),
  ],
  ['one-byte-close', 'its payload has not come', '8881 00000000', verdict(''), verdict('', 1002)],
];

describe('ws and hawser, given the same bytes', () => {
  it('see the same messages and the same close code, but for the named differences', async () => {
    const errors = new Map<string, number>();
    const explained = new Map<string, number>();
    let inputs = 0;
    let passedFirst = 0;
    await check(
      4000,
      fc.asyncProperty(spoiledBytes, cutShares, async (bytes, shares) => {
        const cuts = offsets(shares, bytes.length);
        const here = decodeHere(cutAt(bytes, cuts));
        const ws = await decodeWithWs(cutAt(bytes, cuts));
        const difference = explain(here, ws, bytes);
        if (difference === 'none') throw new Error(JSON.stringify({ here, ws }));
        inputs++;
        if (here.error) errors.set(here.error, (errors.get(here.error) ?? 0) + 1);
        if (difference) explained.set(difference, (explained.get(difference) ?? 0) + 1);
        if (passesFirstFrame(bytes)) passedFirst++;
      }),
    );
    expect(passedFirst / inputs).toBeGreaterThanOrEqual(0.5);
    const reachable = Object.keys(PROTOCOL_ERRORS).filter((code) => !UNREACHABLE.includes(code));
    expect([...errors.keys()].sort()).toEqual(reachable.sort());
    // Differences are the exception.
    expect([...explained.values()].reduce((a, b) => a + b)).toBeLessThan(inputs / 4);
  });

  it.each(rows)('%s: %s', async (name, _what, bytes, here, ws) => {
    const [mine, theirs] = [decodeHere([hex(bytes)]), await decodeWithWs([hex(bytes)])];
    expect({ events: mine.events, code: mine.code }).toEqual(here);
    expect(theirs).toEqual(ws);
    expect(explain(mine, theirs, hex(bytes))).toBe(name);
  });

  it('every named difference has a row', () => {
    expect([...new Set(rows.map(([name]) => name))].sort()).toEqual(
      Object.keys(DIFFERENCES).sort(),
    );
  });

  // ws's own limits on how many parts a message comes in are off in a bare Receiver; its server has them on.
  it('fragment-cap: a message in 16 385 fragments', async () => {
    const bytes = hex('0280 00000000 (0080 00000000)x16383 8081 00000000 a5');
    expect(decodeHere([Buffer.from(bytes)])).toMatchObject(verdict('binary a5'));
    expect(await decodeWithWs([Buffer.from(bytes)])).toEqual(verdict('binary a5'));
    expect(await decodeWithWs([bytes], { maxFragments: 16_384 })).toEqual(verdict('', 1008));
  });

  it('chunk-cap: a frame in 201 chunks', async () => {
    const chunks = (): Buffer[] =>
      cutAt(
        hex('82fe 00c8 00000000 a5x200'),
        Array.from({ length: 200 }, (_, i) => 8 + i),
      );
    expect(decodeHere(chunks())).toMatchObject(verdict(`binary ${'a5'.repeat(200)}`));
    expect(await decodeWithWs(chunks(), { maxBufferedChunks: 100 })).toEqual(verdict('', 1008));
  });
});

/** Whether at least the first frame is legal and whole. */
function passesFirstFrame(bytes: Buffer): boolean {
  const decoder = new FrameDecoder({ maxPayload: MAX_PAYLOAD });
  decoder.headers = [];
  decoder.push(Buffer.from(bytes));
  try {
    if (decoder.next()) return true;
  } catch {
    // The second frame may have been the bad one.
  }
  return decoder.headers.length > 1;
}

import {
  bytesInEnvelope,
  EMPTY_ENVELOPE_BYTES,
  type EnvelopeHeader,
  type EnvelopeMessage,
  EnvelopeWriter,
  isFrom,
  readHeader,
  readMessages,
} from '../../../../src/server/topics/envelope.js';
import { seededRandom } from '../../../support/random.cjs';

const HEADER: EnvelopeHeader = {
  node: '00112233445566ff',
  epoch: 0xdead_beef,
  first: 0x0102_0304_0506,
  sentAt: 1_700_000_000_000.5,
};

const message = (
  payload: string,
  { ...changed }: Partial<EnvelopeMessage> = {},
): EnvelopeMessage => ({
  payload: Buffer.from(payload),
  binary: false,
  compress: undefined,
  droppable: false,
  key: undefined,
  retain: false,
  ...changed,
});

function encode(messages: readonly EnvelopeMessage[], header = HEADER): Buffer {
  const writer = new EnvelopeWriter();
  for (const each of messages) writer.add(each, bytesInEnvelope(each));
  const { count, bytes } = writer;
  const envelope = writer.finish(header);
  expect([count, bytes]).toStrictEqual([messages.length, envelope.length]);
  return envelope;
}

/** The name of what is thrown: Node's own errors are of another realm than those of a test. */
function thrown(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  return 'nothing';
}

describe('EnvelopeWriter', () => {
  it('writes the format that other nodes read', () => {
    const messages = [
      message('hi'),
      message('\u0001', { binary: true, key: 'k', retain: true, compress: true }),
    ];
    const time = Buffer.alloc(8);
    time.writeDoubleBE(HEADER.sentAt);
    expect(encode(messages).toString('hex')).toBe(
      [
        '01', // version
        '00112233445566ff', // node
        'deadbeef', // epoch
        '010203040506', // the number of the first message
        time.toString('hex'),
        '00', // flags
        '00000002', // length of the payload
        '6869',
        '37', // binary, has a key, retain, compress is given, and is true
        '01', // length of the key
        '6b',
        '00000001',
        '01',
      ].join(''),
    );
  });

  it('copies each message when it is added, however many there are', () => {
    const writer = new EnvelopeWriter();
    const payload = Buffer.alloc(50);
    const sent: string[] = [];
    for (let n = 0; n < 100; n++) {
      payload.fill(n);
      const next = message('', { payload: payload.subarray(0, n % 51) });
      sent.push(Buffer.from(next.payload).toString('hex'));
      writer.add(next, bytesInEnvelope(next));
    }
    const read = readMessages(writer.finish(HEADER)).map((each) => Buffer.from(each.payload));
    expect(read.map((each) => each.toString('hex'))).toStrictEqual(sent);
  });

  it('takes as many bytes as were foretold, whatever the key', () => {
    const keys = [undefined, 'k', 'é', '🚢', 'x'.repeat(255), 'é'.repeat(127)];
    expect(keys.map((key) => bytesInEnvelope(message('12345', { key })))).toStrictEqual(
      [0, 2, 3, 5, 256, 255].map((keyBytes) => 10 + keyBytes),
    );
    expect(encode([])).toHaveLength(EMPTY_ENVELOPE_BYTES);
  });
});

describe('readHeader and readMessages', () => {
  it('read what was written', () => {
    const messages = [undefined, false, true].flatMap((compress) =>
      [false, true].flatMap((bit) => [
        message('', { compress, binary: bit, droppable: !bit }),
        message('text', { compress, key: `é${bit}`, retain: bit }),
        message('x'.repeat(70_000), { compress, key: 'é'.repeat(127), droppable: bit }),
      ]),
    );
    const envelope = encode(messages);
    expect(readHeader(envelope)).toStrictEqual(HEADER);
    expect(readMessages(envelope)).toStrictEqual(messages);
    expect(readMessages(encode([]))).toStrictEqual([]);
  });

  it('read the smallest and the greatest numbers', () => {
    const ends: EnvelopeHeader[] = [
      { node: '0'.repeat(16), epoch: 0, first: 0, sentAt: 0 },
      { node: 'f'.repeat(16), epoch: 2 ** 32 - 1, first: 2 ** 48 - 1, sentAt: 8.64e15 },
    ];
    expect(ends.map((header) => readHeader(encode([], header)))).toStrictEqual(ends);
  });

  it('read a Uint8Array in the middle of a larger one, without copying payloads', () => {
    const envelope = encode([message('payload', { key: 'k' })]);
    const larger = new Uint8Array(envelope.length + 20).fill(0xaa);
    larger.set(envelope, 7);
    const part = larger.subarray(7, 7 + envelope.length);
    expect(readHeader(part)).toStrictEqual(HEADER);
    const [read] = readMessages(part);
    expect(read).toStrictEqual(message('payload', { key: 'k' }));
    expect(read!.payload.buffer).toBe(larger.buffer);
  });

  it('refuse what is too short for a header, or of another version', () => {
    const envelope = encode([]);
    for (let length = 0; length < EMPTY_ENVELOPE_BYTES; length++) {
      expect(thrown(() => readHeader(envelope.subarray(0, length)))).toBe(
        `RangeError: an envelope has at least 27 bytes, this one ${length}`,
      );
    }
    for (const version of [0, 2, 255]) {
      envelope[0] = version;
      expect(thrown(() => readHeader(envelope))).toBe(
        `RangeError: the envelope has format ${version}, and this node reads 1 only`,
      );
    }
  });

  it('refuse an envelope that ends in the middle of a message', () => {
    const messages = [message('first'), message('second', { key: 'key' })];
    const whole = encode(messages);
    const ends = [0, 1, 2].map((count) => encode(messages.slice(0, count)).length);
    for (let length = EMPTY_ENVELOPE_BYTES; length <= whole.length; length++) {
      const part = whole.subarray(0, length);
      const count = ends.indexOf(length);
      if (count >= 0) expect(readMessages(part)).toStrictEqual(messages.slice(0, count));
      else expect(thrown(() => readMessages(part))).toMatch(/^RangeError/);
    }
  });

  it('refuse random bytes, or read messages that fill them exactly', () => {
    const random = seededRandom(1);
    const outcomes = new Set<string>();
    for (let round = 0; round < 5000; round++) {
      const tail = Uint8Array.from({ length: random() * 40 }, () => random() * 256);
      // Small numbers are likely lengths.
      for (let i = 0; i < tail.length; i++) if (random() < 0.7) tail[i]! &= 3;
      const envelope = Buffer.concat([encode([]), tail]);
      const outcome = thrown(() => {
        const bytes = readMessages(envelope).map(bytesInEnvelope);
        const sum = bytes.reduce((all, each) => all + each, EMPTY_ENVELOPE_BYTES);
        if (sum !== envelope.length) throw new Error(`${sum} of ${envelope.toString('hex')}`);
      });
      outcomes.add(outcome.split(/[\s:]/)[0]!);
    }
    expect(outcomes).toStrictEqual(new Set(['nothing', 'RangeError']));
  });
});

describe('isFrom', () => {
  it('compares the node, all of it', () => {
    const envelope = encode([message('a')]);
    expect(isFrom(envelope, Buffer.from(HEADER.node, 'hex'))).toBe(true);
    for (let i = 0; i < 8; i++) {
      const other = Buffer.from(HEADER.node, 'hex');
      other[i]! ^= 1;
      expect(isFrom(envelope, other)).toBe(false);
    }
  });
});

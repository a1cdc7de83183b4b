import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';
import { IncomingDeflate } from '../../../../src/connection/deflate/incoming.js';
import { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import { hex } from '../../../support/bytes.js';
import { compressing, parametersOf, turns, until } from '../../../support/connection.js';

const MAX_PAYLOAD = 3_000_000;
const LONG = randomBytes(200_000);

let decompressor: IncomingDeflate;
let calls: number;

beforeEach(() => {
  calls = 0;
  IncomingDeflate.resetTurn();
  const compression = new PermessageDeflate(compressing(), parametersOf(), 'server');
  decompressor = new IncomingDeflate(compression, MAX_PAYLOAD, () => calls++);
});

/** What `take` gives for a payload that was decompressed at once. */
function atOnce(payload: Buffer, isBinary = true): ReturnType<IncomingDeflate['take']> {
  decompressor.inflate(payload, isBinary);
  return decompressor.take();
}

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
}

describe('Decompressor', () => {
  it('has an ordinary message at once, and is free then', () => {
    expect(decompressor.isBusy).toBe(false);
    expect(decompressor.bytesHeld).toBe(0);
    decompressor.inflate(deflateRawSync('é'), false);
    expect(decompressor.isBusy).toBe(true);
    expect(decompressor.take()).toStrictEqual({ data: Buffer.from('é'), isBinary: false });
    expect(decompressor.isBusy).toBe(false);
    expect(calls).toBe(0);
  });

  it('refuses Text that is not UTF-8 once it is decompressed, and takes the same as Binary', () => {
    const bytes = hex('c328');
    expect(codeOf(() => atOnce(deflateRawSync(bytes), false))).toBe('ERR_INVALID_UTF8');
    expect(decompressor.isBusy).toBe(false);
    expect(atOnce(deflateRawSync(bytes))?.data).toStrictEqual(bytes);
  });

  it('says what is wrong with a payload when its message is taken', () => {
    decompressor.inflate(hex('06'), true);
    expect(codeOf(() => decompressor.take())).toBe('ERR_INVALID_DEFLATE');
    expect(decompressor.isBusy).toBe(false);
  });

  it('has a long message later, and then calls', async () => {
    const payload = deflateRawSync(LONG);
    decompressor.inflate(payload, true);
    expect(decompressor.take()).toBeUndefined();
    expect([decompressor.isBusy, calls]).toStrictEqual([true, 0]);
    expect(decompressor.bytesHeld).toBe(payload.length);
    await until('the message', () => calls === 1);
    expect(decompressor.bytesHeld).toBe(LONG.length);
    expect(decompressor.take()?.data.equals(LONG)).toBe(true);
  });

  it('says later what is wrong with a long one, too long a message among them', async () => {
    decompressor.inflate(Buffer.alloc(100_000, 0x06), true);
    await until('the message', () => calls === 1);
    expect(decompressor.bytesHeld).toBe(0);
    expect(codeOf(() => decompressor.take())).toBe('ERR_INVALID_DEFLATE');
    decompressor.inflate(deflateRawSync(Buffer.alloc(MAX_PAYLOAD + 1)), true);
    await until('the message', () => calls === 2);
    expect(codeOf(() => decompressor.take())).toBe('ERR_MESSAGE_TOO_BIG');
  });

  it('forgets a message, wherever it is, and is free', async () => {
    decompressor.discard(); // there is none
    for (const payload of [deflateRawSync('at once'), deflateRawSync(LONG)]) {
      decompressor.inflate(payload, true);
      decompressor.discard();
      expect([decompressor.isBusy, decompressor.bytesHeld]).toStrictEqual([false, 0]);
    }
    await turns(5);
    expect([calls, decompressor.isBusy]).toStrictEqual([0, false]);
    expect(atOnce(deflateRawSync('next'))?.data).toStrictEqual(Buffer.from('next'));
  });

  it('does not decompress a message that was discarded before its turn', async () => {
    const concurrency = new ConcurrencyLimit();
    const held: (() => void)[] = [];
    for (let i = 0; i < 4; i++) concurrency.run((done) => held.push(done));
    const compression = new PermessageDeflate(
      compressing({ concurrency }),
      parametersOf(),
      'server',
    );
    decompressor = new IncomingDeflate(compression, MAX_PAYLOAD, () => calls++);
    decompressor.inflate(deflateRawSync(LONG), true);
    decompressor.discard();
    held[0]!();
    await new Promise<void>((resolve) => concurrency.run(() => resolve()));
    expect(calls).toBe(0);
  });

  it('lets others have a turn when a megabyte has come out', async () => {
    const payload = deflateRawSync(Buffer.alloc(400_000));
    expect(atOnce(payload)?.data).toHaveLength(400_000);
    expect(atOnce(payload)?.data).toHaveLength(400_000);
    expect(atOnce(payload)).toBeUndefined();
    expect([decompressor.isBusy, calls]).toStrictEqual([true, 0]);
    expect(decompressor.bytesHeld).toBe(400_000);
    await new Promise(setImmediate);
    expect(calls).toBe(1);
    expect(decompressor.take()?.data).toHaveLength(400_000);
    IncomingDeflate.resetTurn();
    expect(atOnce(payload)?.data).toHaveLength(400_000);
  });
});

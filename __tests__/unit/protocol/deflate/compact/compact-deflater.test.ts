import { createDeflater, type Deflater } from '../../../../../src/protocol/deflate/contexts.js';
import { CompactDeflater } from '../../../../../src/protocol/deflate/compact/compact-deflater.js';
import { MatchFinder } from '../../../../../src/protocol/deflate/compact/match-finder.js';
import { hex, random } from '../../../../support/bytes.js';
import { DeflateWriter, readDeflate } from '../../../../support/deflate-blocks.js';

const TAIL = hex('0000ffff');
const next = random(5);
const NOISE = Buffer.from(Uint8Array.from({ length: 10_000 }, () => next() * 256));
const PROSE = Buffer.from(Array.from({ length: 3000 }, (_, i) => `${(i * i) % 977} `).join(''));

/** Records what it is given. */
class Long implements Deflater {
  readonly messages: Uint8Array[] = [];
  readonly #zlib = createDeflater({ windowBits: 12, takeover: false });

  deflate(message: Uint8Array): Buffer {
    this.messages.push(message);
    return this.#zlib.deflate(message);
  }

  release(): void {
    throw new Error('others need it');
  }
}

function made(windowBits = 12): { deflater: CompactDeflater; long: Long } {
  const long = new Long();
  return { deflater: new CompactDeflater(windowBits, long), long };
}

describe('FixedDeflater', () => {
  it.each([
    ['the example of RFC 7692 section 7.2.3.1', 'Hello', 'f248cdc9c90700'],
    ['nothing, in an empty block', '', '0200'],
  ])('writes %s', (_what, message, payload) => {
    expect(made().deflater.deflate(Buffer.from(message))).toStrictEqual(hex(payload));
  });

  it('writes as a reference what the message before was', () => {
    const { deflater } = made();
    deflater.deflate(Buffer.from('Hello'));
    const written = new DeflateWriter().fixed([{ length: 5, distance: 5 }]).end().bytes;
    expect(deflater.deflate(Buffer.from('Hello'))).toStrictEqual(written);
  });

  it('writes literals, lengths and distances as another writer does', () => {
    const { deflater } = made(15);
    const message = Buffer.concat([
      Buffer.from('ÿþ~\0abcdefgh'),
      Buffer.from('abcdefgh'),
      Buffer.alloc(600, 'x'),
      NOISE.subarray(0, 100),
      Buffer.from('abcdefghx'),
    ]);
    const content = readDeflate(Buffer.concat([deflater.deflate(message), TAIL]));
    expect(content.output).toStrictEqual(message);
    expect(content.matches).toStrictEqual([
      { length: 8, distance: 8 },
      { length: 258, distance: 1 },
      { length: 258, distance: 1 },
      { length: 83, distance: 1 },
      { length: 9, distance: 708 },
    ]);
    expect(content.blocks).toStrictEqual([
      { type: 'fixed', final: false },
      { type: 'stored', final: false },
    ]);
    const parts = (text: string): string[] => [text];
    const [short, other] = [Buffer.from('abcdefgh-abcdefgh'), new DeflateWriter()];
    const written = other.fixed([...parts('abcdefgh-'), { length: 8, distance: 9 }]).end().bytes;
    expect(made().deflater.deflate(short)).toStrictEqual(written);
  });

  it.each([8, 9, 12, 15])('refers to messages before, within a window of %i bits', (windowBits) => {
    const { deflater } = made(windowBits);
    let history = Buffer.alloc(0);
    let matches = 0;
    for (
      let at = 0, length = 0;
      at < PROSE.length;
      at += length, length = (length * 3 + 1) % 2000
    ) {
      const message = PROSE.subarray(at, at + length);
      const payload = deflater.deflate(message);
      const content = readDeflate(Buffer.concat([payload, TAIL]), history);
      expect(content.output.equals(message)).toBe(true);
      history = Buffer.concat([history, message]).subarray(-(2 ** windowBits));
      matches += content.matches.length;
    }
    expect(matches).toBeGreaterThan(100);
  });

  it('stores what would become longer than that', () => {
    const { deflater } = made();
    const payload = deflater.deflate(NOISE.subarray(0, 2048));
    expect(payload).toHaveLength(2048 + 6);
    const { blocks, output } = readDeflate(Buffer.concat([payload, TAIL]));
    expect(blocks.map(({ type }) => type)).toStrictEqual(['stored', 'stored']);
    expect(output.equals(NOISE.subarray(0, 2048))).toBe(true);
    expect(deflater.deflate(NOISE.subarray(0, 2048)).length).toBeLessThan(40); // the peer knows it now
  });

  it('has room for as many codes of nine bits as there can be', () => {
    const bytes = NOISE.subarray(0, 2048).map((byte) => 144 + (byte % 112));
    const payload = made().deflater.deflate(bytes);
    expect(readDeflate(Buffer.concat([payload, TAIL])).output.equals(bytes)).toBe(true);
  });

  it('does not store what becomes as long as that', () => {
    // A literal from 144 on takes nine bits: 48 of them take six bytes more than they have.
    const bytes = Buffer.from(Array.from({ length: 60 }, (_, i) => 144 + ((i * 41) % 111)));
    const types = (length: number): string =>
      readDeflate(Buffer.concat([made().deflater.deflate(bytes.subarray(0, length)), TAIL]))
        .blocks[0]!.type;
    const longest = (length: number): number => Math.ceil((3 + 9 * length + 10) / 8);
    const fits = Array.from({ length: 60 }, (_, length) => longest(length) <= length + 6).lastIndexOf(true); // prettier-ignore
    expect(types(fits)).toBe('fixed');
    expect(types(fits + 1)).toBe('stored');
  });

  describe('for messages of more than 2 KiB', () => {
    /** Of so many bytes, which differ from another one of that length in the first few. */
    const state = (length: number, id: string): Buffer =>
      Buffer.concat([Buffer.from(id), NOISE.subarray(0, length - id.length)]);

    it('writes them itself where they resemble what came before', () => {
      const { deflater, long } = made(15);
      let history = Buffer.alloc(0);
      for (const length of [2049, 2560, 4096, 10_000]) {
        deflater.deflate(state(length, 'one'));
        history = Buffer.concat([history, state(length, 'one')]);
        long.messages.length = 0;
        const message = state(length, 'two');
        const payload = deflater.deflate(message);
        expect(payload.length).toBeLessThan(length / 8);
        expect(long.messages).toStrictEqual([]);
        const { blocks, output } = readDeflate(Buffer.concat([payload, TAIL]), history);
        expect(blocks.map(({ type }) => type)).toStrictEqual(['fixed', 'stored']);
        expect(output.equals(message)).toBe(true);
        history = Buffer.concat([history, message]);
      }
    });

    it('leaves them to the other where they do not, and refers to them later', () => {
      const { deflater, long } = made();
      const known = NOISE.subarray(5000, 7048);
      deflater.deflate(known);
      expect(long.messages).toStrictEqual([]);
      const message = NOISE.subarray(0, 2049);
      expect(deflater.deflate(message).length).toBeGreaterThan(2049);
      expect(long.messages).toStrictEqual([message]);
      for (const [from, to] of [
        [0, 600],
        [400, 1400],
        [1500, 2049],
      ]) {
        const again = Buffer.from(message.subarray(from, to));
        const payload = deflater.deflate(again);
        expect(payload.length).toBeLessThan(40);
      }
    });

    it('leaves them to the other as soon as an eighth of what went in has come out', () => {
      const { deflater, long } = made(15);
      deflater.deflate(state(4096, 'one'));
      const message = Buffer.concat([state(2048, 'two'), NOISE.subarray(6000, 8000)]);
      long.messages.length = 0;
      deflater.deflate(message);
      expect(long.messages).toStrictEqual([message]);
      const later = deflater.deflate(message); // of which it knows every part
      expect(later.length).toBeLessThan(150);
      expect(long.messages).toHaveLength(1);
    });

    it('draws that line where 64 bytes have come of the first 512', () => {
      // A literal from 144 on takes nine bits, and what repeats takes next to none.
      const taken = (literals: number): boolean => {
        const { deflater, long } = made();
        const repeated = Buffer.alloc(3000, 'wxyz');
        deflater.deflate(repeated.subarray(0, 2000));
        const message = Buffer.concat([
          NOISE.subarray(0, literals).map((byte) => 144 + (byte % 112)),
          repeated.subarray(0, 3000 - literals),
        ]);
        const payload = deflater.deflate(message);
        expect(readDeflate(Buffer.concat([payload, TAIL]), repeated.subarray(0, 2000)).output.equals(message)).toBe(true); // prettier-ignore
        return long.messages.length === 0;
      };
      const most = Array.from({ length: 70 }, (_, literals) => taken(literals)).lastIndexOf(true);
      expect(most).toBe(51);
    });

    it('leaves those of more than 64 KiB to the other', () => {
      const { deflater, long } = made();
      const message = Buffer.alloc(64 * 1024 + 1);
      deflater.deflate(message.subarray(1));
      expect(long.messages).toStrictEqual([]);
      deflater.deflate(message);
      expect(long.messages).toStrictEqual([message]);
    });
  });

  it('refers to nothing before it once it was released', () => {
    const { deflater } = made();
    deflater.release(); // of nothing
    const message = NOISE.subarray(0, 1000);
    const first = deflater.deflate(message);
    deflater.release();
    expect(deflater.deflate(message)).toStrictEqual(first);
    expect(deflater.deflate(message).length).toBeLessThan(30);
  });

  it('hands out payloads that stay as they are, and leaves the message alone', () => {
    const { deflater } = made();
    const message = Buffer.from('first message');
    const payload = deflater.deflate(message);
    const copy = Buffer.from(payload);
    deflater.deflate(Buffer.from('second message'));
    deflater.deflate(NOISE.subarray(0, 1000));
    expect(payload).toStrictEqual(copy);
    expect(message.toString()).toBe('first message');
  });

  it('takes no memory before its first message, nor when it was released', () => {
    const parse = jest.spyOn(MatchFinder.prototype, 'parse');
    const { deflater } = made(13);
    deflater.deflate(Buffer.from('one'));
    deflater.deflate(Buffer.from('other'));
    deflater.release();
    deflater.deflate(Buffer.from('third'));
    const [one, other, third] = parse.mock.contexts as MatchFinder[];
    expect(other).toBe(one);
    expect(third).not.toBe(one);
    parse.mockRestore();
  });

  it('says how much that is', () => {
    expect(CompactDeflater.bytesOf(13)).toBe(MatchFinder.bytesOf(13, 2048));
  });
});

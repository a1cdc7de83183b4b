import { LONGEST_MESSAGE, MessageBuffer } from '../../../../src/protocol/framing/message-buffer.js';
import { hex, random } from '../../../support/bytes.js';
import { FREES, own } from '../../../support/memory.js';

describe('MessageBuffer', () => {
  it('is empty and holds no memory before anything arrives', () => {
    const buffer = new MessageBuffer();
    expect([buffer.length, buffer.capacity]).toEqual([0, 0]);
    expect(buffer.take()).toEqual(Buffer.alloc(0));
  });

  it('joins pieces in the order they come, and only the bytes asked for', () => {
    const buffer = new MessageBuffer();
    buffer.append(hex('00 01 02 03'), 1, 3);
    buffer.append(hex('ff'), 0, 0);
    buffer.append(hex('04 05'), 0, 2);
    expect(buffer.length).toBe(4);
    expect(buffer.take()).toEqual(hex('01 02 04 05'));
  });

  it('returns a block into which the caller writes, up to filled', () => {
    const buffer = new MessageBuffer();
    buffer.append(hex('01'), 0, 1);
    const block = buffer.extend(2);
    expect(buffer.filled).toBe(3);
    block[1] = 0x02;
    block[2] = 0x03;
    expect(buffer.take()).toEqual(hex('01 02 03'));
  });

  it('keeps what it has when the block has to grow', () => {
    const buffer = new MessageBuffer();
    const whole = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251));
    for (let at = 0; at < 5000; at += 7) buffer.append(whole, at, Math.min(5000, at + 7));
    expect(buffer.take()).toEqual(whole);
  });

  it.each([
    [1, 64],
    [32, 64],
    [33, 66],
    [1000, 2000],
  ])('allocates %i → %i bytes when the length of the message is not known', (count, capacity) => {
    const buffer = new MessageBuffer();
    buffer.extend(count);
    expect([buffer.length, buffer.capacity]).toEqual([count, capacity]);
  });

  it.each([
    [100, 4 * 1024 * 1024, 200],
    [100, 201, 200],
    [100, 200, 200],
    [100, 150, 150],
    [100, 100, 100],
    [10, 4 * 1024 * 1024, 64],
    [10, 20, 20],
    [10, 10, 10],
  ])('allocates for %i bytes of %i announced no more than %i', (count, total, capacity) => {
    const buffer = new MessageBuffer();
    expect(buffer.willGrowAgain(count, total)).toBe(total > 2 * count);
    buffer.extend(count, total);
    expect(buffer.capacity).toBe(capacity);
  });

  it('allocates exactly the missing bytes for the last piece', () => {
    const buffer = new MessageBuffer();
    buffer.extend(100, 250);
    expect(buffer.capacity).toBe(200);
    buffer.extend(150, 250);
    expect([buffer.length, buffer.capacity]).toEqual([250, 250]);
  });

  it('keeps a large piece where it is, in its place between copied ones', () => {
    const buffer = new MessageBuffer();
    buffer.append(hex('01 02'), 0, 2);
    buffer.keep(hex('03 04'));
    buffer.keep(hex('05'));
    expect([buffer.length, buffer.filled]).toEqual([5, 0]);
    buffer.append(hex('06'), 0, 1);
    expect([buffer.length, buffer.filled, buffer.capacity]).toEqual([6, 1, 5 + 64]);
    expect(buffer.take()).toEqual(hex('01 02 03 04 05 06'));
    expect([buffer.length, buffer.filled, buffer.capacity]).toEqual([0, 0, 0]);
  });

  it('joins kept pieces without copied ones', () => {
    const buffer = new MessageBuffer();
    buffer.keep(hex('01 02'));
    buffer.keep(hex('03'));
    expect(buffer.capacity).toBe(3);
    expect(buffer.take()).toEqual(hex('01 02 03'));
  });

  it('gets one block for the whole message as soon as half of it has come', () => {
    const buffer = new MessageBuffer();
    buffer.append(Buffer.alloc(10, 1), 0, 10);
    buffer.keep(Buffer.alloc(30, 2));
    buffer.append(Buffer.alloc(5, 3), 0, 5);
    expect(buffer.willGrowAgain(60, 300)).toBe(true);
    expect(buffer.willGrowAgain(105, 300)).toBe(false);
    const block = buffer.extend(105, 300);
    block.fill(4, buffer.filled - 105, buffer.filled);
    expect([block.length, buffer.length, buffer.filled, buffer.capacity]).toEqual([
      300, 150, 150, 300,
    ]);
    buffer.extend(150, 300).fill(5, 150);
    expect(buffer.take().equals(hex('01x10 02x30 03x5 04x105 05x150'))).toBe(true);
  });

  it('does not write later bytes into a piece that it keeps', () => {
    const buffer = new MessageBuffer();
    const piece = hex('01 02 03');
    buffer.keep(piece);
    buffer.append(hex('ff'), 0, 1);
    const other = new MessageBuffer(); // and the list of pieces is its own
    expect(other.take()).toHaveLength(0);
    expect(buffer.take()).toEqual(hex('01 02 03 ff'));
    expect(piece).toEqual(hex('01 02 03'));
  });

  it('has at most twice the length, or 64 bytes, whatever the sizes of the pieces', () => {
    const next = random(1);
    for (let round = 0; round < 50; round++) {
      const buffer = new MessageBuffer();
      const largest = 10 ** (next() * 4);
      const total = next() < 0.5 ? Infinity : 100 * largest;
      for (let piece = 0; piece < 100; piece++) {
        const count = 1 + Math.floor(next() * largest);
        if (next() < 0.2) buffer.keep(Buffer.alloc(count));
        else buffer.extend(count, Math.max(total, buffer.length + count));
        expect(buffer.capacity).toBeLessThanOrEqual(2 * buffer.length + 64);
        expect(buffer.capacity).toBeGreaterThanOrEqual(buffer.length);
      }
    }
  });

  it('holds 131 072 one-byte pieces in 256 KiB and grows twelve times for them', () => {
    const buffer = new MessageBuffer();
    const blocks = new Set<Buffer>();
    for (let piece = 0; piece < 131_072; piece++) blocks.add(buffer.extend(1));
    expect(buffer.capacity).toBeLessThanOrEqual(2 * 131_072);
    expect(blocks.size).toBe(12); // 64 bytes, then twice 65, twice 131 …
  });

  it('is empty again once its bytes are taken, and does not change them', () => {
    const buffer = new MessageBuffer();
    buffer.append(hex('01 02'), 0, 2);
    const taken = buffer.take();
    expect([buffer.length, buffer.capacity]).toEqual([0, 0]);
    buffer.append(hex('ff ff'), 0, 2);
    expect(taken).toEqual(hex('01 02'));
    expect(buffer.take()).toEqual(hex('ff ff'));
  });
});

describe('MessageBuffer, of memory that is its own', () => {
  const piece = (): Buffer => Buffer.from(own(20_000).buffer);
  const left = FREES ? 0 : 20_000;

  it.each([
    ['the message is taken', (buffer: MessageBuffer) => void buffer.take()],
    ['half of the message is there', (buffer: MessageBuffer) => void buffer.extend(10, 40_010)],
  ])('frees pieces when they are copied: %s', (_, copy) => {
    const buffer = new MessageBuffer();
    const pieces = [piece(), piece()];
    for (const each of pieces) buffer.keep(each, true);
    copy(buffer);
    expect(pieces.map(({ length }) => length)).toEqual([left, left]);
  });

  it.each([
    [
      'one of them is not ours',
      (buffer: MessageBuffer, each: Buffer) => {
        buffer.keep(each);
      },
    ],
    [
      'a block of the pool comes before them',
      (buffer: MessageBuffer, each: Buffer) => {
        buffer.append(hex('00'), 0, 1);
        buffer.keep(each, true);
      },
    ],
  ])('frees no piece if %s', (_, keep) => {
    const buffer = new MessageBuffer();
    const pieces = [piece(), piece()];
    keep(buffer, pieces[0]!);
    buffer.keep(pieces[1]!, true);
    expect(buffer.take().length).toBeGreaterThanOrEqual(40_000);
    expect(pieces.map(({ length }) => length)).toEqual([20_000, 20_000]);
  });

  it('frees a block that became too small', () => {
    const buffer = new MessageBuffer();
    const first = buffer.extend(20_000);
    const second = buffer.extend(30_000);
    expect([first.length, second.length]).toEqual([FREES ? 0 : 40_000, 100_000]);
  });
});

describe('MessageBuffer, at the limits of the platform', () => {
  it('joins less than 4 GiB, and less than the longest Buffer', () => {
    expect(LONGEST_MESSAGE).toBe(0xffff_ffff);
    jest.isolateModules(() => {
      jest.doMock('node:buffer', () => ({
        ...jest.requireActual<object>('node:buffer'),
        constants: { MAX_LENGTH: 2 ** 30 },
      }));
      const less = jest.requireActual<{ LONGEST_MESSAGE: number }>(
        '../../../../src/protocol/framing/message-buffer.js',
      );
      expect(less.LONGEST_MESSAGE).toBe(2 ** 30);
    });
    jest.dontMock('node:buffer');
  });

  it('does not allocate a longer block than that', () => {
    const asked: number[] = [];
    const allocate = jest.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation((size) => {
      asked.push(size);
      const copy = (_target: Buffer, _at: number, start: number, end: number): number =>
        end - start;
      return Object.defineProperties(Buffer.alloc(0), {
        length: { value: size },
        byteLength: { value: size },
        copy: { value: copy },
      });
    });
    const buffer = new MessageBuffer();
    buffer.extend(2 ** 30);
    buffer.extend(2 ** 31);
    buffer.extend(2 ** 30 - 2);
    buffer.extend(1);
    allocate.mockRestore();
    expect(asked).toEqual([2 ** 31, LONGEST_MESSAGE]);
    expect(buffer.length).toBe(2 ** 32 - 1);
  });

  it('throws a RangeError without enough memory', () => {
    const allocate = jest.spyOn(Buffer, 'allocUnsafe').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed');
    });
    expect(() => new MessageBuffer().extend(1)).toThrow(RangeError);
    allocate.mockRestore();
  });
});

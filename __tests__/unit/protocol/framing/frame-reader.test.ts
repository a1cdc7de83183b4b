import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import type { FrameHeader } from '../../../../src/protocol/framing/frame.js';
import { cutAt, everyByte, hex, waysToCut } from '../../../support/bytes.js';
import { read } from '../../../support/decode.js';
import { clientFrame } from '../../../support/frames.js';
import { FREES } from '../../../support/memory.js';

// A FrameReader is used as a FrameDecoder, which is one.

describe('The progress of a FrameReader', () => {
  it.each([
    ['nothing', '', false],
    ['the first byte of a header', '81', true],
    ['a header without its last byte', '8181 000000', true],
    ['a header', '8181 00000000', true],
    ['half a payload', '8182 00000000 61', true],
    ['a message', '8181 00000000 61', false],
    ['an empty message', '8180 00000000', false],
    ['a message and the first byte of another', '8181 00000000 61 82', true],
    ['a first fragment', '0181 00000000 61', true],
    ['an empty first fragment', '0180 00000000', true],
    ['two fragments of three', '0181 00000000 61 0081 00000000 62', true],
    ['all three', '0181 00000000 61 0081 00000000 62 8081 00000000 63', false],
    ['a first fragment and a Ping', '0181 00000000 61 8980 00000000', true],
    ['half a Ping', '8982 00000000 70', true],
    ['a Ping', '8981 00000000 70', false],
    ['a Ping and half a Pong', '8980 00000000 8a82 00000000 70', true],
    ['a Close', '8880 00000000', false],
    ['a Close inside a message', '0181 00000000 61 8880 00000000', false],
    ['a Close and the bytes after it', '8880 00000000 8182 00000000 61', false],
  ])('after %s', (_what, literal, unfinished) => {
    for (const cut of [[], everyByte(hex(literal))]) {
      const decoder = new FrameDecoder();
      for (const chunk of cutAt(hex(literal), cut)) {
        decoder.push(chunk);
        while (decoder.next());
      }
      expect(decoder.inProgress).toBe(unfinished);
    }
  });

  it.each([
    ['a header', '8182 00000000', '6162'],
    ['a cut header', '8182 0000', '0000 6162'],
    ['a fragment', '0181 00000000 61', '8080 00000000'],
    ['half a Ping', '8982 00000000 70', '70'],
    ['nothing', '', '8181 00000000 61'],
  ])('is false after stop, in the middle of %s', (_what, first, rest) => {
    const decoder = new FrameDecoder();
    decoder.push(hex(first));
    expect(decoder.next()).toBe(false);
    decoder.stop();
    decoder.push(hex(rest));
    expect([decoder.next(), decoder.inProgress, decoder.bytesHeld]).toEqual([false, false, 0]);
  });
});

describe('The headers of a FrameReader', () => {
  const shown = (headers: FrameHeader[] | undefined): string[] =>
    (headers ?? []).map(({ opcode, fin, rsv1, rsv2, rsv3, length }) =>
      [opcode, fin, rsv1, rsv2, rsv3, length].map(Number).join(' '),
    );

  it('has the header of every frame once it is set, also of control frames and fragments', () => {
    const stream = hex(
      '8181 00000000 61 4181 00000000 61 8980 00000000 8082 00000000 6161 8880 00000000',
    );
    for (const cuts of waysToCut(stream)) {
      const decoder = new FrameDecoder({ rsv1: true });
      decoder.headers = [];
      read(decoder, ...cutAt(stream, cuts));
      expect(shown(decoder.headers)).toEqual([
        '1 1 0 0 0 1',
        '1 0 1 0 0 1',
        '9 1 0 0 0 0',
        '0 1 0 0 0 2',
        '8 1 0 0 0 0',
      ]);
    }
  });

  it('has a header as soon as it is complete, and no refused header', () => {
    const decoder = new FrameDecoder();
    decoder.headers = [];
    read(decoder, hex('82ff0000000000010000 00000000 61'));
    expect(shown(decoder.headers)).toEqual(['2 1 0 0 0 65536']);
    const other = new FrameDecoder();
    other.headers = [];
    expect(() => read(other, hex('8380 00000000'))).toThrow('reserved');
    expect(other.headers).toEqual([]);
  });

  it('is undefined by default', () => {
    const decoder = new FrameDecoder();
    read(decoder, hex('8180 00000000'));
    expect(decoder.headers).toBeUndefined();
  });
});

describe('FrameReader.nonInitialFrames', () => {
  it('counts control and continuation frames from its current value', () => {
    const stream = hex(
      '8181 00000000 61 8280 00000000 8980 00000000 0281 00000000 61 0080 00000000 8a80 00000000 8081 00000000 61',
    );
    for (const cuts of waysToCut(stream)) {
      const decoder = new FrameDecoder();
      expect(decoder.nonInitialFrames).toBe(0);
      read(decoder, ...cutAt(stream, cuts));
      expect(decoder.nonInitialFrames).toBe(4);
      decoder.nonInitialFrames = 0;
      read(decoder, hex('8180 00000000 8880 00000000'));
      expect(decoder.nonInitialFrames).toBe(1);
    }
  });
});

describe('The chunks of a FrameReader', () => {
  it('are copied only where they cut a header', () => {
    const allocUnsafe = jest.spyOn(Buffer, 'allocUnsafe');
    const copies = ['8188 00000000 61x8', '8188 00000000 61x8 82', '8188 0000'].map((literal) => {
      const chunk = hex(literal);
      allocUnsafe.mockClear();
      read(new FrameDecoder(), chunk);
      return allocUnsafe.mock.calls.length;
    });
    allocUnsafe.mockRestore();
    expect(copies).toStrictEqual([0, 1, 1]);
  });

  it('count in bytesHeld until they are read', () => {
    const decoder = new FrameDecoder();
    const frame = hex('82fe03e8 00000000 61x1000');
    decoder.push(Buffer.from(frame));
    expect(decoder.bytesHeld).toBe(1008);
    decoder.push(Buffer.from(frame));
    expect(decoder.bytesHeld).toBe(1008 + 2016);
    expect(decoder.next()).toBe(true); // the first, and the chunk it came in, are done with
    expect(decoder.bytesHeld).toBe(2016);
    expect(decoder.next()).toBe(true);
    expect(decoder.bytesHeld).toBe(0);
  });

  it('take at most twice their bytes while they wait', () => {
    const decoder = new FrameDecoder();
    for (let pushed = 7; pushed <= 70_000; pushed += 7) {
      decoder.push(hex('8181 00000000 61'));
      expect(decoder.bytesHeld).toBeLessThanOrEqual(2 * pushed + 64);
    }
    let count = 0;
    while (decoder.next()) count++;
    expect([count, decoder.bytesHeld]).toEqual([10_000, 0]);
  });

  it('keep their order when pushing and reading take turns', () => {
    const decoder = new FrameDecoder();
    const found: number[] = [];
    const chunkOf = (...bytes: number[]): Buffer =>
      Buffer.concat(bytes.map((byte) => Buffer.from([0x82, 0x81, 0, 0, 0, 0, byte])));
    const take = (): unknown => decoder.next() && found.push(decoder.payload[0]!);
    for (let byte = 0; byte < 40; byte += 4) {
      decoder.push(chunkOf(byte, byte + 1));
      take();
      decoder.push(chunkOf(byte + 2).subarray(0, 3));
      decoder.push(chunkOf(byte + 2).subarray(3));
      decoder.push(chunkOf(byte + 3));
      take();
    }
    while (decoder.next()) found.push(decoder.payload[0]!);
    expect(found).toEqual(Array.from({ length: 40 }, (_, byte) => byte));
  });

  it('are freed if they are its own and were copied because they came too early', () => {
    const chunks = [20_000, 30_000].map((length) => {
      const frame = clientFrame({ opcode: 2, payload: Buffer.alloc(length, 'a') });
      const chunk = Buffer.allocUnsafeSlow(frame.length);
      frame.copy(chunk);
      return chunk;
    });
    const decoder = new FrameDecoder();
    for (const chunk of chunks) decoder.pushOwned(chunk);
    expect(chunks[1]!.length === 0).toBe(FREES);
    expect(decoder.next()).toBe(true);
    expect(decoder.payload).toHaveLength(20_000);
    expect(decoder.next()).toBe(true);
    expect(decoder.payload).toHaveLength(30_000);
    expect(chunks[0]!.length === 0).toBe(FREES);
  });

  it('are released once everything that was pushed is read', () => {
    const decoder = new FrameDecoder();
    decoder.push(hex('8180 00000000 8180 00000000'));
    decoder.push(hex('8180 00000000'));
    const released: boolean[] = [];
    while (decoder.next()) released.push(decoder.releaseIfRead());
    expect(released).toEqual([false, false, true]);
  });

  it.each([
    ['a Text frame', ['8182 00000000 6162'], true],
    ['a Ping', ['8980 00000000'], false],
    ['a Text frame after a message', ['8180 00000000', '8180 00000000'], true],
    ['a Ping after a message', ['8180 00000000', '8980 00000000'], false],
    ['half a header', ['81'], true],
    ['half a header of a Ping', ['89'], false],
    ['nothing after a message', ['8180 00000000'], false],
  ])('tell whether a message is next: %s', (_what, literals, expected) => {
    const decoder = new FrameDecoder();
    for (const literal of literals) decoder.push(hex(literal));
    const [first] = literals;
    if (first === '8180 00000000' || first!.length === 2) decoder.next();
    expect(decoder.isAtMessage()).toBe(expected);
  });
});

import { FrameEncoder } from '../../src/protocol/framing/frame-encoder.js';
import type { Opcode } from '../../src/protocol/framing/frame.js';
import { sending } from './tables/sending.js';

const encoders = {
  server: new FrameEncoder({ role: 'server' }),
  client: new FrameEncoder({
    role: 'client',
    maskingKey: (target) => {
      target.set([1, 2, 3, 4]);
    },
  }),
};

describe('RFC 6455, the sending endpoint', () => {
  it.each(sending.map((row) => [row.section, row.title, row] as const))(
    '%s %s',
    (_section, _title, row) => {
      const encoder = encoders[row.role];
      expectSame(encoder.encode(row.opcode as Opcode, row.payload, row.flags), row.bytes);
      // A string with the same bytes is the same frame.
      if (row.opcode === 1) {
        expectSame(encoder.encode(row.opcode, row.payload.toString(), row.flags), row.bytes);
      }
    },
  );

  it('5.5 a control frame longer than 125 bytes is not sent', () => {
    expect(() => encoders.server.encode(9, Buffer.alloc(126))).toThrow('126');
  });

  it('5.5 a fragmented control frame is not sent', () => {
    expect(() => encoders.server.encode(9, '', { fin: false })).toThrow('fragmented');
  });

  it('5.2 a reserved opcode is not sent', () => {
    expect(() => encoders.server.encode(3 as Opcode, '')).toThrow('opcode 3');
  });

  it('5.3 a masking key is not used twice', () => {
    const encoder = new FrameEncoder({ role: 'client' });
    const keys = Array.from({ length: 8 }, () => encoder.encode(2, '').toString('hex', 2));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

/** Compares the headers first: a difference of 64 KiB is no message. */
function expectSame(actual: Buffer, wanted: Buffer): void {
  expect(actual.toString('hex', 0, 64)).toBe(wanted.toString('hex', 0, 64));
  expect(actual.equals(wanted)).toBe(true);
}

import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  hasOwnEnds,
  isWorthFreeing,
  ownChunk,
  releaseWhenFinished,
  resetTransport,
  TRANSPORT_ENDS,
} from '../../../src/connection/transport.js';

/** A transport with ends of its own, which are counted. */
function transport() {
  const ends = { reset: jest.fn(), release: jest.fn() };
  return { ends, socket: Object.assign(new PassThrough(), { [TRANSPORT_ENDS]: ends }) };
}

describe('a transport', () => {
  it('is destroyed, or ends in its own way', () => {
    const plain = new PassThrough();
    resetTransport(plain);
    expect(plain.destroyed).toBe(true);
    const { ends, socket } = transport();
    expect([hasOwnEnds(plain), hasOwnEnds(socket)]).toEqual([false, true]);
    resetTransport(socket);
    expect(ends.reset).toHaveBeenCalledWith(socket);
    expect(socket.destroyed).toBe(false);
  });

  it('is released once our half has ended, if it has ends of its own', async () => {
    const plain = new PassThrough();
    releaseWhenFinished(plain);
    expect(plain.listenerCount('finish')).toBe(0);
    const { ends, socket } = transport();
    releaseWhenFinished(socket);
    expect(ends.release).not.toHaveBeenCalled();
    socket.end();
    await once(socket, 'finish');
    expect(ends.release).toHaveBeenCalledTimes(1);
    expect(ends.release.mock.contexts).toEqual([socket]);
  });
});

describe('ownChunk', () => {
  it('copies a small part of a larger read, and nothing else', () => {
    const read = Buffer.alloc(65_536, 'x');
    const whole = read.subarray(0, 40_000);
    expect(ownChunk(whole)).toBe(whole);
    const part = ownChunk(read.subarray(100, 200));
    expect(part.buffer).not.toBe(read.buffer);
    expect(part.toString()).toBe('x'.repeat(100));
  });
});

describe('isWorthFreeing', () => {
  it('is true of a chunk that is long and all of its memory', () => {
    expect(isWorthFreeing(Buffer.allocUnsafeSlow(16_384))).toBe(true);
    expect(isWorthFreeing(Buffer.allocUnsafeSlow(16_383))).toBe(false);
    expect(isWorthFreeing(Buffer.allocUnsafeSlow(16_385).subarray(1))).toBe(false);
  });
});

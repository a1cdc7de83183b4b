import { PassThrough } from 'node:stream';
import {
  peerAddressOf,
  tuneSocket,
  rawSocketOf,
  restartReading,
  writtenTo,
} from '../../../../src/server/http1/raw-socket.js';
import { fakeRequest } from '../../../support/server.js';

/** A socket with what a Duplex lacks. */
function fakeSocket() {
  const calls: unknown[] = [];
  const socket = Object.assign(new PassThrough(), {
    remoteAddress: '10.0.0.1',
    bytesWritten: 7,
    setNoDelay: (on: boolean) => calls.push(['setNoDelay', on]),
    setTimeout: (milliseconds: number) => calls.push(['setTimeout', milliseconds]),
  });
  return { socket, calls };
}

function requestOf(socket: unknown) {
  return Object.assign(fakeRequest(), { socket } as object);
}

describe('the socket of a request', () => {
  it('counts, whatever stands in for it', () => {
    const { socket, calls } = fakeSocket();
    const request = requestOf(socket);
    const standIn = new PassThrough();
    expect(rawSocketOf(request, standIn)).toBe(socket);
    expect(peerAddressOf(request, standIn)).toBe('10.0.0.1');
    expect(writtenTo(request, standIn)).toBe(7);
    standIn.cork();
    standIn.write('abc');
    expect(writtenTo(request, standIn)).toBe(10);
    tuneSocket(request, standIn);
    expect(calls).toEqual([
      ['setNoDelay', true],
      ['setTimeout', 0],
    ]);
  });

  it('is counted once where it is what was handed over', () => {
    const { socket, calls } = fakeSocket();
    const request = requestOf(socket);
    expect(writtenTo(request, socket)).toBe(7);
    tuneSocket(request, socket);
    expect(calls).toHaveLength(2);
  });

  it('reads again where its handle was stopped, and only there', () => {
    for (const [_handle, reads] of [
      [{ reading: false }, 1],
      [{ reading: true }, 0],
      [{}, 0],
      [null, 0],
      [undefined, 0],
    ] as const) {
      const _read = jest.fn();
      restartReading(Object.assign(new PassThrough(), { _handle, _read }));
      expect(_read).toHaveBeenCalledTimes(reads);
    }
  });

  it.each([[undefined], [null], [{}]])(
    'is what was handed over where the request has %p',
    (own) => {
      const { socket } = fakeSocket();
      expect(rawSocketOf(requestOf(own), socket)).toBe(socket);
    },
  );

  it('may be one without an address, on a request made by hand', () => {
    const { socket } = fakeSocket();
    expect(peerAddressOf(requestOf(new PassThrough()), socket)).toBe('10.0.0.1');
    expect(peerAddressOf(requestOf(new PassThrough()), new PassThrough())).toBeUndefined();
  });
});

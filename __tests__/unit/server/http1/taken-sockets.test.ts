import { PassThrough } from 'node:stream';
import { isTaken, takeSocket } from '../../../../src/server/http1/taken-sockets.js';
import { fakeRequest } from '../../../support/server.js';

describe('a socket that was taken', () => {
  it('is taken for good, and so is the one below it', () => {
    const [standIn, raw] = [new PassThrough(), new PassThrough()];
    const request = Object.assign(fakeRequest(), { socket: raw }) as never;
    expect(isTaken(request, standIn)).toBe(false);
    takeSocket(request, standIn);
    expect(isTaken(request, standIn)).toBe(true);
    expect(isTaken(request, raw)).toBe(true);
    expect(isTaken(request, new PassThrough())).toBe(true);
    expect(isTaken(fakeRequest(), standIn)).toBe(true);
    expect(isTaken(fakeRequest(), new PassThrough())).toBe(false);
  });

  it('may have been taken by ws, which has a mark of its own', () => {
    const [standIn, raw] = [new PassThrough(), new PassThrough()];
    const request = Object.assign(fakeRequest(), { socket: raw }) as never;
    expect(isTaken(request, standIn)).toBe(false);
    Object.assign(raw, { [Symbol('websocket')]: {} });
    expect([isTaken(request, standIn), isTaken(fakeRequest(), raw)]).toEqual([true, true]);
  });

  it("flows, though something has listened for 'readable'", async () => {
    const socket = new PassThrough();
    socket.on('readable', () => undefined);
    takeSocket(fakeRequest(), socket);
    const chunk = new Promise((resolve) => socket.once('data', resolve));
    socket.resume();
    socket.write('hello');
    expect(String(await chunk)).toBe('hello');
  });
});

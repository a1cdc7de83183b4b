import { PassThrough } from 'node:stream';
import { stopIgnoringErrors, ignoreErrors } from '../../../src/server/socket-errors.js';

describe('ignoreErrors', () => {
  it('lets a socket fail without an exception', () => {
    const socket = new PassThrough();
    expect(() => socket.emit('error', new Error('reset'))).toThrow('reset');
    ignoreErrors(socket);
    expect(() => socket.emit('error', new Error('reset'))).not.toThrow();
    expect(() => socket.emit('error', new Error('again'))).not.toThrow();
  });

  it('adds one listener however often it is asked, the same for every socket', () => {
    const [one, two] = [new PassThrough(), new PassThrough()];
    for (let i = 0; i < 3; i++) ignoreErrors(one);
    ignoreErrors(two);
    expect(one.listeners('error')).toHaveLength(1);
    expect(two.listeners('error')).toEqual(one.listeners('error'));
  });
});

describe('heedErrors', () => {
  it('leaves a socket’s errors to its other listeners', () => {
    const socket = new PassThrough();
    const heard: unknown[] = [];
    ignoreErrors(socket);
    socket.on('error', (error: Error) => heard.push(error.message));
    stopIgnoringErrors(socket);
    expect(socket.listenerCount('error')).toBe(1);
    socket.emit('error', new Error('reset'));
    expect(heard).toEqual(['reset']);
  });

  it('changes nothing where errors are not ignored', () => {
    const socket = new PassThrough();
    socket.on('error', () => undefined);
    stopIgnoringErrors(socket);
    expect(socket.listenerCount('error')).toBe(1);
  });
});

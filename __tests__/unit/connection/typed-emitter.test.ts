import { EventEmitter } from 'node:events';
import { TypedEmitter } from '../../../src/connection/typed-emitter.js';

interface Events {
  rang: [times: number];
}

describe('TypedEmitter', () => {
  it('is Node’s own EventEmitter at run time', () => {
    const emitter = new TypedEmitter<Events>();
    expect(emitter).toBeInstanceOf(EventEmitter);
    const heard: number[] = [];
    emitter.on('rang', (times) => heard.push(times));
    expect(emitter.emit('rang', 3)).toBe(true);
    expect(emitter.listenerCount('rang')).toBe(1);
    expect(heard).toEqual([3]);
  });

  it('lets the compiler check the names and arguments of events', () => {
    const emitter = new TypedEmitter<Events>();
    const calls = [
      // @ts-expect-error there is no such event
      () => emitter.emit('sang'),
      // @ts-expect-error its argument is a number
      () => emitter.emit('rang', 'twice'),
      // @ts-expect-error its listener gets a number
      () => emitter.on('rang', (times: string) => times),
    ];
    expect(calls).toHaveLength(3); // the check is `tsc -p tsconfig.json`
  });

  it('has the events that every EventEmitter of Node has', () => {
    const emitter = new TypedEmitter<Events>();
    const heard: unknown[] = [];
    const ring = (times: number) => heard.push(times);
    emitter.on('newListener', (event) => heard.push('new', event));
    emitter.once('removeListener', (event) => heard.push('removed', event));
    emitter.on(EventEmitter.errorMonitor, (error) => heard.push(error.message));
    emitter.on('rang', ring);
    expect(emitter.listenerCount('rang', ring)).toBe(1);
    emitter.off('rang', ring);
    expect(emitter.emit(EventEmitter.errorMonitor, new Error('seen'))).toBe(true);
    expect(heard).toEqual([
      ...['new', 'removeListener', 'new', EventEmitter.errorMonitor, 'new', 'rang'],
      ...['removed', 'rang', 'seen'],
    ]);
    const calls = [
      // @ts-expect-error no emitter has an event of this name
      () => emitter.on(Symbol.iterator, () => undefined),
      // @ts-expect-error a monitor gets an error
      () => emitter.emit(EventEmitter.errorMonitor, 1),
    ];
    expect(calls).toHaveLength(2); // the check is `tsc -p tsconfig.json`
  });
});

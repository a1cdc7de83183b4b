import { PassThrough } from 'node:stream';
import { readBody } from '../../../src/client/refusal-body.js';
import { eventually } from '../../support/server.js';

describe('readBody', () => {
  it('has all of a body that ends', async () => {
    const response = new PassThrough();
    const done = jest.fn();
    const read = readBody(response, done);
    response.write('a');
    response.end('b');
    await eventually('the end', () => done.mock.calls.length > 0);
    expect(read().toString()).toBe('ab');
  });

  it('has 64 KiB of a long one, without waiting for its end', async () => {
    const response = new PassThrough({ highWaterMark: 1 << 20 });
    const done = jest.fn();
    const read = readBody(response, done);
    response.write(Buffer.alloc(65_535));
    response.write(Buffer.alloc(2));
    await eventually('64 KiB', () => done.mock.calls.length > 0);
    expect(read()).toHaveLength(65_536);
  });

  it('has what came of one that breaks off', async () => {
    const response = new PassThrough();
    const done = jest.fn();
    const read = readBody(response, done);
    response.write('a');
    await eventually('the first byte', () => read().length > 0);
    response.destroy(new Error('reset'));
    await eventually('the end', () => done.mock.calls.length > 0);
    expect(read().toString()).toBe('a');
  });
});

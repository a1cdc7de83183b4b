import { type PublishOptions, toPublication } from '../../../../src/server/topics/publish.js';
import { connectionOn, Sink } from '../../../support/connection.js';

const read = (topic: unknown, data: unknown, options?: unknown) =>
  toPublication(topic as string, data as string, options as PublishOptions<undefined>);

describe('toPublication', () => {
  it('has the defaults of a broadcast', () => {
    expect(read('t', 'a')).toMatchObject({
      payload: Buffer.from('a'),
      binary: false,
      compress: undefined,
      droppable: true,
      key: undefined,
      retain: false,
      except: undefined,
    });
  });

  it('takes every option; a message with a key is never droppable', () => {
    const connection = connectionOn(new Sink());
    const options = {
      binary: true,
      compress: false,
      droppable: true,
      key: 'k',
      retain: true,
      except: connection,
    };
    expect(read('t', 'a', options)).toMatchObject({
      payload: Buffer.from('a'),
      binary: true,
      compress: false,
      droppable: false,
      key: 'k',
      retain: true,
      except: new Set([connection]),
    });
    expect(read('t', 'a', { except: [connection] }).except).toStrictEqual(new Set([connection]));
    expect(read('t', 'a', { droppable: false }).droppable).toBe(false);
  });

  it.each<[unknown, unknown, unknown, new (message: string) => Error, string]>([
    ['', 'a', undefined, RangeError, 'expected the topic to have 1 to 255 bytes of UTF-8, got 0'],
    [5, 'a', undefined, TypeError, 'expected the topic to be a string, got 5 (number)'],
    ['t', 'a', { key: '' }, RangeError, 'expected the key to have 1 to 255 bytes of UTF-8, got 0'],
    ['t', 'a', { key: 5 }, TypeError, 'expected option key to be a string, got 5 (number)'],
    [
      't',
      'a',
      { retain: true },
      TypeError,
      'retain needs a key: the last message of each key is kept; add key',
    ],
    ['t', 'a', { retain: 1 }, TypeError, 'expected option retain to be a boolean, got 1 (number)'],
    ['t', 'a', { except: [5] }, TypeError, 'expected except to have connections, got 5 (number)'],
    ['t', 'a', { to: [] }, TypeError, 'unknown option to'],
    ['t', 'a', 5, TypeError, 'expected options to be an object, got 5 (number)'],
  ])('refuses %j, %j, %j', (topic, data, options, type, message) => {
    expect(() => read(topic, data, options)).toThrow(type);
    expect(() => read(topic, data, options)).toThrow(`publish: ${message}`);
  });

  it('refuses data that cannot be sent', () => {
    expect(() => read('t', 5)).toThrow('expected data to be a string, Buffer');
  });
});

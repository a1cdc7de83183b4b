import { PassThrough } from 'node:stream';
import { type NodeSocket, TRANSPORT_ENDS } from '../../../src/connection/transport.js';
import { listenTo, startReading } from '../../../src/connection/transport-events.js';
import * as ownMemory from '../../../src/protocol/framing/own-memory.js';
import { turns } from '../../support/connection.js';

let log: unknown[];
const reader = {
  onData: (chunk: Buffer, owned = false) =>
    log.push(['data', chunk.toString('latin1', 0, 3), owned]),
  onTransportEnd: () => log.push('end'),
  onTransportError: (error: Error) => log.push(error.message),
  onTransportClosed: () => log.push('closed'),
};
const LONG = Buffer.allocUnsafeSlow(16_384).fill('abc');

beforeEach(() => {
  log = [];
  // As on Node 22 and newer.
  jest.replaceProperty(ownMemory, 'FREES_AT_ONCE', true);
});

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a transport', () => {
  it('tells its reader how it ends, and nothing of what it reads before it is started', async () => {
    const transport = new PassThrough();
    listenTo(transport, reader);
    transport.write('abc');
    await turns();
    expect(log).toEqual([]);
    startReading(transport, undefined);
    transport.end();
    await turns();
    expect(log).toEqual([['data', 'abc', false], 'end', 'closed']);
    const broken = new PassThrough();
    listenTo(broken, reader);
    broken.destroy(new Error('broken'));
    await turns();
    expect(log.slice(3)).toEqual(['broken', 'closed']);
  });

  it.each<[string, NodeSocket | undefined, (transport: PassThrough) => void, boolean]>([
    ['a socket of Node', 'tcp', () => undefined, true],
    [
      'a socket that something else reads too',
      'tls',
      (socket) => socket.on('data', () => 0),
      false,
    ],
    ['a socket with bytes of the application', 'tcp', (socket) => socket.unshift('abc'), false],
    ['another Duplex', undefined, () => undefined, false],
  ])('owns the chunks of %s: %s', (_, nodeSocket, prepare, owned) => {
    const transport = new PassThrough();
    listenTo(transport, reader);
    prepare(transport);
    startReading(transport, nodeSocket);
    transport.emit('data', LONG);
    expect(log.at(-1)).toEqual(['data', 'abc', owned]);
    transport.destroy();
  });

  type Listen = (socket: PassThrough) => unknown;
  it.each<[string, Listen]>([
    ['on', (socket) => socket.on('data', () => 0)],
    ['once', (socket) => socket.once('data', () => 0)],
    ['prependListener', (socket) => socket.prependListener('data', () => 0)],
    ['prependOnceListener', (socket) => socket.prependOnceListener('data', () => 0)],
    ['pipe', (socket) => socket.pipe(new PassThrough())],
    ['readable', (socket) => socket.on('readable', () => 0)],
  ])('owns no chunk of a socket once something else reads it: %s', (_, listen) => {
    const transport = new PassThrough();
    listenTo(transport, reader);
    startReading(transport, 'tcp');
    transport.on('error', () => 0).emit('data', LONG);
    listen(transport);
    transport.emit('data', LONG);
    transport.emit('data', LONG);
    expect(log).toEqual([
      ['data', 'abc', true],
      ['data', 'abc', false],
      ['data', 'abc', false],
    ]);
    expect(transport.listenerCount('newListener')).toBe(0);
    transport.destroy();
  });

  it('has no listener more, and owns no chunk, where memory cannot be freed at once', () => {
    jest.replaceProperty(ownMemory, 'FREES_AT_ONCE', false);
    const transport = new PassThrough();
    listenTo(transport, reader);
    startReading(transport, 'tcp');
    transport.emit('data', LONG);
    expect(log).toEqual([['data', 'abc', false]]);
    expect(transport.listenerCount('newListener')).toBe(0);
    transport.destroy();
  });

  it('gives a part of a read that others share as a copy', () => {
    const transport = Object.assign(new PassThrough(), {
      [TRANSPORT_ENDS]: { reset: () => undefined, release: () => undefined },
    });
    listenTo(transport, reader);
    startReading(transport, undefined);
    const part = LONG.subarray(0, 10);
    let given: Buffer = part;
    reader.onData = (chunk) => {
      given = chunk;
      return 0;
    };
    transport.emit('data', part);
    expect(given).toEqual(part);
    expect(given.buffer).not.toBe(part.buffer);
  });
});

import type { Duplex } from 'node:stream';
import {
  ClientConnections,
  CONNECTION_OPTIONS,
  type ConnectionOptions,
  connectionsWith,
} from '../../../src/client/client-connections.js';
import { ProtocolError } from '../../../src/protocol/framing/protocol-error.js';
import type { NegotiatedCompression } from '../../../src/server/deflate-budget.js';
import { Socket } from 'node:net';
import { serverFrame } from '../../support/frames.js';
import { Sink } from '../../support/connection.js';
import { eventually, HandClock, MemoryLogger } from '../../support/server.js';

const DETAILS = {
  url: '/chat',
  subprotocol: 'a',
  extensions: '',
  response: { status: 101, headers: {} },
  transport: 'http1',
  remoteAddress: undefined,
} as const;

function open(options: ConnectionOptions, sink: Duplex = new Sink()) {
  return new ClientConnections(options).open(sink, DETAILS, undefined);
}

describe('ClientConnections', () => {
  it('makes connections that have what the handshake settled, and mask', () => {
    const sink = new Sink();
    const details = { ...DETAILS, remoteAddress: '192.0.2.1' };
    const connection = new ClientConnections({}).open(sink, details, undefined);
    expect(connection).toMatchObject(details);
    connection.sendFrame('hello');
    connection.terminate();
    expect(sink.bytes[1]! & 0x80).toBe(0x80);
  });

  it('knows a socket of the kernel from others', () => {
    const socket = new Socket();
    expect(open({}, socket).readyState).toBe('open');
    socket.destroy();
    const encrypted = Object.assign(new Socket(), { encrypted: true });
    expect(open({}, encrypted).readyState).toBe('open');
    encrypted.destroy();
  });

  it('has the limits of the options', async () => {
    const logger = new MemoryLogger();
    const sink = new Sink();
    const connection = open({ maxPayload: 3, logger }, sink);
    connection.start(serverFrame({ opcode: 1, payload: 'four' }));
    expect(connection.readyState).toBe('closing');
    expect(logger.lines[0]).toMatch(/^error closed a connection with 1009: /);
    expect(logger.causes[0]).toBeInstanceOf(ProtocolError);
    sink.destroy();
    await eventually('the end', () => connection.readyState === 'closed');
  });

  it('tells the logger that nothing takes the messages', () => {
    const logger = new MemoryLogger();
    const clock = new HandClock();
    const connection = open({ logger, clock, heartbeat: false });
    connection.start(serverFrame({ opcode: 1, payload: 'hello' }));
    for (let step = 0; step < 10; step++) clock.advance(10_000);
    expect(logger.lines[0]).toMatch(/^warn messages of a connection are disc/);
    connection.terminate();
  });

  it('compresses as it was negotiated', () => {
    const connections = new ClientConnections({ perMessageDeflate: true });
    const compression = connections.compression!;
    const offer = compression.offer();
    const negotiated = compression.accept(offer.params.slice(0, 2), offer);
    const sink = new Sink();
    const made = connections.open(sink, DETAILS, negotiated as NegotiatedCompression);
    made.send('a'.repeat(30_000), { compress: true });
    made.terminate();
    expect(sink.bytes.length).toBeLessThan(1000);
  });

  it('limits the window of the server if the application names one', () => {
    const names = (perMessageDeflate: ConnectionOptions['perMessageDeflate']) =>
      new ClientConnections({ perMessageDeflate: perMessageDeflate! })
        .compression!.offer()
        .params.map(({ name }) => name);
    const contextTakeover = 'both';
    expect(names(true)).not.toContain('server_max_window_bits');
    expect(names({ contextTakeover })).not.toContain('server_max_window_bits');
    expect(names({ contextTakeover, windowBits: 12 })).toContain('server_max_window_bits');
  });

  it('rejects wrong options in the name of connect', () => {
    expect(() => new ClientConnections({ maxPayload: 0 })).toThrow(
      /^connect: expected option maxPayload/,
    );
  });

  it('are shared by clients with the same options', () => {
    const heartbeat = { interval: 1000 };
    const first = connectionsWith({ maxPayload: 7, heartbeat });
    expect(connectionsWith({ maxPayload: 7, heartbeat })).toBe(first);
    expect(connectionsWith({ maxPayload: 7 })).not.toBe(first);
    expect(connectionsWith({})).toBe(connectionsWith({}));
    expect(CONNECTION_OPTIONS).toContain('maxPayload');
  });
});

import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import {
  connect as connectSecurely,
  createServer as createSecureServer,
  type TLSSocket,
} from 'node:tls';
import type { Duplex } from 'node:stream';
import type { Session } from '../../../src/connection/session.js';
import { parseExtensions } from '../../../src/protocol/handshake/extensions.js';
import { type Compression, ConnectionParts } from '../../../src/ws/connection-parts.js';
import type { PerMessageDeflateOptions } from '../../../src/ws/deflate-options.js';
import { SocketEvents } from '../../../src/ws/socket-events.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { clientFrame, describeFrame, FrameReader } from '../../support/frames.js';
import { RawClient } from '../../support/raw-client.js';
import { eventually, later, transportPair } from '../../support/server.js';

/** Opens a session, and what it emits in words. */
function opened(
  parts: ConnectionParts,
  socket: Duplex,
  compression?: Compression,
): { session: Session; log: string[] } {
  const log: string[] = [];
  const events = new SocketEvents('socket', {
    message: (_socket, data, isBinary) => void log.push(`message ${String(data)} ${isBinary}`),
    ping: (_socket, data) => void log.push(`ping ${String(data)}`),
    pong: (_socket, data) => void log.push(`pong ${String(data)}`),
    error: (_socket, { message }) => void log.push(message),
    close: () => void log.push('close'),
  });
  const session = parts.open(events, socket, compression);
  session.start(Buffer.alloc(0));
  later(() => {
    session.terminate();
  });
  return { session, log };
}

function offered(parts: ConnectionParts, options = {}): Compression {
  const budget = parts.deflate(options);
  const negotiated = budget.negotiate(parseExtensions('permessage-deflate')!)!;
  return { budget, negotiated };
}

describe('ConnectionParts', () => {
  it('opens a connection that has the limits of ws, and leaves Pings to its WebSocket', async () => {
    const [socket, peer] = transportPair();
    const { session, log } = opened(new ConnectionParts('server', { maxPayload: 10 }), socket);
    expect(session.settings).toMatchObject({
      answersPings: false,
      holdsAfterClose: true,
      textAs: 'buffer',
    });
    const reader = new FrameReader();
    const frames: string[] = [];
    peer.on('data', (bytes: Buffer) => frames.push(...reader.push(bytes).map(describeFrame)));
    peer.write(clientFrame({ opcode: 9, payload: 'p' }));
    peer.write(clientFrame({ opcode: 1, payload: 'text' }));
    peer.write(clientFrame({ opcode: 2, payload: Buffer.alloc(11) }));
    await eventually('the Close', () => frames.length > 0);
    expect(log).toEqual(['ping p', 'message text false', 'Max payload size exceeded']);
    expect(frames).toEqual([expect.stringMatching(/^close 1009/)]);
  });

  it('opens the client of another role', async () => {
    const [one, other] = transportPair();
    const client = opened(new ConnectionParts('client', {}), one);
    const server = opened(new ConnectionParts('server', {}), other);
    client.session.sender.send('masked', undefined, undefined);
    server.session.sender.send('not masked', undefined, undefined);
    await eventually('both', () => client.log.length + server.log.length === 2);
    expect([client.log, server.log]).toEqual([
      ['message not masked false'],
      ['message masked false'],
    ]);
  });

  it('opens a connection that compresses', async () => {
    const [one, other] = transportPair();
    const serverParts = new ConnectionParts('server', {});
    const clientParts = new ConnectionParts('client', {});
    const server = opened(serverParts, other, offered(serverParts, { threshold: 0 }));
    const client = opened(clientParts, one, offered(clientParts, { threshold: 0 }));
    const text = 'a'.repeat(1000);
    server.session.sender.send(text, undefined, undefined);
    client.session.sender.send(text, undefined, undefined);
    await eventually('both', () => client.log.length + server.log.length === 2);
    expect([client.log, server.log]).toEqual([
      [`message ${text} false`],
      [`message ${text} false`],
    ]);
    expect(client.session.settings.counters.bytesReceived).toBeLessThan(100);
  });

  it('knows that the kernel copies what a TCP socket writes, and that TLS does not', async () => {
    const parts = new ConnectionParts('server', {});
    const server = createServer().listen(0, '127.0.0.1');
    later(() => server.close());
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const raw = await RawClient.connect((server.address() as AddressInfo).port);
    const [plain] = await accepted;

    const secure = createSecureServer(CERTIFICATE).listen(0, '127.0.0.1');
    later(() => secure.close());
    await once(secure, 'listening');
    const secured = once(secure, 'secureConnection') as Promise<[TLSSocket]>;
    const { port } = secure.address() as AddressInfo;
    const peer = connectSecurely({ port, host: '127.0.0.1', rejectUnauthorized: false });
    const [encrypted] = await secured;
    later(() => {
      for (const each of [raw, plain, peer, encrypted]) each.destroy();
    });

    const chunks: Buffer[] = [];
    peer.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (const socket of [plain, encrypted]) {
      opened(parts, socket).session.sender.send('hello', undefined, undefined);
    }
    await eventually('the message by TLS', () => Buffer.concat(chunks).length === 7);
    expect(Buffer.concat(chunks).subarray(2).toString()).toBe('hello');
  });

  it('fits the options that it was made with, as long as they are the same', () => {
    const hawser = { heartbeat: false } as const;
    const options = { maxPayload: 1, closeTimeout: 2, hawser };
    const parts = new ConnectionParts('server', options);
    expect(parts.fits({ ...options })).toBe(true);
    expect(parts.fits({ ...options, maxPayload: 2 })).toBe(false);
    expect(parts.fits({ ...options, closeTimeout: 3 })).toBe(false);
    expect(parts.fits({ ...options, hawser: { ...hawser } })).toBe(false);
    options.maxPayload = 5;
    expect(parts.fits(options)).toBe(false);
  });

  it('compresses messages below the threshold where the window is kept, as ws does', () => {
    const parts = new ConnectionParts('server', {});
    const thresholdOf = (options: PerMessageDeflateOptions): number => {
      const { budget, negotiated } = offered(parts, options);
      return budget.open(negotiated).threshold;
    };
    expect(thresholdOf({})).toBe(0);
    expect(thresholdOf({ threshold: 100 })).toBe(0);
    expect(thresholdOf({ serverNoContextTakeover: true })).toBe(1024);
    expect(thresholdOf({ serverNoContextTakeover: true, threshold: 100 })).toBe(100);
  });

  it('has one budget for each object with options of compression', () => {
    const parts = new ConnectionParts('server', {});
    const options = {};
    expect(parts.deflate(options)).toBe(parts.deflate(options));
    expect(parts.deflate(options)).not.toBe(parts.deflate({}));
    expect(() => parts.deflate({ clientMaxWindowBits: 10, threshold: -1 })).toThrow(TypeError);
  });

  it('refuses options of hawser that are wrong', () => {
    const hawser = { maxBufferedAmount: 'much' } as never;
    expect(() => new ConnectionParts('server', { hawser })).toThrow(/maxBufferedAmount/);
  });
});

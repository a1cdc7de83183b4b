import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { type Address, readAddress } from '../../../../src/client/address.js';
import { type SessionWay, SocketOpener } from '../../../../src/client/http2/session-socket.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { connectProxy } from '../../../support/connect-proxy.js';
import { eventually, later, listen } from '../../../support/server.js';

function opener(url: string, way: Partial<SessionWay> = {}): SocketOpener {
  const address = readAddress(new URL(url)) as Address;
  const made = new SocketOpener({
    address,
    transport: {},
    socketPath: undefined,
    proxy: undefined,
    ...way,
  });
  later(() => {
    made.destroy();
  });
  return made;
}

const trusting = { transport: { ca: CERTIFICATE.cert } };

describe('SocketOpener', () => {
  it('opens a TCP socket', async () => {
    const port = await listen(createServer());
    const socket = await opener(`ws://127.0.0.1:${port}/`).open();
    expect(socket).toMatchObject({ remotePort: port });
    socket.emit('error', new Error('ignored'));
  });

  it('opens a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    later(() => {
      rmSync(folder, { recursive: true });
    });
    const socketPath = join(folder, 'a.sock');
    await listen(createServer(), socketPath);
    expect(await opener('ws://localhost/', { socketPath }).open()).toBeInstanceOf(Duplex);
  });

  it('speaks TLS, and wants the protocol h2', async () => {
    const port = await listen(createTlsServer({ ...CERTIFICATE, ALPNProtocols: ['h2'] }));
    const socket = await opener(`wss://localhost:${port}/`, trusting).open();
    expect(socket).toMatchObject({ alpnProtocol: 'h2' });
    const old = await listen(createTlsServer(CERTIFICATE));
    await expect(opener(`wss://localhost:${old}/`, trusting).open()).rejects.toThrow(
      /^the server does not speak HTTP\/2: .* it did not choose h2/,
    );
    const other = await listen(createTlsServer({ ...CERTIFICATE, ALPNProtocols: ['http/1.1'] }));
    await expect(opener(`wss://localhost:${other}/`, trusting).open()).rejects.toThrow(/alert/);
  });

  it('goes through a proxy, to which a refusal belongs', async () => {
    const port = await listen(createServer((socket) => void socket.write('hello')));
    for (const isSecure of [false, true]) {
      const { port: at, requests } = await connectProxy(port, isSecure);
      const proxy = new URL(`${isSecure ? 'https' : 'http'}://localhost:${at}`);
      const socket = await opener('ws://far.example:81/', { ...trusting, proxy }).open();
      expect(requests[0]!.url).toBe('far.example:81');
      expect(await once(socket, 'data')).toEqual([Buffer.from('hello')]);
    }
    const wrong = new URL(`http://127.0.0.1:${port}`);
    await expect(opener('ws://far.example/', { proxy: wrong }).open()).rejects.toThrow();
  });

  it('takes a socket that the application makes, connected or not', async () => {
    const port = await listen(createServer());
    const connected = connectTcp(port, '127.0.0.1');
    await once(connected, 'connect');
    const bare = new Duplex({ read() {} });
    for (const made of [connected, connectTcp(port, '127.0.0.1'), bare]) {
      const transport = { createConnection: () => made as Socket };
      expect(await opener('ws://far.example/', { transport }).open()).toBe(made);
    }
  });

  it('rejects if nothing listens', async () => {
    const gone = createServer();
    const port = await listen(gone);
    gone.close();
    await expect(opener(`ws://127.0.0.1:${port}/`).open()).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    });
  });

  it('gives up while it connects, and frees a socket that comes too late', async () => {
    const sockets: Socket[] = [];
    const port = await listen(createServer((socket) => void sockets.push(socket)));
    const silent = opener(`wss://127.0.0.1:${port}/`);
    void silent.open().catch(() => undefined);
    await eventually('the socket', () => sockets.length > 0);
    silent.destroy();
    sockets[0]!.resume().on('error', () => undefined);
    await eventually('the end', () => sockets[0]!.destroyed);

    let pass: ((error: null, socket: Duplex) => void) | undefined;
    const late = opener('ws://far.example/', {
      transport: {
        createConnection: (_options, callback) => {
          pass = callback;
          return undefined;
        },
      },
    });
    const opening = late.open();
    late.destroy();
    const socket = new Duplex({ read() {} });
    pass!(null, socket);
    await opening;
    expect(socket.destroyed).toBe(true);
  });
});

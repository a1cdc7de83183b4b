import { once } from 'node:events';
import type { RequestOptions } from 'node:https';
import { connect, createServer, type Socket } from 'node:net';
import { readAddress, type Address } from '../../../../src/client/address.js';
import { SharedSession, type SessionUser } from '../../../../src/client/http2/shared-session.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { handServer } from '../../../support/http2-servers.js';
import { eventually, listen } from '../../../support/server.js';

function shared(url: string, given: RequestOptions = {}) {
  const onOver = jest.fn();
  const address = readAddress(new URL(url)) as Address;
  const transport = { ca: CERTIFICATE.cert, ...given };
  const way = { address, transport, socketPath: undefined, proxy: undefined };
  const session = new SharedSession(way, onOver);
  const user: SessionUser = { isHolding: true };
  session.join(user);
  return { session, user, onOver };
}

describe('SharedSession', () => {
  it('opens for its first user, over TLS too, and ends with the last', async () => {
    for (const isSecure of [false, true]) {
      const { port, open, sessions } = await handServer(undefined, { isSecure });
      const { session, user, onOver } = shared(`${isSecure ? 'wss' : 'ws'}://localhost:${port}/`);
      expect(session.hasRoom).toBe(true);
      await session.opened;
      await eventually('the settings', () => !sessions[0]!.remoteSettings.enablePush);
      expect(session.hasRoom).toBe(true);
      expect(onOver).not.toHaveBeenCalled();
      session.leave(user, false);
      expect(onOver).toHaveBeenCalledTimes(1);
      expect(session.hasRoom).toBe(false);
      await eventually('the end', () => open.size === 0);
      expect(onOver).toHaveBeenCalledTimes(1);
    }
  });

  it('counts the streams that the server allows', async () => {
    const { port, sessions } = await handServer(undefined, {
      settings: { maxConcurrentStreams: 1 },
    });
    const { session, user } = shared(`ws://127.0.0.1:${port}/`);
    const http2 = await session.opened;
    expect([session.addStream(), session.addStream()]).toEqual([true, false]);
    sessions[0]!.settings({ maxConcurrentStreams: 2 });
    await once(http2, 'remoteSettings');
    expect([session.addStream(), session.addStream()]).toEqual([true, false]);
    const other: SessionUser = { isHolding: false };
    session.join(other);
    session.leave(other, true);
    expect([session.addStream(), session.addStream()]).toEqual([true, false]);
    session.leave(user, true);
  });

  it('takes no more users after a GOAWAY, and goes on for those it has', async () => {
    const { port, sessions } = await handServer((stream) => {
      stream.respond({ ':status': 200 });
    });
    const { session, user, onOver } = shared(`ws://127.0.0.1:${port}/`);
    const http2 = await session.opened;
    const stream = http2.request(
      { ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/', ':scheme': 'http' },
      { endStream: false },
    );
    await once(stream, 'response');
    sessions[0]!.goaway();
    await eventually('the GOAWAY', () => onOver.mock.calls.length > 0);
    expect(session.hasRoom).toBe(false);
    expect(stream.destroyed).toBe(false);
    session.leave(user, true);
    stream.on('error', () => undefined).destroy();
  });

  it('rejects, and takes no more users, if the server is not reached or does not take WebSockets', async () => {
    const { port, open } = await handServer(undefined, {
      settings: { enableConnectProtocol: false },
    });
    const without = shared(`ws://127.0.0.1:${port}/`);
    await expect(without.session.opened).rejects.toThrow(/does not offer WebSockets/);
    expect(without.onOver).toHaveBeenCalledTimes(1);
    without.session.leave(without.user, false);
    expect(without.onOver).toHaveBeenCalledTimes(1);
    await eventually('the end', () => open.size === 0);

    const mail = await listen(createServer((socket) => void socket.write('220 ready\r\n\r\n')));
    const wrong = shared(`ws://127.0.0.1:${mail}/`);
    await expect(wrong.session.opened).rejects.toThrow(/session has ended/);
  });

  it('gives up when its users leave while it opens', async () => {
    const sockets: Socket[] = [];
    const port = await listen(
      createServer((socket) => {
        sockets.push(socket.resume().on('error', () => undefined));
      }),
    );
    const { session, user } = shared(`ws://127.0.0.1:${port}/`);
    await eventually('the socket', () => sockets.length > 0);
    session.leave(user, false);
    await expect(session.opened).rejects.toThrow();
    await eventually('the end', () => sockets[0]!.destroyed);
  });

  it('frees a socket that the server does not end', async () => {
    const { port, server } = await handServer();
    const sockets: Socket[] = [];
    server.on('connection', (socket: Socket) => {
      sockets.push(socket);
    });
    const mine = connect(port, '127.0.0.1');
    const createConnection = () => mine;
    const { session, user } = shared(`ws://127.0.0.1:${port}/`, { createConnection });
    await session.opened;
    // The server stops reading: it sees neither the GOAWAY nor the end.
    (sockets[0] as Socket & { _handle: { readStop(): void } })._handle.readStop();
    session.leave(user, false);
    await eventually('the end', () => mine.destroyed);
    expect(sockets[0]!.destroyed).toBe(false);
  });

  it('holds the process for one user of several, and does not without', async () => {
    const { port } = await handServer();
    const { session, user } = shared(`ws://127.0.0.1:${port}/`);
    const http2 = await session.opened;
    const [ref, unref] = [jest.spyOn(http2, 'ref'), jest.spyOn(http2, 'unref')];
    const quiet: SessionUser = { isHolding: false };
    session.join(quiet);
    expect([ref, unref].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
    session.leave(user, false);
    expect([ref, unref].map(({ mock }) => mock.calls.length)).toEqual([1, 1]);
    session.leave(quiet, false);
  });
});

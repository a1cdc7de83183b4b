import { once } from 'node:events';
import { whenOffered } from '../../../../src/client/http2/extended-connect-support.js';
import { clientSession, handServer } from '../../../support/http2-servers.js';
import { listen } from '../../../support/server.js';
import { createServer } from 'node:net';

describe('whenOffered', () => {
  it('waits for the connection and the SETTINGS of a server that takes WebSockets', async () => {
    const { port } = await handServer();
    const session = clientSession(port);
    await Promise.all([whenOffered(session), whenOffered(session)]);
    expect(session.remoteSettings.enableConnectProtocol).toBe(true);
    await whenOffered(session);
    expect(session.listenerCount('close') + session.listenerCount('remoteSettings')).toBe(0);
  });

  it('rejects if the server does not take them, and asks again at the next call', async () => {
    const { port, sessions } = await handServer(undefined, {
      settings: { enableConnectProtocol: false },
    });
    const session = clientSession(port);
    await once(session, 'remoteSettings');
    await expect(whenOffered(session)).rejects.toThrow(/^the server does not offer WebSockets/);
    sessions[0]!.settings({ enableConnectProtocol: true });
    await once(session, 'remoteSettings');
    await whenOffered(session);
  });

  it('goes on when later SETTINGS offer them', async () => {
    const { port, server } = await handServer(undefined, {
      settings: { enableConnectProtocol: false },
    });
    server.on('session', (session) => {
      session.settings({ maxConcurrentStreams: 7 });
      session.settings({ enableConnectProtocol: true });
    });
    const session = clientSession(port);
    // Its answer to the PING is withheld.
    session.ping = () => true;
    await whenOffered(session);
    expect(session.remoteSettings).toMatchObject({
      enableConnectProtocol: true,
      maxConcurrentStreams: 7,
    });
  });

  it('does not take a cancelled PING for an answer', async () => {
    const { port } = await handServer(undefined, { settings: { enableConnectProtocol: false } });
    const session = clientSession(port);
    await once(session, 'remoteSettings');
    for (let ping = 0; ping < 12; ping++) session.ping(() => undefined);
    const waiting = whenOffered(session);
    session.destroy();
    await expect(waiting).rejects.toThrow(/^the HTTP\/2 session has ended$/);
  });

  it('rejects with the reason if the session ends', async () => {
    const port = await listen(createServer((socket) => void socket.end('220 ready\r\n\r\n')));
    const session = clientSession(port);
    const error = await whenOffered(session).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ cause: { code: 'ERR_HTTP2_ERROR' } });
    expect((error as Error).message).toMatch(/^the HTTP\/2 session has ended: ./);
  });

  it('rejects if the session is closed already', async () => {
    const { port } = await handServer();
    const session = clientSession(port);
    await once(session, 'connect');
    session.close();
    await expect(whenOffered(session)).rejects.toThrow('the HTTP/2 session is closed');
    session.destroy();
    await expect(whenOffered(session)).rejects.toThrow('the HTTP/2 session is closed');
  });
});

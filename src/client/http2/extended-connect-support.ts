import { errorMonitor } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';

/** Why a session takes no WebSockets. */
const NOT_OFFERED =
  'the server does not offer WebSockets over HTTP/2: its SETTINGS do not have SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441 section 3)';

const waits = new WeakMap<ClientHttp2Session, Promise<void>>();

/**
 * Wait until a session's server has said that it takes WebSockets. To a server that does not, an extended CONNECT is a
 * malformed request (RFC 8441 section 4).
 *
 * @returns a promise that rejects if the server does not take them, or the session ends.
 */
export async function whenOffered(session: ClientHttp2Session): Promise<void> {
  if (session.closed || session.destroyed) throw new Error('the HTTP/2 session is closed');
  if (isOffered(session)) return;
  let wait = waits.get(session);
  if (wait === undefined) {
    wait = wasOffered(session).finally(() => waits.delete(session));
    waits.set(session, wait);
  }
  await wait;
}

function isOffered({ remoteSettings }: ClientHttp2Session): boolean {
  return remoteSettings.enableConnectProtocol === true;
}

function wasOffered(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    let cause: Error | undefined;
    const settle = (fault?: string): void => {
      session.off('remoteSettings', onSettings).off('close', onClose).off(errorMonitor, onError);
      if (fault === undefined) resolve();
      else reject(new Error(fault, { cause }));
    };
    const onSettings = (): void => {
      if (isOffered(session)) settle();
    };
    const onError = (error: Error): void => {
      cause = error;
    };
    const onClose = (): void => {
      settle(`the HTTP/2 session has ended${cause === undefined ? '' : `: ${cause.message}`}`);
    };
    session.on('remoteSettings', onSettings).on('close', onClose).on(errorMonitor, onError);
    // SETTINGS are a server's first frame (RFC 9113 section 3.4), so its answer to a PING comes after them. They may
    // have come before the listener.
    const ask = (): void => {
      session.ping((error) => {
        if (error === null) settle(NOT_OFFERED); // after an offer this changes nothing
      });
    };
    if (session.connecting) session.once('connect', ask);
    else ask();
  });
}

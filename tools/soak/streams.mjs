// Sessions and streams of HTTP/2 to the server under test (RFC 8441), by Node's own client.
import { connect } from 'node:http2';
import { dial } from './transport.mjs';

/** Well-behaved peers whose streams are on one session. */
const PEERS_A_SESSION = 10;

/**
 * A session that has seen the server's settings.
 *
 * @param {number} port
 * @param {number} number of the client
 * @returns {Promise<import('node:http2').ClientHttp2Session | undefined>} that ignores errors; `undefined` if the kernel
 * has not let it in
 */
export async function dialSession(port, number) {
  const socket = await dial(port, number);
  if (socket === undefined) return undefined;
  const session = connect(`http://127.0.0.1:${port}`, { createConnection: () => socket });
  session.on('error', () => {});
  return new Promise((resolve) => {
    session.once('remoteSettings', () => resolve(session));
    session.once('close', () => resolve(undefined));
  });
}

/**
 * An extended CONNECT. Its errors are ignored, its 'close' tells.
 *
 * @param {import('node:http2').ClientHttp2Session} session
 * @param {Record<string, string>} [headers] added, or put in another's place
 */
export function connectStream(session, headers = {}) {
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': '/',
      ':authority': 'localhost',
      'sec-websocket-version': '13',
      ...headers,
    },
    { endStream: false },
  );
  return stream.on('error', () => {});
}

/** The sessions of well-behaved peers, by number, and how many streams each has. */
const shared =
  /** @type {Map<number, { session: ReturnType<typeof dialSession>, streams: number }>} */ (
    new Map()
  );

/**
 * A stream on a session that the peer shares with its neighbours. The session ends with its last stream.
 *
 * @param {number} port
 * @param {number} number of the client
 * @param {Record<string, string>} headers
 */
export async function dialStream(port, number, headers) {
  const place = Math.floor(number / PEERS_A_SESSION);
  let entry = shared.get(place);
  if (entry === undefined) {
    entry = { session: dialSession(port, number), streams: 0 };
    shared.set(place, entry);
  }
  const { session: dialled } = entry;
  entry.streams++;
  const session = await dialled;
  const leave = () => {
    if (--entry.streams > 0) return;
    if (shared.get(place) === entry) shared.delete(place);
    session?.close();
  };
  if (session === undefined || session.closed || session.destroyed) {
    leave();
    return undefined;
  }
  return connectStream(session, headers).on('close', leave);
}

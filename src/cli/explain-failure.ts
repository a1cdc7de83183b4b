import { STATUS_CODES } from 'node:http';
import type { HandshakeError } from '../client/index.js';
import { onManyLines, onOneLine } from './escape.js';
import { ExitStatus } from './command.js';

/** Why there is no connection, and what to do. */
export interface Explanation {
  /** The status to exit with. */
  readonly status: number;
  /** The first is the fact; the others have details and advice. */
  readonly lines: readonly string[];
}

/** The response header fields that may tell why. */
const TELLING = ['location', 'retry-after', 'www-authenticate', 'proxy-authenticate'];
const TELLING_OF_HANDSHAKE = ['sec-websocket-version', 'sec-websocket-protocol', 'server'];

/** Advice for a status of a refusal. */
const STATUS_ADVICE: ReadonlyMap<number, string> = new Map([
  [200, 'An ordinary page answered: no WebSocket is served at this path.'],
  [
    400,
    'The server, or a proxy, did not understand the handshake. Proxies must pass Upgrade and Connection on.',
  ],
  [401, 'It wants credentials: -H "Authorization: Bearer …", or user and password in the URL.'],
  [403, 'It may want credentials (-H), or the Origin of a page it knows (--origin).'],
  [404, 'No WebSocket is served at this path.'],
  [407, 'The proxy wants credentials: --proxy http://user:password@host.'],
  [426, 'The server wants another protocol or version, or a proxy removed the field Upgrade.'],
  [429, 'Too many connections or attempts. Wait, or connect less often.'],
  [502, 'A proxy answered: it could not reach the server.'],
  [503, 'The server is full, restarts, or cannot be reached by its proxy. Try again later.'],
  [504, 'A proxy answered: the server was too slow.'],
]);

/** What Node's error codes mean, and what to do. The order matters: the first that matches is told. */
const CAUSES: readonly (readonly [RegExp, fact: string, advice: string])[] = [
  [
    /^ECONNREFUSED$/,
    'Nothing listens there: the connection was refused.',
    'Check the port, and that the server runs and listens on this address.',
  ],
  [
    /^ENOTFOUND$/,
    'DNS knows no address for the host name.',
    'Check the spelling. In a private network, check which name server is used.',
  ],
  [
    /^E[MN]FILE$/,
    'This process may not open more files or sockets.',
    'Raise the limit, as with ulimit -n.',
  ],
  [
    /^EADDRNOTAVAIL$/,
    'This machine has no address or port left for the connection.',
    'Use fewer connections, or several addresses.',
  ],
  [
    /^EAI_/,
    'The name server did not answer.',
    'Check the network connection, or use an IP address.',
  ],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN)$/,
    'No answer came from the address.',
    'Check the address, the network, and firewalls.',
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN)$/,
    'The certificate is self-signed: no authority that is trusted here vouches for it.',
    'If it is yours, trust it with --ca FILE. For a test, --insecure accepts any certificate.',
  ],
  [
    /^UNABLE_TO_/,
    'The certificate cannot be traced to an authority that is trusted here.',
    'The server may not send the intermediate certificates, or the authority is private: --ca FILE.',
  ],
  [
    /^CERT_HAS_EXPIRED$/,
    'The certificate has expired.',
    'Renew it on the server, and check the clock of this machine.',
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'The certificate is for another host name.',
    'Use a name that the certificate has.',
  ],
  [
    /^(ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|EPROTO)$/,
    'What answered does not speak TLS.',
    'If the server has no TLS on this port, use ws:// instead of wss://.',
  ],
  [
    /^(ERR_SSL_|ERR_TLS_|CERT_|ERR_OSSL_)/,
    'TLS failed.',
    'Check the certificates and keys of both ends.',
  ],
  [
    /^HPE_/,
    'What answered does not speak HTTP.',
    'Check the port. If the server has TLS on this port, use wss:// instead of ws://.',
  ],
  [
    /^(ECONNRESET|EPIPE)$/,
    'The server ended the connection without an answer.',
    'A TLS port does that to ws:// (use wss://), and so do firewalls and servers that crash.',
  ],
];

/** Explain an error of `connect`. Everything of the server in it is safe to print. */
export function explainFailure(error: HandshakeError): Explanation {
  switch (error.code) {
    case 'ERR_HANDSHAKE_TIMEOUT':
      return explained(ExitStatus.Unreachable, error, 'No answer came in time.', [
        'The server, or a proxy, accepted the connection and then wrote nothing.',
      ]);
    case 'ERR_HANDSHAKE_UNREACHABLE':
      return error.status === undefined ? explainCause(error) : explainAnswer(error, 'The proxy');
    case 'ERR_HANDSHAKE_INVALID':
      return explained(
        ExitStatus.Abnormal,
        error,
        'The server switched protocols, but its answer is not that of a WebSocket server.',
        [`It is wrong: ${detailOf(error)}.`],
      );
    default:
      return explainAnswer(error, 'The server');
  }
}

function explained(
  status: number,
  error: HandshakeError,
  fact: string,
  more: readonly string[],
): Explanation {
  return { status, lines: [`${onOneLine(error.url)}: ${fact}`, ...more] };
}

function explainCause(error: HandshakeError): Explanation {
  const code = codeOf(error.cause);
  const [, fact, advice] = CAUSES.find(([pattern]) => pattern.test(code)) ?? [];
  const detail = detailOf(error);
  return explained(ExitStatus.Unreachable, error, fact ?? 'The server could not be reached.', [
    `${detail}${code === '' || detail.includes(code) ? '' : ` (${code})`}`,
    ...(advice === undefined ? [] : [advice]),
  ]);
}

/** Node's code. The error for several addresses of a host has it in each of its parts. */
function codeOf(cause: unknown): string {
  const { code, errors = [] } = (cause ?? {}) as { code?: unknown; errors?: readonly unknown[] };
  return typeof code === 'string' ? code : errors.length === 0 ? '' : codeOf(errors[0]);
}

/** What the message adds to the URL and the meaning of the code. */
function detailOf({ message }: HandshakeError): string {
  return onOneLine(message.split(': ').slice(2).join(': '));
}

function explainAnswer(error: HandshakeError, peer: string): Explanation {
  const { headers = {}, body } = error;
  const status = error.status!;
  const name = STATUS_CODES[status];
  const answer = `${status}${name === undefined ? '' : ` ${name}`}`;
  const fields = [...TELLING, ...TELLING_OF_HANDSHAKE].flatMap((field) =>
    headers[field] === undefined ? [] : [`  ${field}: ${onOneLine(String(headers[field]))}`],
  );
  const text = String(body ?? '').trimEnd();
  const isRedirect = error.code === 'ERR_HANDSHAKE_REDIRECT';
  const advice = isRedirect
    ? 'Redirects are not followed. Connect to the location, if you trust it.'
    : STATUS_ADVICE.get(status);
  return explained(
    peer === 'The proxy' ? ExitStatus.Unreachable : ExitStatus.Refused,
    error,
    `${peer} refused: ${answer}.`,
    [
      ...fields,
      ...(text === '' ? [] : [`  ${onManyLines(text)}`]),
      ...(advice === undefined ? [] : [advice]),
    ],
  );
}

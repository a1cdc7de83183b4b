import type { Server } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { show } from '../../protocol/option-checks.js';
import {
  type AttachedParts,
  type Attachment,
  attachmentOptions,
  checkNoAttachment,
} from './attachment.js';
import { allowsHttp1, isHttp2Server, isUpgradingServer } from './kinds-of-server.js';
import type { ServerOptions } from './options.js';
import { type ResolvedOptions, resolveOptions } from './resolve-options.js';

/** The servers that hawser can attach to. */
export type UpgradingServer = Server | HttpsServer | Http2Server | Http2SecureServer;

/** The arguments of `new WebSocketServer`, checked. */
interface ConstructorArguments<Context> {
  readonly options: ResolvedOptions<Context>;
  /** The server that was passed in. */
  readonly attached: Server | undefined;
  /** The server, passed in or its own, gets WebSockets over HTTP/2. */
  readonly usesHttp2: boolean;
  /** What a server of its own listens on; without members for another. */
  readonly own: Attachment;
}

/** @throws TypeError for what is neither a server nor options, and for options that are wrong. */
export function readConstructorArguments<Context>(
  first: UpgradingServer | (ServerOptions<Context> & Attachment),
  second: (ServerOptions<Context> & AttachedParts) | undefined,
): ConstructorArguments<Context> {
  if (isUpgradingServer(first)) {
    checkNoAttachment(second);
    const options = resolveOptions<Context>(second ?? {}, ['http2']);
    const usesHttp2 = wantsHttp2(first, second?.http2);
    return { options, attached: first as Server, usesHttp2, own: {} };
  }
  if (second !== undefined) {
    throw new TypeError(
      `WebSocketServer: expected the options as the only argument, got ${show(second)} as well; only beside a server they come second`,
    );
  }
  const own = first as ServerOptions<Context> & Attachment;
  const options = resolveOptions<Context>(own, attachmentOptions(own));
  if (own.socketPath !== undefined) checkWithoutAddresses(options);
  return { options, attached: undefined, usesHttp2: own.http2 === true, own };
}

/** @throws TypeError if the option and the server contradict each other. */
function wantsHttp2(server: object, option: boolean | undefined): boolean {
  if (!isHttp2Server(server)) {
    if (option !== true) return false;
    throw new TypeError(
      'WebSocketServer: option http2: the server that is passed in speaks HTTP/1.1 only; make it with createSecureServer of node:http2, or leave http2 out',
    );
  }
  if (option !== false) return true;
  if (allowsHttp1(server)) return false;
  throw new TypeError(
    'WebSocketServer: option http2: with false, an HTTP/2 server is used only if it was made by createSecureServer({ allowHTTP1: true })',
  );
}

/**
 * Check the options of a server on a Unix socket, where peers have no address. Only a number of proxies trusts such a
 * peer; the clients then have the addresses that the proxy forwards.
 *
 * @throws TypeError for an option that compares or counts the addresses of peers.
 */
function checkWithoutAddresses({
  trustProxy,
  maxConnectionsPerAddress,
}: Pick<ResolvedOptions<unknown>, 'trustProxy' | 'maxConnectionsPerAddress'>): void {
  if (typeof trustProxy === 'number') return;
  if (typeof trustProxy === 'function' || (trustProxy !== false && trustProxy.length > 0)) {
    throw new TypeError(
      'WebSocketServer: option trustProxy: a proxy on a Unix socket has no address, so only a number trusts it; write trustProxy: 1 for one proxy',
    );
  }
  if (maxConnectionsPerAddress === Infinity) return;
  throw new TypeError(
    `WebSocketServer: option maxConnectionsPerAddress: a peer on a Unix socket has no address, so ${maxConnectionsPerAddress} would limit nothing; for a proxy that forwards addresses add trustProxy: 1, otherwise leave it out`,
  );
}

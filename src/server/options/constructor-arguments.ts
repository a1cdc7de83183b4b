import type { Server } from 'node:http';
import type { Http2SecureServer, Http2Server } from 'node:http2';
import type { Server as HttpsServer } from 'node:https';
import { show } from '../../protocol/option-checks.js';
import { type Attachment, attachmentOptions, checkNoAttachment } from './attachment.js';
import { isUpgradingServer } from './kinds-of-server.js';
import type { ServerOptions } from './options.js';
import { type ResolvedOptions, resolveOptions } from './resolve-options.js';

/** The servers that hawser can attach to. The types of an HTTP/2 server do not show whether it allows HTTP/1. */
export type UpgradingServer = Server | HttpsServer | Http2Server | Http2SecureServer;

/** The arguments of `new WebSocketServer`, checked. */
interface ConstructorArguments<Context> {
  readonly options: ResolvedOptions<Context>;
  /** The server that was passed in. */
  readonly attached: Server | undefined;
  /** What a server of its own listens on; without members for another. */
  readonly own: Attachment;
}

/** @throws TypeError for what is neither a server nor options, and for options that are wrong. */
export function readConstructorArguments<Context>(
  first: UpgradingServer | (ServerOptions<Context> & Attachment),
  second: ServerOptions<Context> | undefined,
): ConstructorArguments<Context> {
  if (isUpgradingServer(first)) {
    checkNoAttachment(second);
    const attached = first as Server;
    return { options: resolveOptions<Context>(second ?? {}, []), attached, own: {} };
  }
  if (second !== undefined) {
    throw new TypeError(
      `WebSocketServer: expected the options as the only argument, got ${show(second)} as well; only beside a server they come second`,
    );
  }
  const own = first as ServerOptions<Context> & Attachment;
  const options = resolveOptions<Context>(own, attachmentOptions(own));
  return { options, attached: undefined, own };
}

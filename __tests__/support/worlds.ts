import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { adaptStream } from '../../src/server/http2/stream-transport.js';
import { world, worldOn, type World, type WorldOptions } from './connection.js';
import { listenHttp2 } from './http2.js';
import { askOver, type Version } from './versions.js';

/** Opens a connection as {@link world} does, on a socket or on a stream of HTTP/2. */
export async function worldOver(
  version: Version,
  options: WorldOptions = {},
): Promise<World<Duplex>> {
  if (version === 'HTTP/1.1') return world(options);
  const server = createServer({ settings: { enableConnectProtocol: true } });
  const port = await listenHttp2(server);
  const opened = once(server, 'stream') as Promise<[ServerHttp2Stream]>;
  const client = await askOver(version, port);
  const [stream] = await opened;
  stream.respond({ ':status': 200 });
  adaptStream(stream);
  await client.response();
  return worldOn(stream, client, options);
}

type Counted = Pick<Socket, 'bytesRead' | 'bytesWritten'>;

/** The socket that a connection is on: its own, or that of its stream's session. */
export function socketOf(transport: Duplex): Counted {
  const { session } = transport as Partial<ServerHttp2Stream>;
  return session === undefined ? (transport as Duplex & Counted) : session.socket;
}

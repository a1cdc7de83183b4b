// What the servers share.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** No message is longer, so that no library's limit is in the way. */
export const LONGEST_MESSAGE = 32 * 1024 * 1024;

/** A server that streams lets this many bytes wait in the library, where it has the choice. */
export const HIGH_WATER_MARK = 64 * 1024;

/** @param {string} name of a CommonJS package in bench/node_modules */
export const load = (name) => require(name);

/** @param {string} name */
export const versionOf = (name) => require(`${name}/package.json`).version;

/** Whether a package has been loaded in this process. */
export const isLoaded = (/** @type {string} */ name) =>
  Object.keys(require.cache).some((file) => file.includes(`node_modules/${name}/`));

/** How many messages a client asks a streaming server for. */
export const requested = (/** @type {Uint8Array} */ bytes) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32BE(bytes.byteLength - 4);

/** An http.Server that `attach` has made a WebSocket server, on a free port. */
export async function listen(/** @type {(server: import('node:http').Server) => void} */ attach) {
  const server = createServer();
  attach(server);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

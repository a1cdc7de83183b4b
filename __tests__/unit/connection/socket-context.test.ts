import { AsyncLocalStorage, AsyncResource, executionAsyncId } from 'node:async_hooks';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { adoptSocket, NO_CONTEXT } from '../../../src/connection/socket-context.js';
import { CERTIFICATE } from '../../support/certificate.js';

const user = new AsyncLocalStorage<string>();

/** Whether this is Node: Bun and Deno have `node:net` of their own. */
const isNode = process.versions['bun'] === undefined && process.versions['deno'] === undefined;

/** Both ends of a socket, over TCP or TLS. */
async function openPair(isTls: boolean): Promise<{ ours: Socket; theirs: Socket }> {
  const server = isTls ? createTlsServer(CERTIFICATE) : createServer();
  const accepted = once(server, isTls ? 'secureConnection' : 'connection') as Promise<[Socket]>;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const theirs = isTls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  const [ours] = await accepted;
  server.close();
  return { ours, theirs };
}

describe('a socket of Node', () => {
  it.each([
    ['TCP', false],
    ['TLS', true],
  ])('calls back in the context of its connection, over %s', async (_name, isTls) => {
    const { ours, theirs } = await openPair(isTls);
    const seen: unknown[] = [];
    ours.on('data', (data: Buffer) => {
      seen.push([data.toString(), user.getStore(), executionAsyncId()]);
    });
    const context = user.run('ann', () => new AsyncResource('test'));
    // The context that counts is that of the resource.
    const id = user.run('bob', () => adoptSocket(ours, context));
    theirs.write('a');
    await once(ours, 'data');
    theirs.end('b');
    ours.end();
    await once(ours, 'close');
    const [name, expected] = isNode ? ['ann', id] : [undefined, expect.anything()];
    expect(seen).toEqual([
      ['a', name, expected],
      ['b', name, expected],
    ]);
    expect(isNode && id === NO_CONTEXT).toBe(false);
  });
});

describe('another transport', () => {
  const context = new AsyncResource('test');

  it.each([
    ['a stream', new PassThrough()],
    ['a socket without a handle', Object.assign(new PassThrough(), { _handle: null })],
    ['a handle of another kind', Object.assign(new PassThrough(), { _handle: {} })],
    [
      'half of such a handle',
      Object.assign(new PassThrough(), { _handle: { asyncReset: () => undefined } }),
    ],
  ])('is left as it is: %s', (_name, transport) => {
    expect(adoptSocket(transport, context)).toBe(NO_CONTEXT);
  });
});

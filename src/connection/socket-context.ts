import type { AsyncResource } from 'node:async_hooks';
import type { Duplex } from 'node:stream';

/**
 * What the handle of a socket of Node's has in every version, though no type tells. Node's `http.Agent` calls
 * `asyncReset` for a socket that serves another request.
 */
interface Handle {
  asyncReset(resource: object): void;
  getAsyncId(): number;
}

/** The async id of no context. */
export const NO_CONTEXT = -1;

/**
 * Let a socket of Node's call back in the async context of its connection from now on.
 *
 * Otherwise the connection would have to enter its context for each read. Inside a callback of a handle that takes
 * 1500 processor instructions, as much as all other work of hawser on a message of 64 bytes.
 *
 * @returns the async id of the socket's callbacks; `NO_CONTEXT` if its handle is not like that of Node.
 */
export function adoptSocket(socket: Duplex, context: AsyncResource): number {
  const { _handle: handle } = socket as { _handle?: Partial<Handle> | null };
  if (typeof handle?.asyncReset !== 'function' || typeof handle.getAsyncId !== 'function') {
    return NO_CONTEXT;
  }
  // In the context, because Node takes the stores of AsyncLocalStorage from where this is called.
  context.runInAsyncScope(handle.asyncReset, handle, context);
  return handle.getAsyncId();
}

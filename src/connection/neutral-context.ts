import { AsyncResource } from 'node:async_hooks';

/**
 * The async context in which hawser was loaded.
 *
 * Whatever outlives the call that made it is made in here: timers that arm themselves again, zlib's
 * contexts, jobs on the thread pool, the flush that ends a tick. Node keeps the context of such a
 * call as long as what was made in it, and hands it on from a timer to the next. The stores of one
 * connection would stay in memory long after its end, and would be seen by others.
 */
export const neutral: AsyncResource = new AsyncResource('hawser');

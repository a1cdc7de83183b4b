import { AsyncResource } from 'node:async_hooks';

/**
 * The async context in which hawser was loaded.
 *
 * Everything that outlives the call that creates it is created in this context: timers that are set
 * again, zlib's contexts, the work on long messages, the flush at the end of a tick. Node keeps the
 * async context of a call as long as what was created in it, and passes it on from one timer to the
 * next. The stores of one connection would stay in memory long after its end, and other connections
 * would see them.
 */
export const neutral: AsyncResource = new AsyncResource('hawser');

import type { ConnectionSettings } from '../connection/settings.js';
import type { ResolvedOptions } from './options/resolve-options.js';

/** What a connection gets from its options alone. */
type FromOptions =
  | 'textAs'
  | 'binaryAs'
  | 'highWaterMark'
  | 'maxBufferedAmount'
  | 'slowConsumer'
  | 'closeTimeout'
  | 'messageTimeout';

/** The settings that all connections with the same options share. */
export function connectionSettings(
  options: Pick<ResolvedOptions<unknown>, FromOptions>,
  parts: Omit<ConnectionSettings, FromOptions>,
): ConnectionSettings {
  return {
    decoder: parts.decoder,
    textAs: options.textAs,
    binaryAs: options.binaryAs,
    highWaterMark: options.highWaterMark,
    maxBufferedAmount: options.maxBufferedAmount,
    slowConsumer: options.slowConsumer,
    answersPings: parts.answersPings,
    holdsAfterClose: parts.holdsAfterClose,
    budget: parts.budget,
    closeTimeout: options.closeTimeout,
    messageTimeout: options.messageTimeout,
    deadlines: parts.deadlines,
    counters: parts.counters,
    heartbeat: parts.heartbeat,
    messageRate: parts.messageRate,
    topics: parts.topics,
    observer: parts.observer,
  };
}

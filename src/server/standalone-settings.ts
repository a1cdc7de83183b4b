import { Counters } from '../connection/counters.js';
import { systemClock } from '../connection/limits/clock.js';
import { Deadlines } from '../connection/limits/deadlines.js';
import { Heartbeat } from '../connection/limits/keepalive.js';
import { MessageRate } from '../connection/receive/rate-limiter.js';
import type { ConnectionObserver, ConnectionSettings } from '../connection/settings.js';
import { UnpublishedTopics } from '../connection/subscriptions.js';
import type { Role } from '../protocol/framing/frame.js';
import { connectionSettings } from './connection-settings.js';
import type { ResolvedOptions } from './options/resolve-options.js';

/** Pings are answered, and a closing connection is read. */
export const HAWSER: Pick<ConnectionSettings, 'answersPings' | 'holdsAfterClose'> = {
  answersPings: true,
  holdsAfterClose: false,
};

/** The settings of connections that belong to no `WebSocketServer`: of a pair, of `hawser/ws` and of `hawser/client`. */
export class StandaloneSettings {
  readonly deadlines: Deadlines;
  readonly #options: ResolvedOptions<undefined>;
  readonly #parts: Omit<Parameters<typeof connectionSettings>[1], 'decoder' | 'counters'>;

  /**
   * @param manners how connections behave: those of hawser, or those of ws.
   * @param observer makes what hears of failures and ends; its argument is how long, in ms, messages wait for a consumer.
   */
  constructor(
    options: ResolvedOptions<undefined>,
    manners: Pick<ConnectionSettings, 'answersPings' | 'holdsAfterClose'> = HAWSER,
    observer?: (consumerTimeout: number) => ConnectionObserver,
  ) {
    const { clock = systemClock, messageRate } = options;
    const deadlines = new Deadlines(clock);
    this.deadlines = deadlines;
    this.#options = options;
    const heartbeat = new Heartbeat(deadlines, clock, options);
    this.#parts = {
      ...manners,
      budget: undefined,
      deadlines,
      heartbeat,
      messageRate: messageRate && new MessageRate(messageRate, deadlines, clock),
      topics: new UnpublishedTopics(options.maxTopicsPerConnection),
      observer: observer?.(heartbeat.consumerTimeout),
    };
  }

  /** The settings of one side, with counters of its own. A connection that compresses needs another decoder, with `rsv1`. */
  of(role: Role): ConnectionSettings {
    const { maxPayload } = this.#options;
    return connectionSettings(this.#options, {
      ...this.#parts,
      decoder: { role, maxPayload, rsv1: false },
      counters: new Counters(),
    });
  }
}

import type { ServerOptions } from '../server/options/options.js';
import { type ResolvedOptions, resolveOptions } from '../server/options/resolve-options.js';
import { checkOptions, type Rule, type Rules } from '../protocol/option-checks.js';
import { numberOf } from './argument-checks.js';

/** The options of hawser that `hawser/ws` takes as its option `hawser`. Without it the limits are those of ws: none. */
export type HawserOptions = Pick<
  ServerOptions,
  | 'allowedHosts'
  | 'clock'
  | 'heartbeat'
  | 'highWaterMark'
  | 'idleTimeout'
  | 'limits'
  | 'logger'
  | 'maxBufferedAmount'
  | 'maxConnections'
  | 'maxConnectionsPerAddress'
  | 'maxLifetime'
  | 'maxTotalBuffered'
  | 'messageRate'
  | 'messageTimeout'
  | 'origin'
  | 'slowConsumer'
  | 'trustProxy'
>;

/** The options of ws that become settings of a connection. */
export interface ConnectionOptions {
  /** Longest message in bytes; 0 for no limit. */
  readonly maxPayload?: number | undefined;
  /** Milliseconds that a closing handshake may take. */
  readonly closeTimeout?: number | undefined;
  /** hawser's own limits. */
  readonly hawser?: HawserOptions | undefined;
}

const ANY: Rule = { expected: 'anything', accepts: () => true };
/** The names; `resolveOptions` checks the values. */
const RULES: Rules<HawserOptions> = {
  allowedHosts: ANY,
  clock: ANY,
  heartbeat: ANY,
  highWaterMark: ANY,
  idleTimeout: ANY,
  limits: ANY,
  logger: ANY,
  maxBufferedAmount: ANY,
  maxConnections: ANY,
  maxConnectionsPerAddress: ANY,
  maxLifetime: ANY,
  maxTotalBuffered: ANY,
  messageRate: ANY,
  messageTimeout: ANY,
  origin: ANY,
  slowConsumer: ANY,
  trustProxy: ANY,
};

/** What ws waits for the end of a connection, in milliseconds. */
export const CLOSE_TIMEOUT = 30_000;
/** What ws allows a message, in bytes. */
export const MAX_PAYLOAD: number = 100 * 1024 * 1024;

/**
 * The options of a connection as hawser has them: without `hawser` it behaves as a connection of ws.
 *
 * @throws TypeError for an option that is unknown or has a wrong value.
 */
export function resolveConnectionOptions({
  maxPayload = MAX_PAYLOAD,
  closeTimeout = CLOSE_TIMEOUT,
  hawser = {},
}: ConnectionOptions): ResolvedOptions<undefined> {
  checkOptions('hawser/ws', hawser, RULES, 'hawser.');
  const most = numberOf('maxPayload', maxPayload);
  const timeout = numberOf('closeTimeout', closeTimeout);
  const options = {
    origin: '*',
    heartbeat: false,
    messageTimeout: Infinity,
    maxBufferedAmount: Infinity,
    ...hawser,
    textAs: 'buffer',
    maxPayload:
      most > 0 ? Math.min(Math.ceil(most), Number.MAX_SAFE_INTEGER) : Number.MAX_SAFE_INTEGER,
    closeTimeout: timeout > 0 ? timeout : Number.MIN_VALUE,
  };
  return resolveOptions<undefined>(options, [], 'hawser/ws');
}

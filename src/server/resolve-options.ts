import type { HeartbeatOptions } from '../connection/heartbeat.js';
import type { Authorization, DeflateOptions, ServerOptions } from './options.js';
import {
  aFunction,
  bytes,
  checkOptions,
  count,
  duration,
  fromOne,
  isFunction,
  isObject,
  isStrings,
  oneOf,
  rate,
  type Rule,
  type Rules,
  show,
  whole,
} from '../protocol/option-rules.js';
import { DEFAULT_MAX_PAYLOAD } from '../protocol/frame-decoder.js';
import { parseOrigin } from '../protocol/origin.js';

/** Options as they are used: checked, and with their defaults. */
export type ResolvedOptions<Context> = Required<
  Omit<
    ServerOptions<Context>,
    | 'path'
    | 'authorize'
    | 'allowedHosts'
    | 'heartbeat'
    | 'messageRate'
    | 'logger'
    | 'clock'
    | 'perMessageDeflate'
  >
> &
  Pick<HeartbeatOptions, 'heartbeat'> &
  Pick<
    ServerOptions<Context>,
    'path' | 'authorize' | 'allowedHosts' | 'messageRate' | 'logger' | 'clock'
  > & { readonly perMessageDeflate: false | ResolvedDeflateOptions };

/** {@link DeflateOptions} with their defaults. */
export type ResolvedDeflateOptions = Required<Omit<DeflateOptions, 'filter'>> &
  Pick<DeflateOptions, 'filter'> & {
    /** Whether a compressor of a connection's own is zlib's: somebody has said how hard it is to try. */
    readonly ownFromZlib: boolean;
  };

const DEFAULTS = {
  subprotocols: [],
  origin: 'same-origin',
  upgradeTimeout: 10_000,
  closeTimeout: 10_000,
  maxPayload: DEFAULT_MAX_PAYLOAD,
  messageTimeout: 60_000,
  textAs: 'string',
  highWaterMark: 64 * 1024,
  maxBufferedAmount: 16 * 1024 * 1024,
  slowConsumer: 'close',
  maxTotalBuffered: Infinity,
  heartbeat: { interval: 25_000, timeout: 10_000 },
  idleTimeout: Infinity,
  maxLifetime: Infinity,
  maxConnections: Infinity,
  maxPendingUpgrades: 1024,
  maxConnectionsPerAddress: Infinity,
  trustProxy: false,
  perMessageDeflate: false,
} as const;

const DEFLATE_DEFAULTS = {
  contextTakeover: 'none',
  memoryBudget: 128 * 1024 * 1024,
  idleRelease: 30_000,
} as const;

const HEARTBEAT_RULES: Rules<{ interval: number; timeout: number }> = {
  interval: duration,
  timeout: duration,
};
const MESSAGE_RATE_RULES: Rules<Required<NonNullable<ServerOptions['messageRate']>>> = {
  perSecond: rate,
  burst: fromOne,
  fragments: rate,
  action: oneOf('close', 'pause'),
};
const DEFLATE_RULES: Rules<DeflateOptions> = {
  threshold: count,
  contextTakeover: oneOf('none', 'server', 'client', 'both'),
  windowBits: whole('a number of bits', 8, 15),
  level: whole('a zlib level', 0, 9),
  memLevel: whole('a zlib memLevel', 1, 9),
  filter: aFunction,
  memoryBudget: bytes,
  idleRelease: duration,
};

const RULES: Rules<ServerOptions> = {
  path: {
    expected: 'a string that begins with /, a RegExp without the flags g and y, or a function',
    accepts: (value) =>
      isFunction(value) ||
      (typeof value === 'string' && value.startsWith('/')) ||
      (value instanceof RegExp && !value.global && !value.sticky),
  },
  subprotocols: {
    expected: 'an array of strings or a function',
    accepts: (value) => isFunction(value) || isStrings(value),
  },
  origin: {
    expected:
      "'same-origin', '*', a function, or an array of origins such as 'https://example.com' (scheme and host, no path)",
    accepts: (value) =>
      value === 'same-origin' ||
      value === '*' ||
      isFunction(value) ||
      (isStrings(value) &&
        (value as string[]).every((each) => each === 'null' || parseOrigin(each) !== undefined)),
  },
  allowedHosts: { expected: 'an array of host names', accepts: isStrings },
  authorize: aFunction,
  upgradeTimeout: duration,
  closeTimeout: duration,
  maxPayload: whole('a number of bytes', 1, Number.MAX_SAFE_INTEGER),
  messageTimeout: duration,
  textAs: oneOf('string', 'buffer'),
  highWaterMark: bytes,
  maxBufferedAmount: bytes,
  slowConsumer: oneOf('close', 'drop'),
  maxTotalBuffered: bytes,
  heartbeat: {
    expected: 'false or an object with interval and timeout',
    accepts: (value) => value === false || isObject(value),
  },
  idleTimeout: duration,
  maxLifetime: duration,
  maxConnections: count,
  maxPendingUpgrades: count,
  maxConnectionsPerAddress: count,
  messageRate: {
    expected: 'an object with perSecond, burst and action',
    accepts: (value) =>
      isObject(value) &&
      ['perSecond', 'burst', 'action'].every((name) => value[name] !== undefined),
  },
  trustProxy: {
    expected: 'false, a number of proxies from 1, or a function',
    accepts: (value) =>
      value === false || isFunction(value) || (Number.isInteger(value) && (value as number) >= 1),
  },
  perMessageDeflate: {
    expected: 'a boolean or an object',
    accepts: (value) => typeof value === 'boolean' || isObject(value),
  },
  logger: {
    expected: 'an object with the methods warn and error',
    accepts: (value) => isObject(value) && isFunction(value['warn']) && isFunction(value['error']),
  },
  clock: {
    expected:
      'an object with the methods now, setTimeout and clearTimeout, and perhaps afterReading',
    accepts: (value) =>
      isObject(value) &&
      isFunction(value['now']) &&
      isFunction(value['setTimeout']) &&
      isFunction(value['clearTimeout']) &&
      (value['afterReading'] === undefined || isFunction(value['afterReading'])),
  },
};

/** Options that say what the server is attached to; `server.ts` handles them itself. */
const ATTACHMENT_RULES: Rules<{ port: number; host: string; noServer: boolean }> = {
  port: whole('a port', 0, 65_535),
  host: { expected: 'a string', accepts: (value) => typeof value === 'string' },
  noServer: oneOf(true),
};

/**
 * Check options and fill in the defaults. An option that is `undefined` counts as left out.
 *
 * @param attachment which of `port`, `host` and `noServer` are allowed besides.
 * @throws TypeError naming the option, what was expected and what was got.
 */
export function resolveOptions<Context>(
  options: object,
  attachment: readonly (keyof typeof ATTACHMENT_RULES)[],
): ResolvedOptions<Context> {
  const rules: Record<string, Rule> = { ...RULES };
  for (const name of attachment) rules[name] = ATTACHMENT_RULES[name];
  const given = check(options, rules);
  const { heartbeat, messageRate, perMessageDeflate } = given;
  if (isObject(heartbeat)) {
    given['heartbeat'] = {
      ...DEFAULTS.heartbeat,
      ...check(heartbeat, HEARTBEAT_RULES, 'heartbeat.'),
    };
  }
  if (isObject(messageRate)) check(messageRate, MESSAGE_RATE_RULES, 'messageRate.');
  if (perMessageDeflate === true) given['perMessageDeflate'] = resolveDeflate({});
  if (isObject(perMessageDeflate)) {
    const deflate = check(perMessageDeflate, DEFLATE_RULES, 'perMessageDeflate.');
    given['perMessageDeflate'] = resolveDeflate(deflate);
  }
  return { ...DEFAULTS, ...given };
}

function check(
  options: unknown,
  rules: Readonly<Record<string, Rule>>,
  prefix?: string,
): Record<string, unknown> {
  return checkOptions('WebSocketServer', options, rules, prefix);
}

/** What one connection pays for is smaller than what all of them share. */
function resolveDeflate(given: DeflateOptions): ResolvedDeflateOptions {
  const shared = (given.contextTakeover ?? 'none') === 'none';
  const effort = shared
    ? { threshold: 512, windowBits: 15, level: 6, memLevel: 8 }
    : { threshold: 128, windowBits: 12, level: 3, memLevel: 5 };
  const ownFromZlib = given.level !== undefined || given.memLevel !== undefined;
  return { ...DEFLATE_DEFAULTS, ...effort, ...given, ownFromZlib };
}

/**
 * Check what `authorize` returned. What is no answer must not count as a yes: `false`, say.
 *
 * @throws TypeError saying what was expected and what was got.
 */
export function checkAuthorization<Context>(answer: unknown): Authorization<Context> {
  if (answer === undefined || answer === null) return {};
  if (!isObject(answer)) {
    throw new TypeError(
      `authorize: expected it to return nothing or an object, got ${show(answer)}; to refuse, throw new UpgradeRejection(403)`,
    );
  }
  checkMaxPayload('authorize', answer['maxPayload']);
  return answer;
}

/**
 * Check the `maxPayload` of one connection.
 *
 * @param who said it, for the message.
 * @throws TypeError saying what was expected and what was got.
 */
export function checkMaxPayload(who: string, maxPayload: unknown): void {
  const { expected, accepts } = RULES.maxPayload;
  if (maxPayload === undefined || accepts(maxPayload)) return;
  throw new TypeError(`${who}: expected maxPayload to be ${expected}, got ${show(maxPayload)}`);
}

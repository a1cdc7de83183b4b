import type { HeartbeatOptions } from '../../connection/limits/keepalive.js';
import { isRegExp } from 'node:util/types';
import { isAbortSignal } from '../../connection/abort-signal.js';
import type { Attachment } from './attachment.js';
import { maxPayloadRule } from './authorization.js';
import { FOREIGN_DEFLATE, FOREIGN_HEARTBEAT, FOREIGN_OPTIONS } from './foreign-options.js';
import { type EntryFault, hostEntry, isFault, originEntry } from '../admission/list-entries.js';
import type { DeflateOptions, ServerOptions } from './options.js';
import { pathFault } from '../admission/path-match.js';
import { isSharedLimits } from '../admission/shared-limits.js';
import { networkFault } from '../admission/trust-proxy.js';
import {
  anyFunction,
  type Advice,
  byteCount,
  checkOptions,
  nonNegativeInteger,
  milliseconds,
  atLeastOne,
  isBoolean,
  isFunction,
  isObject,
  isStrings,
  oneOf,
  positiveNumber,
  type Rule,
  type Rules,
  integerBetween,
} from '../../protocol/option-checks.js';
import { DEFAULT_MAX_PAYLOAD } from '../../protocol/framing/frame-decoder.js';
import { isBroker } from '../topics/broker.js';
import { isToken } from '../../protocol/handshake/http-grammar.js';

/** The options that have no default: without them nothing of the kind happens. */
type WithoutDefault =
  | 'path'
  | 'authorize'
  | 'allowedHosts'
  | 'limits'
  | 'broker'
  | 'brokerBuffer'
  | 'messageRate'
  | 'logger'
  | 'clock';

/** Options after the check, with their defaults. */
export type ResolvedOptions<Context> = Required<
  Omit<ServerOptions<Context>, WithoutDefault | 'heartbeat' | 'perMessageDeflate'>
> &
  Pick<ServerOptions<Context>, WithoutDefault> &
  Pick<HeartbeatOptions, 'heartbeat'> & {
    readonly perMessageDeflate: false | ResolvedDeflateOptions;
  };

/** {@link DeflateOptions} with their defaults. */
export type ResolvedDeflateOptions = Required<DeflateOptions>;

const DEFAULTS = {
  subprotocols: [],
  origin: 'same-origin',
  upgradeTimeout: 10_000,
  closeTimeout: 10_000,
  maxPayload: DEFAULT_MAX_PAYLOAD,
  messageTimeout: 60_000,
  textAs: 'string',
  binaryAs: 'buffer',
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
  maxTopicsPerConnection: 128,
  maxRetained: 64 * 1024 * 1024,
  trustProxy: false,
  perMessageDeflate: false,
} as const;

const DEFLATE_DEFAULTS = {
  contextTakeover: 'none',
  memoryBudget: 128 * 1024 * 1024,
  idleRelease: 30_000,
} as const;

const HEARTBEAT_RULES: Rules<{ interval: number; timeout: number }> = {
  interval: milliseconds,
  timeout: milliseconds,
};
const MESSAGE_RATE_RULES: Rules<Required<NonNullable<ServerOptions['messageRate']>>> = {
  perSecond: positiveNumber,
  burst: atLeastOne,
  fragments: positiveNumber,
  action: oneOf('close', 'pause'),
};
const BROKER_BUFFER_RULES: Rules<NonNullable<ServerOptions['brokerBuffer']>> = {
  messages: nonNegativeInteger,
  bytes: byteCount,
  age: milliseconds,
};
const DEFLATE_RULES: Rules<DeflateOptions> = {
  threshold: nonNegativeInteger,
  contextTakeover: oneOf('none', 'server', 'client', 'both'),
  compressor: oneOf('compact', 'zlib'),
  windowBits: integerBetween('a number of bits', 8, 15),
  level: integerBetween('a zlib level', 0, 9),
  memLevel: integerBetween('a zlib memLevel', 1, 9),
  memoryBudget: byteCount,
  idleRelease: milliseconds,
};

/** A source of time. */
export const clockRule: Rule = {
  expected: 'an object with the methods now, setTimeout and clearTimeout, and perhaps afterPoll',
  accepts: (value) =>
    isObject(value) &&
    isFunction(value['now']) &&
    isFunction(value['setTimeout']) &&
    isFunction(value['clearTimeout']) &&
    (value['afterPoll'] === undefined || isFunction(value['afterPoll'])),
};

const RULES: Rules<ServerOptions> = {
  path: {
    expected: 'a string that begins with /, a RegExp without the flags g and y, or a function',
    accepts: (value) =>
      isFunction(value) ||
      (typeof value === 'string' && value.startsWith('/')) ||
      (isRegExp(value) && !value.global && !value.sticky),
    fault: (value) => (isFunction(value) ? undefined : pathFault(value as string | RegExp)),
  },
  subprotocols: {
    expected: 'an array of strings or a function',
    accepts: (value) => isFunction(value) || isStrings(value),
    fault: (value) => (isFunction(value) ? undefined : subprotocolsFault(value as string[])),
  },
  origin: {
    expected:
      "'same-origin', '*', a function, or an array of origins such as 'https://example.com' (scheme and host, no path)",
    accepts: (value) =>
      value === 'same-origin' || value === '*' || isFunction(value) || isStrings(value),
    fault: (value) => (Array.isArray(value) ? faultIn(value as string[], originEntry) : undefined),
  },
  allowedHosts: {
    expected: 'an array of host names',
    accepts: isStrings,
    fault: (value) => {
      const hosts = value as string[];
      if (hosts.length === 0)
        return 'an empty array admits no host; leave it out to serve every host';
      return faultIn(hosts, hostEntry);
    },
  },
  authorize: anyFunction,
  upgradeTimeout: milliseconds,
  closeTimeout: milliseconds,
  maxPayload: maxPayloadRule,
  messageTimeout: milliseconds,
  textAs: oneOf('string', 'buffer'),
  binaryAs: oneOf('buffer', 'arraybuffer'),
  highWaterMark: byteCount,
  maxBufferedAmount: byteCount,
  slowConsumer: oneOf('close', 'drop'),
  maxTotalBuffered: byteCount,
  heartbeat: {
    expected: 'false or an object with interval and timeout',
    accepts: (value) => value === false || isObject(value),
  },
  idleTimeout: milliseconds,
  maxLifetime: milliseconds,
  maxConnections: nonNegativeInteger,
  maxPendingUpgrades: nonNegativeInteger,
  maxConnectionsPerAddress: nonNegativeInteger,
  maxTopicsPerConnection: nonNegativeInteger,
  maxRetained: byteCount,
  broker: {
    expected: 'a broker, such as redisBroker(…) of hawser/redis',
    accepts: isBroker,
  },
  brokerBuffer: {
    expected: 'an object with messages, bytes and age',
    accepts: (value) =>
      isObject(value) && ['messages', 'bytes', 'age'].every((name) => value[name] !== undefined),
  },
  messageRate: {
    expected: 'an object with perSecond, burst and action',
    accepts: (value) =>
      isObject(value) &&
      ['perSecond', 'burst', 'action'].every((name) => value[name] !== undefined),
  },
  trustProxy: {
    expected:
      'false, a number of proxies from 1, an array of addresses and networks, or a function',
    accepts: (value) =>
      value === false ||
      isFunction(value) ||
      isStrings(value) ||
      (Number.isInteger(value) && (value as number) >= 1),
    fault: (value) =>
      Array.isArray(value)
        ? value.map((each) => networkFault(each as string)).find((each) => each !== undefined)
        : undefined,
  },
  limits: { expected: 'a SharedLimits', accepts: isSharedLimits },
  perMessageDeflate: {
    expected: 'a boolean or an object',
    accepts: (value) => typeof value === 'boolean' || isObject(value),
  },
  logger: {
    expected: 'an object with the methods warn and error',
    accepts: (value) => isObject(value) && isFunction(value['warn']) && isFunction(value['error']),
  },
  clock: clockRule,
};

/** Options that define what the server is attached to. */
const ATTACHMENT_RULES: Rules<Attachment> = {
  port: integerBetween('a port', 0, 65_535),
  host: { expected: 'a string', accepts: (value) => typeof value === 'string' },
  socketPath: {
    expected: 'the path of a Unix socket',
    accepts: (value) => typeof value === 'string' && value !== '',
  },
  tls: { expected: 'an object with the options of tls.createServer', accepts: isObject },
  http2: isBoolean,
  backlog: integerBetween('a number of connections', 1, 0x7fff_ffff),
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
  noServer: oneOf(true),
};

/**
 * Check options and fill in the defaults. An option that is `undefined` counts as left out.
 *
 * @param attachment the options of an {@link Attachment} that are also allowed.
 * @param caller the class or function that takes the options, for messages.
 * @throws TypeError with the option, what was expected and what was given.
 */
export function resolveOptions<Context>(
  options: object,
  attachment: readonly (keyof typeof ATTACHMENT_RULES)[],
  caller = 'WebSocketServer',
): ResolvedOptions<Context> {
  const rules: Record<string, Rule> = { ...RULES };
  for (const name of attachment) rules[name] = ATTACHMENT_RULES[name];
  const check = (part: unknown, partRules: typeof rules, prefix?: string, advice?: Advice) =>
    checkOptions(caller, part, partRules, prefix, advice);
  const given = check(options, rules, '', FOREIGN_OPTIONS);
  const { heartbeat, brokerBuffer, messageRate, perMessageDeflate } = given;
  if (isObject(heartbeat)) {
    given['heartbeat'] = {
      ...DEFAULTS.heartbeat,
      ...check(heartbeat, HEARTBEAT_RULES, 'heartbeat.', FOREIGN_HEARTBEAT),
    };
  }
  if (isObject(brokerBuffer)) check(brokerBuffer, BROKER_BUFFER_RULES, 'brokerBuffer.');
  if (isObject(messageRate)) check(messageRate, MESSAGE_RATE_RULES, 'messageRate.');
  if (perMessageDeflate === true) given['perMessageDeflate'] = resolveDeflate({}, caller);
  if (isObject(perMessageDeflate)) {
    const deflate = check(perMessageDeflate, DEFLATE_RULES, 'perMessageDeflate.', FOREIGN_DEFLATE);
    given['perMessageDeflate'] = resolveDeflate(deflate, caller);
  }
  return { ...DEFAULTS, ...given };
}

/** The fault of the first entry that could never match. */
function faultIn(
  entries: readonly string[],
  read: (entry: string) => object | string,
): string | undefined {
  const fault = entries.map(read).find((entry): entry is EntryFault => isFault(entry));
  return fault?.fault;
}

function subprotocolsFault(names: readonly string[]): string | undefined {
  for (const [index, name] of names.entries()) {
    if (!isToken(name)) {
      return `${JSON.stringify(name)} is not a name that a client can offer: letters, digits, and of other characters - . _ ~ ! # $ % & ' * + ^ \` |`;
    }
    if (names.indexOf(name) !== index) return `${JSON.stringify(name)} is listed twice`;
  }
  return undefined;
}

/**
 * The options of permessage-deflate with their defaults. Contexts of a connection's own are smaller
 * than those that all connections share.
 *
 * @throws TypeError if the options contradict each other, saying what to write.
 */
function resolveDeflate(given: DeflateOptions, caller: string): ResolvedDeflateOptions {
  const { contextTakeover = 'none' } = given;
  const takesOver = contextTakeover === 'server' || contextTakeover === 'both';
  const { compressor = takesOver ? 'compact' : 'zlib' } = given;
  const sizes =
    contextTakeover === 'none'
      ? { threshold: 512, windowBits: 15, level: 6, memLevel: 8 }
      : { threshold: 128, windowBits: 12, level: 3, memLevel: 5 };
  const resolved = { ...DEFLATE_DEFAULTS, ...sizes, ...given, compressor };
  if (compressor === 'zlib') return resolved;
  const effort = (['level', 'memLevel'] as const).find((name) => given[name] !== undefined);
  if (takesOver && effort === undefined) return resolved;
  const name = takesOver ? effort : 'compressor';
  const fault = takesOver
    ? `it is for zlib, and with contextTakeover '${contextTakeover}' the compressor is 'compact'; add compressor: 'zlib', or leave it out`
    : `'compact' is for contextTakeover 'server' or 'both', and it is '${contextTakeover}'; leave compressor out`;
  throw new TypeError(`${caller}: option perMessageDeflate.${name}: ${fault}`);
}

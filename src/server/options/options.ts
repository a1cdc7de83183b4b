import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../connection/limits/clock.js';
import type { Logger } from '../logger.js';
import type { UpgradeHeaders } from '../../protocol/handshake/upgrade-headers.js';
import type { SharedLimits } from '../admission/shared-limits.js';

/** `trustProxy` of the server's options. */
export type TrustProxy = false | number | readonly string[] | ((address: string) => boolean);

/** What `authorize` may return; nothing means: accepted as it is. */
export interface Authorization<Context> {
  /** Becomes `conn.context`. */
  readonly context?: Context;
  /** Added to the 101 response, `Set-Cookie` for example. */
  readonly headers?: UpgradeHeaders;
  /** Instead of what `subprotocols` would choose; must have been offered. */
  readonly subprotocol?: string;
  /** Instead of the server's `maxPayload`, for this connection. */
  readonly maxPayload?: number;
}
/** What `authorize` returns: an {@link Authorization}, or nothing. */
// `void`: an authorize function that ends without a return statement accepts.
export type AuthorizeResult<Context> = void | Authorization<Context>;

/** What `authorize` is told besides the request. */
export interface AuthorizeOptions {
  /** Aborts when the client leaves, time is up or the server closes. */
  readonly signal: AbortSignal;
  /**
   * The request's target: `url.pathname` is what `path` was compared with. Its host is the one that
   * the client asked for, its scheme is `http:` whatever the transport is.
   */
  readonly url: URL;
  /** What a RegExp as option `path` matched, with its groups; `undefined` for any other `path`. */
  readonly match: RegExpExecArray | undefined;
}

/**
 * permessage-deflate (RFC 7692). `docs/compression.md` says when to use which mode, and when to
 * leave it off.
 */
export interface DeflateOptions {
  /** Shorter messages are sent uncompressed, unless `send` is called with `compress: true`; bytes. @default 512 with `contextTakeover: 'none'`, else 128 */
  readonly threshold?: number;
  /**
   * Which side may refer to its earlier messages. With `'none'` all connections share their contexts;
   * otherwise each connection has contexts of its own.
   * @default 'none'
   */
  readonly contextTakeover?: 'none' | 'server' | 'client' | 'both';
  /**
   * What compresses a connection's messages where the server takes its context over.
   *
   * - `'compact'`: a compressor in JavaScript for messages that resemble each other. It takes four
   *   times the window and 2 KiB (18 KiB with the default window), and knows neither `level` nor
   *   `memLevel`. Messages of more than 2 KiB that resemble nothing before them go through a shared
   *   zlib context.
   * - `'zlib'`: Node's zlib, with `level` and `memLevel`. A connection's context takes 104 KiB with the
   *   default window. Without takeover by the server it is the only choice.
   *
   * @default 'compact' with `contextTakeover` `'server'` or `'both'`, else 'zlib'
   */
  readonly compressor?: 'compact' | 'zlib';
  /** The largest sliding window, as a power of two: 8 to 15. @default 15 with `contextTakeover: 'none'`, else 12 */
  readonly windowBits?: number;
  /** zlib's compression level, 0 to 9; with the compressor `'zlib'` only. @default 6 with `contextTakeover: 'none'`, else 3 */
  readonly level?: number;
  /** zlib's memLevel, 1 to 9; with the compressor `'zlib'` only. @default 8 with `contextTakeover: 'none'`, else 5 */
  readonly memLevel?: number;
  /** Bytes that the contexts of this server's connections may take. Above it a new connection gets shared contexts. @default 128 MiB */
  readonly memoryBudget?: number;
  /** Milliseconds without a compressed message sent, after which a connection's compressor is released until the next one. The release can take twice as long. @default 30 s */
  readonly idleRelease?: number;
}

/** Options of a `WebSocketServer`. All durations are milliseconds, all sizes bytes. */
export interface ServerOptions<Context = undefined> {
  /**
   * Paths to serve, compared with the `pathname` of the request's URL: the query is not part of it. A
   * RegExp must not have the flags g or y; what it matched is given to `authorize`.
   * @default any
   */
  readonly path?: string | RegExp | ((path: string, request: IncomingMessage) => boolean);
  /** In the server's order of preference, each name a token; or a function that picks one of those offered. @default none */
  readonly subprotocols?:
    | readonly string[]
    | ((offered: readonly string[], request: IncomingMessage) => string | undefined);
  /**
   * Which pages may connect. An entry of a list is an origin with any scheme (`'https://example.com'`,
   * `'file://'`), `'null'`, a pattern for subdomains (`'https://*.example.com'`, which is not
   * `https://example.com`), or `'same-origin'`. A request without `Origin` is not from a browser and
   * passes, also where the list is empty. `'*'` lets every page on the web connect with your users' cookies.
   * @default 'same-origin'
   */
  readonly origin?:
    | 'same-origin'
    | '*'
    | readonly string[]
    | ((origin: string, request: IncomingMessage) => boolean);
  /**
   * Acceptable `Host` values, or patterns for subdomains (`'*.example.com'`), against DNS rebinding;
   * without a port, any port.
   * @default any
   */
  readonly allowedHosts?: readonly string[];
  /** Accept by returning, reject by throwing `UpgradeRejection`. @default accept */
  readonly authorize?: (
    request: IncomingMessage,
    options: AuthorizeOptions,
  ) => AuthorizeResult<Context> | Promise<AuthorizeResult<Context>>;
  /**
   * From the request to the 101, `authorize` included. On a port of its own the request itself has as
   * long too, at most 60 s, and is cut up to a quarter later.
   * @default 10 s
   */
  readonly upgradeTimeout?: number;
  /** From the first Close to the end of the transport. @default 10 s */
  readonly closeTimeout?: number;
  /**
   * Longest message, all fragments, after inflation. A Text message must also fit into a string (536,870,888
   * UTF-16 code units in V8; with `textAs: 'buffer'` it need not), and none has 4 GiB: 1009 otherwise.
   * @default 4 MiB
   */
  readonly maxPayload?: number;
  /**
   * From a message's first byte to its last. No time counts in which nothing is read because the
   * application is behind; what `messageRate` makes the peer wait inside a message does.
   * @default 60 s
   */
  readonly messageTimeout?: number;
  /** How Text messages are delivered. @default 'string' */
  readonly textAs?: 'string' | 'buffer';
  /** How Binary messages are delivered. An ArrayBuffer has the message's bytes and no others, so every typed array fits onto it. @default 'buffer' */
  readonly binaryAs?: 'buffer' | 'arraybuffer';
  /** Above it `send` returns `false`. @default 64 KiB */
  readonly highWaterMark?: number;
  /**
   * Bytes that may wait for one connection. It is compared before a message is queued, so one message
   * may go beyond it, and a message of any size goes to a peer for whom less waits.
   * @default 16 MiB
   */
  readonly maxBufferedAmount?: number;
  /**
   * What happens when `maxBufferedAmount` waits and another message comes. `'close'`: what waits is
   * discarded, a Close 1013 is tried and the transport cut within a second. `'drop'`: broadcasts, and
   * what is sent with `droppable`, are dropped; other messages find as much room again, and above
   * that the connection is closed.
   * @default 'close'
   */
  readonly slowConsumer?: 'close' | 'drop';
  /**
   * Bytes that all connections may hold together: what waits for peers that are behind, messages
   * that are not complete, and those that the application has not taken. Bytes that wait for several
   * count once, and a part of them falls to each. Above it, at the end of the tick, those with the
   * largest parts are closed with 1013, whatever `slowConsumer` says, and cut if they do not take
   * that at once.
   * @default Infinity
   */
  readonly maxTotalBuffered?: number;
  /** Ping a peer that has been silent for `interval`; dead without a sign of life within `timeout`: the transport is cut. @default 25 s, 10 s */
  readonly heartbeat?:
    | false
    | {
        /** Milliseconds of silence before a Ping. It may come after three quarters of that, so that many who fell silent together are not pinged together. @default 25 s */
        readonly interval?: number;
        /** Milliseconds that the peer then has for a sign of life: any byte will do. @default 10 s */
        readonly timeout?: number;
      };
  /** Without a message in either direction; Pings and Pongs do not count. Then Close 1001. @default Infinity */
  readonly idleTimeout?: number;
  /** From the 101 to a Close with 1001. @default Infinity */
  readonly maxLifetime?: number;
  /** Connections and pending upgrades of this WebSocketServer; more are rejected with 503. See `limits` for those of several. @default Infinity */
  readonly maxConnections?: number;
  /**
   * Upgrades for whose `authorize` the server waits; more are rejected with 503. A client that leaves
   * does not make room: its place is free when `authorize` answers, after `upgradeTimeout` at the latest.
   * @default 1024
   */
  readonly maxPendingUpgrades?: number;
  /** Connections and pending upgrades of one IPv4 address, or one IPv6 network of 64 bits; more are rejected with 429. Behind a proxy, set `trustProxy` too. @default Infinity */
  readonly maxConnectionsPerAddress?: number;
  /** A token bucket for each connection's messages, and one for its other frames. @default none */
  readonly messageRate?: {
    /** Messages that each second adds to the bucket. */
    readonly perSecond: number;
    /** Messages that the bucket holds, and that may therefore come at once; at least 1. */
    readonly burst: number;
    /** Frames that begin no message (fragments after the first, Pings, Pongs) that each second adds to a bucket of their own, which holds as many seconds' worth as that for messages. @default 64 * perSecond */
    readonly fragments?: number;
    /** Fail the connection with 1008, or stop reading until there is room again. A message gets no more time for that (`messageTimeout`). */
    readonly action: 'close' | 'pause';
  };
  /**
   * How many proxies stand in front, or their addresses and networks (`['10.0.0.0/8', '::1']`), or a
   * function that knows them; only then are `Forwarded` (RFC 7239) and `X-Forwarded-*` read. A proxy on a
   * Unix socket has no address: use a number.
   * @default false
   */
  readonly trustProxy?: TrustProxy;
  /** Limits that several servers share; what this server's own options say holds besides. @default none */
  readonly limits?: SharedLimits;
  /** Compression. `true`: contexts that all connections share, no takeover. Not for messages that have secrets beside text of an attacker's choice. @default false */
  readonly perMessageDeflate?: boolean | DeflateOptions;
  /** Where to report. @default a rate-limited console, for the application's own faults only */
  readonly logger?: Logger;
  /** Where time comes from, for tests. @default Node's timers */
  readonly clock?: Clock;
}

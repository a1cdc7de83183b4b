import type { Broker } from '../topics/broker.js';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Clock } from '../../connection/limits/clock.js';
import type { Logger } from '../logger.js';
import type { UpgradeHeaders } from '../../protocol/handshake/response-headers.js';
import type { SharedLimits } from '../admission/shared-limits.js';

/** A request for a WebSocket, over any version of HTTP that hawser speaks. */
export type AnyRequest = IncomingMessage | Http2ServerRequest;

/** The type of option `trustProxy`. */
export type TrustProxy = false | number | readonly string[] | ((address: string) => boolean);

/** What `authorize` may return to accept an upgrade. */
export interface Authorization<Context> {
  /** Becomes `conn.context`. @default undefined */
  readonly context?: Context;
  /** Added to the 101 response, `Set-Cookie` for example. @default none */
  readonly headers?: UpgradeHeaders;
  /** Overrides the choice of `subprotocols`. The client must have offered it. @default that choice */
  readonly subprotocol?: string;
  /** Overrides the server's `maxPayload` for this connection, in bytes. Minimum 1. @default that option */
  readonly maxPayload?: number;
}
/** The result of `authorize`: an {@link Authorization}, or nothing to accept without one. */
// `void`: an authorize function that ends without a return statement accepts.
export type AuthorizeResult<Context> = void | Authorization<Context>;

/** The second argument of `authorize`. */
export interface AuthorizeOptions {
  /** Aborts when the client leaves, time is up, or the server closes. Pass it on to your queries. */
  readonly signal: AbortSignal;
  /**
   * The request's target: `url.pathname` is the path that option `path` was matched with. The host is
   * the one that the client asked for. The scheme is always `http:`.
   */
  readonly url: URL;
  /** The match of a RegExp as option `path`, with its groups; `undefined` for any other `path`. */
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
   * The compressor of a connection on which the server keeps its context (`contextTakeover` `'server'` or `'both'`).
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
  /**
   * The largest sliding window, as a power of two: 8 to 15. Raise it for messages of more than 4 KiB that
   * resemble each other; a compressor takes memory in proportion.
   * @default 15 with `contextTakeover: 'none'`, else 12
   */
  readonly windowBits?: number;
  /** zlib's compression level, 0 to 9: the higher, the fewer bytes and the more CPU time. With the compressor `'zlib'` only. @default 6 with `contextTakeover: 'none'`, else 3 */
  readonly level?: number;
  /** zlib's memLevel, 1 to 9: the higher, the fewer bytes and the more memory. With the compressor `'zlib'` only. @default 8 with `contextTakeover: 'none'`, else 5 */
  readonly memLevel?: number;
  /** Bytes that the contexts of this server's connections may take. Above it a new connection gets shared contexts. @default 128 MiB */
  readonly memoryBudget?: number;
  /** A connection's compressor is released after this many milliseconds without a compressed message; the next one creates it again. The release can take twice as long. @default 30 s */
  readonly idleRelease?: number;
}

/**
 * Options of a `WebSocketServer`. Durations are milliseconds above 0, and sizes are bytes from 1. `Infinity`
 * means no limit, except for `maxPayload`, which always has one.
 */
export interface ServerOptions<Context = undefined, Request extends AnyRequest = IncomingMessage> {
  /**
   * The paths to serve: one path, a RegExp without the flags g and y, or a function. It is compared
   * with the `pathname` of the request's URL, without the query. `authorize` gets what a RegExp matched.
   * @default every path
   */
  readonly path?: string | RegExp | ((path: string, request: Request) => boolean);
  /**
   * The subprotocols of the server in its order of preference, or a function that picks one of those
   * offered. Each name is a token. Without a common one the connection has none, and browsers close it.
   * @default none
   */
  readonly subprotocols?:
    readonly string[] | ((offered: readonly string[], request: Request) => string | undefined);
  /**
   * The origins of pages that may connect. An entry is an origin with its scheme
   * (`'https://example.com'`, `'file://'`), `'null'`, a pattern for subdomains
   * (`'https://*.example.com'`, which does not match `https://example.com`), or `'same-origin'`.
   * A request without `Origin` does not come from a browser and always passes.
   *
   * Danger: `'*'` lets every page on the web connect with the cookies of your users. The logger warns
   * about it at the start.
   * @default 'same-origin'
   */
  readonly origin?:
    'same-origin' | '*' | readonly string[] | ((origin: string, request: Request) => boolean);
  /**
   * The `Host` values to accept, or patterns for subdomains (`'*.example.com'`). An entry without a
   * port matches every port. Set it on servers that a browser can reach by more names than their own,
   * such as development servers: it prevents DNS rebinding.
   * @default every host
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Decides about each upgrade, after all other checks. Return to accept; throw an `UpgradeRejection`
   * to reject, or a `Response` with a status from 300 on, or an error of http-errors or Boom. It may be async.
   * Check sessions and tokens here.
   * @default accepts
   */
  readonly authorize?: (
    request: Request,
    options: AuthorizeOptions,
  ) => AuthorizeResult<Context> | Promise<AuthorizeResult<Context>>;
  /**
   * Milliseconds from the request to the 101, including `authorize`. On a port of its own the client
   * also has this long to send the request (at most 60 s; it can take a quarter longer). Raise it only
   * if `authorize` needs more time.
   * @default 10 s
   */
  readonly upgradeTimeout?: number;
  /**
   * Milliseconds from the first Close to the end of the transport, which is then destroyed. Raise it for
   * very slow networks.
   * @default 10 s
   */
  readonly closeTimeout?: number;
  /**
   * The longest message in bytes, with all its fragments and after decompression. Minimum 1. A longer
   * message fails its connection with 1009. So does a Text message longer than a string can be
   * (536,870,888 UTF-16 code units in V8) unless `textAs` is `'buffer'`, and every message of 4 GiB.
   * Lower it where clients send only short messages: it bounds the memory that a peer can use.
   * @default 4 MiB
   */
  readonly maxPayload?: number;
  /**
   * Milliseconds from the first byte of a message to its last. Time in which hawser does not read
   * because the application is slow does not count. Time in which `messageRate` pauses the peer does.
   * Raise it for long messages over slow networks.
   * @default 60 s
   */
  readonly messageTimeout?: number;
  /** The form of Text messages. `'buffer'` saves the conversion if you only pass them on. @default 'string' */
  readonly textAs?: 'string' | 'buffer';
  /**
   * The form of Binary messages. An ArrayBuffer contains exactly the message, so every typed array
   * can be made on it.
   * @default 'buffer'
   */
  readonly binaryAs?: 'buffer' | 'arraybuffer';
  /**
   * The buffered bytes above which `send` returns `false`. Lower it to learn of a slow peer earlier. Raise
   * it if your code waits although the peer could take more.
   * @default 64 KiB
   */
  readonly highWaterMark?: number;
  /**
   * The bytes that may be buffered for one connection. They are compared before a message is queued,
   * so one message of any size may exceed the limit. Lower it if many peers can be slow at the same time
   * and you do not set `maxTotalBuffered`. Raise it if you send more than that at once.
   * @default 16 MiB
   */
  readonly maxBufferedAmount?: number;
  /**
   * What happens to a message for a connection that has `maxBufferedAmount` buffered.
   * `'close'` discards the buffer, tries to send Close 1013, and terminates within a second.
   * `'drop'` drops broadcasts and messages sent with `droppable`. Other messages may use up to twice
   * the limit; above that the connection is closed. Use `'drop'` where a missing message does no harm.
   * Where only the latest value counts, send it with a `key` instead.
   * @default 'close'
   */
  readonly slowConsumer?: 'close' | 'drop';
  /**
   * The bytes that all connections together may hold: messages for slow peers, incomplete messages,
   * and messages that the application has not taken. Shared bytes (a broadcast) count once, and each
   * connection is charged an equal share. When the total is exceeded, the connections with the largest
   * charge are closed with 1013, or terminated if the Close cannot be written immediately.
   * Set it to a part of your memory if many clients can be slow at the same time.
   * @default Infinity
   */
  readonly maxTotalBuffered?: number;
  /**
   * Pings a silent peer, and terminates the connection of a peer that does not answer. Leave it on
   * unless the transport cannot fail silently: without it dead peers stay connected.
   * @default { interval: 25 s, timeout: 10 s }
   */
  readonly heartbeat?:
    | false
    | {
        /**
         * Milliseconds of silence before a Ping. A Ping may come after three quarters of that, which
         * spreads the Pings of many connections. Keep it below the idle timeout of your proxies.
         * @default 25 s
         */
        readonly interval?: number;
        /** Milliseconds that the peer then has to send any byte. @default 10 s */
        readonly timeout?: number;
      };
  /**
   * Milliseconds without a message in either direction before Close 1001. Pings and Pongs do not count.
   * Use it where a client that says nothing is not worth its memory.
   * @default Infinity
   */
  readonly idleTimeout?: number;
  /**
   * Milliseconds from the 101 to a Close 1001. Use it to have clients log in again, or to move them
   * to new servers.
   * @default Infinity
   */
  readonly maxLifetime?: number;
  /**
   * The connections and pending upgrades of this server; more are rejected with 503. For the sum of
   * several servers see `limits`. Set it to what your memory and file descriptors allow. Minimum 0.
   * @default Infinity
   */
  readonly maxConnections?: number;
  /**
   * The upgrades that may wait for `authorize`; more are rejected with 503. A client that leaves does
   * not free its place: that happens when `authorize` answers, after `upgradeTimeout` at the latest.
   * @default 1024
   */
  readonly maxPendingUpgrades?: number;
  /**
   * The connections and pending upgrades of one client: an IPv4 address, or an IPv6 network of 64 bits.
   * More are rejected with 429. Minimum 0.
   *
   * Danger: users of one company or mobile network can share an address. With a proxy all clients
   * have the proxy's address unless `trustProxy` is set.
   * @default Infinity
   */
  readonly maxConnectionsPerAddress?: number;
  /**
   * The topics that one connection may have subscribed to; one more throws `RangeError`. Minimum 0.
   * @default 128
   */
  readonly maxTopicsPerConnection?: number;
  /**
   * The bytes of the messages that `publish` retains, in all. Above it the topic that was published to
   * longest ago forgets its messages. A topic retains at most 1000 keys and 1 MiB. These bytes count for
   * `maxTotalBuffered` too, and all of them are forgotten if they are its largest part when it is exceeded.
   * @default 64 MiB
   */
  readonly maxRetained?: number;
  /**
   * Shares the topics with other processes and machines: `redisBroker` of `hawser/redis`, `natsBroker` of
   * `hawser/nats`, `clusterBroker` of `hawser/cluster`, or one of your own. An object for each server.
   * @default none: what is published stays in this process
   */
  readonly broker?: Broker;
  /**
   * What is kept while the broker takes nothing; then it is sent to it. Above a limit the oldest goes.
   * @default nothing: what the broker does not take is dropped, and counted
   */
  readonly brokerBuffer?: {
    /** Messages. */
    readonly messages: number;
    /** Bytes. */
    readonly bytes: number;
    /** Milliseconds that a message is kept at most. */
    readonly age: number;
  };
  /** A token bucket for the messages of each connection, and one for its other frames. @default none */
  readonly messageRate?: {
    /** The messages that each second adds to the bucket. More than 0. */
    readonly perSecond: number;
    /** The messages that the bucket holds, and that may therefore come at once. Minimum 1. */
    readonly burst: number;
    /**
     * The other frames (fragments after the first, Pings, Pongs) that each second adds to a bucket of
     * their own. Both buckets take the same number of seconds to fill; this one takes at least a second.
     * @default 64 * perSecond
     */
    readonly fragments?: number;
    /**
     * `'close'` fails the connection with 1008. `'pause'` stops reading until the bucket has room; a
     * message that is paused in the middle does not get more `messageTimeout`.
     */
    readonly action: 'close' | 'pause';
  };
  /**
   * The proxies whose `Forwarded` (RFC 7239) and `X-Forwarded-*` headers are read: their number, their
   * addresses and networks (`['10.0.0.0/8', '::1']`), or a function that recognizes them. A proxy on a
   * Unix socket has no address: use a number.
   *
   * Danger: with too large a number, clients can choose the address that they seem to have.
   * @default false
   */
  readonly trustProxy?: TrustProxy;
  /** Limits that several servers share, in addition to this server's own. @default none */
  readonly limits?: SharedLimits;
  /**
   * Compression (RFC 7692). `true` uses contexts that all connections share, without takeover.
   *
   * Danger: a message with a secret next to text that an attacker chooses reveals the secret by its
   * length. Send such messages with `compress: false`.
   * @default false
   */
  readonly perMessageDeflate?: boolean | DeflateOptions;
  /** Receives warnings and errors. @default a rate-limited console that gets the application's own faults only */
  readonly logger?: Logger;
  /** The source of time, for tests. @default Node's timers */
  readonly clock?: Clock;
}

import { Server as NetServer } from 'node:net';

/**
 * Whether the first argument of a `WebSocketServer` is a server that it can attach to. A server is
 * recognized by its methods, so a substitute for an http.Server works too.
 *
 * @throws TypeError for a server that never emits `'upgrade'`, with what to pass instead.
 */
export function isUpgradingServer(first: unknown): boolean {
  const advice = adviceFor(first);
  if (advice !== undefined) {
    throw new TypeError(
      `WebSocketServer: expected an http.Server as the first argument; ${advice}`,
    );
  }
  return hasMethods(first, 'on', 'address', 'listen');
}

/** The value to pass instead of one that never emits `'upgrade'`; `undefined` for any other value. */
function adviceFor(first: unknown): string | undefined {
  if (!isSomething(first)) return undefined;
  if (hasMethods(first, 'on', 'address', 'listen')) {
    if (!(first instanceof NetServer)) return undefined;
    return hasMethods(first, 'setTimeout') // which all HTTP servers have
      ? undefined
      : 'a net.Server or tls.Server has no upgrades: use createServer of node:http or node:https';
  }
  if (hasMethods(first, 'getHttpServer')) return 'of a Nest application pass app.getHttpServer()';
  const { server, httpServer } = first as { server?: unknown; httpServer?: unknown };
  if (isSomething(server)) {
    return 'pass its property server itself: new WebSocketServer(server, options)';
  }
  if (isSomething(httpServer)) {
    return 'pass its property httpServer itself: new WebSocketServer(httpServer, options)';
  }
  // After `server`: a Fastify instance can be awaited too.
  if (hasMethods(first, 'then')) return 'a promise is not a server: await it first';
  if (hasMethods(first, 'callback', 'listen')) {
    return 'of a Koa application pass what app.listen() returns, or createServer(app.callback())';
  }
  if (hasMethods(first, 'fetch')) return 'of a Hono application pass what serve() returns';
  if (hasMethods(first, 'listen') || typeof first === 'function') {
    return 'of an application pass what its listen() returns, or createServer(app)';
  }
  return undefined;
}

/** Whether a server is one of node:http2. */
export function isHttp2Server(server: object): boolean {
  return hasMethods(server, 'updateSettings');
}

/** Whether an HTTP/2 server speaks HTTP/1.1 too. Node gives it this property only then. */
export function allowsHttp1(server: object): boolean {
  return 'headersTimeout' in server;
}

function isSomething(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function hasMethods(value: unknown, ...names: string[]): boolean {
  if (value === null || value === undefined) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

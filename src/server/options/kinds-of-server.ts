import { Server as NetServer } from 'node:net';

/**
 * Whether the first argument of a `WebSocketServer` is a server that it can attach to. It is told by its
 * methods, so that what stands in for an http.Server will do.
 *
 * @throws TypeError for what looks like a server and never emits `'upgrade'`, saying what to pass instead.
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

/** What to pass instead of something that is not a server, or never emits `'upgrade'`; `undefined` for the rest. */
function adviceFor(first: unknown): string | undefined {
  if (!isSomething(first)) return undefined;
  if (hasMethods(first, 'then')) return 'a promise is none: await it first';
  if (hasMethods(first, 'on', 'address', 'listen')) {
    if (!(first instanceof NetServer)) return undefined;
    // Node gives an HTTP/2 server this property only if it allows HTTP/1.
    if (hasMethods(first, 'updateSettings') && !('headersTimeout' in first)) {
      return 'an HTTP/2 server upgrades only if it was made by createSecureServer({ allowHTTP1: true })';
    }
    return hasMethods(first, 'setTimeout') // which all servers of HTTP have
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
  if (hasMethods(first, 'callback', 'listen')) {
    return 'of a Koa application pass what app.listen() returns, or createServer(app.callback())';
  }
  if (hasMethods(first, 'fetch')) return 'of a Hono application pass what serve() returns';
  if (hasMethods(first, 'listen') || typeof first === 'function') {
    return 'of an application pass what its listen() returns, or createServer(app)';
  }
  return undefined;
}

function isSomething(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function hasMethods(value: unknown, ...names: string[]): boolean {
  if (value === null || value === undefined) return false;
  return names.every((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}

import { Endpoints } from './endpoints.js';
import type { UpgradeEndpoint } from './upgrade-endpoint.js';

/** The dispatchers of each class, by their servers. */
const dispatchers = new Map<unknown, WeakMap<object, unknown>>();

/**
 * Routes the WebSockets of one server of Node's, over one version of HTTP, to the WebSocketServers attached to it.
 * It listens on the server from the first of them to the last.
 */
export abstract class Dispatcher<Server extends object> {
  protected readonly server: Server;
  protected readonly endpoints: Endpoints = new Endpoints();

  constructor(server: Server) {
    this.server = server;
  }

  /** The one dispatcher of this class for a server. */
  static of<Server extends object, Self extends Dispatcher<Server>>(
    this: new (server: Server) => Self,
    server: Server,
  ): Self {
    let own = dispatchers.get(this) as WeakMap<Server, Self> | undefined;
    if (own === undefined) dispatchers.set(this, (own = new WeakMap()));
    let dispatcher = own.get(server);
    if (dispatcher === undefined) own.set(server, (dispatcher = new this(server)));
    return dispatcher;
  }

  /** Attach a WebSocketServer. */
  add(endpoint: UpgradeEndpoint): void {
    this.endpoints.add(endpoint);
  }

  /** Detach a WebSocketServer. With the last one, all listeners are removed from the server. */
  remove(endpoint: UpgradeEndpoint): void {
    this.endpoints.delete(endpoint);
    if (this.endpoints.size > 0) return;
    dispatchers.get(this.constructor)!.delete(this.server);
    this.detach();
  }

  /** Remove all listeners from the server. */
  protected abstract detach(): void;
}

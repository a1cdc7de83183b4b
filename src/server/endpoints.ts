import type { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { UpgradeRejection } from '../protocol/handshake/upgrade-rejection.js';
import { pathHint, readOnlyHint } from './admission/hints.js';
import type { UpgradeEndpoint } from './upgrade-endpoint.js';

/** The WebSocketServers that are attached to one server of Node's, and which of them gets a request. */
export class Endpoints {
  readonly #endpoints = new Set<UpgradeEndpoint>();

  get size(): number {
    return this.#endpoints.size;
  }

  /** The first that was attached. There is always one, because a dispatcher ends with its last endpoint. */
  get first(): UpgradeEndpoint {
    return this.#endpoints.values().next().value!;
  }

  add(endpoint: UpgradeEndpoint): void {
    this.#endpoints.add(endpoint);
  }

  delete(endpoint: UpgradeEndpoint): void {
    this.#endpoints.delete(endpoint);
  }

  /** The server listens. */
  listening(): void {
    for (const endpoint of this.#endpoints) endpoint.listening();
  }

  /**
   * Give a request to the endpoint that serves its path.
   *
   * @param path `undefined` for a target that is not a path; any endpoint rejects it.
   * @returns whether there is one.
   */
  route(path: string | undefined, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    for (const endpoint of path === undefined ? [this.first] : this.#ranked()) {
      try {
        if (path !== undefined && !endpoint.matches(path, request)) continue;
      } catch (error) {
        endpoint.reject(request, socket, error);
        return true;
      }
      endpoint.handle(request, socket, head);
      return true;
    }
    return false;
  }

  /**
   * Reject a request for a path that no endpoint serves. The first one reports it.
   *
   * @param waited milliseconds that other listeners have had for an answer, if there are such listeners.
   */
  rejectUnserved(path: string, request: IncomingMessage, socket: Duplex, waited?: number): void {
    const body = 'no WebSocket is served at this path';
    const hint = pathHint(path, this.#paths(), waited);
    this.first.reject(request, socket, new UpgradeRejection(404, { body }), hint);
  }

  /** Tell that a request has no answer, though another listener reads it. */
  reportUnanswered(path: string, waited: number): void {
    this.first.hint(readOnlyHint(path, this.#paths(), waited));
  }

  /** Option `path` of each open server. */
  #paths(): unknown[] {
    return [...this.#endpoints].filter(({ isClosed }) => !isClosed).map((each) => each.path);
  }

  /** Open servers first, in order of construction; those that take any path last. */
  #ranked(): UpgradeEndpoint[] {
    const rank = ({ isClosed, path }: UpgradeEndpoint): number =>
      (isClosed ? 2 : 0) + (path === undefined ? 1 : 0);
    return [...this.#endpoints].sort((a, b) => rank(a) - rank(b));
  }
}

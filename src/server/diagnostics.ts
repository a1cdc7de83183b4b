import { channel } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import type { TransportKind } from '../connection/transport.js';
import type { PreparedMessage } from '../protocol/framing/prepared-message.js';
import type { RejectedUpgrade } from './events.js';

/**
 * The channels on which servers publish. Their payloads are those of `DiagnosticsChannels`; each is
 * made only if its channel has a subscriber. `server` is the WebSocketServer.
 */
const requested = channel('hawser.upgrade.requested');
const rejected = channel('hawser.upgrade.rejected');
const abandoned = channel('hawser.upgrade.abandoned');
const opened = channel('hawser.connection.opened');
const published = channel('hawser.topic.published');
const lost = channel('hawser.broker.lost');
const state = channel('hawser.broker.state');

export function publishRequested(server: object, request: IncomingMessage): void {
  if (requested.hasSubscribers)
    requested.publish({ server, request, transport: transportOf(request) });
}

export function publishRejected(server: object, rejection: RejectedUpgrade): void {
  if (!rejected.hasSubscribers) return;
  rejected.publish({ server, ...rejection, transport: transportOf(rejection.request) });
}

export function publishAbandoned(server: object, request: IncomingMessage): void {
  if (abandoned.hasSubscribers)
    abandoned.publish({ server, request, transport: transportOf(request) });
}

export function publishOpened(
  server: object,
  request: IncomingMessage,
  connection: { readonly transport: TransportKind },
): void {
  if (!opened.hasSubscribers) return;
  opened.publish({ server, request, connection, transport: connection.transport });
}

/** @param count of subscribers in this process. */
export function publishPublished(
  server: object,
  topic: string,
  publication: { readonly message: PreparedMessage },
  count: number,
): void {
  if (!published.hasSubscribers) return;
  published.publish({ server, topic, data: publication.message, count });
}

export function publishBrokerLoss(
  server: object,
  topic: string,
  node: string,
  count: number,
): void {
  if (lost.hasSubscribers) lost.publish({ server, topic, node, count });
}

export function publishBrokerState(
  server: object,
  current: 'up' | 'down',
  error: Error | undefined,
): void {
  if (state.hasSubscribers) state.publish({ server, state: current, error });
}

/** Which version of HTTP a request came by. */
function transportOf({ httpVersionMajor }: IncomingMessage): TransportKind {
  return httpVersionMajor === 2 ? 'http2' : 'http1';
}

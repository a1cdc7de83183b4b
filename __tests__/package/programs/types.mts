// A program that only compiles: what a user sees of the library's types, whatever the compiler and its options.
import { EventEmitter, on, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import {
  createConnectionPair,
  ProtocolError,
  UpgradeRejection,
  WebSocketConnection,
  WebSocketServer,
  type CloseInfo,
  type ConnectionEvents,
  type ServerStats,
} from 'hawser';
import { metrics } from 'hawser/metrics';

/** Compiles only if both types are the same; `any` is the same as nothing but itself. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_proof: Same<A, B>): void {}

const wss = new WebSocketServer<{ user: string }>({
  noServer: true,
  authorize: (request) => {
    same<typeof request, IncomingMessage>(true);
    if (request.url === undefined) throw new UpgradeRejection(400);
    return { context: { user: 'Ada' } };
  },
});
wss.on('connection', (conn, request) => {
  same<typeof conn, WebSocketConnection<{ user: string }>>(true);
  same<typeof conn.context, { user: string }>(true);
  same<typeof request, IncomingMessage>(true);
  conn.on('message', (data, isBinary) => {
    same<typeof data, string | Buffer>(true);
    same<typeof isBinary, boolean>(true);
  });
  conn.once('close', (code, reason, info) => {
    same<typeof code, number>(true);
    same<typeof reason, string>(true);
    same<typeof info, CloseInfo>(true);
  });
  same<ReturnType<typeof conn.send>, boolean>(true);
  same<typeof conn.remoteAddress, string | undefined>(true);

  // What Node's own EventEmitter has works here too.
  conn.on(EventEmitter.errorMonitor, (error) => {
    same<typeof error, Error>(true);
  });
  conn.off(EventEmitter.errorMonitor, () => undefined);
  conn.on('newListener', (event) => {
    same<typeof event, string | symbol>(true);
  });
  same<ReturnType<typeof conn.listenerCount>, number>(true);
  void once(conn, 'message').then(([data]) => data as string | Buffer);
  void on(conn, 'message', { signal: AbortSignal.timeout(1) });
  const plain: EventEmitter = conn;
  plain.setMaxListeners(20).eventNames();
  // @ts-expect-error: there is no such event
  conn.on('mesage', () => undefined);
  // @ts-expect-error: nor one of a symbol that Node does not know
  conn.on(Symbol.iterator, () => undefined);
});
wss.on(EventEmitter.errorMonitor, (error) => {
  same<typeof error, Error>(true);
});

async function loop(conn: WebSocketConnection): Promise<void> {
  for await (const message of conn) {
    same<typeof message, string | Buffer>(true);
    conn.send(message);
  }
  same<Awaited<ReturnType<typeof conn.close>>, CloseInfo>(true);
}
void loop;

same<ReturnType<typeof wss.stats>, ServerStats>(true);
same<ReturnType<typeof metrics>, string>(true);
same<ConnectionEvents['message'], [data: string | Buffer, isBinary: boolean]>(true);
same<ReturnType<typeof createConnectionPair>['client'], WebSocketConnection>(true);
same<ProtocolError['closeCode'], number>(true);

// Connections are made by the library alone.
// @ts-expect-error: the constructor is private
const made = () => new WebSocketConnection();
// @ts-expect-error: whatever it is given
const given = (socket: never) => new WebSocketConnection(socket, {}, {});
// @ts-expect-error: nor can a class be derived from it
class Derived extends WebSocketConnection {}
void [made, given, Derived];

// @ts-expect-error: there is no such option
const misspelt = () => new WebSocketServer({ noServer: true, maxPayloads: 1 });
void misspelt;

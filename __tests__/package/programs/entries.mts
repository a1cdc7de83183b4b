// A program that only compiles: the types of every entry of the package but `hawser` and `hawser/metrics`,
// which are in types.mts.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Broker, type WebSocketConnection, WebSocketServer as Server } from 'hawser';
import { connect, HandshakeError, reconnecting, type ReconnectingConnection } from 'hawser/client';
import { clusterBroker } from 'hawser/cluster';
import { natsBroker } from 'hawser/nats';
import { redisBroker } from 'hawser/redis';
import {
  createWebSocketStream,
  WebSocketServer,
  type AttributeHandler,
  type BinaryType,
  type ClientInfo,
  type ClientOptions,
  type CloseEvent,
  type Data,
  type ErrorEvent,
  type Event,
  type EventHandler,
  type Extension,
  type ExtensionParameters,
  type FormattedParameters,
  type FrameOptions,
  type HawserOptions,
  type MessageEvent,
  type NegotiatedParameters,
  type PerMessageDeflate,
  type PerMessageDeflateCallback,
  type PerMessageDeflateOptions,
  type PerMessageDeflateSide,
  type RawData,
  type Receiver,
  type ReceiverOptions,
  type Sendable,
  type Sender,
  type SendOptions,
  type Server as WsServer,
  type ServerEvents,
  type ServerOptions,
  type UpgradeCallback,
  type VerifyClient,
  type WebSocket,
  type WebSocketEventMap,
  type WebSocketEvents,
} from 'hawser/ws';

/** Compiles only if both types are the same; `any` is the same as nothing but itself. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_proof: Same<A, B>): void {}

async function client(): Promise<void> {
  const conn = await connect('wss://example.com/', { subprotocols: ['chat'] });
  same<typeof conn, WebSocketConnection>(true);
  const again = reconnecting('wss://example.com/');
  same<typeof again, ReconnectingConnection>(true);
  try {
    // @ts-expect-error: there is no such option
    await connect('wss://example.com/', { subprotocol: 'chat' });
  } catch (error) {
    if (error instanceof HandshakeError) same<typeof error.status, number | undefined>(true);
  }
}
void client;

type RedisClient = Parameters<typeof redisBroker>[0];
type NatsClient = Parameters<typeof natsBroker>[0];
function brokers(redis: RedisClient, nats: NatsClient): Server[] {
  same<ReturnType<typeof redisBroker>, Broker>(true);
  same<ReturnType<typeof natsBroker>, Broker>(true);
  same<ReturnType<typeof clusterBroker>, Broker>(true);
  const all = [redisBroker(redis), natsBroker(nats), clusterBroker()];
  return all.map((broker) => new Server({ port: 0, broker }));
}
void brokers;

const wss = new WebSocketServer({ noServer: true, hawser: { maxBufferedAmount: 65_536 } });
wss.on('connection', (ws, request) => {
  const socket: WebSocket = ws;
  same<typeof socket.binaryType, BinaryType>(true);
  same<typeof request, IncomingMessage>(true);
  ws.on('message', (data, isBinary) => {
    same<typeof data, RawData>(true);
    same<typeof isBinary, boolean>(true);
  });
  ws.addEventListener('close', (event) => {
    same<typeof event.code, number>(true);
  });
  same<ReturnType<typeof createWebSocketStream>, Duplex>(true);
  // @ts-expect-error: there is no such event
  ws.on('mesage', () => undefined);
});

/** All types of `hawser/ws`: a name that is only a value, or that is not there, does not compile. */
export type AllOfWs = [
  AttributeHandler<CloseEvent>,
  BinaryType,
  ClientInfo,
  ClientOptions,
  CloseEvent,
  Data,
  ErrorEvent,
  Event,
  EventHandler,
  Extension,
  ExtensionParameters,
  FormattedParameters,
  FrameOptions,
  HawserOptions,
  MessageEvent,
  NegotiatedParameters,
  PerMessageDeflate,
  PerMessageDeflateCallback,
  PerMessageDeflateOptions,
  PerMessageDeflateSide,
  RawData,
  Receiver,
  ReceiverOptions,
  Sendable,
  Sender,
  SendOptions,
  WsServer,
  ServerEvents,
  ServerOptions,
  UpgradeCallback,
  VerifyClient,
  WebSocket,
  WebSocketEventMap,
  WebSocketEvents,
];

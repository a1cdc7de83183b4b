import entry = require('../dist/ws/index.js');

/** The class of `hawser/ws`, with what the module exports on it. */
declare const WebSocket: typeof entry.WebSocket & {
  readonly WebSocket: typeof WebSocket;
  readonly WebSocketServer: typeof entry.WebSocketServer;
  readonly Server: typeof entry.WebSocketServer;
  readonly createWebSocketStream: typeof entry.createWebSocketStream;
  readonly extension: typeof entry.extension;
  readonly PerMessageDeflate: typeof entry.PerMessageDeflate;
  readonly Receiver: typeof entry.Receiver;
  readonly Sender: typeof entry.Sender;
  readonly subprotocol: typeof entry.subprotocol;
};
interface WebSocket extends entry.WebSocket {}
declare namespace WebSocket {
  type AttributeHandler<Type extends entry.Event> = entry.AttributeHandler<Type>;
  type BinaryType = entry.BinaryType;
  type ClientInfo = entry.ClientInfo;
  type ClientOptions = entry.ClientOptions;
  type CloseEvent = entry.CloseEvent;
  type Data = entry.Data;
  type ErrorEvent = entry.ErrorEvent;
  type Event = entry.Event;
  type EventHandler<Type extends entry.Event = never> = entry.EventHandler<Type>;
  type Extension = entry.Extension;
  type ExtensionParameters = entry.ExtensionParameters;
  type FormattedParameters = entry.FormattedParameters;
  type FrameOptions = entry.FrameOptions;
  type HawserOptions = entry.HawserOptions;
  type MessageEvent = entry.MessageEvent;
  type NegotiatedParameters = entry.NegotiatedParameters;
  type PerMessageDeflate = entry.PerMessageDeflate;
  type PerMessageDeflateCallback = entry.PerMessageDeflateCallback;
  type PerMessageDeflateOptions = entry.PerMessageDeflateOptions;
  type PerMessageDeflateSide = entry.PerMessageDeflateSide;
  type RawData = entry.RawData;
  type Receiver = entry.Receiver;
  type ReceiverOptions = entry.ReceiverOptions;
  type Sendable = entry.Sendable;
  type Sender = entry.Sender;
  type SendOptions = entry.SendOptions;
  type Server = entry.WebSocketServer;
  type ServerEvents = entry.ServerEvents;
  type ServerOptions = entry.ServerOptions;
  type UpgradeCallback = entry.UpgradeCallback;
  type VerifyClient = entry.VerifyClient;
  type WebSocket = entry.WebSocket;
  type WebSocketEventMap = entry.WebSocketEventMap;
  type WebSocketEvents = entry.WebSocketEvents;
  type WebSocketServer = entry.WebSocketServer;
}
export = WebSocket;
